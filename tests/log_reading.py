"""Read a log of JSON lines as one source of an export."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flowstitch.ingest.dialects import dialect_of
from flowstitch.ingest.logs import FORMS, read_log
from flowstitch.ingest.model import ROW_KINDS, Account, Source
from flowstitch.ingest.wrappers import wrapper_of
from flowstitch.normalize.columns import Pools, concat_columns, to_arrow
from inventory_reading import source_of

DIALECTS = Path(__file__).parent / "dialects"


@dataclass(frozen=True)
class Log:
    """Logs of a kind in a dialect."""

    kind: str
    dialect: str

    def read(self, path: Path) -> tuple[list[dict[str, Any]], Account]:
        """Rows and account of a file."""
        return self.read_source(source_of(path, self.kind, dialect=self.dialect))

    def read_source(self, source: Source) -> tuple[list[dict[str, Any]], Account]:
        """Rows and account of a source."""
        account, pools, table = Account(), Pools(), ROW_KINDS[self.kind]
        parts = list(read_log(source, pools, account))
        rows = to_arrow(table, concat_columns(table, parts), pools).to_pylist()
        assert account.parsed == len(rows)
        return rows, account

    def read_lines(self, data: bytes) -> tuple[list[dict[str, Any]], Account]:
        """Rows and account of what a file would hold."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "log.jsonl"
            path.write_bytes(data)
            return self.read(path)

    def goldens(self) -> list[str]:
        """Folders of ``tests/dialects`` with logs of the dialect."""
        return sorted(path.name for path in DIALECTS.glob(f"{self.dialect}*"))

    def check_golden(self, folder: str) -> None:
        """A folder's file gives the rows and rejects that stand beside it, and no line or record is lost.

        Where records are wrapped it is said beside them how many are skipped and why: they are no lines to be counted.
        """
        (path,) = (DIALECTS / folder).glob("in.*")
        rows, account = self.read(path)
        expected = [
            json.loads(line) for line in (DIALECTS / folder / "expected.jsonl").read_text().splitlines()
        ]
        skipped = {entry["skipped"]: entry["rows"] for entry in expected if "skipped" in entry}
        expected = [entry for entry in expected if "skipped" not in entry]
        assert outcome(rows, account) == expected
        wrapper = wrapper_of(
            dialect_of(source_of(path, self.kind, dialect=self.dialect), FORMS), path.read_bytes()
        )
        if wrapper is not None:
            assert account.skipped == skipped
        if wrapper is None or not wrapper.is_json:
            lines = path.read_bytes().removesuffix(b"\n").count(b"\n") + 1
            assert account.rows == lines
            assert account.skipped.total() == lines - len(expected)


def outcome(rows: list[dict[str, Any]], account: Account) -> list[dict[str, Any]]:
    """Rows and rejects by line, as the golden files have them."""
    found: list[dict[str, Any]] = [
        {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in row.items()
            if name != "source"
        }
        for row in rows
    ]
    found += [{"line": reject.line, "reject": reject.reason} for reject in account.rejects]
    return sorted(found, key=lambda entry: entry["line"])
