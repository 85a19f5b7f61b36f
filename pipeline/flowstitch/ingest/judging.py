"""Which columns a row of a log must have, by its status and protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog.load import field as field_of
from flowstitch.catalog.protocols import protocols_with
from flowstitch.kernels.lookup import look_up

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Flags, Ints
    from flowstitch.ingest.logcolumns import Column

INTERFACE_ADDRESSES = "interface_addresses"
# A second of a window belongs to it whole, whatever fraction of it a log has.
_WINDOW = ("window_start", "window_end")
_SECOND = 1_000_000


def judge(
    plan: Sequence[Column],
    columns: Columns,
    given: Callable[[str], Flags] | None = None,
    filled: Container[str] = (),
) -> tuple[NDArray[np.int16], Flags]:
    """Null what rows of such a status or protocol do not have, and find the rows that do not have what they need.

    Parameters
    ----------
    plan : the columns of the dialect.
    columns : n rows, null where there is no value or none that fits; changed in place.
    given : the rows whose column of that name is there and not null, fitting or not; without, what is given fits.
    filled : columns that are known to have no null.

    Returns
    -------
    (number of the first column whose value does not fit, from 1, 0 where all fit; whether that value is missing), arrays of
    shape (n,).
    """
    rows = columns[plan[0].target.name].shape[0]
    fault = np.zeros(rows, np.int16)
    missing = np.zeros(rows, np.bool_)
    outside = _outside(columns)
    for number, column in enumerate(plan, 1):
        name = column.target.name
        values, without = columns[name], outside[column.needed]
        if name in _WINDOW and column.unit != "s":
            values[values != column.null] -= values[values != column.null] % _SECOND
        if without.shape[0]:
            values[without] = column.null
        asked = name not in filled and (column.needed != "never" or given is not None)
        if asked and _has_null(column, values, without):
            wrong = values == column.null
            wrong[without] = False
            said = np.zeros(rows, np.bool_) if given is None else given(name)
            wrong &= fault == 0
            wrong &= said if column.needed == "never" else True
            fault[wrong] = number
            missing |= wrong & ~said
        if name == "window_end":
            early = values < columns["window_start"]
            if early.any():
                fault[early & (fault == 0)] = number
    if INTERFACE_ADDRESSES in columns and outside["flow"].shape[0]:
        columns[INTERFACE_ADDRESSES][outside["flow"]] = -1
    return fault, missing


def count_lost(columns: Columns) -> int:
    """Rows that say that others are missing."""
    lost = field_of("log_status").code("SKIPDATA")
    return int(np.count_nonzero(columns["log_status"] == lost)) if "log_status" in columns else 0


def _has_null(column: Column, values: NDArray[np.generic], without: Ints) -> bool:
    """Whether there is a null in other rows than those, which have one."""
    if without.shape[0]:
        return int(np.count_nonzero(values == column.null)) > without.shape[0]
    # of each type null is the least value, which is found in the time that it takes to read them
    return values.shape[0] > 0 and bool(values.min() == column.null)


def _outside(columns: Columns) -> dict[str, Ints]:
    """For each word of ``needed`` the rows in which a column has no value at all."""
    none = np.zeros(0, np.int64)
    outside = {"row": none, "flow": none, "ports": none}
    if "log_status" in columns:
        outside["flow"] = _rows(columns["log_status"] != field_of("log_status").code("OK"))
    if "protocol_number" in columns:
        protocols = columns["protocol_number"]
        # null is -1, which finds the last one, the reserved 255
        lacking = np.empty(protocols.shape[0], np.bool_)
        look_up(~protocols_with("ports"), protocols, lacking)
        lacking[outside["flow"]] = True
        outside["ports"] = _rows(lacking)
    return outside | {"never": outside["flow"]}


def _rows(flags: Flags) -> Ints:
    return np.flatnonzero(flags) if flags.any() else np.zeros(0, np.int64)
