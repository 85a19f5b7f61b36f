"""Exports of a simulated cluster, gzipped as its observers write them and plain."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

from flowstitch.simulator.generate import EXPORT, generate
from flowstitch.simulator.settings import Settings

# Of default settings: eleven rows of conntrack and three of flow logs.
RECORDS_PER_CONNECTION = 14
CONNECTIONS_PER_NODE = 10_000


def make_exports(folder: Path, records: int) -> tuple[Path, Path, int, int]:
    """Write an export of about so many records, unless it is there.

    Returns
    -------
    (its directory, the same unpacked, how many records it has, how many connections).
    """
    home = folder / f"end-to-end-{records}"
    packed, plain = home / EXPORT, home / "plain"
    if not plain.is_dir():
        connections = max(50, records // RECORDS_PER_CONNECTION)
        nodes = min(60, max(4, connections // CONNECTIONS_PER_NODE))
        generate(Settings(connections=connections, nodes=nodes, flow_logs="aws"), home, overwrite=True)
        unpacked = home / "unpacked"
        for path in sorted(packed.rglob("*")):
            if path.is_file():
                _unpack(path, unpacked / path.relative_to(packed))
        unpacked.rename(plain)
    counts = json.loads((home / "generate.json").read_text(encoding="utf-8"))["counts"]
    rows = sum(counts[name] for name in ("conntrack", "flows", "requests"))
    return packed, plain, rows, counts["connections"]


def _unpack(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".gz":
        with gzip.open(source) as packed, target.with_suffix("").open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    else:
        shutil.copyfile(source, target)
