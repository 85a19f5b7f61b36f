"""Files of data planes: what they say, refused where they contradict themselves."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

from flowstitch.catalog.drift import drift_codes
from flowstitch.catalog.hops import ENI_ROLES, LEGS, OWNER, check_chains
from flowstitch.catalog.likeness import LIKE, complete
from flowstitch.catalog.load import field, load_toml, schema_root
from flowstitch.errors import SchemaError, nearest_name, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# What a scenario's `when` may ask; code 0 of each is "not known", code k its value k - 1.
FEATURES: dict[str, tuple[str, ...]] = {
    "client_kind": field("client_kind").values,
    "dialled_kind": field("dialled_kind").values,
    "traffic_policy": field("traffic_policy").values,
    "server_kind": field("server_kind").values,
    "server_place": ("local", "remote"),
    "dialled_place": ("local", "remote"),
    "entered_place": ("local", "remote"),
    "snat": ("no", "yes"),
    "hairpin": ("no", "yes"),
    "behind_lb": ("no", "yes"),
    "payload": ("none", "some", "unopened"),
}
EXPECTATIONS: dict[str, tuple[str, ...]] = {
    "return_lands_on": (*field("return_lands_on").values, OWNER),
    "forward_out_eni_role": (*ENI_ROLES, OWNER),
    "forward_in_eni_role": (*ENI_ROLES, OWNER),
    "return_out_eni_role": (*ENI_ROLES, OWNER),
}
UNCLASSIFIED = "unclassified"
# What `dead_ends` says who fails for: by service proxy, reason and kind of address.
PROXIES = ("ipvs", "ipvs_falling_back", "other")
DEAD_END_REASONS = ("no_endpoint", "no_local_endpoint")
DEAD_END_CLIENTS = ("node", "outside", "pod")
# What is known of translations of what pods dial of services: that the node's conntrack has them; that it has, and they never keep the pod's address;
# that nothing has them.
SERVICE_NAT = ("tracked", "masqueraded", "unseen")
# Whose node's conntrack a scenario can bypass.
ENDS = ("client", "server")

_Types = dict[str, type]
_FILE: _Types = {
    "title": str, "node": str, "veth": str, "lb_source_networks": list, "scenario": list,
}  # fmt: skip
_FILE_MORE: _Types = {
    "forward_out": dict, "dead_ends": dict, "drift": list, "ipvs_falls_back_since": str, "masquerade_source": str,
    "service_nat": str, "pod_addresses": str, "node_labels": dict,
}  # fmt: skip
_FORWARD_OUT: _Types = {"pod_rule_priority": int}
_FORWARD_OUT_MORE: _Types = {
    "direct": str, "ipvs_with_iif": str, "ipvs_without_iif": str, "ipvs_untracked": str, "other_proxy": str, "node": str,
}  # fmt: skip
_SCENARIO: _Types = {"slug": str, "title": str, "when": dict}
_SCENARIO_MORE: _Types = {"sop": int, "expect": dict, "variants": list, "bypasses_conntrack": list}
_CHAINS: _Types = {"kernel_stacks": int, "forward": list, "return": list}
_VARIANT: _Types = {"name": str, "when": dict}
_VARIANT_MORE: _Types = {"expect": dict, "bypasses_conntrack": list}
_DRIFT: _Types = {"leg": str, "expected": str, "observed": str, "cause": str}
_WORDS = {str: "text", int: "a number", list: "a list", dict: "a table", bool: "true or false"}
_MOST_SOP = 255


def dataplane_names() -> list[str]:
    """Names of all data planes, sorted."""
    return sorted(path.stem for path in (schema_root() / "dataplanes").glob("*.toml"))


def read_dataplane(name: str) -> Mapping[str, Any]:
    """A data plane's file, checked.

    Raises
    ------
    UsageError with the nearest name when there is none; SchemaError as ``check_dataplane``.
    """
    known = dataplane_names()
    if name not in known:
        raise unknown_name("data plane", name, known)
    raw = load_toml(f"dataplanes/{name}")
    if LIKE in raw:
        raw = complete(f"dataplanes/{name}.toml", raw, _other(name, raw[LIKE], known))
    check_dataplane(name, raw)
    return raw


@cache
def labelled_dataplanes() -> dict[str, dict[str, str]]:
    """Labels by which nodes of data planes are known, by the name of the data plane; only of those that have such."""
    files = {name: load_toml(f"dataplanes/{name}") for name in dataplane_names()}
    return {name: raw["node_labels"] for name, raw in files.items() if raw.get("node_labels")}


def _other(name: str, like: Any, known: Sequence[str]) -> Mapping[str, Any]:
    """The file that another is like, which is like no third."""
    place = f"dataplanes/{name}.toml: {LIKE}"
    whole = [other for other in known if LIKE not in load_toml(f"dataplanes/{other}")]
    _check_word(place, like, whole)
    raw = load_toml(f"dataplanes/{like}")
    check_dataplane(like, raw)
    return raw


def flat_scenarios(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Scenarios of a checked file in the order in which they are tried: the variants of each before itself.

    Returns
    -------
    Each with the keys of a scenario but ``variants``, and with ``variant``, its name or None.
    """
    found = []
    for scenario in raw["scenario"]:
        own = {key: value for key, value in scenario.items() if key not in {"variants", *_CHAINS, "expect"}}
        for variant in scenario.get("variants", ()):
            chains = {key: variant[key] for key in (*_CHAINS, *_VARIANT_MORE) if key in variant}
            found.append(
                own | chains | {"variant": variant["name"], "when": scenario["when"] | variant["when"]}
            )
        found.append({key: value for key, value in scenario.items() if key != "variants"} | {"variant": None})
    return found


