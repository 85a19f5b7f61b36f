"""``generate``: answer, exit codes, and what it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Call

SMALL = (
    "--connections",
    "200",
    "--nodes",
    "3",
    "--pods-per-node",
    "10",
    "--services",
    "8",
    "--duration",
    "600",
)


def test_it_says_what_it_wrote_and_what_comes_next(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "my cluster"
    done = call("generate", out, *SMALL)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    counts = json.loads((out / "generate.json").read_text())["counts"]
    assert [line.split() for line in lines[:5]] == [
        ["table", "rows"],
        *([name, str(counts[name])] for name in ("connections", "conntrack", "flows", "requests")),
    ]
    assert lines[-1] == f"Next: flowstitch run '{out}/export' --out result/"
    assert "simulating" in done.stderr
    assert {path.name for path in out.iterdir()} == {"export", "truth.parquet", "truth.csv", "generate.json"}
    assert call("run", out / "export", "--out", tmp_path / "result", "-q").exit_code == 0


def test_what_is_there_is_replaced_on_request_alone(call: Call, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("keep")
    assert call("generate", tmp_path / "out", *SMALL, "-q").exit_code == 0
    again = call("generate", tmp_path / "out", *SMALL)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "give --overwrite to replace it, or another OUT." in again.stderr
    assert (
        call("generate", tmp_path / "out", *SMALL, "--format", "parquet", "--overwrite", "-q").exit_code == 0
    )
    assert (tmp_path / "out" / "export" / "tables").is_dir()
    other = call("generate", tmp_path / "mine", *SMALL, "--overwrite")
    assert other.exit_code == 2
    assert "is not a simulation" in other.stderr
    assert (tmp_path / "mine" / "notes").read_text() == "keep"


def test_wrong_use(call: Call, tmp_path: Path) -> None:
    for arguments, sentence in (
        ((), "missing argument 'OUT'"),
        ((tmp_path / "out", "--format", "xml"), "--format"),
        ((tmp_path / "out", "--lost-events", "2"), "--lost-events"),
        ((tmp_path / "out", "--lost-nodes", "6"), "--lost-nodes: got 6"),
        (
            (tmp_path / "out", "--format", "parquet", "--torn-files", "0.1"),
            "--torn-files goes with --format raw",
        ),
        ((tmp_path / "out", "--connections", "1000000000"), "give more --nodes"),
    ):
        refused = call("generate", *arguments)
        assert refused.exit_code == 2
        assert sentence in refused.stderr
        assert refused.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_help_imports_no_engine() -> None:
    code = (
        "import sys\nfrom flowstitch.cli.main import commands\n"
        "try:\n    commands.main(['generate', '--help'])\n"
        "except SystemExit as end:\n"
        "    print(sorted({'numba', 'polars', 'duckdb', 'pyarrow', 'numpy'} & set(sys.modules)), end.code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"


def test_it_knows_nothing_of_the_join() -> None:
    code = (
        "import sys\nimport flowstitch.simulator.generate, flowstitch.simulator.accuracy\n"
        "print(*sorted(name.partition('.')[2] for name in sys.modules if name.startswith('flowstitch.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = [name for name in done.stdout.split() if name.split(".")[0] not in {"catalog", "simulator"}]
    # its kernels are its own but for what moves eight bytes at a time
    assert names == [
        "atomic",
        "errors",
        "kernels",
        "kernels._jit",
        "kernels.life_rows",
        "kernels.line_text",
        "kernels.wide",
    ]
