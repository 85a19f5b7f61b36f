"""Contenders that do what a test needs."""

from __future__ import annotations

import time

import pyarrow as pa


def right(rows: int) -> pa.Table:
    return pa.table({"key": list(range(rows)), "value": [number * 3 for number in range(rows)]})


def right_in_other_order(rows: int) -> pa.Table:
    return pa.table(
        {
            "value": pa.array([number * 3 for number in reversed(range(rows))], pa.uint8()),
            "key": list(reversed(range(rows))),
        }
    )


def wrong_in_one_row(rows: int) -> pa.Table:
    return pa.table(
        {"key": list(range(rows)), "value": [number * 3 + (number == rows - 1) for number in range(rows)]}
    )


def failing(rows: int) -> pa.Table:
    raise ValueError(f"cannot do {rows} rows")


def slow(rows: int) -> pa.Table:
    time.sleep(60)
    return right(rows)


def large(rows: int) -> pa.Table:
    held = bytearray(1 << 30)
    for page in range(0, len(held), 4096):
        held[page] = 1
    time.sleep(60)
    return right(rows)
