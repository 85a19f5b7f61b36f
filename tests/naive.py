"""Slow, obvious twins of the join's kernels: plain Python, one row at a time. They are the specification."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from naive_text import *  # noqa: F403 - the twins of the kernels that read text

UNKNOWN = None
LIST, NEW, UPDATE, DESTROY = 1, 2, 3, 4
SECOND = 1_000_000
SLACK = 1_500_000
SAME_ID_SLACK = 60 * SECOND
COLLECTED_WITHIN = 300 * SECOND


@dataclass
class Lifetime:
    """One entry's life as its rows tell it."""

    start_lo: int | None
    start_hi: int | None
    conntrack_id: int
    end: int | None = None
    rows: list[int] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return self.start_lo is not None and self.start_lo == self.start_hi


def interval_gap(a_lo: int | None, a_hi: int | None, b_lo: int | None, b_hi: int | None) -> int:
    """Distance of two intervals with open ends, 0 where they overlap."""
    gap = 0
    if a_lo is not None and b_hi is not None:
        gap = max(gap, a_lo - b_hi)
    if b_lo is not None and a_hi is not None:
        gap = max(gap, b_lo - a_hi)
    return gap


def split_lifetimes(rows: list[dict]) -> list[Lifetime]:
    """Lifetimes of rows with keys group, event, seen, id, lived, lo, hi, in the kernel's order of numbers."""
    lifetimes: list[Lifetime] = []
    for _, members in itertools.groupby(enumerate(rows), key=lambda item: item[1]["group"]):
        group = list(members)
        found: list[Lifetime] = []
        for number, row in group:
            if row["event"] == "list":
                continue
            life = None if row["event"] == "new" else _find_open(row, found)
            if life is None:
                exact = row["event"] == "new"
                lo, hi = (row["seen"], row["seen"]) if exact else (row["lo"], row["hi"])
                life = Lifetime(lo, row["seen"] if hi is None else hi, row["id"])
                found.append(life)
            life.rows.append(number)
            life.conntrack_id = life.conntrack_id or row["id"]
            if row["event"] == "destroy":
                life.end = row["seen"]
        for number, row in group:
            if row["event"] != "list":
                continue
            fitting = [(gap, life) for life in found if (gap := _list_gap(row, life)) is not None]
            if fitting:
                least = min(gap for gap, _ in fitting)
                best = None
                for gap, life in fitting:
                    if gap == least and (best is None or _surer(life, best)):
                        best = life
                assert best is not None
                _narrow(best, row)
            else:
                best = Lifetime(row["lo"], row["seen"] if row["hi"] is None else row["hi"], row["id"])
                found.append(best)
            best.rows.append(number)
            best.conntrack_id = best.conntrack_id or row["id"]
        lifetimes += found
    return lifetimes


def _surer(life: Lifetime, best: Lifetime) -> bool:
    """Whether the start of one is known and the other's is not; else the newer."""
    known, best_known = (item.start_lo == item.start_hi for item in (life, best))
    return known if known != best_known else _after(life.start_hi, best.start_hi)


def _after(left: int | None, right: int | None) -> bool:
    return left is not None and (right is None or left > right)


def _same_id(left: int, right: int) -> bool:
    return not left or not right or left == right


def _find_open(row: dict, found: list[Lifetime]) -> Lifetime | None:
    """The newest lifetime that the event fits best; an older one only if both ids are known."""
    fitting = []
    for life in reversed(found):
        by_id = life.conntrack_id and row["id"]
        miss = _event_miss(row, life)
        if (life is found[-1] or by_id) and miss is not None:
            fitting.append((miss, life))
    return min(fitting, key=lambda item: item[0])[1] if fitting else None


def _event_miss(row: dict, life: Lifetime) -> int | None:
    """How far a DESTROY is from the second in which the lifetime had its age; None if an event cannot be of it."""
    if life.end is not None or not _same_id(life.conntrack_id, row["id"]):
        return None
    if row["event"] == "destroy" and life.exact and row["lived"] is not None and row["seen"] is not None:
        late = row["seen"] - row["lived"] * SECOND - life.start_lo
        return max(0, -late, late - SECOND) if -SLACK <= late <= COLLECTED_WITHIN else None
    return 0


def _list_gap(row: dict, life: Lifetime) -> int | None:
    """How far the row's start and time are from the lifetime, None where the row cannot be of it."""
    gap = interval_gap(life.start_lo, life.start_hi, row["lo"], row["hi"])
    gap += interval_gap(row["seen"], row["seen"], life.start_lo, life.end)
    if life.conntrack_id and row["id"]:
        return gap if life.conntrack_id == row["id"] and gap <= SAME_ID_SLACK else None
    return gap if gap <= SLACK else None


