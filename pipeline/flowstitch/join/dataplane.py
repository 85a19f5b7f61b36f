"""A data plane's file, lowered to a table that classifies many paths at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from flowstitch.catalog import field, load_toml, schema_root
from flowstitch.errors import SchemaError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from flowstitch.arrays import Ints


# What a scenario's `when` may ask; code 0 of each is "not known", code k its value k - 1.
FEATURES: dict[str, tuple[str, ...]] = {
    "client_kind": field("client_kind").values,
    "dialled_kind": field("dialled_kind").values,
    "traffic_policy": field("traffic_policy").values,
    "server_kind": field("server_kind").values,
    "server_place": ("local", "remote"),
    "entered_place": ("local", "remote"),
    "snat": ("no", "yes"),
    "hairpin": ("no", "yes"),
    "behind_lb": ("no", "yes"),
    "payload": ("none", "some", "unopened"),
}
EXPECTATIONS = ("return_lands_on", "forward_in_eni_role", "return_out_eni_role")
UNCLASSIFIED = "unclassified"
# What `dead_ends` says who fails for: by service proxy, reason and kind of address.
PROXIES = ("ipvs", "other")
DEAD_END_REASONS = ("no_endpoint", "no_local_endpoint")
DEAD_END_CLIENTS = ("node", "outside", "pod")


@dataclass(frozen=True)
class Dataplane:
    """A data plane as ``schemas/dataplanes/<name>.toml`` has it.

    Attributes
    ----------
    name : name of the file. scenarios : its scenarios in order, as parsed.
    lb_source_networks : CIDRs that load balancers send from.
    forward_out : by which ENI role a request leaves, see the file.
    dead_ends : kinds of client that fail, by (proxy, reason, kind of address); none where there is nothing for it.
    """

    name: str
    scenarios: tuple[Mapping[str, Any], ...]
    lb_source_networks: tuple[str, ...]
    forward_out: Mapping[str, Any]
    dead_ends: Mapping[tuple[str, str, str], list[str]]

    @cached_property
    def _lookup(self) -> NDArray[np.uint8]:
        """First scenario that holds for each combination of feature codes."""
        shape = tuple(len(values) + 1 for values in FEATURES.values())
        table = np.full(shape, len(self.scenarios) - 1, np.uint8)
        for number in range(len(self.scenarios) - 1, -1, -1):
            when = self.scenarios[number]["when"]
            table[np.ix_(*(_codes(self.name, name, when.get(name)) for name in FEATURES))] = number
        return table

    def classify(self, features: Mapping[str, Ints]) -> Ints:
        """Scenario number of each path.

        Parameters
        ----------
        features : for each name of ``FEATURES`` its codes, shape (n,).
        """
        found: Ints = self._lookup[tuple(features[name] for name in FEATURES)].astype(np.int64)
        return found

    def expected(self, column: str, scenario: Ints) -> Ints:
        """Enum codes that the scenarios expect in a column of ``datapaths``, 0 where nothing is expected."""
        item = field(column)
        codes = [
            item.code(raw["expect"][column]) if column in raw.get("expect", {}) else 0
            for raw in self.scenarios
        ]
        return np.array([*codes, 0], np.int64)[scenario]


def load_dataplane(name: str) -> Dataplane:
    """Data plane of that name; ``UsageError`` with the nearest name when there is none."""
    known = sorted(path.stem for path in (schema_root() / "dataplanes").glob("*.toml"))
    if name not in known:
        raise unknown_name("data plane", name, known)
    raw = load_toml(f"dataplanes/{name}")
    scenarios = tuple(raw["scenario"])
    if scenarios[-1]["slug"] != UNCLASSIFIED or scenarios[-1]["when"]:
        raise SchemaError(
            f"dataplanes/{name}.toml: the last scenario must be {UNCLASSIFIED!r} with an empty `when`."
        )
    for scenario in scenarios:
        for key in (*scenario["when"], *scenario.get("expect", {})):
            if key not in FEATURES and key not in EXPECTATIONS:
                raise SchemaError(
                    f"dataplanes/{name}.toml: scenario {scenario['slug']!r}: unknown key {key!r}."
                )
    return Dataplane(
        name, scenarios, tuple(raw["lb_source_networks"]), raw["forward_out"], _dead_ends(name, raw.get("dead_ends", {}))
    )  # fmt: skip


def scenario_rows(dataplane: Dataplane) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the tables ``scenarios`` and ``scenario_hops``."""
    scenarios, hops = [], []
    for raw in dataplane.scenarios:
        head = {"dataplane": dataplane.name, "scenario": raw["slug"]}
        expected = raw.get("expect", {}).get("return_lands_on")
        scenarios.append(
            head | {"sop": raw.get("sop"), "title": raw["title"], "kernel_stacks": raw.get("kernel_stacks"),
                    "expected_return_lands_on": expected}
        )  # fmt: skip
        for direction in ("forward", "return"):
            for number, device in enumerate(raw.get(direction, ()), 1):
                hops.append(head | {"hop_direction": direction, "hop": number, "device": device})
    return scenarios, hops


def _dead_ends(dataplane: str, raw: Mapping[str, Any]) -> dict[tuple[str, str, str], list[str]]:
    place = f"dataplanes/{dataplane}.toml: dead_ends"
    found: dict[tuple[str, str, str], list[str]] = {}
    for proxy, reasons in raw.items():
        _check(place, proxy, PROXIES)
        for reason, kinds in reasons.items():
            _check(f"{place}.{proxy}", reason, DEAD_END_REASONS)
            for kind, clients in kinds.items():
                _check(f"{place}.{proxy}.{reason}", kind, field("address_kind").values)
                for client in clients:
                    _check(f"{place}.{proxy}.{reason}.{kind}", client, DEAD_END_CLIENTS)
                found[proxy, reason, kind] = sorted(clients)
    return found


def _codes(dataplane: str, name: str, wanted: str | list[str] | None) -> list[int]:
    values = FEATURES[name]
    if wanted is None:
        return list(range(len(values) + 1))
    chosen = [wanted] if isinstance(wanted, str) else wanted
    for value in chosen:
        _check(f"dataplanes/{dataplane}.toml: {name}", value, values)
    return [values.index(value) + 1 for value in chosen]


def _check(place: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SchemaError(f"{place}: got {value!r}, expected one of {', '.join(known)}.")
