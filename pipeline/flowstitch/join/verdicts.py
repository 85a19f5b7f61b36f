"""What became of each path: outcome, where the return landed, counters, how sure all that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import field
from flowstitch.catalog.protocols import protocols_with
from flowstitch.join.chains import first_of_each
from flowstitch.join.coverage import answers_would_show, lacking_records
from flowstitch.kernels.group import group
from flowstitch.kernels.lifetimes import DESTROY, NEW, SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowstitch.arrays import Flags, Ints
    from flowstitch.join.endpoints import Endpoints
    from flowstitch.join.entries import Entries
    from flowstitch.join.legs import Legs
    from flowstitch.join.segments import Segments
    from flowstitch.join.stitched import Cluster, Stitched
    from flowstitch.normalize.columns import Pools


TCP = 6
# tcp_flags of a flow-log row.
FIN, SYN, RST = 1, 2, 4
# A start known to within this is the kernel's own stamp, not an estimate.
STAMPED = 5 * SECOND
# IPv4 header and the longest TCP options that a handshake carries (RFC 9293: SYN with MSS, SACK, timestamp and window
# scale is 60 bytes); IPv6 has 20 more. What needs no more per packet has no payload.
BARE_PACKET_BYTES = (60, 80)
# Handshake and teardown take no more each way (RFC 9293 3.5, 3.6); more packets can hide a payload in the sum.
PROBE_PACKETS = 6


@dataclass(frozen=True)
class Verdicts:
    """Arrays of shape (paths,); codes as in the table ``datapaths``.

    Attributes
    ----------
    outcome, lands_on, return_evidence, quality : enum codes, 0 is null: not known.
    candidates : lifetimes that fitted at the worst joint.
    counters : shape (paths, 4), packets and bytes forward, packets and bytes back, -1 if nobody counted.
    counted_by : name code of the node or ENI that counted.
    first, last : µs, by the common clock.
    payload : feature code, 1 none, 2 some, 3 never opened, 0 not known.
    local : bool, the path stays on one node.
    """

    outcome: Ints
    lands_on: Ints
    return_evidence: Ints
    quality: Ints
    candidates: Ints
    counters: Ints
    counted_by: Ints
    first: Ints
    last: Ints
    payload: Ints
    local: Flags


def judge(stitched: Stitched, ends: Endpoints, legs: Legs, shared: Ints, cluster: Cluster) -> Verdicts:
    """Verdicts on all paths.

    Parameters
    ----------
    shared : shape (flow rows,), how many paths each flow-log row belongs to.
    """
    entries, sides, segments, chains = stitched.entries, stitched.sides, stitched.segments, stitched.chains
    path = chains.path[sides.segment]
    lead = _Lead(entries, ends.lead)
    flags = logged_flags(stitched, legs)
    # what tells of the beginning alone knows of no answer
    by_entry = lead.led & (lead.told | ~legs.answered)
    shows = answers_would_show(stitched, ends, legs, by_entry, cluster)
    outcome = _outcomes(stitched, path, lead, ends, legs, flags, by_entry, shows)
    local = _stays_local(stitched, path, ends, legs)
    lands_on, evidence = _landing(outcome, lead, segments, ends, legs, local, cluster)
    counters, counted_by = _counters(stitched, shared, ends, legs, cluster.pools.names.ranks())
    candidates = np.ones(len(chains), np.int64)
    np.maximum.at(candidates, path, sides.candidates)
    ahead = np.where(lead.led, stitched.ahead[lead.node], 0)
    first = np.where(lead.led, lead.take(entries.start_hi) - ahead, segments.first[chains.root])
    last = np.where(lead.led, lead.take(entries.last) - ahead, segments.last[chains.root])
    last = np.maximum(first, last)
    whole = np.where(lead.led, shows, ~lacking_records(stitched, legs, cluster.coverage))
    payload = _payload(ends, lead, counters, flags, whole, cluster.pools)
    return Verdicts(
        outcome, lands_on, evidence, _quality(lead), candidates, counters, counted_by, first, last, payload, local
    )  # fmt: skip


class _Lead:
    """Facts of the lead's entry by path; neutral where no conntrack saw the path."""

    def __init__(self, entries: Entries, lead: Ints) -> None:
        self.led = lead >= 0
        self._lead = np.where(self.led, lead, 0)
        self._entries = entries
        self.replied = self.led & (self.take(entries.replied) == 1)
        self.assured = self.led & (self.take(entries.assured) == 1)
        self.node = self.take(entries.node)
        self.states = self.take(entries.states)
        self.state = self.take(entries.state)
        self.seen = self.take(entries.seen)
        self.start_width = self.take(entries.start_hi) - np.maximum(self.take(entries.start_lo), -(2**62))
        self.back = np.where(self.led, self.take(entries.counters[:, 2]), -1)

    def take(self, values: NDArray[np.generic]) -> Ints:
        """Values of the lead's entry, 0 where there is none."""
        if len(self._entries) == 0:
            return np.zeros(self.led.shape[0], np.int64)
        return np.where(self.led, values[self._lead].astype(np.int64), 0)

    def was(self, *states: str) -> Flags:
        """Whether the entry ever was in one of these states."""
        bits = sum(1 << field("state").code(state) for state in states)
        return (self.states & bits) != 0

    def is_in(self, *states: str) -> Flags:
        """Whether the entry's last state is one of these."""
        return np.isin(self.state, [field("state").code(state) for state in states])

    @property
    def told(self) -> Flags:
        """Whether the entry was seen behind its beginning, in a list or by an event."""
        return self.seen != 1 << NEW

    @property
    def destroyed(self) -> Flags:
        """Whether a DESTROY was seen."""
        return (self.seen & (1 << DESTROY)) != 0