def _narrow(life: Lifetime, row: dict) -> None:
    if life.exact:
        return
    if row["lo"] is not None and _after(row["lo"], life.start_lo):
        life.start_lo = row["lo"] if life.start_hi is None else min(row["lo"], life.start_hi)
    if row["hi"] is not None and life.start_hi is not None and row["hi"] < life.start_hi:
        life.start_hi = row["hi"] if life.start_lo is None else max(row["hi"], life.start_lo)


def summarize_entry(rows: list[dict], start: int | None) -> dict:
    """What the rows of one lifetime, by time, say together."""
    last = surely = start
    state, states, seen = 0, set(), set()
    replied = assured = False
    counters = held = None
    for row in rows:
        if row["event"] == "destroy":
            held = row["seen"]
        elif row["seen"] is not None:
            until = row["seen"] + (row["timeout"] or 0) * SECOND
            held = until if held is None else max(held, until)
        moment = _last_packet(row, start)
        if moment is not None:
            last = moment if last is None else max(last, moment)
            told = row["event"] != "destroy" or (start is not None and row["lived"] is not None)
            if told:
                surely = moment if surely is None else max(surely, moment)
        if row["state"]:
            state = row["state"]
            states.add(row["state"])
        replied |= row["replied"]
        assured |= row["assured"]
        seen.add(row["event"])
        counters = row["counters"] or counters
    return {
        "last": last, "state": state, "states": states, "seen": seen, "replied": replied, "assured": assured,
        "counters": counters, "held": held, "surely": surely,
    }  # fmt: skip


def _last_packet(row: dict, start: int | None) -> int | None:
    full, left = row["full"], row["timeout"]
    if row["event"] in {"new", "update"}:
        return row["seen"]
    if full is None or row["seen"] is None:
        return None
    if row["event"] == "list":
        moment = None if left is None else row["seen"] - (full - left) * SECOND
    elif start is not None and row["lived"] is not None:
        moment = start + (row["lived"] - full + (left or 0)) * SECOND
    else:
        moment = row["seen"] - (full - (left or 0)) * SECOND
    return None if moment is None else min(moment, row["seen"])


def best_alignments(
    left: list[tuple], right: list[tuple], near: int, far: int
) -> tuple[int, list[dict[int, int]]]:
    """Least cost of an order-preserving matching of two sequences of (lo, hi, last, held), and all matchings that have it."""
    alone = len(left) == len(right) == 1
    best: tuple[int, list[dict[int, int]]] = (near * (len(left) + len(right)), [{}])
    for size in range(min(len(left), len(right)) + 1):
        for chosen in itertools.combinations(range(len(left)), size):
            for others in itertools.combinations(range(len(right)), size):
                costs = [
                    match_cost(left[i], right[j], alone, near, far)
                    for i, j in zip(chosen, others, strict=True)
                ]
                if any(cost is None for cost in costs):
                    continue
                total = sum(costs) + near * (len(left) + len(right) - 2 * size)
                matching = dict(zip(chosen, others, strict=True))
                if total < best[0]:
                    best = total, [matching]
                elif total == best[0] and matching not in best[1]:
                    best[1].append(matching)
    return best


def match_cost(left: tuple, right: tuple, alone: bool, near: int, far: int) -> int | None:
    """Cost of two lifetimes being one, None where they cannot be."""
    gap = interval_gap(left[0], left[1], right[0], right[1])
    if gap > near and not (alone and gap <= far):
        return None
    for one, two in ((left, right), (right, left)):
        if max(one[2], one[2] if one[0] is None else one[0]) > two[3] + near:
            return None
    return min(gap, near)


def cover_window(
    row: dict, segments: list[tuple[int, int, int]], slack: int, linger: int
) -> tuple[set[int], bool]:
    """Segments, as (first, last, held), that a flow-log row covers; or those that it may be late for, and that it is."""
    start, end = row["start"] - slack, row["end"] + SECOND + slack
    covered = {number for number, (first, last, _) in enumerate(segments) if first <= end and last >= start}
    if covered:
        return covered, False
    before = [number for number, (first, _, _) in enumerate(segments) if first <= end]
    newest = before[-1:]
    kept = {
        number
        for number in newest
        if segments[number][0] <= row["end"] and row["start"] <= segments[number][2] + slack
    }
    if kept:
        return kept, True
    near = newest + (
        [before[-1] + 1]
        if before and before[-1] + 1 < len(segments)
        else []
        if before
        else [0]
        if segments
        else []
    )
    gaps = {
        n: (segments[n][0] - row["end"] if segments[n][0] > row["end"] else row["start"] - segments[n][1])
        for n in near
    }
    late = {number for number, gap in gaps.items() if gap <= linger and gap == min(gaps.values())}
    return (set() if row["opens"] else late), True


