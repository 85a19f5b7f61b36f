"""Where the sources of an export were whole: only there is what they do not show absent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.kernels.lifetimes import DESTROY, LIST, SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowstitch.arrays import Flags, Ints
    from flowstitch.ingest.holdings import Holdings
    from flowstitch.join.endpoints import Endpoints
    from flowstitch.join.entries import Entries
    from flowstitch.join.legs import Legs
    from flowstitch.join.stitched import Cluster, Stitched
    from flowstitch.normalize.columns import Pools

# After that the first packet is sent again (RFC 6298 2.1): a stream that ends sooner did not wait for the answer.
ANSWER = SECOND
# conntrack looks for entries whose time is over once a minute at most (GC_SCAN_INTERVAL_MAX, nf_conntrack_core.c); twice
# that and no DESTROY means that it was lost, or that DESTROY was not asked for.
COLLECTED = 120 * SECOND


@dataclass(frozen=True)
class Coverage:
    """What sources were whole, by name code of their node or ENI.

    Attributes
    ----------
    lossy : bool, by node: its event stream says that events were lost, or was not read to its end.
    events_to : by node, its last event by its own clock, µs; without events the least number.
    log_from, log_to : by ENI, first and last moment of its flow log, µs; without one the first is later than the last.
    log_window : by ENI, how long before and after its span its flow log is known to have been written, µs.
    skipped : by ENI, start and end of the windows of which records are missing, µs, each in ascending order; without such, nothing.
    """

    lossy: Flags
    events_to: Ints
    log_from: Ints
    log_to: Ints
    log_window: Ints
    skipped: Mapping[int, tuple[Ints, Ints]]

    def logged(self, eni: Ints, first: Ints, last: Ints) -> Flags:
        """Whether the flow log of each ENI has all records of a time, µs by the flow log's clock; never of ENI 0, which is none."""
        window = self.log_window[eni]
        written = (self.log_from[eni] - window <= first) & (self.log_to[eni] + window >= last)
        whole: Flags = (eni > 0) & written & ~self.lacks(eni, first, last)
        return whole

    def lacks(self, eni: Ints, first: Ints, last: Ints) -> Flags:
        """Whether the flow log of each ENI says that records of a time are missing, µs."""
        lacking = np.zeros(eni.shape[0], np.bool_)
        for code, (starts, ends) in self.skipped.items():
            mine = np.flatnonzero(eni == code)
            begun = np.searchsorted(starts, last[mine], "left")
            lacking[mine] = begun > np.searchsorted(ends, first[mine], "right")
        return lacking

    def listened(self, entries: Entries, chosen: Ints) -> Flags:
        """Whether the events of a node go on behind each of the chosen entries' beginning, and none of them was lost."""
        node = entries.node[chosen]
        until = self.events_to[node]
        waited = until >= entries.start_hi[chosen] + ANSWER
        silent = until > entries.held[chosen] + COLLECTED
        heard: Flags = waited & ~silent & ~self.lossy[node]
        return heard


def coverage_of(held: Holdings, pools: Pools) -> Coverage:
    """Coverage of what an export holds; nodes and ENIs that no row names get their codes here."""
    nodes = {pools.names.code(name): node for name, node in held.nodes.items()}
    logs = {pools.names.code(name): log for name, log in held.logs.items()}
    count = len(pools.names)
    lossy, events_to = np.zeros(count, np.bool_), np.full(count, np.iinfo(np.int64).min)
    for code, node in nodes.items():
        lossy[code], events_to[code] = node.lossy, node.last
    log_from, log_to = np.full(count, np.iinfo(np.int64).max), np.full(count, np.iinfo(np.int64).min)
    log_window, skipped = np.zeros(count, np.int64), {}
    for code, log in logs.items():
        log_from[code], log_to[code], log_window[code] = log.first, log.last, log.window
        if log.skipped:
            starts, ends = np.concatenate(log.skipped, axis=1)
            skipped[code] = np.sort(starts), np.sort(ends)
    return Coverage(lossy, events_to, log_from, log_to, log_window, skipped)


def answers_would_show(
    stitched: Stitched, ends: Endpoints, legs: Legs, by_entry: Flags, cluster: Cluster
) -> Flags:
    """Whether an answer would have been seen, had there been one; shape (paths,).

    An entry that a list or its DESTROY tells of says so itself. One that only events tell of says so where none was lost.
    What flow logs alone tell is known where an answer has to cross: at the ENI that holds the address it goes to, which the
    VPC delivers it to, or where nobody in the cluster holds that, at all ENIs of the node that was reached.

    Parameters
    ----------
    by_entry : shape (paths,), bool, the first observer's entry says what came back, not flow logs.
    """
    shows = np.ones(by_entry.shape[0], np.bool_)
    entries, segments, coverage = stitched.entries, stitched.segments, cluster.coverage
    told = np.flatnonzero(by_entry)
    lead = ends.lead[told]
    silent = ~entries.replied[lead] & (entries.seen[lead] & (1 << LIST | 1 << DESTROY) == 0)
    shows[told[silent]] = coverage.listened(entries, lead[silent])
    logged = np.flatnonzero(~by_entry)
    root = stitched.chains.root[logged]
    first, last = segments.first[root], segments.last[root]
    target = segments.tuples.take(legs.client_segment[logged]).src
    shows[logged] = coverage.logged(cluster.owners.at(target, first).eni, first, last)
    unheld = np.flatnonzero(~shows[logged])
    reached = np.where(ends.server.node > 0, ends.server.node, ends.target_node)[logged[unheld]]
    shows[logged[unheld]] = _node_logged(reached, first[unheld], last[unheld], cluster)
    return shows


def _node_logged(node: Ints, first: Ints, last: Ints, cluster: Cluster) -> Flags:
    """Whether the flow logs of all ENIs of each node have all records of a time; never of node 0, which is none."""
    logged = node > 0
    for code in np.unique(node[logged]).tolist():
        mine = np.flatnonzero(node == code)
        enis = np.flatnonzero(cluster.enis.node == code)
        logged[mine] = enis.shape[0] > 0
        for eni in enis.tolist():
            logged[mine] &= cluster.coverage.logged(np.full(mine.shape[0], eni), first[mine], last[mine])
    return logged


def lacking_records(stitched: Stitched, legs: Legs, coverage: Coverage) -> Flags:
    """Whether the flow log of an ENI that each path crossed says that records of its time are missing; shape (paths,)."""
    chains, segments = stitched.chains, stitched.segments
    lacking = np.zeros(len(chains), np.bool_)
    if coverage.skipped:
        root = chains.root[legs.pair_path]
        eni = stitched.flows["eni"][stitched.windows.row]
        lacking[legs.pair_path[coverage.lacks(eni, segments.first[root], segments.last[root])]] = True
    return lacking
