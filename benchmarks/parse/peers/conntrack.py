"""Conntrack text by regular expression, the way users of each engine do it; it knows the lines of the capture, no others."""

from __future__ import annotations

import re

import duckdb
import polars as pl
import pyarrow as pa

from benchmarks.common.model import Contender

_TUPLE = (
    r"src=(?P<{0}_src_ip>\S+) dst=(?P<{0}_dst_ip>\S+)(?: sport=(?P<{0}_src_port>\d+) dport=(?P<{0}_dst_port>\d+)| type=\d+ code=\d+ id=\d+)?"
    r"(?: packets=(?P<{0}_packets>\d+) bytes=(?P<{0}_bytes>\d+))?"
)
_HEAD = r"^(?:\[(?P<stamp>[\d.]+)\]\s+\[(?P<event>\w+)\] )?\w+\s+\d+ \w+\s+(?P<protocol_number>\d+) (?:(?P<timeout_s>\d+) )?(?:(?P<state>[A-Z_]+\d?) )?"
_PATTERN = (
    _HEAD
    + _TUPLE.format("orig")
    + r"(?: \[UNREPLIED\])? "
    + _TUPLE.format("reply")
    + r".* id=(?P<conntrack_id>\d+)"
)
COLUMNS = {
    "protocol_number": pl.UInt8, "timeout_s": pl.Int64, "state": pl.String,
    "orig_src_ip": pl.String, "orig_dst_ip": pl.String, "orig_src_port": pl.UInt16, "orig_dst_port": pl.UInt16,
    "orig_packets": pl.Int64, "orig_bytes": pl.Int64,
    "reply_src_ip": pl.String, "reply_dst_ip": pl.String, "reply_src_port": pl.UInt16, "reply_dst_port": pl.UInt16,
    "reply_packets": pl.Int64, "reply_bytes": pl.Int64, "conntrack_id": pl.UInt64,
}  # fmt: skip
_SQL_TYPES = {pl.UInt8: "UTINYINT", pl.UInt16: "USMALLINT", pl.Int64: "BIGINT", pl.UInt64: "UBIGINT"}
_GROUPS = ["stamp", "event", "protocol_number", "timeout_s", "state"] + [
    f"{side}_{part}" for side in ("orig", "reply") for part in ("src_ip", "dst_ip", "src_port", "dst_port", "packets", "bytes")
] + ["conntrack_id"]  # fmt: skip


# What DuckDB takes: groups are named by a list.
SQL_PATTERN = re.sub(r"\?P<\w+>", "", _PATTERN)


def sql_rows(files: str, *more: str) -> str:
    """Query that reads conntrack text; it has the parameter ``pattern``, which is ``SQL_PATTERN``.

    Parameters
    ----------
    files : a file, or a glob. more : expressions over ``filename`` and the texts of the groups in ``m``.
    """
    columns = [
        f"nullif(m.{name}, '')::{_SQL_TYPES[kind]} as {name}"
        if kind in _SQL_TYPES
        else f"nullif(m.{name}, '') as {name}"
        for name, kind in COLUMNS.items()
    ]
    return f"""
        select {", ".join([*more, *columns])} from (
            select filename, regexp_extract(line, $pattern, {_GROUPS}) as m
            from read_csv(
                '{files}', columns = {{'line': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '', header = false, auto_detect = false,
                filename = true
            )
        )"""


def duckdb_regexp_extract(path: str) -> pa.Table:
    """DuckDB: one column of lines, ``regexp_extract`` with a list of names."""
    with duckdb.connect() as session:
        return session.sql(sql_rows(path), params={"pattern": SQL_PATTERN}).to_arrow_table()


def polars_extract_groups(path: str) -> pa.Table:
    """Polars: one column of lines, ``str.extract_groups``."""
    lines = pl.scan_csv(path, separator="\x01", has_header=False, new_columns=["line"], quote_char=None)
    groups = lines.select(pl.col("line").str.extract_groups(_PATTERN).alias("m")).unnest("m")
    return groups.select(pl.col(name).cast(kind) for name, kind in COLUMNS.items()).collect().to_arrow()


_CONTENDERS = [
    Contender("duckdb", f"{__name__}:duckdb_regexp_extract", needs=["duckdb"]),
    Contender("polars", f"{__name__}:polars_extract_groups", needs=["polars"]),
]
CONTENDERS = {"conntrack-list": _CONTENDERS, "conntrack-events": _CONTENDERS}
COLUMNS_BY_FORMAT = {name: list(COLUMNS) for name in CONTENDERS}
