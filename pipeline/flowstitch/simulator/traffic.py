"""Who opens which connection when: drawn slice by slice, in the order of the starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.simulator.cases import case_numbers, cases
from flowstitch.simulator.connections import CLOSED, ICMP, ICMPV6, Connections
from flowstitch.simulator.lives import draw_sizes, draw_timing
from flowstitch.simulator.menu import Menu
from flowstitch.simulator.ports import ECHO, FIXED, LONG, MASQUERADE, OF_NODE, SHORT, Counters
from flowstitch.simulator.settings import SECOND
from flowstitch.simulator.wants import WANTS, Draft, likelihoods

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints
    from flowstitch.simulator.cluster import Cluster
    from flowstitch.simulator.settings import Settings

RANGES = {"short": SHORT, "long": LONG, "fixed": FIXED, "node": OF_NODE, "echo": ECHO}
# A program that binds its port comes again with this probability, after a time whose logarithm is evenly spread: while the
# entry is in TIME_WAIT (120 s) or when it is gone.
AGAIN, MAX_REUSES = 0.8, 3
SOONEST_US, A_MINUTE_US, LATEST_US = SECOND // 20, 60 * SECOND, 600 * SECOND
# How many connections follow within a minute of one that comes again.
FOLLOWERS = sum(AGAIN**turn for turn in range(1, MAX_REUSES + 1)) * (
    np.log(A_MINUTE_US / SOONEST_US) / np.log(LATEST_US / SOONEST_US)
)


class Traffic:
    """Draws connections; who asks for slices in order gets the same ones for a seed."""

    def __init__(self, settings: Settings, cluster: Cluster) -> None:
        self._settings, self._cluster = settings, cluster
        self._cases = case_numbers(settings.proxy)
        self._balanced = (self._cases["vip-local"], self._cases["vip-remote"])
        hosts = cluster.hosts.node.shape[0]
        self._ports = {name: Counters(hosts, ports) for name, ports in RANGES.items()}
        self._chosen = Counters(len(cluster.nodes), MASQUERADE)
        self._drawn = self._numbered = 0
        self._menu = Menu(cluster)

    def draw(self, count: int, begin: int, end: int) -> Connections:
        """About so many connections that start from ``begin`` until before ``end``, µs, ordered by their start.

        Those that come again on the same ports may start later, up to the end of the simulation.
        """
        random = np.random.default_rng([self._settings.seed, 1, self._drawn, count])
        names = list(WANTS)
        wants = random.choice(len(names), count, p=likelihoods(self._menu))
        start = np.sort(random.integers(begin, end, count))
        family = random.choice(np.array(self._settings.families), count)
        draft = Draft(self._cluster, self._menu, self._settings, random, wants, start, family)
        for number, name in enumerate(names):
            rows = np.flatnonzero(wants == number)
            if rows.shape[0]:
                draft.settle(name, rows)
        draft.wait()
        connections = self._finish(draft, random)
        self._drawn += 1
        return connections

    def _finish(self, draft: Draft, random: np.random.Generator) -> Connections:
        """Ports, times and sizes, and what comes again on the same ports."""
        count = draft.case.shape[0]
        echo = (draft.protocol == ICMP) | (draft.protocol == ICMPV6)
        timing = draw_timing(draft, random)
        port = np.empty(count, np.int64)
        fixed = self._returning(draft.repeatable & (timing.fate == CLOSED), random)
        # of a hairpin the node keeps the port, which must be none of its own
        bound = fixed | (draft.case == draft.case_of("hairpin"))
        kinds = np.select(
            [echo, draft.of_nodes, bound, timing.long], ["echo", "node", "fixed", "long"], "short"
        )
        for kind, counters in self._ports.items():
            rows = np.flatnonzero(kinds == kind)
            port[rows] = counters.take(draft.client[rows])
        dialled_port = np.where(echo, port, draft.dialled_port)
        server_port = np.where(echo, port, draft.server_port)
        data = draw_sizes(draft, timing, random)
        first = Connections(
            number=np.zeros(count, np.int64), case=draft.case, family=draft.family, protocol=draft.protocol, fate=timing.fate,
            client=draft.client, server=draft.server, dialled=draft.dialled, client_port=port, dialled_port=dialled_port,
            server_port=server_port, entered=draft.entered, chosen_port=np.zeros(count, np.int64), service=draft.service, pair=draft.pair,
            start=draft.start, rtt=timing.rtt, end=timing.end, packets=data[0], octets=data[1], packets_back=data[2],
            octets_back=data[3], reused=fixed, replaced_at=np.zeros(count, np.int64), replaced_there=np.zeros(count, np.int64),
        )  # fmt: skip
        connections = self._with_reuses(first, random)
        connections.number[:] = np.arange(len(connections)) + self._numbered
        self._numbered += len(connections)
        self._choose_ports(connections)
        return connections

    def _returning(self, fitting: Flags, random: np.random.Generator) -> Flags:
        """Which of the connections that can come again do, so that the share asked for follows on another."""
        share = self._settings.port_reuse
        followers = share / (1 - share) * fitting.shape[0]
        chosen = followers / FOLLOWERS / max(1, np.count_nonzero(fitting))
        return fitting & (random.random(fitting.shape[0]) < chosen)

    def _with_reuses(self, first: Connections, random: np.random.Generator) -> Connections:
        """The connections and those that follow on the same ports, ordered by their start."""
        parts, current = [first], np.flatnonzero(first.reused)
        latest = first.take(current)
        for _ in range(MAX_REUSES):
            gap = SOONEST_US * (LATEST_US / SOONEST_US) ** random.random(len(latest))
            starts = latest.end + gap.astype(np.int64)
            chosen = np.flatnonzero((starts < self._settings.until) & (random.random(len(latest)) < AGAIN))
            if not chosen.shape[0]:
                break
            again = self._again(latest.take(chosen), starts[chosen], random)
            same = again.server == latest.server[chosen]
            parts[-1].replaced_at[current[chosen]] = again.start
            parts[-1].replaced_there[current[chosen]] = np.where(same, again.start, 0)
            latest = again
            parts.append(latest)
            current = np.arange(len(latest))
        everything = Connections.concat(parts)
        return everything.take(np.argsort(everything.start, kind="stable"))

    def _again(self, before: Connections, start: Ints, random: np.random.Generator) -> Connections:
        """The same five-tuples once more; what dialled a service may be sent to another of its backends."""
        again = before.take(np.arange(len(before)))
        again.start, again.end = start, start + (before.end - before.start)
        again.replaced_at, again.replaced_there, again.pair = (np.zeros_like(start) for _ in range(3))
        balanced = np.flatnonzero(np.isin(again.case, self._balanced))
        server = self._menu.backend(random, again.service[balanced])
        # one that would meet itself, or a backend that is replaced, stays where it was
        moves = (server != again.client[balanced]) & ~self._cluster.hosts.recycled[server]
        balanced, server = balanced[moves], server[moves]
        again.server[balanced] = server
        node = self._cluster.hosts.node
        near = node[again.client[balanced]] == node[server]
        again.case[balanced] = np.where(near, *self._balanced)
        return again

    def _choose_ports(self, connections: Connections) -> None:
        """Ports of whatever the client's node or the entered one masquerades."""
        masked = np.zeros(len(self._cases), np.int64)
        for number, case in enumerate(cases(self._settings.proxy)):
            sources = {source for source, _ in case.segments}
            masked[number] = 1 if "node" in sources else 2 if "entered" in sources else 0
        kind = masked[connections.case]
        rows = np.flatnonzero(kind > 0)
        node = np.where(kind == 1, self._cluster.hosts.node[connections.client], connections.entered)
        connections.chosen_port[rows] = self._chosen.take(node[rows])
