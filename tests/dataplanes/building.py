"""Cases of data planes: one connection as each observer wrote it, made of a few words of TOML.

``cluster.toml`` of a folder names nodes, pods, other addresses and services; a case is written in those names. An end is ``NAME:PORT``
(of a node's name its own address), a tuple ``SOURCE>TARGET``, an ENI ``NODE-primary`` or ``NODE-POD``:

* ``conntrack``: ``NODE TUPLE [REPLY] [words]``; without REPLY nothing is translated; words are ``unanswered``, ``empty`` (no payload) and
  ``mark=NUMBER``.
* ``flows``: ``ENI in|out TUPLE [rejected]`` or ``ENI nodata``, the addresses of the packets; logs of AWS have them as pkt-srcaddr and pkt-dstaddr, and the ENI's own
  address for each that it holds.
* ``ipvs``: ``NODE SOURCE>VIRTUAL>SERVER``, a row of its connection table.

What nodes have: ``dataplane`` of the run where it is not the folder's name, ``dataplanes`` of others by ``export.toml``, and ``labels``.

What a node is set to: ``proxy`` (``ipvs``, ``iptables`` or ``nftables``), ``iif`` (whether the pods' rules name their interface), ``sysctls``, ``fallback``
(whether IPVS gets all endpoints where policy Local leaves none), ``unlisted`` (services that its IPVS table lacks) and ``kubelet_version``.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from story import Hop, Story

Raw = dict[str, Any]
End = tuple[str, int]
AWS_FIELDS = [
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
    "tcp-flags",
    "flow-direction",
    "pkt-srcaddr",
    "pkt-dstaddr",
]


class Case:
    """A case and the cluster that it happens in."""

    def __init__(self, path: Path) -> None:
        """Read a case; ``path`` is its file, beside ``cluster.toml``."""
        self.raw: Raw = tomllib.loads(path.read_text(encoding="utf-8"))
        self.cluster: Raw = tomllib.loads((path.parent / "cluster.toml").read_text(encoding="utf-8"))
        self.services = [
            service | self.raw.get("services", {}).get(service["name"], {})
            for service in self.cluster["services"]
        ]
        self.proxy: str = self.raw.get("proxy", self.cluster.get("proxy", "ipvs"))

    @cached_property
    def addresses(self) -> dict[str, str]:
        pods = {name: pod["ip"] for name, pod in self.cluster["pods"].items()}
        return self.cluster["nodes"] | pods | self.cluster["addresses"]

    def write(self, folder: Path) -> Path:
        """Write the export; ENIs and flow logs as the cloud of the cluster has them."""
        story = self._story()
        enis, flows = story.enis, story.flows
        if self.cluster.get("cloud") == "aws":
            story.flows = []
        story.write(folder)
        if self.cluster.get("cloud") == "aws":
            (folder / "enis.json").write_text(
                json.dumps({"NetworkInterfaces": [_aws_eni(eni) for eni in enis] + self._aws_balancers()})
            )
            lines = [" ".join(AWS_FIELDS), *(_aws_flow(row, enis) for row in flows)]
            (folder / "flows").write_text("\n".join(lines) + "\n")
        for node in self.cluster["nodes"]:
            self._write_settings(folder / "nodes" / node, node)
        told = self.cluster.get("dataplanes", {}).items()
        lines = [f"[[node]]\nmatch = '{node}'\ndataplane = '{name}'\n" for node, name in told]
        (folder / "export.toml").write_text("".join(lines))
        return folder

    def _aws_balancers(self) -> list[Raw]:
        """Interfaces of load balancers, in the names of `load_balancers`."""
        return [
            {"NetworkInterfaceId": f"eni-{name}", "InterfaceType": "interface", "SubnetId": "subnet-1", "VpcId": "vpc-1",
             "Description": f"ELB {told}", "PrivateIpAddress": self.addresses[name], "PrivateIpAddresses": []}
            for name, told in self.cluster.get("load_balancers", {}).items()
        ]  # fmt: skip

    def _story(self) -> Story:
        story = Story(labels=self.cluster.get("labels", {}))
        for name, ip in self.cluster["nodes"].items():
            story.node(name, ip, self.raw.get("kubelet_version"))
            on_primary = [
                pod["ip"]
                for pod in self.cluster["pods"].values()
                if pod["node"] == name and pod.get("eni") == "primary"
            ]
            story.enis.pop()
            story.eni(f"eni-{name}-primary", name, "Primary", [ip, *on_primary])
        for name, pod in self.cluster["pods"].items():
            story.pod(name, pod["node"], pod["ip"], eni=False)
            if pod.get("eni") not in {"primary", "none"}:
                own = [pod["eni_ip"]] if "eni_ip" in pod else []
                kind = pod.get("eni", "secondary").capitalize()
                story.eni(f"eni-{pod['node']}-{name}", pod["node"], kind, [*own, pod["ip"]])
        for service in self.services:
            ends = [(self._pod(end)["node"], *self._end(end)) for end in service["backends"]]
            address = {
                key: self.addresses.get(service.get(key, ""), "")
                for key in ("cluster_ip", "lb_ip", "external_ip")
            }
            story.service(
                service["name"], address["cluster_ip"], service["port"], ends, policy=service.get("policy", "Cluster"),
                lb=address["lb_ip"], node_port=service.get("node_port", 0), internal=service.get("internal", "Cluster"),
                external=address["external_ip"],
            )  # fmt: skip
        for text in self.raw.get("conntrack", ()):
            node, *tuples, words = _words(text)
            hop = Hop(node, *self._tuple(tuples[0]), mark=int(words.get("mark", 0)), empty="empty" in words)
            if len(tuples) > 1:
                back, via = self._tuple(tuples[1])
                hop = replace(hop, back=back, via=via)
            story.connect([hop], 0, answered="unanswered" not in words)
        for text in self.raw.get("flows", ()):
            if text.endswith(" nodata"):
                story.quiet(f"eni-{text.split()[0]}", 0, 60)
                continue
            eni, direction, wire, words = _words(text)
            more: Raw = {"action": "REJECT"} if "rejected" in words else {}
            story.cross(f"eni-{eni}", direction, *self._tuple(wire), 0, 60, **more)
        for text in self.raw.get("ipvs", ()):
            node, ends = text.split()
            story.balance(node, 5, *(self._end(end) for end in ends.split(">")))
        return story

    def _write_settings(self, folder: Path, node: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        sysctls = {"net.netfilter.nf_conntrack_acct": 1, "net.netfilter.nf_conntrack_timestamp": 1}
        if self.proxy == "ipvs":
            sysctls["net.ipv4.vs.conntrack"] = 1
            (folder / "ipvsadm-save").write_text("\n".join(self._virtual_services(node)) + "\n")
        sysctls |= self.raw.get("sysctls", {}).get(node, {})
        (folder / "sysctl").write_text("".join(f"{key} = {value}\n" for key, value in sysctls.items()))
        rules: list[Raw] = [{"priority": 0, "src": "all", "table": "local"}]
        for pod in (pod for pod in self.cluster["pods"].values() if pod["node"] == node):
            rules.append({"priority": 512, "src": "all", "dst": pod["ip"], "table": "main"})
            if pod.get("eni") not in {"primary", "none"}:
                rule = {"priority": self.cluster["pod_rule_priority"], "src": pod["ip"], "table": "1003"}
                rules.append(
                    rule | ({"iif": "cali0"} if self.raw.get("iif", self.cluster.get("iif", True)) else {})
                )
        (folder / "ip-rule.json").write_text(json.dumps(rules))

    def _virtual_services(self, node: str) -> list[str]:
        lines = []
        for service in (one for one in self.services if one["name"] not in self.raw.get("unlisted", ())):
            here = [end for end in service["backends"] if self._pod(end)["node"] == node]
            fixed = [(service.get(key), service["port"]) for key in ("cluster_ip", "lb_ip", "external_ip")]
            for name, port in (*fixed, (node if "node_port" in service else None, service.get("node_port"))):
                policy = service.get("internal" if name == service.get("cluster_ip") else "policy")
                ends = (
                    here
                    if policy == "Local" and (here or not self.raw.get("fallback"))
                    else service["backends"]
                )
                if name:
                    virtual = f"{self.addresses[name]}:{port}"
                    lines.append(f"-A -t {virtual} -s rr")
                    lines += ["-a -t {} -r {}:{} -m -w 1".format(virtual, *self._end(end)) for end in ends]
        return lines

    def _pod(self, end: str) -> Raw:
        pod: Raw = self.cluster["pods"][end.split(":", maxsplit=1)[0]]
        return pod

    def _end(self, text: str) -> End:
        name, port = text.split(":")
        return self.addresses[name], int(port)

    def _tuple(self, text: str) -> tuple[End, End]:
        source, target = text.split(">")
        return self._end(source), self._end(target)


def _words(text: str) -> list[Any]:
    """Words of a line, the last one a table of those that come after the tuples."""
    words = text.split()
    plain = [word for word in words if ">" in word and "=" not in word]
    end = words.index(plain[-1]) + 1
    return [*words[:end], {word.partition("=")[0]: word.partition("=")[2] for word in words[end:]}]


def _aws_eni(eni: Raw) -> Raw:
    ips = [{"PrivateIpAddress": item["PrivateIpAddress"]} for item in eni["PrivateIpSets"]["PrivateIpSet"]]
    slot = 0 if eni["Type"] == "Primary" else 1
    return {
        "NetworkInterfaceId": eni["NetworkInterfaceId"], "InterfaceType": "interface", "SubnetId": "subnet-1", "VpcId": eni["VpcId"],
        "PrivateIpAddress": eni["PrivateIpAddress"], "PrivateIpAddresses": ips,
        "Attachment": {"InstanceId": eni["InstanceId"], "DeviceIndex": slot, "NetworkCardIndex": 0, "AttachTime": eni["CreationTime"]},
    }  # fmt: skip


def _aws_flow(row: Raw, enis: list[Raw]) -> str:
    (eni,) = (one for one in enis if one["NetworkInterfaceId"] == row["eni-id"])
    held = {item["PrivateIpAddress"] for item in eni["PrivateIpSets"]["PrivateIpSet"]}
    told = row | {
        "interface-id": row["eni-id"],
        "flow-direction": {"in": "ingress", "out": "egress"}[row["direction"]],
    }
    for side in ("srcaddr", "dstaddr"):
        told[f"pkt-{side}"] = row[side]
        told[side] = eni["PrivateIpAddress"] if row[side] in held else row[side]
    return " ".join(str(told[name]) for name in AWS_FIELDS)
