"""``run`` and ``demo``."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from cli.conftest import Call, on_terminal
from flowstitch.runner.pipeline import DEFAULT_DATAPLANE, DEFAULT_MAX_REJECTS

NODE = "nodes/cn-hongkong.10.0.1.47"


@pytest.fixture(scope="module")
def small(capture: Path) -> Path:
    """One node of the capture."""
    return capture / NODE


def test_run_says_what_it_found_and_what_comes_next(call: Call, small: Path, tmp_path: Path) -> None:
    out = tmp_path / "a result"
    done = call("run", small, "--out", out)
    assert done.exit_code == 0
    counts = dict(line.split() for line in done.stdout.split("\n\n")[0].splitlines())
    assert counts.pop("table") == "rows"
    assert {name: int(count) for name, count in counts.items()} == json.loads((out / "run.json").read_text())[
        "counts"
    ]
    assert f"{counts['datapaths']} connections; " in done.stdout
    assert done.stdout.endswith(f"Next: flowstitch ask '{out}' return-eni\n")
    assert " info chains\n" in done.stderr


def test_an_export_that_is_not_whole_ends_with_1(call: Call, torn_export: Path, tmp_path: Path) -> None:
    done = call("run", torn_export, "--out", tmp_path / "result")
    assert done.exit_code == 1
    assert (
        "warning nodes/cn-hongkong.10.0.1.47/conntrack-events.log.gz: the gzip stream is torn" in done.stderr
    )
    assert "warning the export is not whole; the exit code is 1.\n" in done.stderr
    assert "warning" not in done.stdout


def test_more_rejects_than_allowed_end_with_1(call: Call, small: Path, tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    (export / "list.txt").write_text(
        "ipv4     2 tcp      6 104 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 [UNREPLIED] "
        "src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 mark=0 use=1\nwhat is this\n"
    )
    assert call("run", export, "--out", tmp_path / "strict").exit_code == 1
    assert call("run", export, "--out", tmp_path / "lax", "--max-rejects", "0.5").exit_code == 0


def test_the_log_can_be_json(call: Call, torn_export: Path, tmp_path: Path) -> None:
    done = call("run", torn_export, "--out", tmp_path / "result", "--log", "json")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"time", "level", "stage"} == set(lines[0])
    assert [line["level"] for line in lines].count("warning") >= 2
    assert "chains" in {line.get("stage") for line in lines}


def test_quiet_says_nothing(call: Call, torn_export: Path, tmp_path: Path) -> None:
    done = call("run", torn_export, "--out", tmp_path / "result", "--quiet")
    assert (done.exit_code, done.stderr) == (1, "")


def test_a_span_leaves_rows_out(call: Call, small: Path, tmp_path: Path) -> None:
    done = call(
        "run",
        small,
        "--out",
        tmp_path / "part",
        "--since",
        "2026-11-23T00:50:00Z",
        "--until",
        "1795395060",
        "-q",
    )
    assert done.exit_code == 0
    asked = call(
        "sql",
        tmp_path / "part",
        "select min(first_seen) a, max(first_seen) b from observations",
        "-f",
        "json",
    )
    (span,) = json.loads(asked.stdout)
    assert span["a"] >= "2026-11-23T00:50:00"
    assert span["b"] < "2026-11-23T00:51:00"


def test_of_logs_of_another_time_it_does_not_say_that_they_are_missing(
    call: Call, small: Path, tmp_path: Path
) -> None:
    done = call("run", small, "--out", tmp_path / "later", "--since", "2030-01-01T00:00:00Z")
    assert done.exit_code == 0
    (warning,) = [line for line in done.stderr.splitlines() if " warning " in line]
    assert re.search(r"all \d+ rows of the logs are outside the time of --since and --until", warning)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere", "--out", "x"], "there is no file or directory 'nowhere'."),
        (["{empty}", "--out", "x"], "got a directory without any file to read"),
        (["{unknown}", "--out", "x"], "none of its files is of a known kind (hello.txt)"),
        (["{small}", "--out", "{empty}"], "exists already; give --overwrite to replace it, or another --out."),
        (["{small}", "--out", "{unknown}", "--overwrite"], "is not a flowstitch result, so --overwrite does not touch it"),
        (["{small}", "--out", "/proc/result"], "cannot be written"),
        (["{small}", "--out", "x", "--dataplane", "terway-enip"], "there is no data plane 'terway-enip'; did you mean 'terway-eniip'?"),
        (["{small}", "--out", "x", "--since", "noon"], "--since: got 'noon', expected a time like"),
        (["{small}", "--out", "x", "--since", "2026-01-02", "--until", "2026-01-01"], "--since 2026-01-02T00:00:00Z is not before --until 2026-01-01T00:00:00Z; nothing would be left."),
        (["{small}", "--out", "x", "--threads", "0"], "invalid value for '--threads'"),
        (["{small}", "--out", "x", "--max-rejects", "2"], "invalid value for '--max-rejects'"),
        (["{small}", "--out", "x", "--memory", "much"], "--memory: got 'much', expected a size like 4GiB or 512MB."),
        (["{small}", "--out", "x", "--memory", "1KiB"], "--memory: got '1KiB', expected at least 64MiB."),
        (["{small}"], "missing option '--out'"),
    ],
)  # fmt: skip
def test_wrong_use(
    call: Call,
    small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"small": small, "empty": tmp_path / "empty", "unknown": tmp_path / "unknown"}
    for name in ("empty", "unknown"):
        places[name].mkdir()
    (places["unknown"] / "hello.txt").write_text("hello\n")
    done = call("run", *(argument.format(**places) for argument in arguments), "--quiet")
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_the_help_tells_the_defaults(call: Call) -> None:
    told = " ".join(call("run", "--help").stdout.split())
    assert f"[default: {DEFAULT_DATAPLANE}]" in told
    assert f"[default: {DEFAULT_MAX_REJECTS}]" in told


@pytest.mark.parametrize("command", ["run", "convert"])
def test_memory_bounds_what_is_read_whole(call: Call, small: Path, tmp_path: Path, command: str) -> None:
    export = tmp_path / "export"
    shutil.copytree(small, export / "nodes" / small.name)
    pods = {"kind": "List", "apiVersion": "v1", "items": [], "metadata": {"note": "x" * (9 << 20)}}
    (export / "pods.json").write_text(json.dumps(pods))
    done = call(command, export, "--out", tmp_path / "little", "--memory", "64MiB")
    assert done.exit_code == 1
    assert f"pods.json: the document has more than the {8 << 20} bytes that --memory allows" in done.stderr
    assert call(command, export, "--out", tmp_path / "more", "--memory", "80 MiB", "-q").exit_code == 0
    if command == "run":
        assert json.loads((tmp_path / "more" / "run.log.json").read_text())["memory_bytes"] == 80 << 20
        assert "memory" not in (tmp_path / "more" / "run.json").read_text()


def test_demo_answers_and_explains(call: Call, tmp_path: Path) -> None:
    done = call("demo", "--out", tmp_path / "demo", "--quiet")
    assert (done.exit_code, done.stderr) == (0, "")
    answer, story, following = done.stdout.split("\n\n")
    assert "pod-to-lbip-cluster-remote" in answer
    with_scenario = [line for line in story.splitlines() if "pod-to-lbip-cluster-remote" in line]
    count = int(with_scenario[0].split()[0])
    assert count >= 230
    assert count == sum(
        int(line.split()[4]) for line in answer.splitlines() if "pod-to-lbip-cluster-remote" in line
    )
    assert f"In {count} of those the node's address stood in for the pod's" in story
    explain = following.splitlines()[0].removeprefix("Next: flowstitch ").split()
    assert "lands on the primary ENI (observed)" in call(*explain).stdout


def test_demo_leaves_nothing(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = call("demo")
    assert done.exit_code == 0
    assert "Next: flowstitch demo --out result/" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_gets_a_bar(small: Path, tmp_path: Path) -> None:
    shown = on_terminal("run", small, "--out", tmp_path / "result")
    assert "\x1b[?25l" in shown
    assert "\x1b[?25h" in shown
    assert " info " not in shown
    assert "\x1b" not in on_terminal(
        "run", small, "--out", tmp_path / "result", "--overwrite", "--log", "json", NO_COLOR="1"
    )