def apart(spans: list[tuple[int, int, int]], gap: int) -> list[list[int]]:
    """Spans of one key, (key, begin, end) each, put together where less than a gap is between them; by key and time."""
    groups: list[list[int]] = []
    for at in sorted(range(len(spans)), key=lambda at: (spans[at][0], spans[at][1], at)):
        key, begin, _ = spans[at]
        before = [other for group in groups for other in group if spans[other][0] == key]
        if before and begin <= max(spans[other][2] for other in before) + gap:
            groups[-1].append(at)
        else:
            groups.append([at])
    return [sorted(group) for group in groups]


def goes_forward(row: dict, client: int, client_port: int) -> bool:
    """Whether a flow-log row goes the way of a tuple whose source that is; between two ports of one address these tell."""
    if row["src"] == row["dst"]:
        return max(row["src_port"], 0) == client_port
    return row["src"] == client


def chains(edges: list[tuple[int, int]], segments: int) -> list[list[int]]:
    """Chains of segments over edges; an edge whose ends are taken is left out; circles are cut at their least segment."""
    follower: dict[int, int] = {}
    fed: set[int] = set()
    for source, target in edges:
        if source not in follower and target not in fed and source != target:
            follower[source] = target
            fed.add(target)
    found, done = [], set()
    roots = [segment for segment in range(segments) if segment not in fed]
    for root in [*roots, *range(segments)]:
        chain = []
        at: int | None = root
        while at is not None and at not in done:
            chain.append(at)
            done.add(at)
            at = follower.get(at)
        if chain:
            found.append(chain)
    return found


def find_owner(at: int, owned: list[tuple[int, int]]) -> int:
    """Place of the first ownership (from, to) that holds, -1 without any, -2 where none holds."""
    if not owned:
        return -1
    return next((place for place, (begin, end) in enumerate(owned) if begin <= at < end), -2)


def find_carriers(
    attempt: tuple[int, int, int], connections: list[dict], spans: dict[int, list[tuple[int, int]]]
) -> list[int]:
    """Paths that could have carried an attempt (backend, since, until), those that began last first.

    Connections have backend, path, first and last, and stand in order of backend and first; ``spans`` of a path are when it
    had packets, as far as that is known.
    """
    backend, since, until = attempt
    open_then = [
        item
        for item in reversed(connections)
        if item["backend"] == backend and item["first"] <= until and item["last"] >= since
    ]
    busy = [
        item
        for item in open_then
        if item["path"] not in spans
        or any(first <= until and last >= since for first, last in spans[item["path"]])
    ]
    return [item["path"] for item in busy or open_then]


def wire_hash(row: tuple[int, int, int, int, int, int], ported: set[int]) -> int:
    """Hash of (protocol, source, its port, destination, its port, scope): the ends in any order."""
    protocol, src, src_port, dst, dst_port, scope = row
    number = max(protocol, 0)
    ports = (max(src_port, 0), max(dst_port, 0)) if number in ported else (0, 0)
    ends = sum(mix(ip << 16 | port) for ip, port in zip((src, dst), ports, strict=True)) & MASK  # noqa: F405
    return mix(ends ^ (scope << 24 | number))  # noqa: F405


def first_of_each(rows: list[tuple[int, ...]], count: int) -> list[int]:
    """Number of the row with the least ranks of each key, -1 where there is none; rows are a key and its ranks."""
    found = []
    for key in range(count):
        mine = [(ranks, number) for number, (own, *ranks) in enumerate(rows) if own == key]
        found.append(min(mine)[1] if mine else -1)
    return found


def place_rows(buckets: list[int], count: int) -> tuple[list[int], list[int]]:
    """Where each bucket begins, and where each row stands once rows are sorted by bucket."""
    order = sorted(range(len(buckets)), key=lambda row: buckets[row])
    begins = [sum(bucket < number for bucket in buckets) for number in range(count + 1)]
    return begins, [order.index(row) for row in range(len(buckets))]


def span_values(values: list[int], none: int, most: int) -> tuple[int, int, int]:
    """Least of the values, least of those that are not ``none``, and greatest."""
    known = [value for value in values if value != none]
    return min(values, default=most), min(known, default=most), max(values, default=none)


