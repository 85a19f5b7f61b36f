"""``flowstitch demo``: the whole pipeline on the capture that comes with it."""

from __future__ import annotations

import shlex
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowstitch.catalog.load import packaged_root
from flowstitch.cli.console import Progress, log_options
from flowstitch.cli.output import write_relation
from flowstitch.cli.run import reconstruct
from flowstitch.texts import printable

if TYPE_CHECKING:
    from flowstitch.sql.returns import Returns

EXAMPLES = """\b
Examples:
  flowstitch demo                 in a temporary directory, removed afterwards
  flowstitch demo --out result/   the result stays, to be asked more
"""


@click.command("demo", epilog=EXAMPLES)
@click.option(
    "--out", metavar="DIR", type=click.Path(), help="Keep the result in this directory, which must not exist."
)
@log_options
def command(out: str | None, log: str, *, quiet: bool) -> None:
    """Run the whole pipeline on a real capture.

    The capture comes with flowstitch: conntrack of three nodes with kube-proxy in IPVS mode, flow logs of their
    ENIs, and the inventory. The answer is that of `flowstitch ask RESULT return-eni`: which return paths land on
    the primary ENI.
    """
    export = packaged_root("data") / "ipvs" / "export"
    place = tempfile.TemporaryDirectory(prefix="flowstitch-") if out is None else nullcontext()
    with place as directory:
        result = Path(out) if out is not None else Path(directory or "") / "result"
        reconstruct((str(export),), result, Progress(log, quiet=quiet))
        _show(result, export, kept=out is not None)


def _show(result: Path, export: Path, *, kept: bool) -> None:
    from flowstitch.sql.questions import question  # noqa: PLC0415
    from flowstitch.sql.returns import read_returns  # noqa: PLC0415
    from flowstitch.sql.session import Result  # noqa: PLC0415

    asked = question("return-eni")
    with Result(result) as session:
        write_relation(session.ask(asked.name), "table", None, title=asked.title)
        found = read_returns(session)
    click.echo()
    for line in _story(found):
        click.echo(line)
    click.echo()
    where, source = (printable(shlex.quote(str(path))) for path in (result, export))
    if kept and found.leader is not None:
        click.echo(f"Next: flowstitch explain {where} {found.leader.path_id} --export {source}")
        click.echo(f"      flowstitch ask {where}")
    else:
        click.echo("Next: flowstitch demo --out result/    keep the result, to ask and explain more")
        click.echo("      flowstitch run EXPORT --out DIR    the same with an export of your own")


def _story(found: Returns) -> list[str]:
    """What one sees."""
    story = [f"Of {found.connections} connections {found.sentence}"]
    top = found.leader
    if top is not None:
        story.append(f"{top.connections} of these are {top.scenario}: {top.title[0].lower()}{top.title[1:]}.")
        if top.masqueraded:
            story.append(
                f"In {top.masqueraded} of those the node's address stood in for the pod's, so the reply was sent to the "
                "node and came in by the node's own ENI."
            )
    return story
