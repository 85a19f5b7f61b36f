"""Where the observation breaks what the data plane lets one expect of a path."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import field
from flowstitch.catalog.hops import LEGS, OWNER
from flowstitch.kernels.group import group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowstitch.arrays import Ints
    from flowstitch.ingest.model import IpRule, NodeFacts
    from flowstitch.join.dataplane import Dataplane
    from flowstitch.join.endpoints import Endpoints
    from flowstitch.join.legs import Legs
    from flowstitch.join.stitched import Cluster, Stitched
    from flowstitch.join.verdicts import Verdicts

# By column, as broken expectations are told.
_LEGS = sorted(LEGS, key=lambda leg: LEGS[leg])
_AT_SERVER = ("forward_in", "return_out")


def find_drift(
    stitched: Stitched, ends: Endpoints, scenarios: Mapping[str, Ints], legs: Legs, verdicts: Verdicts, cluster: Cluster
) -> tuple[Ints, list[list[str]]]:  # fmt: skip
    """Broken expectations, 'column: expected x, observed y': of each path an index into the distinct lists of them.

    Where the owner of an address is expected, another ENI of its role breaks that too.

    Parameters
    ----------
    scenarios : by end, 'client' and 'server', shape (paths,), the scenario in the data plane of its node.
    """
    holders = _Holders(stitched, ends, legs, verdicts, cluster)
    by_log = verdicts.return_evidence == field("return_evidence").code("observed")
    count = len(stitched.chains)
    broken = np.zeros((count, 2 * len(_LEGS)), np.int64)
    for place, leg in enumerate(_LEGS):
        end = "server" if leg in _AT_SERVER else "client"
        wanted = _expected(leg, stitched, ends, scenarios[end], holders, cluster)
        seen = np.where(by_log, verdicts.lands_on, 0) if leg == "return_in" else legs.role[leg]
        differs = (seen > 0) & (wanted > 0) & (wanted != seen)
        of_owner = wanted == _owner(leg)
        if of_owner.any():
            holder = holders.of(leg)
            differs &= ~of_owner | ((holder > 0) & (legs.eni[leg] > 0) & (holder != legs.eni[leg]))
        broken[differs, 2 * place], broken[differs, 2 * place + 1] = wanted[differs], seen[differs]
    drift = np.zeros(count, np.int64)
    paths = np.flatnonzero(broken.any(axis=1))
    cases, heads = group(broken[paths])
    drift[paths] = 1 + cases
    return drift, [[]] + [
        [
            f"{LEGS[leg]}: expected {(*values, OWNER)[wanted - 1]}, observed {values[seen - 1]}"
            for leg, wanted, seen in zip(_LEGS, row[::2], row[1::2], strict=True)
            if wanted and (values := field(LEGS[leg]).values)
        ]
        for row in broken[paths[heads]].tolist()
    ]


def _owner(leg: str) -> int:
    """Code that stands for the owner of the address among those of the leg's column."""
    return len(field(LEGS[leg]).values) + 1


class _Holders:
    """ENIs that hold the address of a leg, by name code: the client's, the server's, and what the reply goes to at the client's node."""

    def __init__(
        self, stitched: Stitched, ends: Endpoints, legs: Legs, verdicts: Verdicts, cluster: Cluster
    ) -> None:
        self._owners, self._at = cluster.owners, verdicts.first
        self._client, self._server = ends.client.ip, ends.server.ip
        self._reply_to = stitched.segments.tuples.take(legs.client_segment).src

    @cached_property
    def server(self) -> Ints:
        """ENI that holds the server's address."""
        return self._owners.at(self._server, self._at).eni

    def of(self, leg: str) -> Ints:
        """ENI that holds the address of a leg."""
        if leg in _AT_SERVER:
            return self.server
        return self._owners.at(self._client if leg == "forward_out" else self._reply_to, self._at).eni


