"""Flow logs by the readers of each engine; addresses become numbers, IPv4 alone as in the capture, in the way that is fastest in each."""

from __future__ import annotations

import gzip
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json

from benchmarks.common.model import Contender
from flowstitch.catalog.protocols import protocols_with

if TYPE_CHECKING:
    from collections.abc import Iterable

AWS = {
    "version": pl.UInt8, "account-id": pl.String, "interface-id": pl.String, "srcaddr": pl.String, "dstaddr": pl.String, "srcport": pl.UInt16,
    "dstport": pl.UInt16, "protocol": pl.UInt8, "packets": pl.Int64, "bytes": pl.Int64, "start": pl.Int64, "end": pl.Int64,
    "action": pl.String, "log-status": pl.String,
}  # fmt: skip
_SQL_TYPES = {pl.UInt8: "UTINYINT", pl.UInt16: "USMALLINT", pl.Int64: "BIGINT", pl.String: "VARCHAR"}
_ARROW_TYPES = {pl.UInt8: pa.uint8(), pl.UInt16: pa.uint16(), pl.Int64: pa.int64(), pl.String: pa.string()}
# key of the log: canonical column
WANTED = {
    "interface-id": "eni", "eni-id": "eni", "srcaddr": "src_ip", "dstaddr": "dst_ip", "srcport": "src_port", "dstport": "dst_port",
    "protocol": "protocol_number", "packets": "packets", "bytes": "bytes", "start": "start_s", "end": "end_s", "action": "action",
    "log-status": "log_status", "direction": "direction", "tcp-flags": "tcp_flags",
}  # fmt: skip
_JSON = {
    "eni-id": pl.String, "srcaddr": pl.String, "dstaddr": pl.String, "srcport": pl.UInt16, "dstport": pl.UInt16, "protocol": pl.UInt8,
    "packets": pl.Int64, "bytes": pl.Int64, "start": pl.Int64, "end": pl.Int64, "action": pl.String, "log-status": pl.String,
    "direction": pl.String, "tcp-flags": pl.UInt8,
}  # fmt: skip


ADDRESSES = ("srcaddr", "dstaddr")
_WEIGHTS = tuple(1 << shift for shift in (24, 16, 8, 0))


def _arrow_number(address: pa.ChunkedArray) -> pa.ChunkedArray:
    """PyArrow: each distinct address is taken apart once."""
    chunks = []
    for chunk in address.unify_dictionaries().chunks:
        octets = pc.split_pattern(chunk.dictionary, ".")
        parts = [
            pc.multiply(pc.cast(pc.list_element(octets, place), pa.uint32()), pa.scalar(weight, pa.uint32()))
            for place, weight in enumerate(_WEIGHTS)
        ]
        number = pc.add(pc.add(parts[0], parts[1]), pc.add(parts[2], parts[3]))
        chunks.append(pa.DictionaryArray.from_arrays(chunk.indices, number))
    return pa.chunked_array(chunks)


def _polars_number(address: pl.Expr) -> pl.Expr:
    octets = address.str.split_exact(".", 3).struct
    return pl.sum_horizontal(
        octets.field(f"field_{place}").cast(pl.UInt32) * weight for place, weight in enumerate(_WEIGHTS)
    )


def _sql_number(address: str) -> str:
    return " + ".join(
        f"split_part({address}, '.', {place})::UINTEGER * {weight}::UINTEGER"
        for place, weight in enumerate(_WEIGHTS, 1)
    )


def _sql_wanted(names: Iterable[str]) -> str:
    return ", ".join(
        f'{_sql_number(name) if name in ADDRESSES else chr(34) + name + chr(34)} as "{WANTED[name]}"'
        for name in names
        if name in WANTED
    )


def pyarrow_csv(path: str) -> pa.Table:
    """PyArrow: typed columns, '-' is null; addresses as a dictionary of numbers; unpacks gzip itself."""
    types = {name: _ARROW_TYPES[kind] for name, kind in AWS.items()}
    types |= dict.fromkeys(ADDRESSES, pa.dictionary(pa.int32(), pa.string()))
    table = pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(delimiter=" ", quote_char=False),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types, null_values=["-"], strings_can_be_null=True, include_columns=[name for name in AWS if name in WANTED],
        ),
    )  # fmt: skip
    return pa.table(
        {
            WANTED[name]: _arrow_number(table[name]) if name in ADDRESSES else table[name]
            for name in table.column_names
        }
    )


def polars_csv(path: str) -> pa.Table:
    """Polars: typed columns, '-' is null; unpacks gzip itself."""
    frame = pl.scan_csv(path, separator=" ", schema=AWS, null_values="-", quote_char=None)
    return _polars_wanted(frame, AWS).collect().to_arrow()


