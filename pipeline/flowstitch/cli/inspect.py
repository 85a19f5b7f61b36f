"""``flowstitch inspect``: what the files of an export are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from flowstitch.cli.console import READING, Progress
from flowstitch.cli.output import chosen_form, output_options, time_text, write_answer, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowstitch.ingest.inspect import Inspection

EXAMPLES = """\b
Examples:
  flowstitch inspect export/
  flowstitch inspect "logs/*.gz" nodes/
  flowstitch inspect export/ -f json | jq '.[] | select(.warnings != [])'
"""


@click.command("inspect", epilog=EXAMPLES)
@click.argument("exports", metavar="EXPORT...", nargs=-1, required=True)
@output_options
@click.pass_context
def command(ctx: click.Context, exports: tuple[str, ...], form: str | None, output: str | None) -> None:
    """Say what each file of an export is.

    EXPORT is a directory, a file or a quoted glob. Of each file it says kind, node or ENI, rows, time span, gaps and
    warnings, and on stderr what the export lacks. At most the first 4 MiB of its content are read, and nothing is written. The exit code is 1 when a file is torn or unreadable or says that it lost events.
    """
    from flowstitch.ingest.holdings import Holdings  # noqa: PLC0415
    from flowstitch.ingest.inspect import inspect_export  # noqa: PLC0415
    from flowstitch.ingest.inventory import finish_inventory  # noqa: PLC0415
    from flowstitch.runner.coverage import find_missing  # noqa: PLC0415

    held = Holdings()
    with Progress(quiet=not sys.stderr.isatty()).shown() as progress:
        found = list(inspect_export(exports, lambda source: progress.stage(READING + source.name), held))
    finish_inventory(held.inventory)
    _write(found, form, output)
    for sentence in find_missing(held):
        Progress().warn(sentence)
    ctx.exit(int(any(item.incomplete for item in found)))


def _write(found: Sequence[Inspection], form: str | None, output: str | None) -> None:
    if chosen_form(form, output) == "table":
        rows = [_short(item) for item in found]
        write_table(
            list(rows[0]),
            [list(row.values()) for row in rows],
            [name == "rows" for name in rows[0]],
            output=output,
        )
        return
    import pyarrow as pa

    moment, texts = pa.timestamp("us"), pa.list_(pa.string())
    schema = pa.schema(
        {
            "source": pa.string(), "kind": pa.string(), "dialect": pa.string(), "node": pa.string(), "enis": texts,
            "rows": pa.int64(), "whole": pa.bool_(), "first_seen": moment, "last_seen": moment, "gaps": texts,
            "warnings": texts,
        }
    )  # fmt: skip
    rows = [_long(item) for item in found]
    write_answer(pa.Table.from_pylist(rows, schema).to_reader(), form, output)


def _long(item: Inspection) -> dict[str, Any]:
    source = item.source
    return {
        "source": source.name,
        "kind": source.kind,
        "dialect": source.dialect or None,
        "node": source.node or None,
        "enis": item.enis,
        "rows": item.rows,
        "whole": item.whole,
        "first_seen": item.first_seen,
        "last_seen": item.last_seen,
        "gaps": [f"{time_text(begin)}/{time_text(end)}" for begin, end in item.gaps],
        "warnings": item.warnings,
    }


def _short(item: Inspection) -> dict[str, Any]:
    """Row for a reader: what is rare stands in one column."""
    gaps = [f"nothing from {time_text(begin)} to {time_text(end)}." for begin, end in item.gaps]
    rows = "-" if item.rows is None else str(item.rows)
    return {
        "source": item.source.name,
        "kind": item.source.kind,
        "of": item.source.node or ", ".join(item.enis) or None,
        "rows": rows if item.whole or item.rows is None else f"≥ {rows}",
        "from": None if item.first_seen is None else time_text(item.first_seen),
        "to": None if item.last_seen is None else time_text(item.last_seen),
        "warnings": " ".join([*item.warnings, *gaps]) or None,
    }
