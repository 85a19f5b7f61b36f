"""The group: what it lists, what it imports, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import flowstitch.cli.schema
from cli.conftest import COMMAND, Call, start
from flowstitch.cli.main import COMMANDS

ENGINES = {"numba", "polars", "duckdb", "pyarrow", "numpy"}


def test_help_names_every_command_and_imports_no_engine() -> None:
    code = (
        "import sys\nfrom flowstitch.cli.main import commands\n"
        "try:\n    commands.main(['--help'])\n"
        f"except SystemExit as end:\n    print(sorted({ENGINES} & set(sys.modules)), end.code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *help_lines, found = done.stdout.splitlines()
    assert found == "[] 0"
    listed = [line.split()[0] for line in help_lines if line.startswith("  ") and len(line.split()) > 1]
    assert set(COMMANDS) <= set(listed)
    assert "..." not in done.stdout.replace("COMMAND [ARGS]...", "")
    assert "_FLOWSTITCH_COMPLETE=zsh_source" in done.stdout


def test_no_command_but_bench_imports_pandas_where_it_is_installed(capture: Path, tmp_path: Path) -> None:
    (tmp_path / "pandas.py").write_text("raise SystemExit('pandas was imported')\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    code = "import pyarrow\npyarrow.array(['a'])"
    bare = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert bare.stderr == "pandas was imported\n"
    asked = [*COMMAND, "inspect", str(capture / "inventory"), "-f", "json"]
    told = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    assert "pandas" not in told.stderr
    assert {row["kind"] for row in json.loads(told.stdout)} == {"enis", "kubernetes", "unknown"}
    benched = [
        *COMMAND,
        "bench",
        "join",
        "--sizes",
        "100",
        "--repeats",
        "1",
        "--peers",
        "pandas",
        "--out",
        str(tmp_path / "bench.json"),
    ]
    peer = subprocess.run(benched, env=environment, capture_output=True, text=True, check=False)
    assert peer.returncode == 1
    assert "pandas was imported" in peer.stdout + peer.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_line_of_help_and_examples(call: Call, name: str) -> None:
    helped = call(name, "--help")
    assert helped.exit_code == 0
    assert f"flowstitch {name}" in helped.stdout.partition("Examples:")[2]


def test_version(call: Call) -> None:
    assert call("--version").stdout == f"flowstitch {flowstitch.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["shema"], "flowstitch: there is no command 'shema'; did you mean 'schema'?\n"),
        (["schema", "datapath"], "flowstitch: there is no table 'datapath'; did you mean 'datapaths'?\n"),
        (["schema", "--formt", "json"], "flowstitch: no such option '--formt'."),
        (["run"], "flowstitch: missing argument 'EXPORT...'; see flowstitch run --help.\n"),
    ],
)
def test_wrong_use_is_one_sentence(call: Call, arguments: list[str], sentence: str) -> None:
    done = call(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1


def test_without_a_command_it_helps_and_fails(call: Call) -> None:
    done = call()
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "Commands:" in done.stderr


def raising(error: BaseException) -> object:
    def fail() -> None:
        raise error

    return fail


def test_the_unexpected_is_one_sentence(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWSTITCH_DEBUG", raising=False)
    monkeypatch.setattr(flowstitch.cli.schema, "table_names", raising(ZeroDivisionError("a \x1b[31mreason")))
    done = call("schema")
    assert done.exit_code == 3
    sentence = r"flowstitch: failed unexpectedly with ZeroDivisionError: a \x1b[31mreason; FLOWSTITCH_DEBUG=1 shows where."
    assert done.stderr == sentence + "\n"


def test_debugging_shows_where(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWSTITCH_DEBUG", "1")
    monkeypatch.setattr(flowstitch.cli.schema, "table_names", raising(ZeroDivisionError("a reason")))
    done = call("schema")
    assert done.exit_code == 3
    assert "Traceback" in done.stderr


def test_an_interrupt_is_one_line(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flowstitch.cli.schema, "table_names", raising(KeyboardInterrupt()))
    done = call("schema")
    assert done.exit_code == 130
    assert done.stderr.strip() == "flowstitch: interrupted."


@pytest.mark.parametrize("form", ["table", "json", "csv", "parquet"])
def test_a_reader_may_leave_early(result: Path, form: str) -> None:
    # more than a pipe holds
    with start("sql", result, "from observations", "--format", form) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        os.read(process.stdout.fileno(), 1)
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 141
    assert "Error" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["sql", "{result}", "select 1"],
        ["sql", "{result}", "from observations", "-f", "csv"],
        ["sql", "{result}", "from observations", "-f", "json"],
        ["sql", "{result}", "from observations", "-f", "parquet"],
        ["ask", "{result}", "return-eni"],
        ["explain", "{result}", "10.0.1.91"],
        ["schema"],
        ["--help"],
    ],
)
def test_an_answer_that_has_no_room_is_one_sentence(result: Path, arguments: list[str]) -> None:
    with (
        Path("/dev/full").open("wb") as full,
        start(*(argument.format(result=result) for argument in arguments), stdout=full) as process,
    ):
        assert process.stderr is not None
        said = process.stderr.read()
    assert (process.returncode, said) == (
        3,
        "flowstitch: cannot write the answer: No space left on device.\n",
    )


def test_a_closed_stdout_is_one_sentence() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "schema"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (3, "flowstitch: cannot write the answer: stdout is closed.\n")


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
def test_nobody_has_to_hear_what_is_said(where: str) -> None:
    script = f'exec "$@" {where}'
    answers, fails = (
        subprocess.run(
            ["sh", "-c", script, "sh", *COMMAND, "schema", *more], stdout=subprocess.PIPE, check=False
        )
        for more in ([], ["nonesuch"])
    )
    assert (answers.returncode, fails.returncode, fails.stdout) == (0, 2, b"")
    assert b"datapaths" in answers.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_leaves_nothing(capture: Path, tmp_path: Path, number: int, code: int) -> None:
    with start("run", capture, "--out", tmp_path / "result") as process:
        assert process.stderr is not None
        assert "reading" in process.stderr.readline()
        process.send_signal(number)
        said = process.stderr.read()
    assert process.returncode == code
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_names_are_completed() -> None:
    words = {
        "_FLOWSTITCH_COMPLETE": "bash_complete",
        "COMP_WORDS": "flowstitch ask result ret",
        "COMP_CWORD": "3",
    }
    done = subprocess.run(COMMAND, env=os.environ | words, capture_output=True, text=True, check=True)
    assert done.stdout == "plain,return-eni\n"
