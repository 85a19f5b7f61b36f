"""What the README says is so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowstitch.cli.main import commands as command_line

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_test_command_of_the_readme() -> None:
    (command,) = re.findall(r"^(python3 -m venv .*pytest)$", README, re.MULTILINE)
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def commands() -> list[str]:
    return [line.split("#")[0].strip() for line in README.splitlines() if line.startswith("flowstitch ")]


@pytest.mark.parametrize("command", commands())
def test_every_command_runs_as_written(
    command: str, capture: Path, result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "export").symlink_to(capture)
    if " run " not in command:
        (tmp_path / "result").symlink_to(result)
    answer = CliRunner().invoke(command_line, shlex.split(command)[1:])
    assert answer.exit_code == 0, answer.output
    assert answer.stdout


def test_shown_output_is_what_is_printed(result: Path) -> None:
    answers = [
        CliRunner().invoke(command_line, ["ask", str(result), "return-eni"]).stdout,
        CliRunner().invoke(command_line, ["explain", str(result), "10.0.1.91:56662"]).stdout,
    ]
    printed = {" ".join(line.split()) for answer in answers for line in answer.splitlines()}
    blocks = re.findall(r"^```\n(client_node.*?|forward.*?)^```", README, re.MULTILINE | re.DOTALL)
    shown = [" ".join(line.split()) for block in blocks for line in block.splitlines()]
    assert len(shown) == 16
    assert [line for line in shown if line not in printed and line != "…"] == []


def test_files_and_columns_named_exist() -> None:
    for path in re.findall(r"\]\(([a-z/A-Z.-]+)\)", README):
        assert (ROOT / path).is_file(), path
