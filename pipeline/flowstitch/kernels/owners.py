"""Who owned an address at a time."""

from __future__ import annotations

from flowstitch.kernels._jit import kernel


@kernel
def find_owners(address, at, pointer, valid_from, valid_to, out):
    """First ownership, in the order they stand, that held at the time.

    Parameters
    ----------
    address : shape (n,), int64, address numbers.
    at : shape (n,), int64, µs; the smallest int64 where unknown, which every open ownership holds.
    pointer : shape (addresses + 1,), int64, ownerships of address a stand at [pointer[a], pointer[a + 1]).
    valid_from, valid_to : shape (ownerships,), int64, µs, half-open; the extremes of int64 where open.
    out : shape (n,), int64, receives the ownership; -1 where the address never had an owner, -2 where it had one
        only at other times.
    """
    for row in range(address.shape[0]):
        begin, end = pointer[address[row]], pointer[address[row] + 1]
        out[row] = -1 if begin == end else -2
        for place in range(begin, end):
            if valid_from[place] <= at[row] < valid_to[place]:
                out[row] = place
                break
