"""The Python API of what reads exports: ``read``, ``convert`` and ``run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowstitch.normalize.columns import Pools
from flowstitch.runner.convert import canonical_tables
from flowstitch.runner.convert import convert as run_conversion
from flowstitch.runner.partitions import run_partitioned
from flowstitch.runner.pipeline import DEFAULT_MAX_REJECTS, Options, Summary
from flowstitch.runner.pipeline import run as run_pipeline
from flowstitch.runner.sources import read_sources
from flowstitch.runner.write import arrow_table

if TYPE_CHECKING:
    import pyarrow as pa


def read(*exports: str | Path, threads: int = 1, memory_bytes: int | None = None) -> dict[str, pa.Table]:
    """Canonical tables of exports by name: rows of all logs (``conntrack``, ``flows``, …), ``sources``, ``rejects``, the inventory.

    Raises
    ------
    UsageError when a path does not exist or holds nothing known.
    """
    pools = Pools()
    names = [str(item) for item in exports]
    export = read_sources(names, pools, threads=threads, memory_bytes=memory_bytes)
    return {name: arrow_table(name, data, pools) for name, data in canonical_tables(export, pools).items()}


def convert(
    *exports: str | Path,
    out: str | Path,
    overwrite: bool = False,
    max_rejects: float = DEFAULT_MAX_REJECTS,
    threads: int = 1,
    memory_bytes: int | None = None,
) -> Summary:
    """Write the canonical tables of exports into the directory ``out``, an export itself; see ``flowstitch convert``.

    Raises
    ------
    UsageError for wrong paths or an existing ``out``; FlowstitchError when writing fails.
    """
    names = [str(item) for item in exports]
    return run_conversion(
        names, Path(out), overwrite=overwrite, max_rejects=max_rejects, threads=threads, memory_bytes=memory_bytes
    )  # fmt: skip


def run(
    *exports: str | Path,
    out: str | Path,
    overwrite: bool = False,
    resume: bool = False,
    partition_by: str | None = None,
    options: Options | None = None,
) -> Summary:
    """Reconstruct the datapaths of exports into the directory ``out``; see ``flowstitch run``.

    Parameters
    ----------
    partition_by : 'day', 'hour' or 'minute' makes ``out`` a result of results, one for each; None makes one result.

    Raises
    ------
    UsageError for wrong paths, names or an existing ``out``; FlowstitchError when writing fails.
    """
    names = [str(item) for item in exports]
    if partition_by is not None:
        return run_partitioned(
            names, Path(out), partition_by, options or Options(), overwrite=overwrite, resume=resume
        )
    return run_pipeline(names, Path(out), options or Options(), overwrite=overwrite, resume=resume)
