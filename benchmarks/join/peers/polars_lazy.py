"""Polars: one lazy query over the Arrow tables, in memory or streaming."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from benchmarks.join.inputs import read_table
from benchmarks.join.question import ACK, ENDS, GAP, HELD, IN, LEGS, NEAR, OUT, SECOND, SLACK, SYN

ZEROS = [f"{way}_{name}" for way in LEGS for name in ("eni", "packets", "bytes")]


def _scan(path: str) -> pl.LazyFrame:
    """Rows of a table where they are, in the mapped file."""
    return pl.DataFrame(pl.from_arrow(read_table(path))).lazy()


def _endpoint(name: str, address: str, port: str) -> pl.Expr:
    """Address and port as one number."""
    return (pl.col(address).cast(pl.Int64) * 65536 + pl.col(port)).alias(name)


def _wire(left: str, right: str) -> tuple[pl.Expr, pl.Expr]:
    return pl.min_horizontal(left, right).alias("low"), pl.max_horizontal(left, right).alias("high")


def _number_runs(frame: pl.LazyFrame, wire: tuple[str, str], apart: pl.Expr) -> pl.LazyFrame:
    """Number in ``life`` the runs of rows that are sorted by wire, a new one where the wire changes or ``apart`` holds."""
    changes = [pl.col(name) != pl.col(name).shift() for name in wire]
    return frame.with_columns(
        pl.any_horizontal(*changes, apart).fill_null(value=True).cum_sum().alias("life")
    )


def _lives(conntrack: str) -> pl.LazyFrame:
    """Lifetimes of the wire of each entry's reply tuple; the segment before it, if any, is the translating entry's own."""
    translates = (pl.col("client") != pl.col("source")) | (pl.col("dialled") != pl.col("server"))
    entries = (
        _scan(conntrack)
        .select(
            _endpoint("client", "orig_src_ip", "orig_src_port"),
            _endpoint("dialled", "orig_dst_ip", "orig_dst_port"),
            _endpoint("source", "reply_dst_ip", "reply_dst_port"),
            _endpoint("server", "reply_src_ip", "reply_src_port"),
            pl.col("start_at").alias("first"),
            (pl.col("seen_at") - HELD).alias("last"),
        )
        .with_columns(translates.alias("translates"))
        .sort("source", "server", "first")
    )
    apart = pl.col("first") - pl.col("first").shift() > NEAR
    return (
        _number_runs(entries, ("source", "server"), apart)
        .with_columns(pl.when("translates").then(pl.col("client", "dialled")))
        .group_by("life")
        .agg(
            pl.col("source", "server").first(),
            pl.col("client", "dialled").max(),
            pl.col("first").min(),
            pl.col("last").max(),
            (1 + pl.col("translates").max().cast(pl.Int64)).alias("segments"),
            pl.len().alias("entries"),
        )
        .with_columns(
            pl.col("client").fill_null(pl.col("source")), pl.col("dialled").fill_null(pl.col("server"))
        )
        .with_columns(*_wire("source", "server"))
    )


def _sums() -> list[pl.Expr]:
    """ENI, packets and bytes of each leg, of rows with ``forward``."""
    out = []
    for way in LEGS:
        forward, _, direction = way.partition("_")
        goes = pl.col("forward") if forward == "forward" else ~pl.col("forward")
        chosen = goes & (pl.col("direction") == (IN if direction == "in" else OUT))
        out.append(pl.col("eni").filter(chosen).max().alias(f"{way}_eni"))
        out += [pl.col(name).filter(chosen).sum().alias(f"{way}_{name}") for name in ("packets", "bytes")]
    return [pl.len().alias("rows"), *out]


def _lonely(flows: pl.LazyFrame) -> pl.LazyFrame:
    """Paths of rows that cover no segment."""
    ordered = flows.sort("low", "high", "window_start")
    reach = pl.col("window_end").cum_max().over("low", "high").shift()
    runs = _number_runs(ordered, ("low", "high"), pl.col("window_start") > reach + GAP)
    begins = pl.col("tcp_flags") & (SYN | ACK) == SYN
    return (
        runs.with_columns(pl.col("src", "dst").filter(begins).first().over("life").name.suffix("_first"))
        .with_columns((pl.col("src") == pl.col("src_first")).alias("forward"))
        .group_by("life")
        .agg(
            pl.col("src_first").first().alias("source"),
            pl.col("dst_first").first().alias("server"),
            pl.col("window_start").min().alias("first"),
            (pl.col("window_end").max() + SECOND).alias("last"),
            *_sums(),
        )
        .with_columns(
            pl.col("source").alias("client"),
            pl.col("server").alias("dialled"),
            pl.lit(1, pl.Int64).alias("segments"),
            pl.lit(0, pl.UInt32).alias("entries"),
        )
    )


def join(conntrack: str, flows: str, names: int, addresses: int, engine: str) -> pa.Table:  # noqa: ARG001 - numbers of the input
    """One row per path."""
    lives = _lives(conntrack)
    rows = (
        _scan(flows)
        .select(
            "eni", "direction", "packets", "bytes", "window_start", "window_end", "tcp_flags",
            _endpoint("src", "src_ip", "src_port"), _endpoint("dst", "dst_ip", "dst_port"),
        )
        .with_columns(*_wire("src", "dst"))
        .with_row_index("row")
    )  # fmt: skip
    covered = rows.join(lives, on=["low", "high"]).filter(
        pl.col("window_start") - SLACK <= pl.col("last"),
        pl.col("window_end") + SECOND + SLACK >= pl.col("first"),
    )
    legs = (
        covered.with_columns((pl.col("src") == pl.col("source")).alias("forward"))
        .group_by("life")
        .agg(_sums())
    )
    lonely = _lonely(rows.join(covered.select("row"), on="row", how="anti"))
    paths = pl.concat([lives.join(legs, on="life", how="left"), lonely], how="diagonal_relaxed")
    answer = paths.select(
        *(pl.col(end).floordiv(65536).alias(f"{end}_ip") for end in ENDS),
        *((pl.col(end) % 65536).alias(f"{end}_port") for end in ENDS),
        "first", "last", "segments", "entries",
        pl.col("rows", *ZEROS).fill_null(0),
    )  # fmt: skip
    return answer.collect(engine=engine).to_arrow()
