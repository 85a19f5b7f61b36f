"""ICMP errors in flow logs, told by their size: the refusals of packets that got no answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.join.keys import run_pointers
from flowstitch.join.windows import ICMP_ONE_WAY
from flowstitch.kernels.group import group

if TYPE_CHECKING:
    from flowstitch.arrays import Columns, Flags, Ints, Words
    from flowstitch.join.rows import BucketRows
    from flowstitch.join.segments import Segments
    from flowstitch.join.windows import Windows

# IP header and ICMP header before the quoted packet (RFC 792, RFC 4443 3.1); nodes quote as much of it as fits
# (RFC 1812 4.3.2.3), so a first packet whole.
QUOTE_OVERHEAD_BYTES = {1: 28, 58: 48}
# What is asked of flow-log rows here.
ASKED = ("eni", "src_ip", "dst_ip", "protocol_number", "window_end", "packets", "bytes")


def attribute_refusals(flows: BucketRows, windows: Windows, segments: Segments) -> tuple[Windows, Flags]:
    """Give ICMP errors to the connections that they refuse.

    A flow log has neither type nor quoted tuple of an ICMP packet. But if on one ENI in one window the errors from one
    host to another are as many as the unanswered packets the other way, and as many bytes longer as quoting them takes,
    they are those packets' refusals, each of them. If the numbers differ, nothing is concluded.

    Returns
    -------
    (windows with the errors on the segments they refuse, shape (segments,) bool: refused).
    """
    answered = np.zeros(len(segments), np.bool_)
    answered[windows.segment[~windows.forward]] = True
    asked = np.flatnonzero(~answered[windows.segment])
    errors = np.flatnonzero(windows.reason == ICMP_ONE_WAY)
    refused = np.zeros(len(segments), np.bool_)
    rows = windows.row[asked]
    question, answer = flows.take(rows, ASKED), flows.take(errors, ASKED)
    cases, heads = group(np.concatenate([_talk(question, turned=False), _talk(answer, turned=True)]))
    asked_case, error_case = cases[: rows.shape[0]], cases[rows.shape[0] :]
    alone = np.diff(windows.offsets)[rows] == 1
    overhead = np.zeros(256, np.int64)
    overhead[list(QUOTE_OVERHEAD_BYTES)] = list(QUOTE_OVERHEAD_BYTES.values())
    quoted = answer["bytes"] - answer["packets"] * overhead[answer["protocol_number"]]
    same = np.ones(heads.shape[0], np.bool_)
    for asked_count, error_count in (
        (question["packets"], answer["packets"]),
        (question["bytes"], quoted),
    ):
        same &= _sums(asked_case, asked_count, same) == _sums(error_case, error_count, same)
    shared = np.zeros(heads.shape[0], np.bool_)
    shared[asked_case[~alone]] = True
    fits = same & ~shared & (np.bincount(error_case, minlength=heads.shape[0]) > 0)
    refused[windows.segment[asked[fits[asked_case]]]] = True
    return _with_errors(windows, errors, error_case, asked, asked_case, fits), refused


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


def _with_errors(
    windows: Windows, errors: Ints, error_case: Ints, asked: Ints, asked_case: Ints, fits: Flags
) -> Windows:
    """Windows with a pair for each error row and each segment that it refuses."""
    order = np.argsort(asked_case, kind="stable")
    pointer = run_pointers(asked_case[order], fits.shape[0])
    chosen = np.flatnonzero(fits[error_case])
    begin, end = pointer[error_case[chosen]], pointer[error_case[chosen] + 1]
    counts = end - begin
    row = np.repeat(errors[chosen], counts)
    place = np.arange(row.shape[0]) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(begin, counts)
    segment = windows.segment[asked[order[place]]]
    rows, segments = np.concatenate([windows.row, row]), np.concatenate([windows.segment, segment])
    forward = np.concatenate([windows.forward, np.zeros(row.shape[0], np.bool_)])
    by_row = np.lexsort((segments, rows))
    reason = windows.reason.copy()
    reason[errors[chosen]] = 0
    offsets = run_pointers(rows[by_row], windows.reason.shape[0])
    return replace(
        windows,
        offsets=offsets,
        segment=segments[by_row],
        row=rows[by_row],
        forward=forward[by_row],
        reason=reason,
    )
