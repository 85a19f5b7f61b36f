"""The data planes of a cluster: each node has one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from flowstitch.join.dataplane import load_dataplane

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowstitch.arrays import Flags, Ints
    from flowstitch.ingest.model import Inventory
    from flowstitch.join.dataplane import Dataplane
    from flowstitch.normalize.columns import Pools


@dataclass(frozen=True)
class Dataplanes:
    """Data planes of nodes; scenarios of all of them have numbers of one row, -1 is none.

    Attributes
    ----------
    run : that of nodes of which nothing tells another. by_node : those of the others.
    """

    run: Dataplane
    by_node: Mapping[str, Dataplane] = field(default_factory=dict)

    @cached_property
    def all(self) -> tuple[Dataplane, ...]:
        """Each once, that of the run first."""
        others = {plane.name: plane for plane in self.by_node.values() if plane.name != self.run.name}
        return (self.run, *(others[name] for name in sorted(others)))

    def of(self, node: str | None) -> Dataplane:
        """Data plane of a node."""
        return self.by_node.get(node or "", self.run)

    def numbers(self, pools: Pools) -> Ints:
        """Place in ``all`` of the data plane of each node, by name code."""
        places = {plane.name: place for place, plane in enumerate(self.all)}
        codes = pools.names.codes(self.by_node)
        numbers = np.zeros(len(pools.names), np.int64)
        numbers[codes] = [places[plane.name] for plane in self.by_node.values()]
        return numbers

    @cached_property
    def scenarios(self) -> list[Mapping[str, Any]]:
        """Scenarios of all, those of a data plane in their order."""
        return [raw for plane in self.all for raw in plane.scenarios]

    @cached_property
    def _lasts(self) -> Ints:
        """Number of the last scenario of each, which is 'unclassified'."""
        return np.cumsum([len(plane.scenarios) for plane in self.all]) - 1

    def classify(self, features: Mapping[str, Ints], place: Ints) -> Ints:
        """Scenario of each path in a data plane.

        Parameters
        ----------
        features : for each name of ``FEATURES`` its codes, shape (n,). place : of the data plane in ``all``, shape (n,).
        """
        if len(self.all) == 1:
            return self.run.classify(features)
        found = np.zeros(place.shape[0], np.int64)
        for number in np.unique(place).tolist():
            mine = np.flatnonzero(place == number)
            plane = self.all[number]
            chosen = plane.classify({name: codes[mine] for name, codes in features.items()})
            found[mine] = chosen + self._lasts[number] - len(plane.scenarios) + 1
        return found

    def unclassified(self, place: Ints) -> Ints:
        """Scenario 'unclassified' of data planes by their place in ``all``."""
        found: Ints = self._lasts[place]
        return found

    def expected(self, column: str, scenario: Ints) -> Ints:
        """See ``Dataplane.expected``."""
        codes = [plane.expected(column, np.arange(len(plane.scenarios))) for plane in self.all]
        found: Ints = np.concatenate([*codes, [0]])[scenario]
        return found

    def bypasses(self, end: str, scenario: Ints) -> Flags:
        """Whether conntrack of the client's or server's node, as ``end`` says, does not see what is of a scenario."""
        bypassing = [end in raw.get("bypasses_conntrack", ()) for raw in self.scenarios]
        found: Flags = np.array([*bypassing, False], np.bool_)[scenario]
        return found

    def kernel_stacks(self, scenario: Ints, server_scenario: Ints) -> Ints:
        """Network stacks of each path, -1 where that is not known: up to the server's node as its scenario has it, there as the data plane of that node has it."""
        total, there = (
            np.array([*(raw.get(key) or -1 for raw in self.scenarios), -1], np.int32)
            for key in ("kernel_stacks", "server_stacks")
        )
        own, other = there[scenario], there[server_scenario]
        return np.where((own > 0) & (other > 0), total[scenario] - own + other, total[scenario])


def load_dataplanes(name: str, inventory: Inventory, dumped: Sequence[str] = ()) -> Dataplanes:
    """Data planes of the nodes of an inventory.

    Parameters
    ----------
    name : data plane of nodes of which neither ``export.toml`` nor their labels tell one.
    dumped : nodes that the export has files of.

    Raises
    ------
    UsageError, SchemaError : see ``load_dataplane``.
    """
    told = inventory.dataplanes_of([*dumped, *inventory.facts])
    planes = {other: load_dataplane(other) for other in sorted({name, *told.values()})}
    return Dataplanes(planes[name], {node: planes[other] for node, other in told.items() if other != name})