def _polars_wanted(frame: pl.LazyFrame, types: dict[str, type[pl.DataType]]) -> pl.LazyFrame:
    return frame.select(
        (_polars_number(pl.col(name)) if name in ADDRESSES else pl.col(name).cast(kind)).alias(WANTED[name])
        for name, kind in types.items()
        if name in WANTED
    )


def duckdb_csv(path: str) -> pa.Table:
    """DuckDB: typed columns, '-' is null; unpacks gzip itself."""
    columns = {name: _SQL_TYPES[kind] for name, kind in AWS.items()}
    compression = "gzip" if path.endswith(".gz") else "none"
    query = (
        f"select {_sql_wanted(AWS)} from read_csv('{path}', delim = ' ', header = true, columns = {columns}, nullstr = '-', quote = '', "
        f"escape = '', auto_detect = false, compression = '{compression}')"
    )
    with duckdb.connect() as session:
        return session.sql(query).to_arrow_table()


def flowlogs_reader(path: str) -> pa.Table:
    """flowlogs-reader: an object a row."""
    from flowlogs_reader import FlowRecord  # noqa: PLC0415 - an extra of the benchmark alone

    rows = []
    with gzip.open(path, "rt") if path.endswith(".gz") else Path(path).open() as lines:
        names = [name.replace("-", "_") for name in next(lines).split()]
        for line in lines:
            record = FlowRecord(dict(zip(names, line.split(), strict=True)))
            rows.append(
                (record.interface_id, int(IPv4Address(record.srcaddr)), int(IPv4Address(record.dstaddr)), record.srcport, record.dstport, record.protocol, record.packets,
                 record.bytes, int(record.start.timestamp()), int(record.end.timestamp()), record.action, record.log_status)
            )  # fmt: skip
    names = [WANTED[name] for name in AWS if name in WANTED]
    return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def pyarrow_json(path: str) -> pa.Table:
    """PyArrow: the wanted keys as text, as they are written, then typed by polars."""
    schema = pa.schema([(name, pa.string()) for name in _JSON])
    options = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    read = pyarrow.json.ReadOptions(block_size=1 << 22)
    table = pyarrow.json.read_json(path, read_options=read, parse_options=options)
    return _polars_wanted(pl.DataFrame(pl.from_arrow(table)).lazy(), _JSON).collect().to_arrow()


def polars_json(path: str) -> pa.Table:
    """Polars: the wanted keys as text, as they are written, then typed."""
    frame = pl.scan_ndjson(path, schema=dict.fromkeys(_JSON, pl.String))
    return _polars_wanted(frame, _JSON).collect().to_arrow()


def duckdb_json(path: str) -> pa.Table:
    """DuckDB: typed columns from the text."""
    columns = {name: _SQL_TYPES[kind] for name, kind in _JSON.items()}
    query = f"select {_sql_wanted(_JSON)} from read_json('{path}', format = 'newline_delimited', columns = {columns})"
    with duckdb.connect() as session:
        return session.sql(query).to_arrow_table()


def without_false_ports(table: pa.Table, path: str) -> pa.Table:  # noqa: ARG001 - of the input
    """A port that the protocol does not have is 0 in the log and null with us."""
    frame = pl.DataFrame(pl.from_arrow(table))
    portless = ~pl.Series(protocols_with("ports"))[frame["protocol_number"].fill_null(0)]
    ports = pl.col("src_port", "dst_port")
    return frame.with_columns(
        pl.when(pl.lit(portless) & (ports == 0)).then(None).otherwise(ports).name.keep()
    ).to_arrow()


def _contender(name: str, function: str, *needs: str) -> Contender:
    return Contender(name, f"{__name__}:{function}", f"{__name__}:without_false_ports", needs)


CONTENDERS = {
    "aws-text": [
        _contender("pyarrow", "pyarrow_csv", "pyarrow"),
        _contender("polars", "polars_csv", "polars"),
        _contender("duckdb", "duckdb_csv", "duckdb"),
        _contender("flowlogs-reader", "flowlogs_reader", "flowlogs_reader"),
    ],
    "alibaba-json": [
        _contender("pyarrow", "pyarrow_json", "pyarrow"),
        _contender("polars", "polars_json", "polars"),
        _contender("duckdb", "duckdb_json", "duckdb"),
    ],
}
COLUMNS_BY_FORMAT = {
    "aws-text": [WANTED[name] for name in AWS if name in WANTED],
    "alibaba-json": [WANTED[name] for name in _JSON if name in WANTED],
}
