"""``flowstitch run``: an export in, a result out."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowstitch.catalog.dataplanes import dataplane_names
from flowstitch.cli.console import Progress, log_options
from flowstitch.cli.exports import FORMS, exports_argument, reading_options
from flowstitch.cli.output import write_table
from flowstitch.errors import UsageError
from flowstitch.runner.layout import ALL, UNMATCHED
from flowstitch.runner.times import parse_duration, parse_time
from flowstitch.texts import printable

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from flowstitch.runner.pipeline import Options, Summary

EXAMPLES = """\b
Examples:
  flowstitch run export/ --out result/
  flowstitch run nodes/ "vpc-flow/*.gz" inventory/ --out result/ --overwrite
  flowstitch run export/ --out result/ --since 2026-11-23T00:44:00Z --until 2026-11-23T01:00:00Z
  flowstitch run s3://bucket/exports/2026-11-23/ --out result/ --memory 4GiB
  flowstitch run export/ --out result/ --memory 1GiB --scratch /mnt/fast-disk
  flowstitch run export/ --out hours/ --partition-by hour
  flowstitch run export/ --out hours/ --partition-by hour --since 2026-11-23T05:00Z --until 2026-11-23T06:00Z --overwrite
  flowstitch run export/ --out result/ --observations unmatched
  flowstitch run export/ --out result/ --resume
  find exports/ -newer last-run -type f | flowstitch run @- --out result/
  zcat conntrack.gz | grep 10.0.1.91 | flowstitch run - inventory/ --out result/
  flowstitch run export/ --out result/ --log json 2> run.log

\b
Exit codes: 0 done; 1 done, but a source was torn or unreadable, lost events, or had more than
--max-rejects of its rows rejected; 2 wrong use; 3 failed, and nothing was left behind.
"""


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str | CompletionItem]:  # noqa: ARG001
    return [name for name in dataplane_names() if name.startswith(incomplete)]


@click.command("run", epilog=EXAMPLES + FORMS)
@exports_argument
@click.option("--out", required=True, metavar="DIR", type=click.Path(), help="Directory of the result.")
@click.option(
    "--dataplane",
    metavar="NAME",
    shell_complete=_complete,
    help="How nodes route of which nothing tells another.  [default: terway-eniip]",
)
@click.option(
    "--since",
    metavar="TIME",
    help="Leave out earlier rows; ISO 8601 or epoch seconds, UTC unless it says otherwise.",
)
@click.option("--until", metavar="TIME", help="Leave out rows from this time on.")
@click.option(
    "--partition-by",
    metavar="PERIOD",
    type=click.Choice(["day", "hour", "minute"]),
    help="Make DIR a result of results, one for each day, hour or minute, of those between --since and --until; others in DIR stay.",
)
@click.option(
    "--overlap",
    metavar="TIME",
    help="Read rows so long before --since and behind --until too, like 10m or 1h, and tell those between with what they belong to."
    "  [default with --partition-by: 10m]",
)
@click.option(
    "--observations",
    metavar="ROWS",
    type=click.Choice([ALL, UNMATCHED]),
    help="Rows that table observations has: all, or unmatched, which leaves out those on a path where size matters.  [default: all]",
)
@reading_options
@click.option(
    "--scratch",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
    help="Where rows wait for which memory has no room, in a file without a name.  [default: where the result is written]",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier result in DIR.")
@click.option(
    "--resume",
    is_flag=True,
    help="Take over what a killed run had finished of DIR, if inputs and options are the same; whole partitions of such stay.",
)
@log_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    exports: tuple[str, ...],
    out: str,
    log: str,
    *,
    overwrite: bool,
    resume: bool,
    quiet: bool,
    **wishes: Any,
) -> None:
    """Reconstruct the datapaths of an export into a result directory.

    An export has conntrack dumps and event streams, VPC flow logs, load balancer logs, Kubernetes and ENI inventory.
    Files are known by their content, whatever they are called; `flowstitch inspect` says how. The result appears whole or not at all, and the same input gives the same bytes.
    Every command takes a result of partitions as one, and each partition alone.
    """
    summary = reconstruct(
        exports, Path(out), Progress(log, quiet=quiet), overwrite=overwrite, resume=resume, **wishes
    )
    _summarize(Path(out), summary)
    ctx.exit(int(summary.incomplete))


def reconstruct(
    exports: tuple[str, ...],
    out: Path,
    progress: Progress,
    *,
    overwrite: bool = False,
    resume: bool = False,
    partition_by: str | None = None,
    **wishes: Any,
) -> Summary:
    """Run the pipeline, with its progress and warnings on stderr.

    Parameters
    ----------
    partition_by : see ``run_partitioned``; None makes one result.
    wishes : ``dataplane``, ``since``, ``until``, ``overlap`` (text), ``threads``, ``memory_bytes``, ``scratch`` and ``max_rejects``;
        None is the default.
    """
    if partition_by is None and wishes.get("overlap") and not (wishes.get("since") or wishes.get("until")):
        raise UsageError("--overlap is around --since and --until, or partitions; give one of them too.")
    options = _options(**wishes)
    from flowstitch.runner.partitions import run_partitioned  # noqa: PLC0415
    from flowstitch.runner.pipeline import run  # noqa: PLC0415

    with progress.shown():
        if partition_by is None:
            summary = run(exports, out, options, overwrite=overwrite, resume=resume, listener=progress)
        else:
            summary = run_partitioned(
                exports, out, partition_by, options, overwrite=overwrite, resume=resume, listener=progress
            )
    tell_warnings(summary, progress)
    return summary


def tell_warnings(summary: Summary, progress: Progress) -> None:
    """Say on stderr what the user should know of the export."""
    for warning in summary.warnings:
        progress.warn(warning)
    if summary.incomplete:
        progress.warn("the export is not whole; the exit code is 1.")


def _options(
    since: str | None = None,
    until: str | None = None,
    overlap: str | None = None,
    threads: int | None = None,
    **wishes: Any,
) -> Options:
    span: dict[str, Any] = {
        name: parse_time(text, f"--{name}")
        for name, text in (("since", since), ("until", until))
        if text is not None
    }
    if overlap is not None:
        span["overlap"] = parse_duration(overlap, "--overlap")
    from flowstitch.runner.pipeline import Options  # noqa: PLC0415

    given = {name: value for name, value in wishes.items() if value is not None}
    return Options(threads=threads or len(os.sched_getaffinity(0)), **span, **given)


def _summarize(out: Path, summary: Summary) -> None:
    from flowstitch.sql.returns import read_returns  # noqa: PLC0415
    from flowstitch.sql.session import Result  # noqa: PLC0415

    with Result(out) as session:
        found = read_returns(session)
    write_table(["table", "rows"], [[name, count] for name, count in summary.counts.items()], [False, True])
    click.echo()
    click.echo(f"{found.connections} connections; {found.sentence}")
    where = printable(shlex.quote(str(out)))
    click.echo(
        f"Next: flowstitch ask {where} return-eni"
        if found.connections
        else f"Next: flowstitch ask {where} coverage"
    )