def _outcomes(
    stitched: Stitched, path: Ints, lead: _Lead, ends: Endpoints, legs: Legs, flags: Ints, by_entry: Flags, shows: Flags
) -> Ints:  # fmt: skip
    """Codes of outcomes; that no answer came, or none reached the client, is said where one would have been seen."""
    code = field("outcome").code
    tcp = ends.protocol == TCP
    count = len(stitched.chains)
    elsewhere, refused = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    elsewhere[path[stitched.entries.replied[stitched.sides.entry]]] = True
    refused[stitched.chains.path[stitched.refused]] = True
    opened = lead.was("ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT") | lead.assured
    reset = tcp & ~opened & ~lead.was("SYN_RECV") & lead.is_in("CLOSE") & ((lead.back > 0) | (lead.back < 0))
    half_open = tcp & lead.replied & ~opened & lead.was("SYN_RECV")
    ended = lead.destroyed | lead.is_in("LAST_ACK", "TIME_WAIT", "CLOSE")
    with_entry = np.select(
        [reset, half_open & ended, lead.replied & ended, lead.replied | (lead.back > 0), refused, legs.rejected,
         elsewhere | legs.answered],
        [code("refused"), code("one_way"), code("closed"), code("established"), code("refused"), code("rejected"),
         code("one_way")],
        code("unanswered"),
    )  # fmt: skip
    reset_back = tcp & (flags[1] & RST > 0) & (flags[1] & SYN == 0)
    never_opened = tcp & (flags[0] == SYN) & (legs.role["return_in"] == 0)
    without = np.select(
        [refused | (legs.answered & reset_back), legs.answered & never_opened, legs.answered & (flags[1] & FIN > 0),
         legs.answered, legs.rejected],
        [code("refused"), code("one_way"), code("closed"), code("established"), code("rejected")],
        code("unanswered"),
    )  # fmt: skip
    outcome = np.where(by_entry, with_entry, without)
    absent = np.isin(outcome, [code("unanswered"), code("one_way")])
    return np.where(absent & ~shows, 0, outcome)


