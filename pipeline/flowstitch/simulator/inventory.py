"""What describes the cluster, as kubectl, the cloud and the nodes' own tools print it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from flowstitch.simulator.cluster import ACCOUNT, REGION, VPC
from flowstitch.simulator.settings import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowstitch.simulator.cluster import Cluster, Node, Pod, Service
    from flowstitch.simulator.settings import Settings

CREATED = "2026-11-20T08:00:00Z"
SYSCTLS = """\
net.ipv4.ip_forward = 1
{ipvs}net.netfilter.nf_conntrack_acct = 1
net.netfilter.nf_conntrack_icmp_timeout = 30
net.netfilter.nf_conntrack_icmpv6_timeout = 30
net.netfilter.nf_conntrack_tcp_timeout_close = 10
net.netfilter.nf_conntrack_tcp_timeout_close_wait = 3600
net.netfilter.nf_conntrack_tcp_timeout_established = 86400
net.netfilter.nf_conntrack_tcp_timeout_fin_wait = 120
net.netfilter.nf_conntrack_tcp_timeout_last_ack = 30
net.netfilter.nf_conntrack_tcp_timeout_syn_recv = 60
net.netfilter.nf_conntrack_tcp_timeout_syn_sent = 120
net.netfilter.nf_conntrack_tcp_timeout_time_wait = 120
net.netfilter.nf_conntrack_timestamp = 1
net.netfilter.nf_conntrack_udp_timeout = 30
net.netfilter.nf_conntrack_udp_timeout_stream = 120
"""
IPVS_SYSCTL = "net.ipv4.vs.conntrack = 1\n"


def inventory_files(cluster: Cluster, settings: Settings) -> Iterator[tuple[str, str]]:
    """Names within the export and contents of all files that describe the cluster.

    Pods are listed at the beginning, whenever addresses are handed on, and at the end: of each handover there is one list
    that shows whose time has come.
    """
    yield "inventory/nodes.json", _list(_node(node) for node in cluster.nodes)
    yield "inventory/services.json", _list(_service(service) for service in cluster.services)
    slices = [item for service in cluster.services for item in _slices(cluster, service, settings)]
    yield "inventory/endpointslices.json", _list(slices)
    for moment in (settings.begin, *cluster.handovers, settings.until):
        alive = [
            pod
            for pod in cluster.pods
            if (pod.begin or 0) <= moment and (pod.end is None or moment < pod.end + 6 * SECOND)
        ]
        pods = [_pod(cluster, pod, moment) for pod in alive]
        yield f"inventory/pods.{moment // SECOND}.json", _list(pods)
    enis = {
        "NetworkInterfaceSets": {
            "NetworkInterfaceSet": [_eni(cluster, number) for number in range(len(cluster.enis))]
        }
    }
    yield "inventory/describe_network_interfaces.json", json.dumps(enis, indent=1)
    for number, node in enumerate(cluster.nodes):
        yield f"nodes/{node.name}/ip-rule.json", json.dumps(_rules(cluster, number)) + "\n"
        ipvs = settings.proxy == "ipvs"
        yield f"nodes/{node.name}/sysctl.txt", SYSCTLS.format(ipvs=IPVS_SYSCTL if ipvs else "")
        if ipvs:
            yield f"nodes/{node.name}/ipvsadm-save.txt", _ipvs(cluster, number)


def _list(items: Any) -> str:
    return (
        json.dumps(
            {"apiVersion": "v1", "kind": "List", "items": list(items), "metadata": {"resourceVersion": ""}},
            indent=1,
        )
        + "\n"
    )


def _iso(at: int | None) -> str:
    return CREATED if at is None else datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _node(node: Node) -> dict[str, Any]:
    addresses = [{"type": "InternalIP", "address": ip} for ip in node.ips if ip]
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": node.name, "creationTimestamp": CREATED,
                     "labels": {"topology.kubernetes.io/zone": node.zone, "topology.kubernetes.io/region": REGION}},
        "spec": {"providerID": f"{REGION}.{node.instance}"},
        "status": {"addresses": [*addresses, {"type": "Hostname", "address": node.name}]},
    }  # fmt: skip


def _pod(cluster: Cluster, pod: Pod, moment: int) -> dict[str, Any]:
    ips = [cluster.addresses[number] for number in cluster.hosts.ip[:, pod.host].tolist() if number]
    node = cluster.nodes[int(cluster.hosts.node[pod.host])]
    host_ip = next(ip for ip in node.ips if ip)
    metadata = {"name": pod.name, "namespace": pod.namespace, "creationTimestamp": _iso(pod.begin)}
    if pod.end is not None and pod.end <= moment:
        metadata["deletionTimestamp"] = _iso(pod.end)
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {"nodeName": node.name, "containers": [{"name": "main", "image": "registry.example.com/main:1"}]},
        "status": {"phase": "Running", "hostIP": host_ip, "podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips],
                   "startTime": _iso(pod.begin)},
    }  # fmt: skip


def _namespace(service: Service) -> str:
    return "kube-system" if service.name == "kube-dns" else "default"


def _service(service: Service) -> dict[str, Any]:
    balanced, vips = any(service.lb_ips), [ip for ip in service.cluster_ips if ip]
    port = {
        "name": "main",
        "port": service.port,
        "protocol": service.protocol.upper(),
        "targetPort": service.target_port,
    }
    if service.node_port:
        port["nodePort"] = service.node_port
    spec: dict[str, Any] = {
        "type": "LoadBalancer" if balanced else "ClusterIP", "clusterIP": vips[0], "clusterIPs": vips, "ports": [port],
        "internalTrafficPolicy": "Cluster", "sessionAffinity": "None", "selector": {"app": service.name},
    }  # fmt: skip
    if any(service.external_ips):
        spec["externalIPs"] = [ip for ip in service.external_ips if ip]
    if balanced or any(service.external_ips):
        spec["externalTrafficPolicy"] = "Local" if service.local else "Cluster"
    ingress = [{"ip": ip} for ip in service.lb_ips if ip]
    return {
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": service.name, "namespace": _namespace(service), "creationTimestamp": CREATED},
        "spec": spec, "status": {"loadBalancer": {"ingress": ingress} if ingress else {}},
    }  # fmt: skip


def _slices(cluster: Cluster, service: Service, settings: Settings) -> Iterator[dict[str, Any]]:
    names = {pod.host: pod.name for pod in cluster.pods if pod.end is None}
    for family in settings.families:
        endpoints = [
            {
                "addresses": [cluster.addresses[int(cluster.hosts.ip[family, host])]],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": cluster.nodes[int(cluster.hosts.node[host])].name,
                "targetRef": {"kind": "Pod", "name": names[host], "namespace": _namespace(service)},
            }
            for host in service.backends
        ]
        yield {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": ("IPv4", "IPv6")[family],
            "metadata": {"name": f"{service.name}-{family}", "namespace": _namespace(service), "creationTimestamp": CREATED,
                         "labels": {"kubernetes.io/service-name": service.name}},
            "endpoints": endpoints,
            "ports": [{"name": "main", "port": service.target_port, "protocol": service.protocol.upper()}],
        }  # fmt: skip


def _eni(cluster: Cluster, number: int) -> dict[str, Any]:
    eni = cluster.enis[number]
    node = cluster.nodes[eni.node]
    v4 = [ip for ip in eni.ips if ip_address(ip).version == 4]
    kind = "Primary" if eni.primary else "Secondary"
    return {
        "CreationTime": CREATED, "InstanceId": node.instance, "NetworkInterfaceId": eni.name, "OwnerId": ACCOUNT,
        "PrivateIpAddress": v4[0] if v4 else "", "Status": "InUse", "Type": kind, "VSwitchId": f"vsw-{node.zone}",
        "VpcId": VPC, "ZoneId": node.zone, "SourceDestCheck": False,
        "PrivateIpSets": {"PrivateIpSet": [{"Primary": place == 0, "PrivateIpAddress": ip} for place, ip in enumerate(v4)]},
        "Ipv6Sets": {"Ipv6Set": [{"Ipv6Address": ip} for ip in eni.ips if ip not in v4]},
    }  # fmt: skip


def _rules(cluster: Cluster, node: int) -> list[dict[str, Any]]:
    """``ip -j rule`` as Terway sets it: to a pod by the main table, from it by that of its ENI."""
    hosts = [host for host in cluster.groups["pods"].tolist() if cluster.hosts.node[host] == node]
    tables = {
        eni: 1003 + place
        for place, eni in enumerate(sorted({int(cluster.hosts.eni[host]) for host in hosts}))
    }
    to, of = [], []
    for host in hosts:
        for number in cluster.hosts.ip[:, host].tolist():
            if number:
                ip = cluster.addresses[number]
                to.append({"priority": 512, "src": "all", "dst": ip, "table": "main"})
                table = str(tables[int(cluster.hosts.eni[host])])
                of.append({"priority": 2048, "src": ip, "iif": f"cali{host:011x}", "table": table})
    last = [
        {"priority": 32766, "src": "all", "table": "main"},
        {"priority": 32767, "src": "all", "table": "default"},
    ]
    return [{"priority": 0, "src": "all", "table": "local"}, *to, *of, *last]


def _ipvs(cluster: Cluster, node: int) -> str:
    """``ipvsadm-save -n``: under policy Local an LB address and node port have the backends of the node alone."""
    lines = []
    for service in cluster.services:
        flag = "-t" if service.protocol == "tcp" else "-u"
        own = tuple(host for host in service.backends if cluster.hosts.node[host] == node)
        balanced = own if service.local else service.backends
        fronts = [(ips, service.port, balanced if ips is service.lb_ips else service.backends)
                  for ips in (service.cluster_ips, service.lb_ips, service.external_ips)]  # fmt: skip
        if service.node_port:
            fronts.append((cluster.nodes[node].ips, service.node_port, balanced))
        for ips, port, backends in fronts:
            for family, ip in enumerate(ips):
                if ip:
                    front = f"[{ip}]:{port}" if family else f"{ip}:{port}"
                    lines.append(f"-A {flag} {front} -s rr")
                    for host in backends:
                        real = cluster.addresses[int(cluster.hosts.ip[family, host])]
                        target = (
                            f"[{real}]:{service.target_port}" if family else f"{real}:{service.target_port}"
                        )
                        lines.append(f"-a {flag} {front} -r {target} -m -w 1")
    return "\n".join(lines) + "\n"
