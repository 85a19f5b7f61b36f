"""What the lines of raw logs look like: conntrack(8), ipvsadm(8), VPC flow logs of both clouds, CLB access logs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.simulator.cluster import ACCOUNT, REGION, VPC
from flowstitch.simulator.connections import ICMP, ICMPV6
from flowstitch.simulator.conntrack import STATES
from flowstitch.simulator.flowlogs import ACTIONS, STATUSES
from flowstitch.simulator.ipvs import STATES as IPVS_STATES
from flowstitch.simulator.requests import ATTEMPTS, LB_PORT, METHODS, lb_address, lb_name
from flowstitch.simulator.text import Layout

if TYPE_CHECKING:
    from flowstitch.arrays import Ints
    from flowstitch.simulator.cluster import Cluster
    from flowstitch.simulator.settings import Settings

EVENTS = ("", "", "    [NEW] ", " [UPDATE] ", "[DESTROY] ")
PROTOCOLS = {6: "tcp", 17: "udp", ICMP: "icmp", ICMPV6: "icmpv6"}
ALIBABA_COLUMNS = (
    "version", "account-id", "eni-id", "vm-id", "vswitch-id", "vpc-id", "region", "srcaddr", "srcport", "protocol", "dstaddr", "dstport",
    "direction", "packets", "bytes", "start", "end", "tcp-flags", "action", "log-status", "traffic_path",
)  # fmt: skip
AWS_COLUMNS = (
    "version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end",
    "action", "log-status", "vpc-id", "subnet-id", "instance-id", "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr", "region", "az-id",
    "flow-direction", "traffic-path",
)  # fmt: skip
# Forms of a row of conntrack, times those of ``ECHO``: an event, the end of an entry, the end of one whose timeout is over, an
# entry of a list.
EVENT, END, EXPIRED, LISTED = range(4)
# Types of an echo and of its answer, by what the protocol is.
ECHO = {0: (), ICMP: (8, 0), ICMPV6: (128, 129)}
# What flow logs have of every window, and what of those with traffic; the others have "-" for it.
_OF_WINDOWS = {
    "account-id": ACCOUNT, "region": REGION, "vpc-id": VPC, "eni-id": "{eni:enis}", "interface-id": "{eni:enis}", "vm-id": "{eni:instances}",
    "instance-id": "{eni:instances}", "vswitch-id": "{eni:switches}", "subnet-id": "{eni:switches}", "az-id": "{eni:zones}",
    "start": "{start_s}", "end": "{end_s}", "log-status": "{status:statuses}", "traffic_path": "-",
}  # fmt: skip
_OF_TRAFFIC = {
    "srcport": "{src_port}", "dstport": "{dst_port}", "protocol": "{protocol}", "direction": "{out:directions}",
    "flow-direction": "{out:gresses}", "packets": "{packets}", "bytes": "{octets}", "tcp-flags": "{flags}", "action": "{denied:actions}",
    "type": "{wide:types}", "pkt-srcaddr": "{src:addresses}", "pkt-dstaddr": "{dst:addresses}", "traffic-path": "{out:paths}",
}  # fmt: skip
_ADDRESSES = {
    "aws": {"version": "5", "srcaddr": "{own_src:own}", "dstaddr": "{own_dst:own}"},
    "alibaba": {"version": "1", "srcaddr": "{src:addresses}", "dstaddr": "{dst:addresses}"},
}
# Width of an end of an IPVS connection.
IPVS_WIDTH = 18


def clock(seconds: Ints, begin_s: int) -> dict[str, Ints]:
    """Columns of a date and time in UTC: ``day`` since that of ``begin_s``, ``hour``, ``minute``, ``second``."""
    days, rest = np.divmod(seconds, 86_400)
    return {
        "day": days - begin_s // 86_400, "hour": rest // 3600, "minute": rest // 60 % 60, "second": rest % 60,
    }  # fmt: skip


def days(begin_s: int, end_s: int) -> list[datetime]:
    """Each day from that of ``begin_s`` until that of ``end_s``."""
    return [
        datetime.fromtimestamp(day * 86_400, UTC) for day in range(begin_s // 86_400, end_s // 86_400 + 1)
    ]


def by_number(words: dict[int, str]) -> list[str]:
    """Words as a list, "" where there is none."""
    return [words.get(number, "") for number in range(max(words) + 1)]


def conntrack_layout(cluster: Cluster, begin_s: int, end_s: int, *lives: int) -> Layout:
    """Lines of conntrack, in forms of ``EVENT`` to ``LISTED`` times those of ``ECHO``; entries start between the two times."""
    dates = days(begin_s, end_s)
    return Layout(
        *(_entry(life, echo) for life in lives for echo in ECHO.values()),
        addresses=cluster.addresses, events=EVENTS, families=("ipv4     2 ", "ipv6     10 "),
        protocols=by_number({number: f"{name:8} {number} " for number, name in PROTOCOLS.items()}),
        states=[f"{state} " if state else "" for state in STATES], replied=("[UNREPLIED] ", ""), assured=("", "[ASSURED] "),
        days=[f"{day:%a %b} {day.day:2} " for day in dates], years=[f" {day.year}" for day in dates],
    )  # fmt: skip


def _entry(life: int, echo: tuple[int, ...]) -> str:
    sides = [
        f"src={{{side}_src:addresses}} dst={{{side}_dst:addresses}} "
        + (
            f"type={echo[number]} code=0 id={{{side}_src_port}} "
            if echo
            else f"sport={{{side}_src_port}} dport={{{side}_dst_port}} "
        )
        + (f"packets={{{side}_packets}} bytes={{{side}_bytes}} " if life != EVENT else "")
        for number, side in enumerate(("orig", "reply"))
    ]
    return "".join((
        "" if life == LISTED else "[{seen_s}.{seen_us:06}]\t{event:events}", "{wide:families}{protocol:protocols}",
        "" if life == EXPIRED else "{timeout_s} ", "{state:states}", sides[0], "{replied:replied}", sides[1], "{assured:assured}",
        "mark=0 " if life == LISTED else "", "" if life == EVENT else "delta-time={delta_s} ",
        "[start={day:days}{hour:02}:{minute:02}:{second:02}{day:years}] use=1 " if life == LISTED else "", "id={ident}\n",
    ))  # fmt: skip


def ipvs_layout(cluster: Cluster) -> Layout:
    """Lines of ``ipvsadm -Lnc``; ``client_room`` and its like are blanks behind an end."""
    ends = "".join(
        f" {{{end}:ends}}:{{{end}_port}}{{{end}_room:blanks}}" for end in ("client", "virtual", "server")
    )
    return Layout(
        f"{{protocol:protocols}} {{minutes:02}}:{{seconds:02}} {{state:states}}{ends}\n",
        protocols=by_number({number: name.upper() for number, name in PROTOCOLS.items()}),
        states=[f"{state:11}" for state in IPVS_STATES], blanks=[" " * room for room in range(IPVS_WIDTH)],
        ends=bracketed(cluster),
    )  # fmt: skip


def bracketed(cluster: Cluster) -> list[str]:
    """Addresses as they stand in front of a port, by number."""
    return [f"[{address}]" if ":" in address else address for address in cluster.addresses]


def request_layout(cluster: Cluster, begin_s: int, end_s: int) -> Layout:
    """Lines of the access log: of requests that one backend got, and of those that another had refused."""
    services = range(len(cluster.services))
    return Layout(
        *(
            '{{"__topic__":"slb_layer7_access_log","body_bytes_sent":"{told}","client_ip":"{client:addresses}","client_port":"{client_port}",'
            '"host":"{service:hosts}","read_request_time":"0","request_length":"{asked}","request_method":"{method:methods}",'
            f'"request_time":"{{total_s}}.{{total_rest:03}}","request_uri":"{uri}","scheme":"http","server_protocol":"HTTP/1.1",'
            f'"slb_vport":"{LB_PORT}",'
            '"slbid":"{service:names}","status":"{status}","tcpinfo_rtt":"1200",'
            '"time":"{day:days}T{hour:02}:{minute:02}:{second:02}+00:00",'
            f'"upstream_addr":"{addresses}","upstream_response_time":"{times}","upstream_status":"{statuses}",'
            '"vip_addr":"{service:vips}","write_response_time":"0"}}\n'
            for uri, addresses, times, statuses in zip(*ATTEMPTS.values(), strict=True)
        ),
        addresses=cluster.addresses, methods=METHODS, days=[f"{day:%Y-%m-%d}" for day in days(begin_s, end_s)],
        hosts=[f"app-{service}.example.com" for service in services], names=[lb_name(service) for service in services],
        vips=[lb_address(service) for service in services],
    )  # fmt: skip


def flow_layout(cluster: Cluster, settings: Settings) -> Layout:
    """Lines of a VPC's flow log: of windows with traffic, and of those without.

    ``own_src`` and ``own_dst`` are addresses by number, and behind those the first one of each ENI.
    """
    nodes = [cluster.nodes[eni.node] for eni in cluster.enis]
    return Layout(
        _flow_line(settings.flow_logs, traffic=True), _flow_line(settings.flow_logs, traffic=False), addresses=cluster.addresses,
        own=[*cluster.addresses, *(eni.ips[0] for eni in cluster.enis)],
        enis=[eni.name for eni in cluster.enis], instances=[node.instance for node in nodes],
        switches=[f"vsw-{node.zone}" for node in nodes], zones=[node.zone for node in nodes],
        directions=("in", "out"), gresses=("ingress", "egress"), actions=ACTIONS, statuses=STATUSES, types=("IPv4", "IPv6"), paths=("-", "1"),
    )  # fmt: skip


def _flow_line(kind: str, *, traffic: bool) -> str:
    ends = _ADDRESSES["aws" if kind == "aws" else "alibaba"]
    texts = _OF_WINDOWS | {name: text if traffic else "-" for name, text in (_OF_TRAFFIC | ends).items()}
    texts["version"] = ends["version"]
    if kind == "alibaba":
        values = "".join(f',"{name}":"{texts[name]}"' for name in ALIBABA_COLUMNS)
        return f'{{{{"__topic__":"flow_log","__time__":{{end_s}}{values}}}}}\n'
    columns, gap = (AWS_COLUMNS, " ") if kind == "aws" else (ALIBABA_COLUMNS, ",")
    return gap.join(texts[name] for name in columns) + "\n"


def flow_header(kind: str) -> str:
    """First line of a flow log."""
    return {"aws": " ".join(AWS_COLUMNS) + "\n", "alibaba-csv": ",".join(ALIBABA_COLUMNS) + "\n"}.get(
        kind, ""
    )