def _expected(
    leg: str, stitched: Stitched, ends: Endpoints, scenario: Ints, holders: _Holders, cluster: Cluster
) -> Ints:
    """Role that each path should show at a leg, ``_owner`` for that of the ENI which holds the address, 0 where nothing is expected.

    At the server's node the scenario's role gives way to that of the ENI that holds the server's address.
    """
    wanted = cluster.dataplanes.expected(LEGS[leg], scenario)
    if leg == "forward_out":
        return np.where(wanted > 0, wanted, expected_forward_out(stitched, ends, cluster))
    if leg == "return_in":
        return wanted
    held = cluster.enis.role[holders.server]
    return np.where((wanted > 0) & (wanted != _owner(leg)) & (held > 0), held, wanted)


def expected_forward_out(stitched: Stitched, ends: Endpoints, cluster: Cluster) -> Ints:
    """Enum code of the ENI role by which each request should leave its node, 0 where the export does not tell.

    What IPVS sends does not match a pod's rule that names an incoming interface (kernel 6.1, measured), so it leaves
    by the main table.
    """
    entries, chains, pools = stitched.entries, stitched.chains, cluster.pools
    planes, kinds = cluster.dataplanes.all, field("client_kind")
    codes = [_role_codes(plane) for plane in planes]
    if not any(codes):
        return np.zeros(len(chains), np.int64)
    entry = chains.next_entry[chains.root]
    balanced = entry >= 0
    chosen = entry[balanced]
    own = entries.node[chosen] == ends.client.node[balanced]
    balanced[balanced] = own & (entries.orig.dst[chosen] != entries.reply.dst[chosen])
    cases, heads = group(np.stack([ends.client.ip, ends.client.node], axis=1).astype(np.uint64))
    # what no service proxy touched, what it translated, what IPVS alone tells of, what the node itself sent
    by_case = np.zeros((heads.shape[0], 4), np.int64)
    for case, path in enumerate(heads.tolist()):
        node = int(ends.client.node[path])
        place = cluster.plane_of[node]
        facts = cluster.inventory.facts.get(pools.names.word(node) or "")
        roles = codes[place]
        by_case[case, 3] = roles.get("node", 0)
        if facts is None or not roles:
            continue
        rule = _pod_rule(facts.rules, pools.addresses.text(int(ends.client.ip[path])), planes[place])
        if rule is not None:
            by_case[case, :2] = roles.get("direct", 0), roles.get(_proxy(facts, rule), 0)
        if facts.sysctls.get("net.ipv4.vs.conntrack") == "0":
            by_case[case, 2] = roles.get("ipvs_untracked", 0)
    of_pod = by_case[cases, np.where(ends.told, 2, balanced)]
    of_pod = np.where(ends.dialled_kind > 0, of_pod, 0)
    of_node = np.where(ends.client.kind == kinds.code("node"), by_case[cases, 3], 0)
    return np.where(ends.client.kind == kinds.code("pod"), of_pod, of_node)


def _role_codes(plane: Dataplane) -> dict[str, int]:
    """Enum codes of the roles in ``forward_out``, ``_owner`` for the owner of the address."""
    role = field("role")
    return {
        name: _owner("forward_out") if value == OWNER else role.code(value)
        for name, value in plane.forward_out.items()
        if isinstance(value, str)
    }


def _proxy(facts: NodeFacts, rule: IpRule) -> str:
    """Which of ``forward_out`` holds for what the node balances, '' where the export does not tell the proxy's mode.

    The sysctls of IPVS exist once its module is loaded (ip_vs_ctl.c).
    """
    if facts.ipvs is None:
        modeless = not facts.sysctls or any(key.startswith("net.ipv4.vs.") for key in facts.sysctls)
        return "" if modeless else "other_proxy"
    return "ipvs_with_iif" if rule.iif else "ipvs_without_iif"


def _pod_rule(rules: list[IpRule] | None, ip: str | None, dataplane: Dataplane) -> IpRule | None:
    priority = dataplane.forward_out["pod_rule_priority"]
    return next((rule for rule in rules or () if rule.priority == priority and rule.src == ip), None)
