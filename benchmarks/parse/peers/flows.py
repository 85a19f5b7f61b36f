"""Flow logs by the readers of each engine; addresses stay text, which spares them the work."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.json

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


def pyarrow_csv(path: Path) -> pa.Table:
    """PyArrow: typed columns, '-' is null; unpacks gzip itself."""
    table = pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(delimiter=" ", quote_char=False),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: _ARROW_TYPES[kind] for name, kind in AWS.items()},
            null_values=["-"], strings_can_be_null=True, include_columns=[name for name in AWS if name in WANTED],
        ),
    )  # fmt: skip
    return table.rename_columns([WANTED[name] for name in table.column_names])


def polars_csv(path: Path) -> pa.Table:
    """Polars: typed columns, '-' is null; unpacks gzip itself."""
    frame = pl.scan_csv(path, separator=" ", schema=AWS, null_values="-", quote_char=None)
    return (
        frame.select(pl.col(name).alias(WANTED[name]) for name in AWS if name in WANTED).collect().to_arrow()
    )


def duckdb_csv(path: Path) -> pa.Table:
    """DuckDB: typed columns, '-' is null; unpacks gzip itself."""
    columns = {name: _SQL_TYPES[kind] for name, kind in AWS.items()}
    wanted = ", ".join(f'"{name}" as "{WANTED[name]}"' for name in AWS if name in WANTED)
    compression = "gzip" if path.suffix == ".gz" else "none"
    query = (
        f"select {wanted} from read_csv('{path}', delim = ' ', header = true, columns = {columns}, nullstr = '-', quote = '', escape = '', "
        f"auto_detect = false, compression = '{compression}')"
    )
    return duckdb.sql(query).to_arrow_table()


def flowlogs_reader(path: Path) -> pa.Table:
    """flowlogs-reader: an object a row."""
    from flowlogs_reader import FlowRecord  # noqa: PLC0415 - an extra of the benchmark alone

    rows = []
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        names = [name.replace("-", "_") for name in next(lines).split()]
        for line in lines:
            record = FlowRecord(dict(zip(names, line.split(), strict=True)))
            rows.append(
                (record.interface_id, record.srcaddr, record.dstaddr, record.srcport, record.dstport, record.protocol, record.packets,
                 record.bytes, int(record.start.timestamp()), int(record.end.timestamp()), record.action, record.log_status)
            )  # fmt: skip
    names = [WANTED[name] for name in AWS if name in WANTED]
    return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def _typed(table: pa.Table) -> pa.Table:
    frame = pl.DataFrame(pl.from_arrow(table))
    return frame.select(
        pl.col(name).cast(kind).alias(WANTED[name]) for name, kind in _JSON.items()
    ).to_arrow()


def pyarrow_json(path: Path) -> pa.Table:
    """PyArrow: the wanted keys as text, as they are written, then typed by polars."""
    schema = pa.schema([(name, pa.string()) for name in _JSON])
    options = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    read = pyarrow.json.ReadOptions(block_size=1 << 22)
    return _typed(pyarrow.json.read_json(path, read_options=read, parse_options=options))


def polars_json(path: Path) -> pa.Table:
    """Polars: the wanted keys as text, as they are written, then typed."""
    frame = pl.scan_ndjson(path, schema=dict.fromkeys(_JSON, pl.String))
    return (
        frame.select(pl.col(name).cast(kind).alias(WANTED[name]) for name, kind in _JSON.items())
        .collect()
        .to_arrow()
    )


def duckdb_json(path: Path) -> pa.Table:
    """DuckDB: typed columns from the text."""
    columns = {name: _SQL_TYPES[kind] for name, kind in _JSON.items()}
    wanted = ", ".join(f'"{name}" as "{WANTED[name]}"' for name in _JSON)
    return duckdb.sql(
        f"select {wanted} from read_json('{path}', format = 'newline_delimited', columns = {columns})"
    ).to_arrow_table()


PEERS = {
    "aws-text": {
        "pyarrow": pyarrow_csv,
        "polars": polars_csv,
        "duckdb": duckdb_csv,
        "flowlogs-reader": flowlogs_reader,
    },
    "alibaba-json": {"pyarrow": pyarrow_json, "polars": polars_json, "duckdb": duckdb_json},
}
