"""ICMP errors in flow logs, told by their size: the refusals of packets that got no answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.join.identity import hash_columns
from flowstitch.join.keys import run_pointers
from flowstitch.join.windows import ICMP_ONE_WAY, Windows
from flowstitch.kernels.group import group
from flowstitch.normalize.columns import take_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowstitch.arrays import Columns, Flags, Ints, Words
    from flowstitch.join.rows import BucketArrays, BucketRows

# IP header and ICMP header before the quoted packet (RFC 792, RFC 4443 3.1); nodes quote as much of it as fits
# (RFC 1812 4.3.2.3), so a first packet whole.
QUOTE_OVERHEAD_BYTES = {1: 28, 58: 48}
# What is asked of flow-log rows here.
ASKED = ("eni", "src_ip", "dst_ip", "protocol_number", "window_end", "packets", "bytes")


def attribute_refusals(flows: BucketRows, windows: BucketArrays[Windows], segments: int) -> Flags:
    """Give ICMP errors to the connections that they refuse: ``windows`` gets a pair for each error and each segment of so many.

    A flow log has neither type nor quoted tuple of an ICMP packet. But if on one ENI in one window the errors from one
    host to another are as many as the unanswered packets the other way, and as many bytes longer as quoting them takes,
    they are those packets' refusals, each of them. If the numbers differ, nothing is concluded.

    Returns
    -------
    Shape (segments,), bool: refused.
    """
    refused = np.zeros(segments, np.bool_)
    errors = _collect(flows, windows, _errors)
    if not errors["row"].shape[0]:
        return refused
    talks = hash_columns(*_talk(errors, turned=True).T)
    asked = _collect(flows, windows, partial(_unanswered, talks=np.unique(talks)))
    cases, heads = group(np.concatenate([_talk(asked, turned=False), _talk(errors, turned=True)]))
    asked_case, error_case = np.split(cases, [asked["row"].shape[0]])
    overhead = np.zeros(256, np.int64)
    overhead[list(QUOTE_OVERHEAD_BYTES)] = list(QUOTE_OVERHEAD_BYTES.values())
    quoted = errors["bytes"] - errors["packets"] * overhead[errors["protocol_number"]]
    same = np.ones(heads.shape[0], np.bool_)
    for asked_count, error_count in (
        (asked["packets"], errors["packets"]),
        (asked["bytes"], quoted),
    ):
        same &= _sums(asked_case, asked_count, same) == _sums(error_case, error_count, same)
    shared = np.zeros(heads.shape[0], np.bool_)
    shared[asked_case[~asked["alone"]]] = True
    fits = same & ~shared & (np.bincount(error_case, minlength=heads.shape[0]) > 0)
    refused[asked["segment"][fits[asked_case]]] = True
    chosen = np.flatnonzero(fits[error_case])
    for bucket in np.unique(errors["bucket"][chosen]).tolist():
        mine = chosen[errors["bucket"][chosen] == bucket]
        more = _pairs(errors["row"][mine], error_case[mine], asked["segment"], asked_case, fits.shape[0])
        windows.put(bucket, _with_pairs(windows.of(bucket), *more))
    return refused


def _collect(
    flows: BucketRows, windows: BucketArrays[Windows], choose: Callable[[Columns, Windows], Columns]
) -> Columns:
    """What ``choose`` finds in the rows of each bucket, and which bucket it is."""
    found = []
    for bucket in flows.buckets:
        part = choose(flows.of(bucket, ASKED), windows.of(bucket))
        found.append(part | {"bucket": np.full(part["row"].shape[0], bucket, np.int64)})
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _errors(rows: Columns, windows: Windows) -> Columns:
    chosen = np.flatnonzero(windows.reason == ICMP_ONE_WAY)
    return take_columns(rows, chosen) | {"row": chosen}


def _unanswered(rows: Columns, windows: Windows, *, talks: Words) -> Columns:
    """Rows on segments that nothing answers, as far as one of these ``talks`` may be about them; a row for each such segment."""
    answered = np.unique(windows.segment[~windows.forward])
    pairs = np.flatnonzero(~np.isin(windows.segment, answered))
    row = windows.row[pairs]
    asked = take_columns(rows, row) | {
        "row": row, "segment": windows.segment[pairs], "alone": np.diff(windows.offsets)[row] == 1
    }  # fmt: skip
    return take_columns(asked, np.isin(hash_columns(*_talk(asked, turned=False).T), talks))


def _talk(flows: Columns, *, turned: bool) -> Words:
    """ENI, hosts and window of each row as words, shape (n, 3); the hosts turned round for answers."""
    ends = (flows[name].astype(np.uint64) for name in ("src_ip", "dst_ip"))
    source, target = reversed(list(ends)) if turned else ends
    hosts = source << np.uint64(32) | target
    return np.stack([flows["eni"].astype(np.uint64), hosts, flows["window_end"].astype(np.uint64)], axis=1)


def _sums(cases: Ints, counts: Ints, like: Flags) -> Ints:
    sums = np.zeros(like.shape[0], np.int64)
    np.add.at(sums, cases, counts)
    return sums


def _pairs(errors: Ints, error_case: Ints, segments: Ints, asked_case: Ints, cases: int) -> tuple[Ints, Ints]:
    """A pair of row and segment for each of the errors and each of the segments of its case."""
    order = np.argsort(asked_case, kind="stable")
    pointer = run_pointers(asked_case[order], cases)
    begin, end = pointer[error_case], pointer[error_case + 1]
    counts = end - begin
    row = np.repeat(errors, counts)
    place = np.arange(row.shape[0]) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(begin, counts)
    return row, segments[order[place]]


def _with_pairs(windows: Windows, row: Ints, segment: Ints) -> Windows:
    """Windows with more pairs, of rows that go against their segments."""
    rows, segments = np.concatenate([windows.row, row]), np.concatenate([windows.segment, segment])
    forward = np.concatenate([windows.forward, np.zeros(row.shape[0], np.bool_)])
    by_row = np.lexsort((segments, rows))
    reason = windows.reason.copy()
    reason[row] = 0
    offsets = run_pointers(rows[by_row], reason.shape[0])
    return Windows(offsets, segments[by_row], rows[by_row], forward[by_row], reason)
