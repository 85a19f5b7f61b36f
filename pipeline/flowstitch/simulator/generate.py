"""One simulation: a cluster, its traffic slice by slice, what each observer writes of it, and the truth."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow.parquet as pq

from flowstitch.atomic import atomic_directory
from flowstitch.simulator.behind import Behind
from flowstitch.simulator.cluster import build_cluster
from flowstitch.simulator.conntrack import build_entries, list_rows
from flowstitch.simulator.defects import Defects, tear
from flowstitch.simulator.events import EventStream
from flowstitch.simulator.flowlogs import Coverage, flow_rows
from flowstitch.simulator.inventory import inventory_files
from flowstitch.simulator.ipvs import ipvs_rows
from flowstitch.simulator.raw import RawWriter
from flowstitch.simulator.requests import request_rows
from flowstitch.simulator.routes import route
from flowstitch.simulator.settings import SECOND
from flowstitch.simulator.tables import TableWriter
from flowstitch.simulator.traffic import Traffic
from flowstitch.simulator.truth import SCHEMA, Truth, write_csv

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flowstitch.simulator.cluster import Cluster
    from flowstitch.simulator.connections import Connections
    from flowstitch.simulator.conntrack import ConntrackRows
    from flowstitch.simulator.flowlogs import FlowRows
    from flowstitch.simulator.ipvs import IpvsRows
    from flowstitch.simulator.requests import RequestRows
    from flowstitch.simulator.settings import Settings

EXPORT, TRUTH, TRUTH_CSV, MANIFEST = "export", "truth.parquet", "truth.csv", "generate.json"
# Connections at a time; memory follows from it, whatever the length of the simulation. A truth of one slice is written as
# text too.
SLICE = 1 << 16


class Writer(Protocol):
    """Who writes the rows of the observers."""

    counts: dict[str, int]

    def conntrack(self, rows: ConntrackRows) -> None:
        """Events, or one dump, of nodes in order."""
        ...

    def flows(self, rows: FlowRows) -> None:
        """Rows of flow logs."""
        ...

    def ipvs(self, rows: IpvsRows) -> None:
        """One listing of IPVS connections, of nodes in order."""
        ...

    def requests(self, rows: RequestRows) -> None:
        """Rows of access logs."""
        ...

    def close(self) -> None:
        """End the files."""
        ...


@dataclass(frozen=True)
class Generated:
    """What was written: rows by table, and connections."""

    counts: dict[str, int]


def generate(
    settings: Settings, out: Path, *, overwrite: bool = False, tell: Callable[[str], None] | None = None
) -> Generated:
    """Write a simulation into the directory ``out``: ``export/``, ``truth.parquet``, ``truth.csv`` and ``generate.json``.

    Same settings, same bytes, but that another processor may have gzip packed otherwise. Defects of the observation change what is written and nothing of what happened.

    Parameters
    ----------
    overwrite : replace an earlier simulation. tell : is told what is being done.

    Raises
    ------
    UsageError for an existing ``out``; FlowstitchError when writing fails.
    """
    tell = tell or (lambda _: None)
    with atomic_directory(
        out, overwrite=overwrite, manifest=MANIFEST, what="simulation", argument="OUT"
    ) as directory:
        cluster = build_cluster(settings)
        export = directory / EXPORT
        for name, content in inventory_files(cluster, settings):
            path = export / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        defects = Defects(settings, len(cluster.nodes))
        kind = RawWriter if settings.form == "raw" else TableWriter
        writer = kind(export, cluster, settings, defects.skew)
        connections = _observe(settings, cluster, defects, writer, directory, tell)
        tear(export, settings)
        counts = {"connections": connections, **writer.counts}
        manifest = {"settings": asdict(settings), "counts": counts}
        text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
        (directory / MANIFEST).write_text(text, encoding="utf-8")
    return Generated(counts)


def _observe(
    settings: Settings,
    cluster: Cluster,
    defects: Defects,
    writer: Writer,
    directory: Path,
    tell: Callable[[str], None],
) -> int:
    """Write logs and truth slice by slice; how many connections there were."""
    slices = max(1, -(-settings.connections // SLICE))
    edges = np.linspace(settings.begin, settings.until, slices + 1).astype(np.int64).tolist()
    sizes = np.diff(np.linspace(0, settings.connections, slices + 1).astype(np.int64)).tolist()
    traffic, truth = Traffic(settings, cluster), Truth(cluster, settings.proxy)
    events, coverage = EventStream(settings, defects.skew), Coverage(settings, len(cluster.enis))
    total = 0
    with pq.ParquetWriter(directory / TRUTH, SCHEMA, compression="zstd") as sink, Behind() as behind:
        for number, size in enumerate(sizes):
            tell(f"simulating, slice {number + 1} of {slices}")
            last = number == slices - 1
            connections = traffic.draw(size, edges[number], edges[number + 1])
            total += len(connections)
            random = np.random.default_rng([settings.seed, 2, number])
            _write_slice(settings, cluster, defects, writer, behind, connections, events, coverage, random)
            if settings.events != "none":
                due = settings.until + SECOND if last else edges[number + 1]
                for rows in defects.events(events.pop(due), number):
                    behind(writer.conntrack, rows)
            table = truth.table(connections)
            behind(sink.write_table, table)
            if slices == 1:
                write_csv(directory / TRUTH_CSV, table, settings.proxy)
        behind(writer.flows, coverage.rest())
    writer.close()
    return total


def _write_slice(
    settings: Settings, cluster: Cluster, defects: Defects, writer: Writer, behind: Behind, connections: Connections,
    events: EventStream, coverage: Coverage, random: np.random.Generator,
) -> None:  # fmt: skip
    """What a slice adds to every observer's log but the events, which wait for their time."""
    tracked, crossings = route(connections, cluster, settings.proxy)
    entries = build_entries(connections, tracked, random)
    if settings.events != "none":
        events.push(entries)
    for dump, at in enumerate(settings.dump_times):
        behind(writer.conntrack, defects.listed(list_rows(entries, at, dump, defects.skew)))
        behind(writer.ipvs, defects.listed(ipvs_rows(entries, at, dump, defects.skew)))
    behind(writer.flows, coverage.pass_on(flow_rows(connections, crossings, settings)))
    behind(writer.requests, request_rows(connections, cluster, settings, random))
