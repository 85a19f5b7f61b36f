"""The Python API: ``read``, ``run`` and ``open``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowstitch.ingest.inventory import finish_inventory
from flowstitch.ingest.read import read_export
from flowstitch.normalize.columns import Pools, to_arrow
from flowstitch.runner.pipeline import INVENTORY_TABLES, Options, Summary
from flowstitch.runner.pipeline import run as run_pipeline
from flowstitch.sql.session import Result

if TYPE_CHECKING:
    import pyarrow as pa


def read(*exports: str | Path, threads: int = 1) -> dict[str, pa.Table]:
    """Canonical tables of exports: ``conntrack``, ``flows`` and the inventory, by name.

    Raises
    ------
    UsageError when a path does not exist or holds nothing known.
    """
    pools = Pools()
    export = read_export([str(item) for item in exports], pools, threads=threads)
    finish_inventory(export.inventory)
    tables = {
        "conntrack": to_arrow("conntrack", export.conntrack, pools),
        "flows": to_arrow("flows", export.flows, pools),
    }
    for name in INVENTORY_TABLES:
        rows = export.inventory.tables[name]
        columns = {key: [row[key] for row in rows] for key in _field_names(name)}
        tables[name] = to_arrow(name, columns, pools)
    return tables


def run(
    *exports: str | Path, out: str | Path, overwrite: bool = False, options: Options | None = None
) -> Summary:
    """Reconstruct the datapaths of exports into the directory ``out``; see ``flowstitch run``.

    Raises
    ------
    UsageError for wrong paths, names or an existing ``out``; FlowstitchError when writing fails.
    """
    return run_pipeline([str(item) for item in exports], Path(out), options or Options(), overwrite=overwrite)


def open_result(result: str | Path) -> Result:
    """Open a result directory; a context manager with ``sql``, ``table`` and ``frame``.

    Raises
    ------
    UsageError when it is not a result.
    """
    return Result(Path(result))


def _field_names(name: str) -> list[str]:
    from flowstitch.catalog import table  # noqa: PLC0415

    return [item.name for item in table(name).fields]
