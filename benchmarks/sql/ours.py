"""A named question, as ``flowstitch ask`` puts it: the result is opened, asked and closed."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa

import flowstitch
from flowstitch.sql.questions import question as named


def forget(result: str, question: str) -> None:  # noqa: ARG001 - of the answer
    """Have the system drop what it keeps of the result's files: the first answer reads them from the disk."""
    for path in Path(result).rglob("*.parquet"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def ask(result: str, question: str) -> pa.Table:
    """The answer; what compares two results has the same one twice."""
    asked = named(question)
    with flowstitch.open(result, after=result if asked.compares else None) as opened:
        return opened.sql(asked.sql).to_arrow_table()
