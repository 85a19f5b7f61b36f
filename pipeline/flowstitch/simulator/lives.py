"""How long connections last, how they end, and how much they carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.simulator.cases import DENIED
from flowstitch.simulator.connections import CLOSED, DATAGRAMS, ICMP, ICMPV6, REFUSED, SILENT, TCP
from flowstitch.simulator.settings import SECOND

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints
    from flowstitch.simulator.wants import Draft

REFUSED_SHARE, SILENT_SHARE, LONG_SHARE = 0.02, 0.02, 0.03
BRIEF_US = 30 * SECOND


@dataclass(frozen=True)
class Timing:
    """Fates, round trips and ends in µs, and whether a connection is meant to last; arrays of shape (n,)."""

    fate: Ints
    rtt: Ints
    end: Ints
    long: Flags


def draw_timing(draft: Draft, random: np.random.Generator) -> Timing:
    """Fates, round trips and ends."""
    count = draft.case.shape[0]
    tcp = draft.protocol == TCP
    dice = random.random(count)
    of_lb = np.isin(draft.case, draft.case_of("lb-request", "lb-probe"))
    denied = np.isin(draft.case, draft.case_of(*DENIED))
    fate = np.where(
        ~tcp, DATAGRAMS,
        np.select([draft.pair < 0, of_lb, denied, dice < REFUSED_SHARE, dice < REFUSED_SHARE + SILENT_SHARE], [REFUSED, CLOSED, SILENT, REFUSED, SILENT], CLOSED),
    )  # fmt: skip
    rtt = np.clip(random.lognormal(6.5, 0.7, count), 80, 50_000).astype(np.int64)
    brief = np.clip(random.lognormal(11.0, 1.8, count), 2000, BRIEF_US).astype(np.int64)
    tenacious = (random.exponential(600, count) * SECOND).astype(np.int64) + 2 * BRIEF_US
    probe = (draft.case == draft.case_of("lb-probe")) | draft.wanted("probe")
    long = (dice > 1 - LONG_SHARE) & tcp & ~draft.recycled & ~probe & (fate == CLOSED)
    lasting = np.where(long, tenacious, np.where(probe, np.minimum(brief, SECOND // 4), brief))
    lasting = np.maximum(lasting, 6 * rtt)
    lasting = np.select([fate == REFUSED, fate == SILENT], [rtt, 7 * SECOND], lasting)
    dns = draft.server_port == 53
    lasting = np.where((fate == DATAGRAMS) & dns, rtt, lasting)
    return Timing(fate, rtt, draft.start + lasting, long)


def draw_sizes(draft: Draft, timing: Timing, random: np.random.Generator) -> tuple[Ints, Ints, Ints, Ints]:
    """Packets and IP bytes, both ways. A SYN has 60 bytes, another segment without payload 52; IPv6 has 20 more."""
    count = draft.case.shape[0]
    fate, extra = timing.fate, 20 * draft.family
    bare = draft.case == draft.case_of("lb-probe")
    turns = 1 + np.where(
        timing.long, (timing.end - draft.start) // (10 * SECOND), random.geometric(0.7, count) - 1
    )
    asked = np.where(bare, 0, np.clip(random.lognormal(5.8, 0.6, count), 80, 1300).astype(np.int64) * turns)
    told = np.where(
        bare, 0, np.clip(random.lognormal(7.5, 1.6, count), 40, 2_000_000).astype(np.int64) * turns
    )
    segments = -(-told // 1400)
    packets = np.where(bare, 4, 4 + turns + (segments + 1) // 2)
    back = np.where(bare, 2, 3 + segments)
    octets = 60 + 52 * (packets - 1) + asked
    octets_back = 60 + 52 * (back - 1) + told
    echo = (draft.protocol == ICMP) | (draft.protocol == ICMPV6)
    size = np.where(echo, 84, 28 + np.clip(asked // turns, 20, 500))
    answer = np.where(echo, 84, 28 + np.clip(told // turns, 20, 1400))
    datagrams = np.where(timing.end - draft.start > timing.rtt, turns, 1)
    once = np.ones(count, np.int64)
    choices = [fate == REFUSED, fate == SILENT, fate == DATAGRAMS]
    packets = np.select(choices, [once, once, datagrams], packets)
    octets = np.select(choices, [60 * once, 60 * once, datagrams * size], octets)
    back = np.select(choices, [once, 0 * once, datagrams], back)
    octets_back = np.select(choices, [40 * once, 0 * once, datagrams * answer], octets_back)
    return packets, octets + extra * packets, back, octets_back + extra * back