def narrow_values(values: list[int], none: int, below: int) -> list[int]:
    """What each value is above ``below``, 0 where it is ``none``."""
    return [0 if value == none else value - below for value in values]


def wire_key(row: tuple[int, ...], ported: set[int]) -> tuple:
    """Wire key of (protocol, source, its port, destination, its port, scope)."""
    protocol, src, src_port, dst, dst_port, scope = row
    ends = (src, src_port), (dst, dst_port)
    return protocol, scope, *sorted((ip, max(port, 0) if protocol in ported else 0) for ip, port in ends)


def entry_key(row: dict, echoes: set[int]) -> tuple:
    """What has to be equal for conntrack rows to be of one tuple on one node."""
    ends: list[object] = []
    for way in ("", "reply_"):
        ports = [row[f"{way}src_port"], row[f"{way}dst_port"]]
        if row["protocol"] in echoes:
            ports = [row[f"{way}echo_id"]] * 2
        ends += [row[f"{way}src"], row[f"{way}dst"], *(max(port, 0) for port in ports)]
    return row["node"], max(row["zone"], 0), row["protocol"], *ends


def read_side(entry: dict, rank: list[int], ahead: list[int]) -> list[int | None]:
    """Observer, hi, last, lo, surely and held of a side of an entry with times (lo, hi, surely, last, held), and how sure it is of who began."""
    number = rank[entry["node"]]
    lo, hi, surely, last, held = (None if at is None else at - ahead[number] for at in entry["times"])
    sure = 2 if NEW in entry["seen"] else int(entry["translated"])
    return [number << 16 | max(entry["zone"], 0), hi, last, lo, surely, held, sure]


def pair_starts(sides: list[tuple[int, int, int | None]]) -> list[list[int]]:
    """Two nodes and the difference of their starts for each key that two nodes saw, once each, of (key, node, start)."""
    found = []
    for key in sorted({side[0] for side in sides}):
        nodes = [side[1] for side in sides if side[0] == key]
        starts = {side[1]: side[2] for side in sides if side[0] == key}
        if len(nodes) == len(starts) == 2 and None not in starts.values():
            left, right = sorted(starts)
            found.append([left, right, starts[right] - starts[left]])
    return found


def summarize_segment(sides: list[tuple[int, ...]]) -> tuple[int, int, int, int, int, bool]:
    """Lead, first, end, until and since of a segment of (side, sure, lo, hi, last, held), and whether the lead saw the NEW."""
    lead, sure = min(sides, key=lambda side: (side[1] == 0, side[3], side[0]))[:2]
    first = min(side[3] for side in sides)
    end, until = (max(first, *(side[part] for side in sides)) for part in (4, 5))
    return lead, first, end, until, min(first, max(side[2] for side in sides)), sure == 2


def row_times(row: dict, late: int) -> tuple[int | None, int | None, int | None, int | None]:
    """Instant, earliest instant and bounds of the start of a row of (event, seen, start, lived)."""
    seen, start, lived = row["seen"], row["start"], row["lived"]
    instant = earliest = seen
    if row["event"] == LIST and start is not None and lived is not None:
        earliest = (start // SECOND + lived) * SECOND
        instant = earliest if seen is None else sorted([earliest, seen, earliest + 2 * SECOND])[1]
    elif row["event"] == LIST and seen is not None:
        instant = earliest = seen - late
    lows, highs = [], []
    if instant is not None and lived is not None:
        highs.append(instant - lived * SECOND)
        if row["event"] != DESTROY:
            lows.append(instant - (lived + 1) * SECOND)
    if start is not None:
        lows.append(start)
        highs.append(start + SECOND)
    hi = min(highs, default=None)
    lo = min(max(lows), hi) if lows else None
    return instant, earliest, lo, hi


def read_tuples(row: dict, echoes: set[int], local: set[int]) -> list[tuple[int, ...]]:
    """Protocol, source, its port, destination, its port and scope of a conntrack row's tuples, the reply turned round."""
    found = []
    for side, (source, target) in (("", ("src", "dst")), ("reply_", ("dst", "src"))):
        ends = [(row[side + end], row[f"{side}{end}_port"]) for end in (source, target)]
        if row["protocol"] in echoes:
            ends = [(address, row[f"{side}echo_id"]) for address, _ in ends]
        (src, src_port), (dst, dst_port) = ends
        stays = src in local or src == dst
        scope = row["node"] + 1 if stays else 0
        found.append((row["protocol"], src, max(src_port, 0), dst, max(dst_port, 0), scope))
    return found
