"""Views that a run writes into its result: what is asked again and again is computed from all rows once.

A view whose header says why it is ``kept`` is one. Its answer stands in ``RESULT/kept-DIGEST-NAME.parquet``; the digest is of all views and macros,
so a result whose views another version computed otherwise is asked by its rows. So are several results that are opened as one, and a part of
the time of one. Of some views the run has counted the rows itself, see ``flowstitch.runner.counted``.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import cache
from typing import TYPE_CHECKING

from flowstitch.errors import MemoryShortError
from flowstitch.sql.definitions import library, needed, views
from flowstitch.sql.tables import pattern_of
from flowstitch.sql.texts import parquet_source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future
    from pathlib import Path

    import pyarrow as pa

    from flowstitch.sql.session import Result

# Files of theirs in a result, which has a directory for each table and for nothing else.
PATTERN = "kept-*.parquet"
# The view that fails where a run left rows out.
_ALL_ROWS = "whole_observations"


@cache
def kept_views() -> tuple[str, ...]:
    """Names of the views that a run writes, each behind those that it reads."""
    return tuple(view.name for view in views() if view.kept)


@cache
def _digest() -> str:
    text = "\n".join(item.body for item in library())
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def kept_file(view: str) -> str:
    """Name of the file of a view in a result."""
    return PATTERN.replace("*", f"{_digest()}-{view}")


def kept_in(result: Path) -> dict[str, str]:
    """What reads each view that a result keeps, by its name."""
    files = {name: result / kept_file(name) for name in kept_views()}
    return {name: parquet_source(pattern_of(file)) for name, file in files.items() if file.is_file()}


def write_kept(
    result: Path, counted: Mapping[str, pa.Table], *, memory_bytes: int, threads: int, scratch: Path
) -> dict[str, str]:
    """Write the views into a result whose tables and manifest are there; one that needs rows which the result leaves out is not kept.

    Parameters
    ----------
    counted : rows of those views that the run has counted itself, by their name.
    memory_bytes : how much DuckDB may have; what has no room is on the disk below ``scratch`` meanwhile.

    Returns
    -------
    What reads each of them from within the result, by its name.

    Raises
    ------
    FlowstitchError when writing fails.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415

    from flowstitch.sql.session import Result  # noqa: PLC0415

    # a killed run may have left some
    for file in result.glob(PATTERN):
        file.unlink()
    with Result(result) as session:
        session.limit(memory_bytes=memory_bytes, threads=threads, scratch=scratch)
        wanted = [name for name in kept_views() if session.whole or not _reads_all(name)]
        files = {name: result / kept_file(name) for name in wanted}
        for name in counted.keys() & files.keys():
            pq.write_table(counted[name], files.pop(name), compression="zstd")
        left = dict(files)
        try:
            _write_views(session, left, threads)
        except MemoryShortError:
            # one after the other, each by one thread, they need less
            session.limit(memory_bytes=memory_bytes, threads=1, scratch=scratch)
            _write_views(session, left, 1)
    return {name: parquet_source(kept_file(name)) for name in wanted}


def _write_views(session: Result, files: dict[str, Path], threads: int) -> None:
    """Write views, so many at the same time, and read them from there: each as soon as those of them that it reads are written; ``files`` forgets it then."""
    reads = {name: (files.keys() & {other for other, _ in needed(name, {})}) - {name} for name in files}
    awaited = {name for others in reads.values() for name in others}
    # those that others wait for go first
    waiting = sorted(files, key=lambda name: name not in awaited)
    writing: dict[Future[None], str] = {}
    with ThreadPoolExecutor(threads) as workers:
        while waiting or writing:
            held = {*waiting, *writing.values()}
            for name in [name for name in waiting if not reads[name] & held]:
                waiting.remove(name)
                # to plan one takes one thread
                session.prepare(name)
                writing[workers.submit(session.write_view, name, files[name])] = name
            for written in wait(writing, return_when=FIRST_COMPLETED).done:
                written.result()
                name = writing.pop(written)
                session.read_view(name, files.pop(name))


def _reads_all(view: str) -> bool:
    return any(name == _ALL_ROWS for name, _ in needed(view, {}))
