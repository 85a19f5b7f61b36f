"""The ways through the data plane of Terway ENIIP: who tracks which tuples, and which ENIs a packet crosses.

A case is written down once, in words. Its **segments** are the tuples on the wire one after the other, ``source>target``;
its **entries** say which node tracks what, ``node original reply`` with the numbers of the segments; its **crossings** are
``segment direction eni``, in the order in which a packet meets them. Ends of segments:

    client, dialled, server   the address and port of each
    service                   the dialled address with the client's port: what IPVS lets a process of the node send from
    node                      the client's node with a port of its choice (masquerade)
    kept                      the client's node with the client's port (KUBE-LOOP-BACK)
    entered                   the node whose port was dialled, with a port of its choice

What the security group of the server's ENI drops (``DENIED``) ends there: no node behind it tracks it, and nothing comes back.

``proxy_out`` is the ENI by which translated traffic leaves, ``node_port_reply`` that by which a local backend's answer does:
measured with real kernels, IPVS sends by the main table, iptables and nftables by the pod's own rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

LOCAL, OUTSIDE_LANDS = "local", "outside"
DENIED = ("outside-denied", "pod-denied")


@dataclass(frozen=True)
class Crossing:
    """A packet on an ENI: in which segment, direction seen from the ENI, and which ENI."""

    segment: int
    direction: str
    eni: str


@dataclass(frozen=True)
class Case:
    """A way through the data plane.

    Attributes
    ----------
    name : its name. scenario, sop, lands : what a reconstruction should say.
    segments : (source, target) in order. entries : (node, segment of the original side, of the reply side).
    forward, back : crossings in order. snat : what the server sees, '' the client's own.
    """

    name: str
    scenario: str
    sop: int | None
    lands: str
    segments: tuple[tuple[str, str], ...]
    entries: tuple[tuple[str, int, int], ...]
    forward: tuple[Crossing, ...] = ()
    back: tuple[Crossing, ...] = ()

    @property
    def snat(self) -> str:
        """End that the server saw instead of the client, '' if it saw the client."""
        source = self.segments[-1][0]
        return "" if source == "client" else source

    @property
    def legs(self) -> dict[str, str]:
        """ENIs at the client's node, and at the server's node in the last segment, by leg."""
        last = len(self.segments) - 1
        found = {}
        if self.forward and self.forward[0].direction == "out":
            found["forward_out"] = self.forward[0].eni
        if self.forward and self.forward[-1].direction == "in" and self.forward[-1].segment == last:
            found["forward_in"] = self.forward[-1].eni
        if self.back and self.back[0].direction == "out" and self.back[0].segment == last:
            found["return_out"] = self.back[0].eni
        if self.back and self.back[-1].direction == "in":
            found["return_in"] = self.back[-1].eni
        return found


# name | scenario | sop | lands | segments | entries | forward | back
_BOTH = """
pod-local            | pod-to-pod-local        | 2 | local     | client>server | client 0 0 | |
pod-remote           | pod-to-pod-remote       | 3 | secondary | client>server | client 0 0, server 0 0 | 0 out client_eni, 0 in server_eni | 0 out server_eni, 0 in client_eni
vip-local            | pod-to-clusterip-local  | 2 | local     | client>dialled, client>server | client 0 1 | |
vip-remote           | pod-to-clusterip-remote | 4 | secondary | client>dialled, client>server | client 0 1, server 1 1 | 1 out proxy_out, 1 in server_eni | 1 out server_eni, 1 in client_eni
vip-local-masked     | pod-to-clusterip-local  | 2 | local     | client>dialled, node>server | client 0 1 | |
vip-remote-masked    | pod-to-clusterip-remote-masqueraded | - | primary | client>dialled, node>server | client 0 1, server 1 1 | 1 out proxy_out, 1 in server_eni | 1 out server_eni, 1 in client_primary
hairpin              | hairpin                 | - | local     | client>dialled, kept>server | client 0 1 | |
lb-local             | pod-to-lbip-cluster-local  | - | local   | client>dialled, node>server | client 0 1 | |
lb-remote            | pod-to-lbip-cluster-remote | 5 | primary | client>dialled, node>server | client 0 1, server 1 1 | 1 out proxy_out, 1 in server_eni | 1 out server_eni, 1 in client_primary
lb-policy-local      | pod-to-lbip-local-local | - | local     | client>dialled, client>server | client 0 1 | |
external-local       | pod-to-externalip       | - | local     | client>dialled, node>server | client 0 1 | |
external-remote      | pod-to-externalip       | - | primary   | client>dialled, node>server | client 0 1, server 1 1 | 1 out proxy_out, 1 in server_eni | 1 out server_eni, 1 in client_primary
node-pod-local       | node-to-pod-local       | 1 | local     | client>server | client 0 0 | |
node-pod-remote      | node-to-pod-remote      | - | primary   | client>server | client 0 0, server 0 0 | 0 out client_primary, 0 in server_eni | 0 out server_eni, 0 in client_primary
node-outside         | node-to-outside         | - | primary   | client>server | client 0 0 | 0 out client_primary | 0 in client_primary
pod-outside          | pod-to-outside          | - | secondary | client>server | client 0 0 | 0 out client_eni | 0 in client_eni
pod-outside-snat     | pod-to-outside-node-snat | - | primary  | client>dialled, node>server | client 0 1 | 1 out client_eni | 1 in client_primary
own-port-local       | pod-to-nodeport         | - | local     | client>dialled, entered>server | client 0 1 | |
own-port-remote      | pod-to-nodeport         | - | primary   | client>dialled, entered>server | client 0 1, server 1 1 | 1 out proxy_out, 1 in server_eni | 1 out server_eni, 1 in client_primary
own-port-policy      | pod-to-nodeport         | - | local     | client>dialled, client>server | client 0 1 | |
port-there           | pod-to-nodeport         | - | secondary | client>dialled, entered>server | client 0 0, entered 0 1 | 0 out client_eni, 0 in entered_primary | 0 out node_port_reply, 0 in client_eni
port-back            | pod-to-nodeport         | - | secondary | client>dialled, entered>server | client 0 0, entered 0 1, client 1 1 | 0 out client_eni, 0 in entered_primary, 1 out entered_primary, 1 in server_eni | 1 out server_eni, 1 in entered_primary, 0 out entered_primary, 0 in client_eni
port-third           | pod-to-nodeport         | - | secondary | client>dialled, entered>server | client 0 0, entered 0 1, server 1 1 | 0 out client_eni, 0 in entered_primary, 1 out entered_primary, 1 in server_eni | 1 out server_eni, 1 in entered_primary, 0 out entered_primary, 0 in client_eni
port-policy          | pod-to-nodeport         | - | secondary | client>dialled, client>server | client 0 0, entered 0 1 | 0 out client_eni, 0 in entered_primary | 0 out node_port_reply, 0 in client_eni
outside-port-local   | outside-to-nodeport-local  | - | outside | client>dialled, entered>server | entered 0 1 | 0 in entered_primary | 0 out node_port_reply
outside-port-policy  | outside-to-nodeport-local  | - | outside | client>dialled, client>server | entered 0 1 | 0 in entered_primary | 0 out node_port_reply
outside-port-remote  | outside-to-nodeport-remote | - | outside | client>dialled, entered>server | entered 0 1, server 1 1 | 0 in entered_primary, 1 out entered_primary, 1 in server_eni | 1 out server_eni, 1 in entered_primary, 0 out entered_primary
outside-lb           | outside-to-lb-to-pod    | 7 | outside   | client>server | server 0 0 | 0 in server_eni | 0 out server_eni
outside-pod          | outside-to-pod          | - | outside   | client>server | server 0 0 | 0 in server_eni | 0 out server_eni
outside-denied       | outside-to-pod          | - | outside   | client>server | | 0 in server_eni |
pod-denied           | pod-to-pod-remote       | 3 | secondary | client>server | client 0 0 | 0 out client_eni, 0 in server_eni |
lb-request           | lb-to-pod               | 7 | outside   | client>server | server 0 0 | 0 in server_eni | 0 out server_eni
lb-probe             | lb-health-check         | - | outside   | client>server | server 0 0 | 0 in server_eni | 0 out server_eni
node-lb-local        | node-to-service-local   | - | local     | {host}>dialled, node>server | client 0 1 | |
node-lb-remote       | node-to-service-remote  | - | primary   | {host}>dialled, node>server | client 0 1, server 1 1 | 1 out client_primary, 1 in server_eni | 1 out server_eni, 1 in client_primary
node-vip-local       | node-to-service-local   | - | local     | {host}>dialled, {host_out}>server | client 0 1 | |
node-vip-remote      | node-to-service-remote  | - | primary   | {host}>dialled, {host_out}>server | client 0 1, server 1 1 | 1 out client_primary, 1 in server_eni | 1 out server_eni, 1 in client_primary
"""
_BY_PROXY = {
    "ipvs": {
        "host": "service", "host_out": "node", "proxy_out": "client_primary", "node_port_reply": "entered_primary",
    },
    "iptables": {
        "host": "client", "host_out": "client", "proxy_out": "client_eni", "node_port_reply": "server_eni",
    },
}  # fmt: skip


@cache
def cases(proxy: str) -> tuple[Case, ...]:
    """All cases under a service proxy."""
    words = _BY_PROXY[proxy]
    found = []
    for line in _BOTH.strip().splitlines():
        text = line
        for name in ("proxy_out", "node_port_reply"):
            text = text.replace(name, words[name])
        for name in ("host", "host_out"):
            text = text.replace(f"{{{name}}}", words[name])
        name, scenario, sop, lands, segments, entries, forward, back = (
            part.strip() for part in text.split("|")
        )
        pairs = tuple(
            (pair.split(">")[0].strip(), pair.split(">")[1].strip()) for pair in segments.split(",")
        )
        tracked = tuple(
            (node, int(orig), int(reply))
            for node, orig, reply in (item.split() for item in entries.split(",") if item.strip())
        )
        found.append(
            Case(
                name, scenario, None if sop == "-" else int(sop), lands, pairs, tracked,
                _crossings(forward), _crossings(back),
            )
        )  # fmt: skip
    return tuple(found)


@cache
def case_numbers(proxy: str) -> dict[str, int]:
    """Number of each case by its name."""
    return {case.name: number for number, case in enumerate(cases(proxy))}


def _crossings(text: str) -> tuple[Crossing, ...]:
    items = (item.split() for item in text.split(",") if item.strip())
    return tuple(Crossing(int(segment), direction, eni) for segment, direction, eni in items)
