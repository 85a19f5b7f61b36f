"""Kubernetes objects as the API prints them, to inventory rows.

The shapes are those of the Kubernetes API reference: Pod, Service and Node of v1, EndpointSlice of discovery.k8s.io.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowstitch.catalog.dataplanes import labelled_dataplanes
from flowstitch.catalog.load import load_toml
from flowstitch.ingest.items import BadValue, Item
from flowstitch.ingest.snapshots import Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowstitch.ingest.snapshots import Dump

    Row = dict[str, Any]

# Of an object, ports times addresses: the API allows 1000 endpoints and 100 ports in a slice (discovery.k8s.io/v1).
MAX_ROWS = 100_000
_POLICIES = ("Cluster", "Local")


def objects(document: object) -> Iterator[object]:
    """Objects of a document: of a list of the API, of a plain JSON list, or the document itself.

    Items of a list of one kind (``PodList``) can lack ``kind`` and ``apiVersion``; they get the list's.
    """
    for value in document if isinstance(document, list) else [document]:
        if not isinstance(value, dict) or "items" not in value:
            yield value
            continue
        kind = str(value.get("kind") or "").removesuffix("List")
        common = {"kind": kind, "apiVersion": value.get("apiVersion")} if kind else {}
        items = value["items"]
        for item in items if isinstance(items, list) else [] if items is None else [items]:
            yield {**common, **item} if isinstance(item, dict) and "kind" not in item else item


def is_whole_list(document: object) -> bool:
    """Whether a document is a list that is no page of a longer one."""
    if isinstance(document, list):
        return True
    if not isinstance(document, dict) or "items" not in document:
        return False
    metadata = document.get("metadata")
    return not (isinstance(metadata, dict) and metadata.get("continue"))


def take_object(item: Item, dump: Dump) -> str:
    """Add one object to what its file says.

    Parameters
    ----------
    item : the object.

    Returns
    -------
    Why the object carries nothing; '' when it was taken. Raises ``BadValue`` when it is not what its kind says.
    """
    group = (item.text("apiVersion") or "").rpartition("/")[0]
    found = _KINDS.get((group, item.need("kind")))
    if found is None:
        return "other object"
    table, read = found
    rows = read(item)
    if rows is None:
        return "object without addresses"
    dump.objects.append(
        Taken(
            table,
            item.text("metadata.namespace") or "",
            item.text("metadata.name") or "",
            item.time("metadata.creationTimestamp"),
            [{**row, "undated": dump.taken_at is None} for row in rows],
        )
    )
    return ""


def _validity(item: Item) -> Row:
    return {
        "valid_from": item.time("metadata.creationTimestamp"),
        "valid_to": item.time("metadata.deletionTimestamp"),
    }


def _pod(item: Item) -> list[Row]:
    row = {
        "namespace": item.need("metadata.namespace"),
        "name": item.need("metadata.name"),
        "node": item.text("spec.nodeName"),
        "host_network": bool(item.flag("spec.hostNetwork")),
        "phase": item.text("status.phase"),
        "ips": item.addresses("status.podIP", "status.podIPs[].ip"),
        "valid_from": item.time("status.startTime", "metadata.creationTimestamp"),
        "valid_to": item.time("metadata.deletionTimestamp"),
    }
    if row["phase"] in {"Succeeded", "Failed"}:
        # a finished pod still shows its address, which may be another pod's by now
        finished = item.times("status.containerStatuses[].state.terminated.finishedAt")
        row["valid_to"] = max(finished, default=row["valid_to"])
        row["ips"] = row["ips"] if finished else []
    return [row]


def _service(item: Item) -> list[Row]:
    kind = item.text("spec.type") or "ClusterIP"
    external_ips = item.addresses("spec.externalIPs[]")
    outside = kind in {"NodePort", "LoadBalancer"} or bool(external_ips)
    names = load_toml("dialects/kubernetes")["service"]
    ingress = item.items("status.loadBalancer.ingress[]")
    common = {
        "namespace": item.need("metadata.namespace"),
        "name": item.need("metadata.name"),
        "service_type": kind,
        "cluster_ips": _cluster_ips(item),
        # kube-proxy leaves an address of ipMode Proxy to the load balancer
        "lb_ips": sorted({ip for to in ingress if to.text("ipMode") != "Proxy" for ip in to.addresses("ip")}),
        "external_ips": external_ips,
        "lb_id": item.tag("metadata.labels", *names["lb_id_labels"])
        or item.tag("metadata.annotations", *names["lb_id_annotations"]),
        "external_traffic_policy": (_policy(item, "spec.externalTrafficPolicy") if outside else None),
        "internal_traffic_policy": None
        if kind == "ExternalName"
        else _policy(item, "spec.internalTrafficPolicy"),
        "session_affinity": item.text("spec.sessionAffinity"),
        **_validity(item),
    }
    ports = item.items("spec.ports[]")
    if len(ports) * sum(len(common[name]) for name in ("cluster_ips", "lb_ips", "external_ips")) > MAX_ROWS:
        raise BadValue("spec.ports[]")
    return [{**common, **_service_port(port)} for port in ports] or [{**common, **_NO_PORT}]


def _policy(item: Item, path: str) -> str:
    return item.one_of(path, *_POLICIES) or "Cluster"


def _cluster_ips(item: Item) -> list[str]:
    """ClusterIPs; a headless service has the word None instead."""
    if "None" in item.texts("spec.clusterIP", "spec.clusterIPs[]"):
        return []
    return item.addresses("spec.clusterIP", "spec.clusterIPs[]")


def _service_port(port: Item) -> Row:
    number = port.number("port")
    if number is None:
        raise BadValue("spec.ports[].port")
    named = any(isinstance(value, str) for value in port.values("targetPort"))
    target = port.text("targetPort") if named else port.number("targetPort")
    return {
        "protocol": _protocol(port),
        "port_name": port.text("name"),
        "port": number,
        "target_port": str(target) if target else None,
        "node_port": port.number("nodePort") or None,
    }


_NO_PORT: Row = dict.fromkeys(("protocol", "port_name", "port", "target_port", "node_port"))


def _protocol(port: Item) -> str:
    return (port.one_of("protocol", "TCP", "UDP", "SCTP") or "TCP").lower()


def _endpointslice(item: Item) -> list[Row] | None:
    namespace = item.need("metadata.namespace")
    service = item.tag("metadata.labels", "kubernetes.io/service-name")
    if service is None or item.text("addressType") == "FQDN":
        return None
    ports = [
        {"protocol": _protocol(port), "port_name": port.text("name"), "port": port.number("port")}
        for port in item.items("ports[]")
    ] or [dict.fromkeys(("protocol", "port_name", "port"))]
    endpoints = [(endpoint, endpoint.addresses("addresses[]")) for endpoint in item.items("endpoints[]")]
    if len(ports) * sum(len(addresses) for _, addresses in endpoints) > MAX_ROWS:
        raise BadValue("endpoints[]")
    validity = _validity(item)
    rows: list[Row] = []
    for endpoint, addresses in endpoints:
        known = {
            "node": endpoint.text("nodeName"),
            "pod": _pod_of(endpoint, namespace),
            "ready": endpoint.flag("conditions.ready") is not False,
            **validity,
        }
        rows += [
            {"service": f"{namespace}/{service}", **port, "endpoint_ip": address, **known}
            for address in addresses
            for port in ports
        ]
    return rows


def _pod_of(endpoint: Item, namespace: str) -> str | None:
    name = endpoint.text("targetRef.name")
    if name is None or endpoint.text("targetRef.kind") != "Pod":
        return None
    return f"{endpoint.text('targetRef.namespace') or namespace}/{name}"


def _node(item: Item) -> list[Row]:
    provider = item.text("spec.providerID") or ""
    zones = load_toml("dialects/kubernetes")["node"]["zone_labels"]
    addresses = item.items("status.addresses[]")
    of_type = {
        kind: sorted(
            {ip for entry in addresses if entry.text("type") == kind for ip in entry.addresses("address")}
        )
        for kind in ("InternalIP", "ExternalIP")
    }
    row = {
        "name": item.need("metadata.name"),
        "instance_id": provider.replace("/", ".").rpartition(".")[2] or None,
        "internal_ips": of_type["InternalIP"],
        "external_ips": of_type["ExternalIP"],
        "zone_id": item.tag("metadata.labels", *zones),
        "proxy_mode": None,
        "kubelet_version": item.text("status.nodeInfo.kubeletVersion"),
        "dataplane": _dataplane(item),
        **_validity(item),
    }
    return [row]


def _dataplane(item: Item) -> str | None:
    """Data plane that a node's labels tell, None where they tell none."""
    for name, labels in labelled_dataplanes().items():
        if all(item.tag("metadata.labels", label) == value for label, value in labels.items()):
            return name
    return None


_KINDS: dict[tuple[str, str], tuple[str, Callable[[Item], list[Row] | None]]] = {
    ("", "Pod"): ("pods", _pod),
    ("", "Service"): ("services", _service),
    ("", "Node"): ("nodes", _node),
    ("discovery.k8s.io", "EndpointSlice"): ("endpoints", _endpointslice),
}
