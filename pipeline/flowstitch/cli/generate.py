"""``flowstitch generate``: what the observers of a cluster would write, and the truth."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from flowstitch.cli.console import Progress, log_options
from flowstitch.cli.output import write_table
from flowstitch.simulator.settings import (
    EVENTS,
    FAMILIES,
    FLOW_LOGS,
    FORMATS,
    MAX_PORT_REUSE,
    PROXIES,
    WINDOWS_S,
    Settings,
)
from flowstitch.texts import printable

EXAMPLES = """\b
Examples:
  flowstitch generate cluster/
  flowstitch run cluster/export/ --out result/
  flowstitch generate cluster/ --connections 1000000 --nodes 20 --format parquet --overwrite
  flowstitch generate blind/ --lost-events 0.05 --lost-nodes 1 --clock-skew 3
  flowstitch generate cluster6/ --ip both --proxy iptables --flow-logs aws --window 600

\b
OUT gets export/, what would be handed over: conntrack of each node, a flow log of each ENI, the access log of load
balancers, and what describes the cluster. Beside it stand truth.parquet, a row per connection, truth.csv where it is
small, and generate.json. The same options give the same bytes, but that another processor may pack gzip otherwise;
the last group changes what is observed, never what happened.
"""
_default = Settings()
_Count = click.IntRange(1)
_Share = click.FloatRange(0, 1)


@click.command("generate", epilog=EXAMPLES)
@click.argument("out", metavar="OUT", type=click.Path())
@click.option("--connections", metavar="N", type=_Count, default=_default.connections, show_default=True,
              help="Connections, about: some come again on the same ports.")  # fmt: skip
@click.option("--nodes", metavar="N", type=click.IntRange(2, 10_000), default=_default.nodes, show_default=True,
              help="Nodes.")  # fmt: skip
@click.option("--pods-per-node", metavar="N", type=click.IntRange(4, 200), default=_default.pods_per_node,
              show_default=True, help="Pods of each node.")  # fmt: skip
@click.option("--services", metavar="N", type=click.IntRange(2, 10_000), default=_default.services, show_default=True,
              help="Services, two pods for each at least.")  # fmt: skip
@click.option("--seed", metavar="N", type=click.IntRange(0), default=_default.seed, show_default=True,
              help="Of all that is random.")  # fmt: skip
@click.option("--duration", "duration_s", metavar="SECONDS", type=click.IntRange(600, 7 * 86_400),
              default=_default.duration_s, show_default=True, help="Length of the observed time.")  # fmt: skip
@click.option("--ip", "families", type=click.Choice(list(FAMILIES)), default="4", show_default=True,
              callback=lambda _ctx, _param, word: FAMILIES[word], help="Addresses of the cluster.")  # fmt: skip
@click.option("--proxy", type=click.Choice(PROXIES), default=_default.proxy, show_default=True,
              help="How nodes translate services.")  # fmt: skip
@click.option("--port-reuse", metavar="SHARE", type=click.FloatRange(0, MAX_PORT_REUSE), default=_default.port_reuse, show_default=True,
              help="Share of connections on the same five-tuple as one that ended within the minute before, about.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMATS), default=_default.form, show_default=True,
              help="Logs as their observers write them, or the tables that converting them gives.")  # fmt: skip
@click.option("--flow-logs", type=click.Choice(FLOW_LOGS), default=_default.flow_logs, show_default=True,
              help="Format of raw flow logs.")  # fmt: skip
@click.option("--window", "window_s", type=click.Choice([str(width) for width in WINDOWS_S]), default="60",
              callback=lambda _ctx, _param, text: int(text), show_default=True,
              help="Aggregation window of flow logs, in seconds.")  # fmt: skip
@click.option("--events", type=click.Choice(EVENTS), default=_default.events, show_default=True,
              help="Events of conntrack: all, NEW and DESTROY alone, or none.")  # fmt: skip
@click.option("--dumps", metavar="N", type=click.IntRange(0, 1000), default=_default.dumps, show_default=True,
              help="Lists of conntrack that each node writes; the last at the end.")  # fmt: skip
@click.option("--lost-events", metavar="SHARE", type=_Share, default=0.0, show_default=True,
              help="Share of conntrack events that are lost.")  # fmt: skip
@click.option("--lost-nodes", metavar="N", type=click.IntRange(0), default=0, show_default=True,
              help="Nodes without conntrack.")  # fmt: skip
@click.option("--skipped-windows", metavar="SHARE", type=_Share, default=0.0, show_default=True,
              help="Share of the windows of ENIs that say SKIPDATA.")  # fmt: skip
@click.option("--clock-skew", "clock_skew_s", metavar="SECONDS", type=click.FloatRange(0, 86_400), default=0.0,
              show_default=True, help="Clocks of nodes are off by up to so much.")  # fmt: skip
@click.option("--torn-files", metavar="SHARE", type=_Share, default=0.0, show_default=True,
              help="Share of raw logs that are cut off.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an earlier simulation in OUT.")
@log_options
def command(out: str, log: str, *, overwrite: bool, quiet: bool, **wishes: Any) -> None:
    """Simulate a cluster: what its observers write, and the truth.

    Nodes with primary and secondary ENIs, pods, services of every kind, and connections of all scenarios: with the
    translations of each, the ENIs it crosses both ways, ports that come again, addresses that are handed on.
    """
    settings = Settings(**wishes)
    from flowstitch.simulator.generate import EXPORT, generate  # noqa: PLC0415

    with Progress(log, quiet=quiet).shown() as progress:
        generated = generate(settings, Path(out), overwrite=overwrite, tell=progress.stage)
    write_table(["table", "rows"], [[name, count] for name, count in generated.counts.items()], [False, True])
    click.echo()
    export = printable(shlex.quote(str(Path(out) / EXPORT)))
    click.echo(f"Next: flowstitch run {export} --out result/")