def check_dataplane(name: str, raw: Mapping[str, Any]) -> None:
    """Refuse what is not a data plane, or contradicts itself.

    Raises
    ------
    SchemaError with file, key and reason; for a misspelt word the nearest one that would have been right.
    """
    place = f"dataplanes/{name}.toml"
    _check_keys(place, raw, _FILE, _FILE_MORE)
    _check_word(f"{place}: masquerade_source", raw.get("masquerade_source", "node"), ("node", "eni"))
    _check_word(f"{place}: pod_addresses", raw.get("pod_addresses", "held"), ("held", "routed"))
    _check_word(f"{place}: service_nat", raw.get("service_nat", SERVICE_NAT[0]), SERVICE_NAT)
    if not re.fullmatch(r"\d+\.\d+", raw.get("ipvs_falls_back_since", "1.0")):
        raise SchemaError(
            f"{place}: ipvs_falls_back_since: got {raw['ipvs_falls_back_since']!r}, expected a version like 1.21."
        )
    for label, value in raw.get("node_labels", {}).items():
        if not isinstance(value, str):
            raise SchemaError(f"{place}: node_labels.{label}: got {value!r}, expected text.")
    for network in _texts(f"{place}: lb_source_networks", raw["lb_source_networks"]):
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise SchemaError(
                f"{place}: lb_source_networks: {error}; expected a CIDR like 100.64.0.0/10."
            ) from error
    if "forward_out" in raw:
        _check_keys(f"{place}: forward_out", raw["forward_out"], _FORWARD_OUT, _FORWARD_OUT_MORE)
        for key, role in raw["forward_out"].items():
            if key in _FORWARD_OUT_MORE:
                _check_word(f"{place}: forward_out.{key}", role, (*ENI_ROLES, OWNER))
    _check_dead_ends(f"{place}: dead_ends", raw.get("dead_ends", {}))
    _check_scenarios(place, raw)
    _check_drift(f"{place}: drift", raw.get("drift", ()))


def _check_drift(place: str, causes: Sequence[Any]) -> None:
    possible = {(row["leg"], row["expected"], row["observed"]) for row in drift_codes(())}
    told = set()
    for number, cause in enumerate(causes, 1):
        where = f"{place} {number}"
        _check_keys(where, _table(where, cause), _DRIFT)
        for key, known in (
            ("leg", LEGS),
            ("expected", (*ENI_ROLES, OWNER, "local")),
            ("observed", ENI_ROLES),
        ):
            _check_word(f"{where}: {key}", cause[key], known)
        what = cause["leg"], cause["expected"], cause["observed"]
        if what not in possible:
            raise SchemaError(f"{where}: {what[0]} expected {what[1]} and observed {what[2]} is no drift.")
        if what in told:
            raise SchemaError(
                f"{where}: {what[0]} expected {what[1]} and observed {what[2]} has a cause already."
            )
        told.add(what)


def _check_dead_ends(place: str, raw: Mapping[str, Any]) -> None:
    for proxy, reasons in raw.items():
        _check_word(place, proxy, PROXIES)
        for reason, kinds in _table(f"{place}.{proxy}", reasons).items():
            _check_word(f"{place}.{proxy}", reason, DEAD_END_REASONS)
            for kind, clients in _table(f"{place}.{proxy}.{reason}", kinds).items():
                _check_word(f"{place}.{proxy}.{reason}", kind, field("address_kind").values)
                for client in _texts(f"{place}.{proxy}.{reason}.{kind}", clients):
                    _check_word(f"{place}.{proxy}.{reason}.{kind}", client, DEAD_END_CLIENTS)