def logged_flags(stitched: Stitched, legs: Legs) -> Ints:
    """TCP flags that flow logs have of each path, or-ed; shape (2, paths), forward and back."""
    flags = np.zeros((2, len(stitched.chains)), np.int64)
    back = (~stitched.windows.forward).astype(np.int64)
    seen = stitched.flows["tcp_flags"][stitched.windows.row].clip(0).astype(np.int64)
    np.bitwise_or.at(flags, (back, legs.pair_path), seen)
    return flags


def _stays_local(stitched: Stitched, path: Ints, ends: Endpoints, legs: Legs) -> Flags:
    """Client and server on one node, or the node itself answered for a service; neither another node nor an ENI saw it."""
    service = ends.server.kind == field("server_kind").code("service")
    same = (ends.client.node > 0) & ((ends.client.node == ends.server.node) | service)
    away = np.zeros(len(stitched.chains), np.bool_)
    away[path[stitched.entries.node[stitched.sides.entry] != ends.client.node[path]]] = True
    away[legs.pair_path] = True
    return same & ~away


def _landing(
    outcome: Ints,
    lead: _Lead,
    segments: Segments,
    ends: Endpoints,
    legs: Legs,
    local: Flags,
    cluster: Cluster,
) -> tuple[Ints, Ints]:
    """Where the return landed, and whether that was observed.

    Silence is known for protocols whose refusals conntrack counts. A refused UDP datagram comes back as an ICMP error
    that leaves no mark in the entry (nf_conntrack_proto_icmp.c, RELATED): on one node it can only come back locally.
    """
    lands, evidence = field("return_lands_on"), field("return_evidence")
    lost = [field("outcome").code(name) for name in ("unanswered", "one_way", "rejected")]
    answered = ~np.isin(outcome, [0, *lost])
    away = np.isin(ends.client.kind, [field("client_kind").code(kind) for kind in ("lb", "outside")])
    observed = legs.role["return_in"]
    own = (lead.node == ends.client.node) | lead.assured | (ends.client.node == 0)
    near = np.where(lead.led, own, away | (observed > 0))
    by_error = _refused_by_error(outcome, lead) & (ends.client.node > 0) & (legs.role["return_in"] == 0)
    came_back = answered & near & ~by_error
    unseen_error = local & protocols_with("silent_errors")[ends.protocol] & ~answered
    at_client = segments.tuples.take(legs.client_segment)
    holder = cluster.owners.at(at_client.src, segments.first[legs.client_segment])
    held = cluster.enis.role[holder.eni]
    # a server of which nobody knows where it is may be on the client's node
    placed = (ends.server.node > 0) | (ends.server.kind == field("server_kind").code("outside"))
    on_node = (ends.client.node > 0) & placed
    code = np.select(
        [(came_back | unseen_error) & local, came_back & away, observed > 0, came_back & on_node],
        [lands.code("local"), lands.code("outside"), observed, held],
        0,
    )
    by_log = (observed > 0) & ~local & ~(came_back & away)
    return code, np.where(
        code == 0, 0, np.where(by_log, evidence.code("observed"), evidence.code("inferred"))
    )


def _refused_by_error(outcome: Ints, lead: _Lead) -> Flags:
    """Refused without a reset in the entry: by an ICMP error, which need not have reached the client."""
    return (outcome == field("outcome").code("refused")) & lead.led & (lead.back <= 0) & ~lead.is_in("CLOSE")


