"""pandas: merges and group-bys, columns of the Arrow tables that it needs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.join.inputs import read_table
from benchmarks.join.question import ACK, ENDS, GAP, HELD, IN, LEGS, NEAR, OUT, SECOND, SLACK, SYN


def _endpoint(frame: pd.DataFrame, side: str) -> pd.Series:
    """Address and port as one number."""
    return frame[f"{side}_ip"].astype("int64") * 65536 + frame[f"{side}_port"]


def _with_wire(frame: pd.DataFrame, left: str, right: str) -> pd.DataFrame:
    return frame.assign(low=np.minimum(frame[left], frame[right]), high=np.maximum(frame[left], frame[right]))


def _lives(conntrack: str) -> pd.DataFrame:
    """Lifetimes of the wire of each entry's reply tuple; the segment before it, if any, is the translating entry's own."""
    ends = [
        f"{tuple_}_{end}_{part}"
        for tuple_ in ("orig", "reply")
        for end in ("src", "dst")
        for part in ("ip", "port")
    ]
    rows = read_table(conntrack).select([*ends, "start_at", "seen_at"]).to_pandas()
    frame = pd.DataFrame(
        {
            "source": _endpoint(rows, "reply_dst"),
            "server": _endpoint(rows, "reply_src"),
            "client": _endpoint(rows, "orig_src"),
            "dialled": _endpoint(rows, "orig_dst"),
            "first": rows["start_at"],
            "last": rows["seen_at"] - HELD,
        }
    )
    frame["translates"] = (frame["client"] != frame["source"]) | (frame["dialled"] != frame["server"])
    # what translates comes first in a group that starts at once, and is what `max` finds in any
    for name in ("client", "dialled"):
        frame[name] = frame[name].where(frame["translates"], -1)
    frame = frame.sort_values(["source", "server", "first"], ignore_index=True)
    wire = frame[["source", "server"]]
    opens = (wire != wire.shift()).any(axis=1) | (frame["first"].diff() > NEAR)
    lives = frame.groupby(opens.cumsum().rename("life"), sort=False).agg(
        source=("source", "first"), server=("server", "first"), client=("client", "max"), dialled=("dialled", "max"),
        first=("first", "min"), last=("last", "max"), segments=("translates", "max"), entries=("first", "size"),
    )  # fmt: skip
    for name, plain in (("client", "source"), ("dialled", "server")):
        lives[name] = lives[name].where(lives[name] >= 0, lives[plain])
    lives["segments"] = lives["segments"].astype("int64") + 1
    return _with_wire(lives.reset_index(), "source", "server")


def _legs(rows: pd.DataFrame) -> pd.DataFrame:
    """ENI, packets and bytes of each leg by life, of rows with ``forward``."""
    ways = {
        (forward == "forward", IN if direction == "in" else OUT): way
        for way in LEGS
        for forward, _, direction in [way.partition("_")]
    }
    sums = rows.groupby(["life", "forward", "direction"], sort=False).agg(
        eni=("eni", "max"), packets=("packets", "sum"), bytes=("bytes", "sum"), rows=("eni", "size")
    )
    wide = sums.unstack(["forward", "direction"], fill_value=0)
    out = {"rows": wide["rows"].sum(axis=1)}
    for way, name in ways.items():
        for part in ("eni", "packets", "bytes"):
            out[f"{name}_{part}"] = wide[part].get(way, 0)
    return pd.DataFrame(out, index=wide.index).reset_index()


def _lonely(rows: pd.DataFrame) -> pd.DataFrame:
    """Paths of rows that cover no segment."""
    rows = rows.sort_values(["low", "high", "window_start"], ignore_index=True)
    wire = rows[["low", "high"]]
    reach = rows.groupby(["low", "high"], sort=False)["window_end"].cummax().shift()
    opens = (wire != wire.shift()).any(axis=1) | (rows["window_start"] > reach + GAP)
    rows["life"] = opens.cumsum()
    begins = rows[rows["tcp_flags"] & (SYN | ACK) == SYN].drop_duplicates("life").set_index("life")
    rows["source"], rows["server"] = rows["life"].map(begins["src"]), rows["life"].map(begins["dst"])
    rows["forward"] = rows["src"] == rows["source"]
    lives = rows.groupby("life", sort=False).agg(
        source=("source", "first"),
        server=("server", "first"),
        first=("window_start", "min"),
        last=("window_end", "max"),
    )
    lives["last"] += SECOND
    lives = lives.assign(client=lives["source"], dialled=lives["server"], segments=1, entries=0).reset_index()
    return lives.merge(_legs(rows), on="life")


def join(conntrack: str, flows: str, names: int, addresses: int) -> pa.Table:  # noqa: ARG001 - numbers of the input
    """One row per path."""
    lives = _lives(conntrack)
    wanted = ["eni", "direction", "packets", "bytes", "window_start", "window_end", "tcp_flags"]
    ends = ["src_ip", "src_port", "dst_ip", "dst_port"]
    rows = read_table(flows).select([*wanted, *ends]).to_pandas()
    rows = _with_wire(
        rows.assign(src=_endpoint(rows, "src"), dst=_endpoint(rows, "dst")).drop(columns=ends), "src", "dst"
    )
    pairs = rows.reset_index().merge(
        lives[["low", "high", "life", "source", "first", "last"]], on=["low", "high"]
    )
    meets = (pairs["window_start"] - SLACK <= pairs["last"]) & (
        pairs["window_end"] + SECOND + SLACK >= pairs["first"]
    )
    covered = pairs[meets].assign(forward=lambda frame: frame["src"] == frame["source"])
    lonely = _lonely(rows.drop(index=covered["index"].unique()))
    paths = pd.concat([lives.merge(_legs(covered), on="life", how="left"), lonely], ignore_index=True)
    answer = {f"{end}_ip": paths[end] // 65536 for end in ENDS} | {
        f"{end}_port": paths[end] % 65536 for end in ENDS
    }
    sums = ["rows", *(f"{way}_{part}" for way in LEGS for part in ("eni", "packets", "bytes"))]
    counted = paths[sums].fillna(0).astype("int64")
    answer |= {name: paths[name] for name in ("first", "last", "segments", "entries")}
    return pa.table({name: column.to_numpy() for name, column in (answer | dict(counted.items())).items()})
