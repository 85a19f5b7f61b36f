"""Hop chains of a data plane's scenarios: what a hop can be, and whether a chain goes where its scenario says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from flowstitch.errors import SchemaError, nearest_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENI_ROLES = ("primary", "secondary", "member")
# In place of a role: the ENI that holds the address.
OWNER = "owner"
VPC, LB, CLIENT = "VPC route", "LB", "Client"
_OFF_NODE = (VPC, LB, CLIENT)
_IN_STACK = ("service NAT", "masquerade", "service NAT and masquerade", "NAT undone")
_POD = re.compile(r"Pod(\d*) eth0")
_POD_ENI = re.compile(r"Pod(\d*) ")
# What a chain can begin and end with, by the kind of that end.
_ENDS = {
    "pod": ("pod",),
    "node": ("stack", "pod"),
    "service": ("stack",),
    "lb": (LB,),
    "outside": (CLIENT, VPC),
}
# Legs of a path, and the expectation about each.
LEGS = {
    "forward_out": "forward_out_eni_role", "forward_in": "forward_in_eni_role", "return_out": "return_out_eni_role",
    "return_in": "return_lands_on",
}  # fmt: skip


@dataclass(frozen=True)
class Hop:
    """A step of a chain.

    Attributes
    ----------
    text : as the file has it.
    kind : 'pod', 'veth', 'eni', 'stack' (the node's own network stack), or one of 'VPC route', 'LB' and 'Client', which are on no node.
    node : number of the node in the chain, '' for the only one, None for what is on no node.
    pod : number of the pod whose it is, '' for the only one, None for what is no pod's. role : of an ENI, '' where none is named.
    """

    text: str
    kind: str
    node: str | None = None
    pod: str | None = None
    role: str = ""


def parse_hop(text: str, node: str, veth: str, place: str) -> Hop:
    """Hop of its text, `[NODE[number]] DEVICE`; an ENI that a pod has for itself is `NODE[number] Pod[number] [ROLE] ENI`.

    Parameters
    ----------
    node, veth : how the data plane calls a node, and a pod's interface on it. place : for the error.

    Raises
    ------
    SchemaError with the nearest device when there is none like it.
    """
    if text in _OFF_NODE:
        return Hop(text, text)
    on_node = re.match(rf"{re.escape(node)}(\d*)(?: |$)", text)
    number, device = (on_node[1], text[on_node.end() :]) if on_node else ("", text)
    if pod := _POD.fullmatch(device):
        return Hop(text, "pod", number, pod[1])
    if device == veth:
        return Hop(text, "veth", number)
    if on_node and (not device or device in _IN_STACK):
        return Hop(text, "stack", number)
    own = _POD_ENI.match(device)
    role, _, word = device[own.end() if own else 0 :].rpartition(" ")
    if on_node and word == "ENI":
        if role and role not in ENI_ROLES:
            raise SchemaError(
                f"{place}: {text!r} has an unknown ENI role {role!r}; {nearest_name(role, ENI_ROLES)}"
            )
        return Hop(text, "eni", number, own[1] if own else None, role)
    known = ["Pod eth0", veth, *_OFF_NODE, node]
    known += [f"{node} {word}" for word in (*_IN_STACK, "ENI", *(f"{role} ENI" for role in ENI_ROLES))]
    unnumbered = re.sub(rf"^({re.escape(node)}|Pod)\d+", r"\1", text)
    raise SchemaError(f"{place}: no data plane has a hop {text!r}; {nearest_name(unnumbered, known)}")


def check_chains(scenario: Mapping[str, Any], node: str, veth: str, place: str) -> None:
    """Refuse chains that contradict their scenario.

    A chain begins at the client and ends at the server, the return the other way; it changes nodes over the VPC only, goes through
    as many network stacks as `kernel_stacks` says, and its ENIs are those that `expect` names.

    Raises
    ------
    SchemaError with the key and the hop.
    """
    forward, back = (
        [parse_hop(text, node, veth, f"{place}: {way}") for text in scenario[way]]
        for way in ("forward", "return")
    )
    when = scenario["when"]
    _check_end(forward[0], when.get("client_kind"), f"{place}: forward: begins", "client_kind")
    _check_end(forward[-1], _server_kinds(when), f"{place}: forward: ends", "server_kind or dialled_kind")
    for end, begun, word in ((back[0], forward[-1], "begins"), (back[-1], forward[0], "ends")):
        if (end.kind, end.node, end.pod) != (begun.kind, begun.node, begun.pod):
            other = "ends" if word == "begins" else "begins"
            raise SchemaError(
                f"{place}: return: {word} at {end.text!r}, expected it where forward {other}, at {begun.text!r}."
            )
    for way, hops in (("forward", forward), ("return", back)):
        _check_passage(hops, f"{place}: {way}")
        stacks = _kernel_stacks(hops)
        if stacks != scenario["kernel_stacks"]:
            raise SchemaError(
                f"{place}: kernel_stacks: got {scenario['kernel_stacks']}, expected the {stacks} that {way} goes through "
                "(each node whose stack or devices it names, and each pod)."
            )
    legs = {LEGS[leg]: hop for leg, hop in leg_hops(forward, back).items()}
    for key, value in scenario.get("expect", {}).items():
        _check_expectation(key, value, {"forward": forward, "return": back}, legs.get(key), place)


def leg_hops(forward: Sequence[Hop], back: Sequence[Hop]) -> dict[str, tuple[str, int]]:
    """Which hop each leg is: direction, and its place in that chain from 0; what a chain does not have is not named.

    A request goes out at the client's node and in at the server's, a reply the other way; ENIs of nodes in between are no legs.
    """
    client, server = forward[0].node, forward[-1].node
    at = {
        (way, node): [place for place, hop in enumerate(hops) if hop.kind == "eni" and hop.node == node]
        for way, hops in (("forward", forward), ("return", back))
        for node in {client, server} - {None}
    }
    places = {
        "forward_out": ("forward", at.get(("forward", client), [])[:1]),
        "forward_in": ("forward", at.get(("forward", server), [])[-1:]),
        "return_out": ("return", at.get(("return", server), [])[:1]),
        "return_in": ("return", at.get(("return", client), [])[-1:]),
    }
    return {leg: (way, place[0]) for leg, (way, place) in places.items() if place}


def hop_legs(scenario: Mapping[str, Any], node: str, veth: str) -> dict[tuple[str, int], str]:
    """Leg of each hop of a checked scenario that is one, by direction and place in the chain from 0."""
    if "forward" not in scenario:
        return {}
    chains = ([parse_hop(text, node, veth, "") for text in scenario[way]] for way in ("forward", "return"))
    return {hop: leg for leg, hop in leg_hops(*chains).items()}


def server_stacks(scenario: Mapping[str, Any], node: str, veth: str) -> int | None:
    """Network stacks on the server's node of a checked scenario, None where that is no other node than the client's."""
    hops = [parse_hop(text, node, veth, "") for text in scenario.get("forward", ())]
    if not hops or hops[-1].node in {None, hops[0].node}:
        return None
    return _kernel_stacks([hop for hop in hops if hop.node == hops[-1].node])


def _server_kinds(when: Mapping[str, Any]) -> Any:
    dialled = when.get("dialled_kind")
    plain = isinstance(dialled, str) and dialled in {"pod", "node", "outside"}
    return when.get("server_kind", dialled if plain else None)


def _check_end(hop: Hop, kinds: str | list[str] | None, place: str, feature: str) -> None:
    named = [kinds] if isinstance(kinds, str) else kinds or list(_ENDS)
    possible = {kind for name in named for kind in _ENDS[name]}
    if hop.kind not in possible:
        words = " or ".join(sorted("the node" if kind == "stack" else kind for kind in possible))
        raise SchemaError(f"{place} at {hop.text!r}, expected {words}, as {feature} says.")


def _check_passage(hops: Sequence[Hop], place: str) -> None:
    for one, two in pairwise(hops):
        for eni, other in ((one, two), (two, one)):
            beside = other.node is None or (other.kind, other.node, other.pod) == ("pod", eni.node, eni.pod)
            if eni.kind == "eni" and eni.pod is not None and not beside:
                raise SchemaError(
                    f"{place}: {two.text!r} cannot follow {one.text!r}: an ENI of a pod is in the pod, not on the node."
                )
        if one.node is not None and two.node is not None and one.node != two.node:
            raise SchemaError(
                f"{place}: {two.text!r} cannot follow {one.text!r}: another node is reached by {VPC!r}."
            )


def _kernel_stacks(hops: Sequence[Hop]) -> int:
    nodes = {hop.node for hop in hops if hop.node is not None and hop.pod is None}
    return len(nodes) + len({(hop.node, hop.pod) for hop in hops if hop.pod is not None})


def _check_expectation(
    key: str, value: str, chains: Mapping[str, Sequence[Hop]], leg: tuple[str, int] | None, place: str
) -> None:
    where = f"{place}: expect.{key}: got {value!r}, but"
    if value == "local":
        crossed = [hop for hops in chains.values() for hop in hops if hop.kind == "eni"]
        if crossed:
            raise SchemaError(f"{where} {crossed[0].text!r} is an ENI.")
    elif value == "outside":
        last = chains["return"][-1]
        if last.kind not in {LB, CLIENT}:
            raise SchemaError(f"{where} return ends at {last.text!r}.")
    elif leg is None:
        raise SchemaError(f"{where} no ENI is crossed there.")
    else:
        way, number = leg
        hop = chains[way][number]
        role = "" if value == OWNER else value
        if hop.role != role:
            raise SchemaError(
                f"{place}: {way}: {hop.text!r} {f'is {hop.role}' if hop.role else 'has no role'}, "
                f"expected {role or 'none'}, as expect.{key} says with {value!r}."
            )
