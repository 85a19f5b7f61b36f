"""Parquet that says odd things of itself, or has texts that are none: a sentence, and no crash of a library."""

from __future__ import annotations

import datetime as dt
import io
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import flowstitch
from flowstitch.errors import UsageError
from hostile import FLOW, build, call, read

ROWS = 20


def log(**columns: Any) -> pa.Table:
    """A flow log; a column can be given otherwise."""
    texts = {name: pa.array([value] * ROWS) for name, value in FLOW.items()}
    return pa.table(texts | {name.replace("_", "-"): column for name, column in columns.items()})


def written(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def no_text(column: pa.Array) -> pa.Array:
    """The column with bytes that are no UTF-8 for text."""
    size, offsets, data = len(column), column.buffers()[1], column.buffers()[2]
    return pa.StringArray.from_buffers(size, offsets, pa.py_buffer(b"\xff" * data.size))


def twice(name: str) -> pa.Table:
    table = log()
    return pa.Table.from_arrays(
        [*table.columns, pa.array(["70000"] * ROWS)], names=[*table.column_names, name]
    )


START = dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC)
# By name: a table, and how many of its rows are read.
TABLES = {
    "texts": (log(), ROWS),
    "numbers": (log(srcport=pa.array([1] * ROWS, pa.uint64()), bytes=pa.array([60] * ROWS, pa.int8())), ROWS),
    "fractions": (log(srcport=pa.array([1.0] * ROWS), bytes=pa.array([60.0] * ROWS, pa.float32())), ROWS),
    "decimals": (log(srcport=pa.array([1] * ROWS).cast(pa.decimal128(20, 0))), ROWS),
    "bytes for texts": (log(srcaddr=pa.array([b"10.0.0.1"] * ROWS)), ROWS),
    "a dictionary": (log(srcaddr=pa.array(["10.0.0.1"] * ROWS).dictionary_encode()), ROWS),
    "a time of any zone": (log(start=pa.array([START] * ROWS, pa.timestamp("ns", "Nowhere/Land"))), ROWS),
    "a time past all": (log(end=pa.array([2**62] * ROWS, pa.timestamp("us"))), 0),
    "infinite": (log(bytes=pa.array([float("inf")] * ROWS)), 0),
    "too large": (log(bytes=pa.array([1e300] * ROWS)), 0),
    "not a number, which is null": (log(bytes=pa.array([float("nan")] * ROWS)), ROWS),
    "not a number where one is needed": (log(srcport=pa.array([float("nan")] * ROWS)), 0),
    "negative": (log(bytes=pa.array([-1] * ROWS)), 0),
    "past its range": (log(srcport=pa.array([65536] * ROWS)), 0),
    "nothing": (log(srcport=pa.nulls(ROWS)), 0),
    "a list": (log(srcport=pa.array([[1]] * ROWS)), 0),
    "a structure": (log(srcport=pa.array([{"a": 1}] * ROWS)), 0),
    "a map": (log(srcport=pa.array([[("a", 1)]] * ROWS, pa.map_(pa.string(), pa.int64()))), 0),
    "a date": (log(start=pa.array([START.date()] * ROWS)), 0),
    "texts that are none": (log(srcaddr=no_text(pa.array(["10.0.0.1"] * ROWS))), 0),
    "a column twice": (twice("srcport"), ROWS),
    "a name that is none": (log().rename_columns([f"{name}\x1b[31m\u202e" if name == "bytes" else name for name in FLOW]), ROWS),
    "odd words beside it": (log().replace_schema_metadata({b"\xff": b"\xfe", "pandas": "{"}), ROWS),
    "no rows": (log().slice(0, 0), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_every_type_is_read_or_rejected(name: str, tmp_path: Path) -> None:
    table, parsed = TABLES[name]
    export = build(tmp_path, {"a": written(table)})
    (source,) = read(export).values()
    assert source["parsed"] == parsed
    if parsed or source["complete"]:
        assert source["rows"] == table.num_rows
    else:
        assert source["warnings"][0].startswith("the file cannot be read: ")
    call("inspect", export)


def test_words_that_no_library_understands(tmp_path: Path) -> None:
    # a field says of itself what is no UTF-8
    fields = [pa.field(name, pa.string(), metadata={b"\xff": b"\xfe"}) for name in FLOW]
    export = build(tmp_path, {"a": written(log().cast(pa.schema(fields)))})
    (source,) = read(export).values()
    assert source["parsed"] == ROWS


def damage(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(damaged))
        what = chance.randrange(4)
        if what == 0:
            damaged[place] = chance.randrange(256)
        elif what == 1:
            damaged[place] ^= 1 << chance.randrange(8)
        elif what == 2:
            del damaged[place : place + chance.randint(1, 20)]
        else:
            damaged[place:place] = chance.randbytes(chance.randint(1, 9))
    return bytes(damaged)


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
def test_damaged_logs(compression: str, tmp_path: Path) -> None:
    content, chance = written(log(), compression=compression), random.Random(7)
    for _ in range(60):
        build(tmp_path, {"a": damage(content, chance)})
        with suppress(UsageError):
            read(tmp_path)


def test_damaged_tables(capture: Path, tmp_path: Path) -> None:
    flowstitch.convert(capture / "inventory", out=tmp_path / "tables")
    files = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for path in (tmp_path / "tables").rglob("*.parquet")
    }
    chance = random.Random(7)
    for number in range(60):
        name = chance.choice(sorted(files))
        build(tmp_path, files | {name: damage(files[name], chance)})
        out = tmp_path / f"out{number}"
        assert call("run", tmp_path / "tables", "--out", out, "--quiet").exit_code in {0, 1, 2}
