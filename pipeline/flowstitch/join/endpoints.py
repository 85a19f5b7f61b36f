"""Who opened each path, what was dialled, and who answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import field
from flowstitch.catalog.dataplanes import SERVICE_NAT
from flowstitch.catalog.protocols import protocols_with
from flowstitch.join.chains import first_of_each
from flowstitch.normalize.address import family_of

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints
    from flowstitch.ingest.model import Inventory
    from flowstitch.join.entries import Entries
    from flowstitch.join.owners import Owned
    from flowstitch.join.stitched import Cluster, Stitched
    from flowstitch.normalize.columns import Pools


@dataclass(frozen=True)
class Endpoint:
    """One end of each path: address number, port (-1 if none), enum code of its kind, name and node codes; shape (paths,)."""

    ip: Ints
    port: Ints
    kind: Ints
    name: Ints
    node: Ints


@dataclass(frozen=True)
class Endpoints:
    """Ends of each path; arrays of shape (paths,).

    Attributes
    ----------
    protocol : IANA number. icmp_id : echo identifier, -1 if none.
    lead : the first observer's entry, -1 where only flow logs saw the path.
    client, server : the ends; the client's address is 0 where only a stand-in was seen.
    seen_ip, seen_port : the original source as first seen.
    dialled_ip, dialled_port, dialled_kind, service, policy : what was dialled, codes as in the table ``datapaths``.
    told : IPVS alone tells what was dialled. target_node : node of the dialled address.
    behind_lb : LoadBalancer services that have the server as endpoint, counted where the client is outside.
    """

    protocol: Ints
    icmp_id: Ints
    lead: Ints
    client: Endpoint
    server: Endpoint
    seen_ip: Ints
    seen_port: Ints
    dialled_ip: Ints
    dialled_port: Ints
    dialled_kind: Ints
    service: Ints
    policy: Ints
    told: Flags
    target_node: Ints
    behind_lb: Ints


def find_endpoints(stitched: Stitched, cluster: Cluster) -> Endpoints:
    """Ends of all paths."""
    chains, segments = stitched.chains, stitched.segments
    owners, services = cluster.owners, cluster.services
    root, tail = chains.root, chains.tail
    at = segments.first[root]
    tuples, last = segments.tuples.take(root), segments.tuples.take(tail)
    untranslated = chains.next_entry[root] < 0
    source = owners.at(tuples.src, at)
    lead = _first_observers(stitched, source, cluster.pools.names.ranks())
    ports = protocols_with("ports")[tuples.protocol]
    src_port, dst_port = np.where(ports, tuples.src_port, -1), np.where(ports, tuples.dst_port, -1)
    directed = segments.directed[root]
    client = _client(stitched.entries, lead, tuples.src, src_port, source, directed, cluster)
    end = owners.at(last.dst, at)
    # what only an ENI holds is a pod that the list does not have
    maybe_pod = end.of("pod", "eni") | ((end.kind == 0) & (not cluster.knows_insiders))
    blind = untranslated & ~_shows_dialled(stitched.entries, lead, client, cluster) & maybe_pod
    blind &= services.may_front(last.protocol, last.dst, dst_port, at)
    told = blind & (stitched.ipvs.virtual_ip > 0)
    dst = np.where(told, stitched.ipvs.virtual_ip, tuples.dst)
    dst_port = np.where(told, stitched.ipvs.virtual_port, dst_port)
    target = owners.at(dst, at)
    dialled = services.dialled(tuples.protocol, dst, dst_port, at)
    kind = np.where(dialled.kind > 0, dialled.kind, _kinds(target, "dialled_kind", cluster))
    # without the services a port of the node cannot be told from a node port
    kind = np.where(target.of("node") & (not cluster.knows_services), 0, kind)
    ip, port, service, policy = dst, dst_port, dialled.service, dialled.policy
    passed_on = (client.kind == field("client_kind").code("outside")) & maybe_pod & (tuples.dst == last.dst)
    known = directed & (told | ~(blind | (passed_on & (not cluster.knows_endpoints))))
    lb_count, lb_service, lb_ip, lb_port, lb_policy = services.behind_lb(
        last.protocol, last.dst, last.dst_port, at
    )
    explained = passed_on & (lb_count == 1) & (lb_ip > 0) & (lb_port >= 0)
    ip, port = np.where(explained, lb_ip, ip), np.where(explained, lb_port, port)
    kind = np.where(explained, field("dialled_kind").code("lb_ip"), kind)
    service, policy = np.where(explained, lb_service, service), np.where(explained, lb_policy, policy)
    maybe_port = (kind == 0) & ~target.lapsed & (lead < 0)
    unmet = untranslated & ((kind == field("dialled_kind").code("node_port")) | maybe_port)
    server_kind = np.where(
        end.of("cluster_ip", "lb_ip", "external_ip"), field("server_kind").code("service"), 0
    )
    server_kind = np.where(server_kind > 0, server_kind, _kinds(end, "server_kind", cluster))
    server_port = np.where(ports, last.dst_port, -1)
    # 0 is what a row without an echo identifier has
    echo = protocols_with("echo")[tuples.protocol] & (lead >= 0) & (tuples.src_port > 0)
    return Endpoints(
        protocol=tuples.protocol, icmp_id=np.where(echo, tuples.src_port, -1), lead=lead, client=client,
        server=_known(directed & ~unmet, Endpoint(last.dst, server_port, server_kind, *_named(end))),
        seen_ip=tuples.src, seen_port=src_port,
        dialled_ip=np.where(known, ip, 0), dialled_port=np.where(known, port, -1),
        dialled_kind=np.where(known, kind, 0), service=np.where(known, service, 0),
        policy=np.where(known, policy, 0),
        told=told,
        target_node=np.where(target.of("pod", "node"), target.node, 0), behind_lb=np.where(passed_on, lb_count, 0),
    )  # fmt: skip


def _shows_dialled(entries: Entries, lead: Ints, client: Endpoint, cluster: Cluster) -> Flags:
    """Whether a path that nobody translated would show a translation: the client's own node saw it, or there is no such node.

    Without its entry a service that the client's node translated cannot be told from the pod behind it. Of pods an entry does not tell where
    services are translated unseen, and none is needed where whatever is translated is masqueraded.
    """
    away = np.isin(client.kind, [field("client_kind").code(kind) for kind in ("lb", "outside")])
    lead_node = np.where(lead >= 0, entries.node[lead] if len(entries) else 0, 0)
    own = (client.node > 0) & (lead_node == client.node)
    pod = client.kind == field("client_kind").code("pod")
    nat = np.array([SERVICE_NAT.index(plane.service_nat) for plane in cluster.dataplanes.all])
    nat = nat[cluster.plane_of[client.node]]
    unseen, masqueraded = (nat == SERVICE_NAT.index(word) for word in ("unseen", "masqueraded"))
    return away | (own & ~(pod & unseen)) | (pod & masqueraded)


def _first_observers(stitched: Stitched, source: Owned, ranks: Ints) -> Ints:
    """Entry of the node that owns the source, else the earliest; -1 where no conntrack saw the root."""
    entries, sides, chains = stitched.entries, stitched.sides, stitched.chains
    path = chains.path[sides.segment]
    at_root = np.flatnonzero((chains.position[sides.segment] == 0) & ~sides.reply)
    entry, path = sides.entry[at_root], path[at_root]
    foreign = (entries.node[entry] != source.node[path]).astype(np.int64)
    start = entries.start_hi[entry] - stitched.ahead[entries.node[entry]]
    rank, zone = ranks[entries.node[entry]], entries.zone[entry]
    chosen = first_of_each(path, len(chains), foreign, start, rank, zone)
    return np.where(chosen >= 0, entry[chosen], -1) if entry.shape[0] else chosen


def _client(
    entries: Entries, lead: Ints, ip: Ints, port: Ints, owner: Owned, directed: Flags, cluster: Cluster
) -> Endpoint:
    """Clients; a node's address, or one by which it masquerades, stands for the node only where that node's own entry says so.

    A service's address as source is that of the node that dialled it: kube-ipvs0 holds them all.
    """
    kinds, local = field("client_kind"), cluster.local
    lead_node = np.where(lead >= 0, entries.node[lead] if len(entries) else 0, 0)
    pod, node = owner.of("pod"), owner.of("node")
    own_node = node & (lead_node == owner.node) & (lead_node > 0)
    stand_in = local[ip] & ~pod & ~node & (lead_node > 0)
    node_ip = _node_address(lead_node, ip, cluster.inventory, cluster.pools)
    held = owner.of("eni")
    outside = ~pod & ~node & ~held & ~local[ip] & ~owner.lapsed & cluster.knows_insiders
    kind = np.select(
        [pod, own_node | stand_in, owner.of("lb") | (outside & cluster.lb_source[ip]), outside],
        [kinds.code("pod"), kinds.code("node"), kinds.code("lb"), kinds.code("outside")],
        0,
    )
    stranger = ~pod & ~node & ~local[ip] & ~(held & cluster.stand_in[ip])
    known = directed & (pod | own_node | (stand_in & (node_ip > 0)) | stranger)
    on_node = own_node | stand_in
    name = np.where(pod, owner.name, np.where(on_node, lead_node, 0))
    home = np.where(pod | held, owner.node, np.where(on_node, lead_node, 0))
    return _known(known, Endpoint(np.where(stand_in, node_ip, ip), port, kind, name, home))


def _known(known: Flags, end: Endpoint) -> Endpoint:
    return Endpoint(
        np.where(known, end.ip, 0), np.where(known, end.port, -1), np.where(known, end.kind, 0),
        np.where(known, end.name, 0), np.where(known, end.node, 0),
    )  # fmt: skip


def _node_address(node: Ints, like: Ints, inventory: Inventory, pools: Pools) -> Ints:
    """Address of a node in the family of another address, 0 where it has none."""
    by_family = np.zeros((2, len(pools.names)), np.int64)
    for row in inventory.tables["nodes"]:
        code = pools.names.code(row["name"])
        for ip in row["internal_ips"] or ():
            family = int(family_of(ip) == 6)
            if code < by_family.shape[1] and by_family[family, code] == 0:
                by_family[family, code] = pools.addresses.number(ip)
    v6 = (pools.addresses.hi[like] != 0) | (pools.addresses.lo[like] >> np.uint64(32) != np.uint64(0xFFFF))
    found: Ints = by_family[v6.astype(np.int64), node]
    return found


def _kinds(owner: Owned, column: str, cluster: Cluster) -> Ints:
    """Owner kinds as codes of another column; 'outside' for what nobody ever owned, null for what only an ENI holds.

    An address that an ENI of the cluster holds and no pod of the list is a pod that the list does not have.
    """
    item, kinds = field(column), field("owner_kind").values
    outside = item.code("outside") if cluster.knows_insiders and cluster.knows_services else 0
    codes = [outside] + [item.code(kind) if kind in item.values else 0 for kind in kinds]
    return np.where(owner.lapsed, 0, np.array(codes, np.int64)[owner.kind])


def _named(owner: Owned) -> tuple[Ints, Ints]:
    workload = owner.of("pod", "node")
    return np.where(workload, owner.name, 0), np.where(workload | owner.of("eni"), owner.node, 0)
