"""``flowstitch inspect``: what the files of an export are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from flowstitch.cli.console import Progress
from flowstitch.cli.exports import FORMS, exports_argument
from flowstitch.cli.output import chosen_form, output_options, time_text, write_answer, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowstitch.ingest.holdings import Holdings
    from flowstitch.ingest.inspect import Inspection, Sample

EXAMPLES = """\b
Examples:
  flowstitch inspect export/
  flowstitch inspect "logs/*.gz" nodes/ s3://bucket/vpc-flow/
  flowstitch inspect export/ -f json | jq '.[] | select(.warnings != [])'
"""


@click.command("inspect", epilog=EXAMPLES + FORMS)
@exports_argument
@click.option(
    "--dataplane", metavar="NAME", help="What is missing is said for this one.  [default: terway-eniip]"
)
@output_options
@click.pass_context
def command(
    ctx: click.Context, exports: tuple[str, ...], dataplane: str | None, form: str | None, output: str | None
) -> None:
    """Say what each file of an export is.

    Of each file it says kind, dialect, node or ENI, rows, time span, the
    longest window of a flow log, gaps and warnings, and on stderr what the export lacks and which clocks are off. At most the first 4 MiB of its content are read, and nothing is written. The exit code is 1 when a file is torn or unreadable or says that it lost events.
    """
    from flowstitch.ingest.holdings import Holdings  # noqa: PLC0415
    from flowstitch.ingest.inspect import Sample, inspect_export  # noqa: PLC0415
    from flowstitch.ingest.inventory import finish_inventory  # noqa: PLC0415
    from flowstitch.join.dataplane import load_dataplane  # noqa: PLC0415
    from flowstitch.join.dataplanes import load_dataplanes  # noqa: PLC0415
    from flowstitch.runner.clocks import clock_warnings  # noqa: PLC0415
    from flowstitch.runner.coverage import find_missing  # noqa: PLC0415
    from flowstitch.runner.pipeline import DEFAULT_DATAPLANE  # noqa: PLC0415

    name = dataplane or DEFAULT_DATAPLANE
    load_dataplane(name)
    held, sample = Holdings(), Sample()
    with Progress(quiet=not sys.stderr.isatty()).shown() as progress:
        progress.stage("reading")
        found = list(inspect_export(exports, progress, held, sample))
        finish_inventory(held.inventory)
        progress.stage("comparing clocks")
        offsets = _clock_offsets(sample, held)
    _write(found, offsets, form, output)
    planes = load_dataplanes(name, held.inventory, sorted(held.nodes))
    # drift is found by the nodes' rules where the data plane goes by them, else by who holds an address
    missing = find_missing(held, by_rules=lambda node: bool(planes.of(node).forward_out))
    for sentence in missing + clock_warnings(offsets):
        Progress().warn(sentence)
    ctx.exit(int(any(item.incomplete for item in found)))


def _clock_offsets(sample: Sample, held: Holdings) -> dict[str, int]:
    """How far each node's clock is ahead, µs; nothing where there is nothing to compare with."""
    from flowstitch.normalize.columns import concat_columns  # noqa: PLC0415
    from flowstitch.runner.clocks import compare_clocks  # noqa: PLC0415

    if not sample.parts["conntrack"] or (len(held.nodes) < 2 and not sample.parts["flows"]):
        return {}
    conntrack, flows = (concat_columns(name, sample.parts[name]) for name in ("conntrack", "flows"))
    return compare_clocks(conntrack, flows, held.inventory, sample.pools)


def _write(
    found: Sequence[Inspection], offsets: Mapping[str, int], form: str | None, output: str | None
) -> None:
    if chosen_form(form, output) == "table":
        rows = [_short(item) for item in found]
        write_table(
            list(rows[0]),
            [list(row.values()) for row in rows],
            [name in {"rows", "window_s"} for name in rows[0]],
            output=output,
        )
        return
    import pyarrow as pa

    moment, texts = pa.timestamp("us"), pa.list_(pa.string())
    schema = pa.schema(
        {
            "source": pa.string(), "kind": pa.string(), "dialect": pa.string(), "node": pa.string(), "enis": texts,
            "clock_offset_us": pa.int64(), "window_s": pa.int64(), "rows": pa.int64(), "whole": pa.bool_(), "first_seen": moment, "last_seen": moment, "gaps": texts,
            "warnings": texts,
        }
    )  # fmt: skip
    rows = [_long(item, offsets) for item in found]
    write_answer(pa.Table.from_pylist(rows, schema).to_reader(), form, output)


def _long(item: Inspection, offsets: Mapping[str, int]) -> dict[str, Any]:
    source = item.source
    return {
        "source": source.name,
        "kind": source.kind,
        "dialect": source.dialect or None,
        "node": source.node or None,
        "enis": item.enis,
        "clock_offset_us": offsets.get(source.node) if source.kind.startswith("conntrack-") else None,
        "window_s": item.window_s,
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
        "dialect": item.source.dialect or None,
        "of": item.source.node or ", ".join(item.enis) or None,
        "rows": rows if item.whole or item.rows is None else f"≥ {rows}",
        "from": None if item.first_seen is None else time_text(item.first_seen),
        "to": None if item.last_seen is None else time_text(item.last_seen),
        "window_s": None if item.window_s is None else str(item.window_s),
        "warnings": " ".join([*item.warnings, *gaps]) or None,
    }
