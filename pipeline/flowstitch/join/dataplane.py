"""A data plane's file, lowered to a table that classifies many paths at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from flowstitch.catalog import field
from flowstitch.catalog.dataplanes import FEATURES, SERVICE_NAT, flat_scenarios, read_dataplane
from flowstitch.catalog.drift import drift_codes
from flowstitch.catalog.hops import OWNER, hop_legs, server_stacks
from flowstitch.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from flowstitch.arrays import Ints


@dataclass(frozen=True)
class Dataplane:
    """A data plane as ``schemas/dataplanes/<name>.toml`` has it.

    Attributes
    ----------
    name : name of the file. scenarios : its scenarios in order, variants too, as ``flat_scenarios`` has them, with `legs` as
        ``hop_legs`` has them, and `server_stacks`.
    lb_source_networks : CIDRs that load balancers send from.
    forward_out : by which ENI role a request leaves, see the file.
    dead_ends : kinds of client that fail, by (proxy, reason, kind of address); none where there is nothing for it.
    ipvs_falls_back_since : version of Kubernetes, None if none is named.
    drift : rows of the table ``drift_codes``.
    masquerade_source : whose address masquerade puts in place of another, 'node' or 'eni'.
    pod_addresses : 'held' by ENIs, or 'routed' by the VPC to the primary ENI of the pod's node.
    service_nat : what is known of translations of what pods dial of services, one of ``SERVICE_NAT``.
    """

    name: str
    scenarios: tuple[Mapping[str, Any], ...]
    lb_source_networks: tuple[str, ...]
    forward_out: Mapping[str, Any]
    dead_ends: Mapping[tuple[str, str, str], list[str]]
    ipvs_falls_back_since: str | None = None
    drift: Sequence[Mapping[str, Any]] = ()
    masquerade_source: str = "node"
    pod_addresses: str = "held"
    service_nat: str = SERVICE_NAT[0]

    @cached_property
    def _lookup(self) -> NDArray[np.uint16]:
        """First scenario that holds for each combination of feature codes."""
        shape = tuple(len(values) + 1 for values in FEATURES.values())
        table = np.full(shape, len(self.scenarios) - 1, np.uint16)
        for number in range(len(self.scenarios) - 1, -1, -1):
            # by stretches of codes: most features do not matter to a scenario, and a whole axis is filled at once
            for block in product(*map(_stretches, self._codes(number))):
                table[block] = number
        return table

    def _codes(self, number: int) -> list[list[int]]:
        """Codes of each feature with which a scenario holds."""
        when = self.scenarios[number]["when"]
        return [_codes(name, when.get(name)) for name in FEATURES]

    def _matched(self, number: int) -> tuple[NDArray[np.intp], ...]:
        """Where in the table a scenario holds."""
        return np.ix_(*self._codes(number))

    def refuse_shadowed(self) -> None:
        """Refuse a scenario that is never met; ``SchemaError`` with those that take what it matches."""
        met = set(np.flatnonzero(np.bincount(self._lookup.ravel())).tolist())
        for number, raw in enumerate(self.scenarios):
            if number not in met:
                earlier = [
                    _name(self.scenarios[other]) for other in np.unique(self._lookup[self._matched(number)])
                ]
                raise SchemaError(
                    f"dataplanes/{self.name}.toml: scenario {_name(raw)}: is never met: {', '.join(earlier)} before it "
                    "matches the same features; put it before, or name another feature in `when`."
                )

    def classify(self, features: Mapping[str, Ints]) -> Ints:
        """Scenario number of each path.

        Parameters
        ----------
        features : for each name of ``FEATURES`` its codes, shape (n,).
        """
        found: Ints = self._lookup[tuple(features[name] for name in FEATURES)].astype(np.int64)
        return found

    def expected(self, column: str, scenario: Ints) -> Ints:
        """Enum codes that the scenarios expect in a column of ``datapaths``, one more than its values for ``OWNER``, 0 for nothing."""
        values = (*field(column).values, OWNER)
        codes = [
            values.index(raw["expect"][column]) + 1 if column in raw.get("expect", {}) else 0
            for raw in self.scenarios
        ]
        return np.array([*codes, 0], np.int64)[scenario]


@cache
def load_dataplane(name: str) -> Dataplane:
    """Data plane of that name.

    Raises
    ------
    UsageError with the nearest name when there is none; SchemaError when its file contradicts itself.
    """
    return lower_dataplane(name, read_dataplane(name))


def lower_dataplane(name: str, raw: Mapping[str, Any]) -> Dataplane:
    """Data plane of a file that was read and checked.

    Raises
    ------
    SchemaError when some scenario is never met, for earlier ones take all that it matches.
    """
    dead_ends = {
        (proxy, reason, kind): sorted(clients)
        for proxy, reasons in raw.get("dead_ends", {}).items()
        for reason, kinds in reasons.items()
        for kind, clients in kinds.items()
    }
    dataplane = Dataplane(
        name,
        tuple(
            scenario
            | {
                "legs": hop_legs(scenario, raw["node"], raw["veth"]),
                "server_stacks": server_stacks(scenario, raw["node"], raw["veth"]),
            }
            for scenario in flat_scenarios(raw)
        ),
        tuple(raw["lb_source_networks"]),
        raw.get("forward_out", {}),
        dead_ends,
        raw.get("ipvs_falls_back_since"),
        [{"dataplane": name} | row for row in drift_codes(raw.get("drift", ()))],
        raw.get("masquerade_source", "node"),
        raw.get("pod_addresses", "held"),
        raw.get("service_nat", SERVICE_NAT[0]),
    )
    dataplane.refuse_shadowed()
    return dataplane


def scenario_rows(dataplanes: Iterable[Dataplane]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the tables ``scenarios`` and ``scenario_hops``."""
    scenarios, hops = [], []
    for dataplane, raw in ((plane, raw) for plane in dataplanes for raw in plane.scenarios):
        head = {"dataplane": dataplane.name, "scenario": raw["slug"]}
        if raw["variant"] is None:
            expected = raw.get("expect", {}).get("return_lands_on")
            scenarios.append(
                head | {"sop": raw.get("sop"), "title": raw["title"], "kernel_stacks": raw.get("kernel_stacks"),
                        "expected_return_lands_on": expected, "bypasses_conntrack": raw.get("bypasses_conntrack")}
            )  # fmt: skip
        for direction in ("forward", "return"):
            for number, device in enumerate(raw.get(direction, ()), 1):
                hops.append(
                    head | {"variant": raw["variant"], "hop_direction": direction, "hop": number, "device": device,
                           "leg": raw["legs"].get((direction, number - 1))}
                )  # fmt: skip
    return scenarios, hops


def _codes(name: str, wanted: str | list[str] | None) -> list[int]:
    values = FEATURES[name]
    if wanted is None:
        return list(range(len(values) + 1))
    chosen = [wanted] if isinstance(wanted, str) else wanted
    return [values.index(value) + 1 for value in chosen]


def _stretches(codes: Sequence[int]) -> list[slice]:
    """Codes as slices, each of codes that follow each other."""
    begins = [code for code in sorted(codes) if code - 1 not in codes]
    ends = [code + 1 for code in sorted(codes) if code + 1 not in codes]
    return [slice(begin, end) for begin, end in zip(begins, ends, strict=True)]


def _name(scenario: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (scenario["slug"], scenario["variant"])))
