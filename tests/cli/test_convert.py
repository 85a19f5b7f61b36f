"""``convert``: answer, exit codes, and what it leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Call

NODE = "nodes/cn-hongkong.10.0.1.47"


def test_it_says_what_it_wrote_and_what_comes_next(call: Call, capture: Path, tmp_path: Path) -> None:
    out = tmp_path / "my tables"
    done = call("convert", capture / NODE, "--out", out)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["table", "rows"]
    assert ["conntrack", "10090"] in [line.split() for line in lines]
    assert lines[-1] == f"Next: flowstitch run '{out}' --out result/"
    assert "reading" in done.stderr
    ran = call("run", out, "--out", tmp_path / "result")
    assert ran.exit_code == 0
    again = call("convert", capture / NODE, "--out", out)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "give --overwrite" in again.stderr
    assert call("convert", capture / NODE, "--out", out, "--overwrite", "--threads", "1", "-q").exit_code == 0


def test_an_export_that_is_not_whole_ends_with_1_and_so_does_a_run_over_its_tables(
    call: Call, torn_export: Path, tmp_path: Path
) -> None:
    done = call("convert", torn_export, "--out", tmp_path / "tables")
    assert done.exit_code == 1
    assert "torn" in done.stderr
    assert "the export is not whole" in done.stderr
    assert call("run", tmp_path / "tables", "--out", tmp_path / "result").exit_code == 1


def test_max_rejects_decides_like_in_a_run(call: Call, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    settings = "net.ipv4.ip_forward = 1\n" * 9 + "nothing\n"
    (tmp_path / "export" / "sysctl.txt").write_text(settings)
    for share, code in (("0.05", 1), ("0.1", 0)):
        out = tmp_path / f"tables-{share}"
        assert call("convert", tmp_path / "export", "--out", out, "--max-rejects", share).exit_code == code
        assert (
            call("run", out, "--out", tmp_path / f"result-{share}", "--max-rejects", share).exit_code == code
        )


def test_wrong_use(call: Call, tmp_path: Path) -> None:
    for arguments, sentence in (
        ((tmp_path / "nowhere", "--out", tmp_path / "out"), "there is no file or directory"),
        ((tmp_path,), "--out"),
        (("--out", tmp_path / "out"), "EXPORT"),
        ((tmp_path, "--out", tmp_path / "out", "--dataplane", "x"), "--dataplane"),
    ):
        refused = call("convert", *arguments)
        assert refused.exit_code == 2
        assert sentence in refused.stderr
        assert refused.stdout == ""
    assert list(tmp_path.iterdir()) == []
