"""conntrack rows to entries: one per (node, zone, tuples, lifetime)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from flowstitch.catalog import field, load_toml
from flowstitch.catalog.protocols import protocols_with
from flowstitch.join.buckets import hashes_of
from flowstitch.join.instants import SAMPLED, join_lateness, late_samples
from flowstitch.join.keys import Tuples, empty_tuples
from flowstitch.join.rows import BucketArrays
from flowstitch.kernels.group import free_slots
from flowstitch.kernels.keys import NEVER, number_cases, number_tuples, read_tuples, scope_tuples
from flowstitch.kernels.lifetimes import UNKNOWN, row_instants, split_lifetimes, summarize_entries
from flowstitch.kernels.runs import by_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowstitch.arrays import Columns, Flags, Ints, Narrow, Words
    from flowstitch.ingest.model import NodeFacts
    from flowstitch.join.buckets import Workers
    from flowstitch.join.rows import BucketRows
    from flowstitch.normalize.columns import Pools
    from flowstitch.normalize.scratch import Scratch


@dataclass(frozen=True)
class Entries:
    """conntrack entries over their lifetimes; arrays of shape (entries,) unless said.

    Attributes
    ----------
    row_entry : shape (rows,), entry of each conntrack row.
    node : uint32, name code. zone : int32, conntrack zone.
    orig, reply : the tuples; ``reply`` is turned round, so that both go from client to server.
    start_lo, start_hi : bounds of the start in µs, equal where a NEW was seen.
    last : last packet in µs. surely : a packet came then or later, µs. held : until when conntrack kept the entry, the DESTROY or what its timeout allowed, in µs.
    state : uint8, last state, an enum code. states : int32, states seen as bits.
    replied, assured, translated : bool.
    seen : uint8, kinds of row as bits (1 << event).
    counters : shape (entries, 4), packets and bytes forward, packets and bytes back; -1 if not counted.
    """

    row_entry: Ints
    node: Narrow
    zone: Narrow
    orig: Tuples
    reply: Tuples
    start_lo: Ints
    start_hi: Ints
    last: Ints
    surely: Ints
    held: Ints
    state: Narrow
    states: Narrow
    replied: Flags
    assured: Flags
    translated: Flags
    seen: Narrow
    counters: Ints

    def __len__(self) -> int:
        return self.node.shape[0]


# Fields of which each entry has a row.
EACH_ENTRY = tuple(item.name for item in fields(Entries) if item.name != "row_entry")


@dataclass(frozen=True)
class Events:
    """From when to when each node told of events.

    Attributes
    ----------
    begin, end : by name code of a node, time of its first and last event in µs; without events the first is later than the last.
    """

    begin: Ints
    end: Ints


@dataclass(frozen=True)
class BucketEntries:
    """Entries by the bucket of their original wire key; they are numbered in the order of buckets.

    Attributes
    ----------
    parts : of each bucket; ``row_entry`` is of its rows, and numbers its entries from 0.
    begins : shape (buckets + 1,), how many entries the buckets before each have.
    nodes : name codes of the nodes that have any, ascending.
    """

    parts: BucketArrays[Entries]
    begins: Ints
    nodes: Ints
    events: Events

    def __len__(self) -> int:
        return int(self.begins[-1])


def row_hashes(rows: Columns, local: Flags) -> Words:
    """Hash of the original wire key of conntrack rows, see ``hashes_of``.

    Parameters
    ----------
    rows : columns of the table ``conntrack``.
    local : by address number, bool, addresses that never are a source on a wire (services, loopback, link-local).
    """
    names = ("protocol_number", "orig_src_ip", "orig_src_port", "orig_dst_ip", "orig_dst_port")
    scope = np.empty(rows["node"].shape[0], np.int32)
    scope_tuples(rows["node"], rows["orig_src_ip"], rows["orig_dst_ip"], local, scope)
    return hashes_of([rows[name] for name in names], scope)


def build_entries(
    rows: BucketRows, facts: Mapping[str, NodeFacts], local: Flags, pools: Pools, scratch: Scratch, workers: Workers
) -> BucketEntries:  # fmt: skip
    """Entries of all conntrack rows.

    Parameters
    ----------
    rows : of the table ``conntrack``, by ``row_hashes``.
    facts : what is known of each node, for its timeouts.
    local : see ``row_hashes``.
    """
    names = len(pools.names)
    numbers: BucketArrays[_Numbers] = BucketArrays(rows.buckets, scratch)
    keyed = workers.map(
        lambda bucket: _key_rows(rows.of(bucket, USED), lambda found: numbers.put(bucket, found)),
        rows.buckets,
    )
    timeouts = _timeouts_of([part.cases for part in keyed], facts, pools)
    late = join_lateness(
        workers.map(
            lambda bucket, full: late_samples(rows.of(bucket, SAMPLED), *numbers.of(bucket), full),
            rows.buckets, timeouts,
        ),
        names,
    )  # fmt: skip
    parts: BucketArrays[Entries] = BucketArrays(rows.buckets, scratch)

    def make(bucket: int, part: _Keyed, full: Ints) -> int:
        found = _entries_of(rows.of(bucket, USED), numbers.pop(bucket), part.numbers, full, late, local)
        parts.put(bucket, found)
        return len(found)

    begins = np.append(0, np.cumsum(workers.map(make, rows.buckets, keyed, timeouts)))
    seen = np.unique(np.concatenate([part.cases["node"] for part in keyed]))
    return BucketEntries(parts, begins, seen, _join_events([part.cases for part in keyed], names))


# What entries are made of.
USED = (
    "node", "protocol_number", "orig_src_ip", "orig_src_port", "orig_dst_ip", "orig_dst_port",
    "reply_src_ip", "reply_src_port", "reply_dst_ip", "reply_dst_port", "icmp_id", "reply_icmp_id",
    "source", "zone", "event", "seen_at", "timeout_s", "state", "replied", "assured", "delta_time_s", "start_at", "conntrack_id",
    "orig_packets", "orig_bytes", "reply_packets", "reply_bytes",
)  # fmt: skip
# What decides the timeout of a row, and its column of time left.
_CASE = ("node", "protocol_number", "state", "assured")


# Of each row the number of its tuple on its node, and that of what decides its timeout.
_Numbers: TypeAlias = "tuple[Ints, Ints]"


@dataclass(frozen=True)
class _Keyed:
    """How many tuples of nodes a bucket has, and the cases of its timeouts, with the longest time left, the first event and the last."""

    numbers: int
    cases: Columns


def _key_rows(rows: Columns, keep: Callable[[_Numbers], None]) -> _Keyed:
    count = rows["node"].shape[0]
    number, case, first, longest, begun, ended = (np.empty(count, np.int64) for _ in range(6))
    numbers = number_tuples(
        rows["node"], rows["zone"], rows["protocol_number"],
        rows["orig_src_ip"], rows["orig_src_port"], rows["orig_dst_ip"], rows["orig_dst_port"],
        rows["reply_src_ip"], rows["reply_src_port"], rows["reply_dst_ip"], rows["reply_dst_port"],
        rows["icmp_id"], rows["reply_icmp_id"], protocols_with("echo"), np.empty((count, 4), np.uint64), free_slots(count), number,
    )  # fmt: skip
    found = number_cases(
        rows["node"], rows["protocol_number"], rows["state"], rows["assured"], rows["timeout_s"], rows["event"], rows["seen_at"],
        np.empty((count, 1), np.uint64), free_slots(count), first, longest, begun, ended, case,
    )  # fmt: skip
    keep((number, case))
    cases = {name: rows[name][first[:found]] for name in _CASE}
    cases |= {
        "timeout_s": longest[:found].copy(),
        "begun": begun[:found].copy(),
        "ended": ended[:found].copy(),
    }
    return _Keyed(numbers, cases)


def _timeouts_of(cases: Sequence[Columns], facts: Mapping[str, NodeFacts], pools: Pools) -> list[Ints]:
    """Timeouts of the cases of each bucket, in seconds; what the longest time left tells, it tells of all buckets."""
    every = {name: np.concatenate([part[name] for part in cases]) for name in (*_CASE, "timeout_s")}
    ends = np.cumsum([part["node"].shape[0] for part in cases])
    return np.split(full_timeouts(every, facts, pools), ends[:-1])


def _entries_of(
    rows: Columns, numbered: _Numbers, numbers: int, full_timeout: Ints, late: Ints, local: Flags
) -> Entries:
    """Entries of a bucket, given the timeout of each of its cases."""
    (number, case), count = numbered, rows["node"].shape[0]
    told = rows["event"], rows["seen_at"], rows["start_at"], rows["delta_time_s"], rows["source"]
    instants, entry, start_lo, start_hi, ends, opened = (np.empty(count, np.int64) for _ in range(6))
    row_instants(*told, late, instants)
    order, pointer = by_run(number, numbers, instants)
    found = split_lifetimes(
        order, pointer, *told, late, rows["conntrack_id"], entry, start_lo, start_hi, np.empty(count, np.uint64), ends, opened
    )  # fmt: skip
    start_lo, start_hi = start_lo[:found].copy(), start_hi[:found].copy()
    first = np.full(found, -1, np.int64)
    last, surely, held = (np.empty(found, np.int64) for _ in range(3))
    state, seen = (np.empty(found, np.uint8) for _ in range(2))
    states, counters = np.empty(found, np.int32), np.empty((found, 4), np.int64)
    replied, assured = (np.empty(found, np.bool_) for _ in range(2))
    summarize_entries(
        order, entry, *told, late, rows["state"], rows["replied"], rows["assured"], rows["timeout_s"], case, full_timeout,
        rows["orig_packets"], rows["orig_bytes"], rows["reply_packets"], rows["reply_bytes"],
        start_lo, start_hi, first, last, surely, held, state, states, replied, assured, seen, counters,
    )  # fmt: skip
    orig, reply, translated = _tuples(rows, first, local)
    return Entries(
        row_entry=entry, node=rows["node"][first], zone=rows["zone"][first], orig=orig, reply=reply,
        start_lo=start_lo, start_hi=start_hi, last=last, surely=surely, held=held,
        state=state, states=states, replied=replied, assured=assured, translated=translated,
        seen=seen, counters=counters,
    )  # fmt: skip


def _join_events(cases: Sequence[Columns], names: int) -> Events:
    events = Events(np.full(names, NEVER, np.int64), np.full(names, UNKNOWN, np.int64))
    for part in cases:
        np.minimum.at(events.begin, part["node"], part["begun"])
        np.maximum.at(events.end, part["node"], part["ended"])
    return events


def _tuples(rows: Columns, chosen: Ints, local: Flags) -> tuple[Tuples, Tuples, Flags]:
    """Original tuple and reply tuple of chosen rows, and where the two differ."""
    count = chosen.shape[0]
    orig, reply, translated = empty_tuples(count), empty_tuples(count), np.empty(count, np.bool_)
    read_tuples(
        chosen, rows["node"], rows["protocol_number"],
        rows["orig_src_ip"], rows["orig_src_port"], rows["orig_dst_ip"], rows["orig_dst_port"], rows["icmp_id"],
        rows["reply_src_ip"], rows["reply_src_port"], rows["reply_dst_ip"], rows["reply_dst_port"], rows["reply_icmp_id"],
        protocols_with("echo"), local, translated, *vars(orig).values(), *vars(reply).values(),
    )  # fmt: skip
    return orig, reply, translated


def full_timeouts(rows: Columns, facts: Mapping[str, NodeFacts], pools: Pools) -> Ints:
    """Timeout in seconds that the kernel gives each row's state, shape (rows,), -1 where not known.

    From the node's own sysctls where they are in the export, else the kernel's defaults
    (https://docs.kernel.org/networking/nf_conntrack-sysctl.html), both named in ``schemas/dialects/conntrack.toml``.
    """
    dialect = load_toml("dialects/conntrack")
    states = field("state").values
    protocol, state = rows["protocol_number"], rows["state"]
    out = np.full(protocol.shape[0], -1, np.int64)
    named = np.isin(protocol, [int(number) for number in dialect["timeouts"]])
    for node in np.unique(rows["node"]).tolist():
        mine = rows["node"] == node
        known = facts.get(pools.names.word(node) or "")
        sysctls = known.sysctls if known else {}
        others = mine & ~named
        out[others] = _seconds(sysctls, *dialect["other_timeout"], longest=rows["timeout_s"][others])
        for number, rules in dialect["timeouts"].items():
            of_protocol = mine & (protocol == int(number))
            if not of_protocol.any():
                continue
            for name, rule in rules.items():
                if name == "any":
                    chosen = of_protocol & (rows["assured"] != 1)
                elif name == "assured":
                    chosen = of_protocol & (rows["assured"] == 1)
                else:
                    chosen = of_protocol & (state == states.index(name) + 1)
                out[chosen] = _seconds(sysctls, *rule[:2], others=rule[2:], longest=rows["timeout_s"][chosen])
    return out


def _seconds(
    sysctls: Mapping[str, str], key: str, default: int, *, others: Sequence[int] = (), longest: Ints
) -> int:
    """A node's timeout: its sysctl, else what kube-proxy sets unless an entry has more left, else the kernel's default."""
    text = sysctls.get(key, "")
    # the kernel's own are 32-bit
    return (
        int(text)
        if text.isascii() and text.isdigit() and len(text) <= 10
        else _likeliest(default, others, longest)
    )


def _likeliest(default: int, others: Sequence[int], left: Ints) -> int:
    return next((other for other in others if left.max(initial=0) <= other), default)
