"""Pages that are made of schemas and headers are up to date, and the tutorial prints what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowstitch.cli.main import commands as command_line
from flowstitch.reference import pages
from flowstitch.sql.questions import question_names

PIPELINE = Path(__file__).parents[1] / "pipeline"
TUTORIAL = (PIPELINE / "an-incident.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", pages())
def test_made_pages_are_up_to_date(name: str) -> None:
    written = (PIPELINE / name).read_text(encoding="utf-8")
    assert written == pages()[name], f"run python -m flowstitch.reference: pipeline/{name} is out of date"


def test_every_question_is_in_the_catalogue() -> None:
    sections = re.findall(r"^## (.+)$", pages()["questions.md"], re.MULTILINE)
    assert set(question_names()) < set(sections)


def shown() -> list[tuple[str, list[str]]]:
    """Commands of the tutorial with the lines shown below them."""
    told: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", TUTORIAL, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                told.append((line.removeprefix("$ "), []))
            else:
                told[-1][1].append(line)
    return told


def test_the_tutorial_prints_what_it_shows(
    result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "result").symlink_to(result)
    (first, nothing), *others = shown()
    # what makes the result, as the fixture has
    assert (first, nothing) == ("flowstitch demo --out result/", [])
    assert len(others) == 12
    for command, lines in others:
        answer = CliRunner().invoke(command_line, shlex.split(command)[1:])
        assert answer.exit_code == 0, answer.output
        assert [line.rstrip() for line in answer.stdout.splitlines()] == lines, command
        assert lines


def test_pages_that_the_tutorial_names_exist() -> None:
    for name in re.findall(r"\]\(([a-z.-]+)\)", TUTORIAL):
        assert (PIPELINE / name).is_file(), name