def _check_scenarios(place: str, raw: Mapping[str, Any]) -> None:
    scenarios = [_table(f"{place}: [[scenario]]", scenario) for scenario in raw["scenario"]]
    for number, scenario in enumerate(scenarios, 1):
        slug = scenario.get("slug")
        where = f"{place}: scenario {slug if isinstance(slug, str) else number}"
        chains = {} if slug == UNCLASSIFIED else _CHAINS
        _check_keys(where, scenario, _SCENARIO | chains, _SCENARIO_MORE)
        if not 0 <= scenario.get("sop", 0) <= _MOST_SOP:
            raise SchemaError(f"{where}: sop: got {scenario['sop']}, expected 0 to {_MOST_SOP}.")
        _check_when(f"{where}: when", scenario["when"])
        for variant in scenario.get("variants", ()):
            _check_variant(f"{where}: variants", variant, scenario["when"])
        _check_unique(where, "variants.name", [variant["name"] for variant in scenario.get("variants", ())])
    if not scenarios or scenarios[-1]["slug"] != UNCLASSIFIED or scenarios[-1]["when"]:
        raise SchemaError(f"{place}: the last scenario must be {UNCLASSIFIED!r} with an empty `when`.")
    _check_unique(place, "scenario.slug", [scenario["slug"] for scenario in scenarios])
    for scenario in flat_scenarios(raw):
        where = ", ".join(filter(None, (f"{place}: scenario {scenario['slug']}", scenario["variant"])))
        for end in _texts(f"{where}: bypasses_conntrack", scenario.get("bypasses_conntrack", [])):
            _check_word(f"{where}: bypasses_conntrack", end, ENDS)
        for key, value in scenario.get("expect", {}).items():
            _check_word(f"{where}: expect", key, EXPECTATIONS)
            _check_word(f"{where}: expect.{key}", value, EXPECTATIONS[key])
        if "kernel_stacks" in scenario:
            for way in ("forward", "return"):
                if not _texts(f"{where}: {way}", scenario[way]):
                    raise SchemaError(f"{where}: {way}: is empty, expected at least one hop.")
            check_chains(scenario, raw["node"], raw["veth"], where)


def _check_variant(place: str, variant: Any, when: Mapping[str, Any]) -> None:
    _check_keys(place, _table(place, variant), _VARIANT | _CHAINS, _VARIANT_MORE)
    where = f"{place}: {variant['name']}: when"
    _check_when(where, variant["when"])
    for feature in variant["when"]:
        if feature in when:
            raise SchemaError(f"{where}.{feature}: is in `when` of the scenario already.")


def _check_unique(place: str, key: str, names: Sequence[str]) -> None:
    for name, count in Counter(names).most_common(1):
        if count > 1:
            raise SchemaError(f"{place}: {key}: {name!r} is there {count} times.")


def _check_when(place: str, when: Mapping[str, Any]) -> None:
    for feature, wanted in when.items():
        _check_word(place, feature, FEATURES)
        values = [wanted] if isinstance(wanted, str) else _texts(f"{place}.{feature}", wanted)
        for value in values:
            _check_word(f"{place}.{feature}", value, FEATURES[feature])
        if not values:
            raise SchemaError(
                f"{place}.{feature}: is empty, so nothing matches; leave it out if it may be anything."
            )


def _check_keys(place: str, raw: Mapping[str, Any], needed: _Types, optional: _Types | None = None) -> None:
    known = needed | (optional or {})
    for key, value in raw.items():
        if key not in known:
            raise SchemaError(f"{place}: unknown key {key!r}; {nearest_name(key, known)}")
        if type(value) is not known[key]:
            raise SchemaError(f"{place}: {key}: got {value!r}, expected {_WORDS[known[key]]}.")
    for key in needed:
        if key not in raw:
            raise SchemaError(f"{place}: lacks {key!r}.")


def _check_word(place: str, word: Any, known: Iterable[str]) -> None:
    if not isinstance(word, str) or word not in known:
        names = tuple(known)
        hint = (
            f"; {near}"
            if isinstance(word, str) and (near := nearest_name(word, names)).startswith("did")
            else "."
        )
        raise SchemaError(f"{place}: got {word!r}, expected one of {', '.join(names)}{hint}")


def _table(place: str, raw: Any) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise SchemaError(f"{place}: got {raw!r}, expected a table.")
    return raw


def _texts(place: str, raw: Any) -> list[str]:
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise SchemaError(f"{place}: got {raw!r}, expected a list of texts.")
    return raw
