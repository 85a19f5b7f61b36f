"""Exports made of hostile files, and what must hold of whatever is made of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

import flowstitch
from flowstitch.cli.main import commands
from flowstitch.ingest.model import ROW_KINDS

ENTRY = (
    "udp      17 29 src=10.0.1.91 dst=10.0.3.58 sport=1 dport=2 packets=1 bytes=60 src=10.0.3.58 dst=10.0.1.91 sport=2 dport=1 "
    "packets=1 bytes=60 mark=0 use=1\n"
)
FLOW = {
    "eni-id": "eni-1", "direction": "in", "srcaddr": "10.0.0.1", "srcport": "1", "dstaddr": "10.0.0.2", "dstport": "80",
    "protocol": "6", "packets": "1", "bytes": "60", "start": "1700000000", "end": "1700000059", "action": "ACCEPT", "tcp-flags": "2",
    "log-status": "OK",
}  # fmt: skip
# Where nothing is damaged but the rows, and where something is.
WHOLE, DAMAGED, WRONG = 0, 1, 2


def event(second: str, kind: str, more: str = "") -> str:
    state = "120 SYN_SENT " if kind == "NEW" else ""
    return (
        f"[{second}]\t[{kind}] tcp      6 {state}src=10.0.1.91 dst=10.0.3.58 sport=1 dport=80 src=10.0.3.58 dst=10.0.1.91 sport=80 "
        f"dport=1{more}\n"
    )


def flow(**values: Any) -> str:
    """A row of a flow log; ``_`` in names stands for ``-``."""
    return json.dumps(FLOW | {name.replace("_", "-"): value for name, value in values.items()}) + "\n"


def pod(name: str = "p", **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "n"}, "spec": {"nodeName": "n1"},
        "status": {"podIP": "10.0.1.91", "phase": "Running", **status},
    }  # fmt: skip


def build(directory: Path, files: dict[str, str | bytes]) -> Path:
    """Directory with these files."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory


def call(*arguments: object) -> Result:
    """Call the command line; it ends with an exit code and says nothing that a terminal could take for a command."""
    done = CliRunner().invoke(commands, [os.fspath(argument) for argument in arguments])
    assert isinstance(done.exception, SystemExit | None)
    assert done.exit_code in {WHOLE, DAMAGED, WRONG}, done.output
    for line in done.output.split("\n"):
        assert line.isprintable()
    return done


def read(export: Path) -> dict[str, dict[str, Any]]:
    """Rows of the table ``sources`` by their names; every row of each is in its table, skipped or rejected."""
    tables = flowstitch.read(export)
    found = {row["source"]: row for row in tables["sources"].to_pylist()}
    rows = [
        row
        for table in set(ROW_KINDS.values())
        for row in tables[table].select(["source", "line"]).to_pylist()
    ]
    rejects = tables["rejects"].to_pylist()
    for name, source in found.items():
        assert source["rows"] == source["parsed"] + source["skipped"] + source["rejected"]
        assert source["rejected"] == sum(dict(source["rejected_by"]).values())
        assert (
            source["rejected"] == sum(reject["source"] == name for reject in rejects)
            or source["rejected"] > 10_000
        )
        if source["kind"] in ROW_KINDS:
            assert source["parsed"] == sum(row["source"] == name for row in rows)
        assert source["kind"] == "unknown" or all(warning.endswith(".") for warning in source["warnings"])
    return found


def survive(export: Path, out: Path) -> int:
    """Exit code of a run; every command bears the export, and what is made of it."""
    run = call("run", export, "--out", out, "--quiet")
    inspected = call("inspect", export)
    assert (inspected.exit_code == WRONG) == (run.exit_code == WRONG)
    if run.exit_code != WRONG:
        call("ask", out, "scenarios")
        for table in ("datapaths", "segments", "observations", "unmatched", "sources", "rejects"):
            call("sql", out, f"from {table}")
        call("convert", export, "--out", out.with_name("tables"), "--quiet")
        again = call("run", out.with_name("tables"), "--out", out.with_name("again"), "--quiet")
        assert again.exit_code == run.exit_code
    return run.exit_code