def _counters(
    stitched: Stitched, shared: Ints, ends: Endpoints, legs: Legs, ranks: Ints
) -> tuple[Ints, Ints]:
    """Counters of the observer nearest to the client: an entry of the path, else an ENI that no other path shares."""
    entries, sides, chains, windows = stitched.entries, stitched.sides, stitched.chains, stitched.windows
    count = len(chains)
    path, position = chains.path[sides.segment], chains.position[sides.segment]
    usable = np.flatnonzero((entries.counters[sides.entry, 0] >= 0) & ~sides.reply)
    entry = sides.entry[usable]
    far = (entry != ends.lead[path[usable]]).astype(np.int64)
    best = first_of_each(path[usable], count, far, position[usable], ranks[entries.node[entry]])
    counters, counted_by = np.full((count, 4), -1, np.int64), np.zeros(count, np.int64)
    by_entry = best >= 0
    counters[by_entry] = entries.counters[entry[best[by_entry]]]
    counted_by[by_entry] = entries.node[entry[best[by_entry]]]
    own = np.flatnonzero((shared[windows.row] == 1) & ~by_entry[legs.pair_path])
    if own.shape[0]:
        _count_by_eni(stitched, own, legs.pair_path, ranks, counters, counted_by)
    return counters, counted_by


def _count_by_eni(
    stitched: Stitched, own: Ints, pair_path: Ints, ranks: Ints, counters: Ints, counted_by: Ints
) -> None:
    flows, windows, chains = stitched.flows, stitched.windows, stitched.chains
    row, back = windows.row[own], ~windows.forward[own]
    eni = flows["eni"][row].astype(np.int64)
    path, position = pair_path[own], chains.position[windows.segment[own]]
    cases, heads = group(np.stack([path, position, eni], axis=1).astype(np.uint64))
    sums = np.zeros((heads.shape[0], 4), np.int64)
    for column, name in enumerate(("packets", "bytes")):
        np.add.at(sums, (cases, column + 2 * back.astype(np.int64)), flows[name][row].clip(0))
    logged = np.zeros((heads.shape[0], 2), np.bool_)
    logged[cases, back.astype(np.int64)] = True
    sums[~np.repeat(logged, 2, axis=1)] = -1
    inward = flows["direction"][row[heads]] == field("direction").code("in")
    toward = (inward != back[heads]).astype(np.int64)
    best = first_of_each(path[heads], len(chains), position[heads], toward, ranks[eni[heads]])
    found = best >= 0
    counters[found] = sums[best[found]]
    counted_by[found] = eni[heads[best[found]]]


def _quality(lead: _Lead) -> Ints:
    code = field("time_quality").code
    begun = np.select(
        [(lead.seen & (1 << NEW)) != 0, lead.start_width <= STAMPED],
        [code("events"), code("stamped")],
        code("inferred"),
    )
    ended = np.where(lead.destroyed, code("events"), code("inferred"))
    return np.where(lead.led, np.maximum(begun, ended), code("window"))


def _payload(ends: Endpoints, lead: _Lead, counters: Ints, flags: Ints, whole: Flags, pools: Pools) -> Ints:
    """Feature code: 1 none, 2 some, 3 the connection was never opened; 0 not known.

    Parameters
    ----------
    whole : shape (paths,), bool, nothing that was seen of the path is known to be incomplete.
    """
    v6 = pools.addresses.hi[ends.server.ip] != 0
    bare = np.where(v6, BARE_PACKET_BYTES[1], BARE_PACKET_BYTES[0])
    by_flags = ((flags[0] & ~SYN) != 0) & (flags[1] & SYN != 0)
    opened = (ends.protocol == TCP) & np.where(lead.led, lead.assured | lead.was("ESTABLISHED"), by_flags)
    unopened = (ends.protocol == TCP) & np.where(lead.led, ~opened, flags[0] == SYN)
    few = (counters[:, 0] <= PROBE_PACKETS) & (counters[:, 2] <= PROBE_PACKETS)
    empty = few & (counters[:, 1] <= bare * counters[:, 0]) & (counters[:, 3] <= bare * counters[:, 2])
    counted = opened & (counters[:, 0] >= 0)
    return np.select([unopened & whole, counted & ~empty, counted & whole], [3, 2, 1], 0)
