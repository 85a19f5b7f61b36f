"""DuckDB: from the files of an export to Parquet tables, in one script.

It does the core of the job: rows of all sources, entries, paths with their translations, legs and counters. It knows one AWS format of flow
logs, chains of two translations, clocks that agree, and complete event streams; it classifies nothing and keeps no evidence.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.end_to_end.question import COLUMNS
from benchmarks.parse.peers.conntrack import SQL_PATTERN, sql_rows

NEAR, SLACK, SECOND = 2_000_000, 2_000_000, 1_000_000
_FLOW_COLUMNS = {
    "version": "UTINYINT", "account_id": "VARCHAR", "eni": "VARCHAR", "srcaddr": "VARCHAR", "dstaddr": "VARCHAR", "src_port": "USMALLINT",
    "dst_port": "USMALLINT", "protocol_number": "UTINYINT", "packets": "BIGINT", "bytes": "BIGINT", "window_start": "BIGINT", "window_end": "BIGINT",
    "action": "VARCHAR", "log_status": "VARCHAR", "vpc_id": "VARCHAR", "subnet_id": "VARCHAR", "instance_id": "VARCHAR", "tcp_flags": "UTINYINT",
    "type": "VARCHAR", "src_ip": "VARCHAR", "dst_ip": "VARCHAR", "region": "VARCHAR", "az_id": "VARCHAR", "direction": "VARCHAR",
    "traffic_path": "UTINYINT",
}  # fmt: skip
_TUPLE = ("src_ip", "src_port", "dst_ip", "dst_port")


def _conntrack(export: str) -> str:
    rows = sql_rows(
        f"{export}/nodes/*/conntrack-*",
        "regexp_extract(filename, 'nodes/([^/]+)/', 1) as node",
        "coalesce(nullif(m.event, ''), 'LIST') as event",
        r"(coalesce(nullif(m.stamp, ''), regexp_extract(filename, 'list\.([\d.]+\d)\.', 1))::double * 1000000)::bigint as seen_at",
    )
    return f"create temp table conntrack as {rows}"


def _flows(export: str) -> str:
    return f"""create temp table flows as
    select * replace (window_start * {SECOND} as window_start, window_end * {SECOND} as window_end) from read_csv(
        '{export}/vpc-flow/*', delim = ' ', header = true, columns = {_FLOW_COLUMNS}, nullstr = '-', quote = '', escape = '', auto_detect = false
    )"""


def _inventory(export: str) -> list[str]:
    enis = f"{export}/inventory/describe_network_interfaces.json*"
    return [
        f"""create temp table nodes as
        select item.metadata.name as node, regexp_extract(item.spec.providerID, 'i-.*') as instance_id
        from (select unnest(items) as item from read_json('{export}/inventory/nodes.json*', maximum_object_size = 1 << 30))""",
        f"""create temp table enis as
        select eni.NetworkInterfaceId as eni, eni.Type as role, node
        from (select unnest(NetworkInterfaceSets.NetworkInterfaceSet) as eni from read_json('{enis}', maximum_object_size = 1 << 30))
        join nodes on eni.InstanceId = instance_id""",
        f"""create temp table pods as
        select distinct item.spec.nodeName as node, item.status.podIP as ip
        from (select unnest(items) as item from read_json('{export}/inventory/pods.*.json*', maximum_object_size = 1 << 30))
        where item.status.podIP <> item.status.hostIP""",
        f"create temp table requests as from read_json('{export}/slb/*', format = 'newline_delimited')",
    ]


# A NEW begins the next lifetime of its tuples and id; out_* is the reply tuple turned round, what leaves the node.
_ENTRIES = """create temp table entries as
select
    row_number() over () as entry, rows.node, life, conntrack_id, protocol_number, pods.ip is not null as from_pod,
    orig_src_ip, orig_src_port, orig_dst_ip, orig_dst_port,
    reply_dst_ip as out_src_ip, reply_dst_port as out_src_port, reply_src_ip as out_dst_ip, reply_src_port as out_dst_port,
    (orig_src_ip, orig_src_port, orig_dst_ip, orig_dst_port) is distinct from (reply_dst_ip, reply_dst_port, reply_src_ip, reply_src_port) as translates,
    min(seen_at) as first, max(seen_at) as last, if(bool_or(event = 'NEW'), min(seen_at), 0) as since, arg_max(state, seen_at) as state,
    max(orig_packets) as forward_packets, max(orig_bytes) as forward_bytes, max(reply_packets) as return_packets, max(reply_bytes) as return_bytes
from (
    select *, count(*) filter (event = 'NEW') over (
        partition by node, protocol_number, conntrack_id, orig_src_ip, orig_src_port, orig_dst_ip, orig_dst_port,
            reply_src_ip, reply_src_port, reply_dst_ip, reply_dst_port
        order by seen_at rows unbounded preceding
    ) as life
    from conntrack
) rows
left join pods on pods.node = rows.node and pods.ip = rows.orig_src_ip
group by all"""


def _same(left: str, left_part: str, right: str, right_part: str) -> str:
    return " and ".join(f"{left}.{left_part}_{name} = {right}.{right_part}_{name}" for name in _TUPLE)


# What leaves one node arrives at another, the next observer of the connection. A pod's own node is the first; events have the clocks of their readers.
_HOPS = f"""create temp table hops as
select
    earlier.entry, later.entry as next, later.translates,
    earlier.translates or earlier.from_pod or (not later.from_pod and (earlier.first, earlier.node) < (later.first, later.node)) as ahead
from entries earlier join entries later
    on earlier.protocol_number = later.protocol_number and {_same("earlier", "out", "later", "orig")}
    and earlier.node <> later.node and abs(earlier.first - later.first) <= {NEAR}
-- ports that come again within that time: who began nearest to it is meant
qualify row_number() over (partition by earlier.entry order by abs(earlier.first - later.first)) = 1
    and row_number() over (partition by later.entry, earlier.node order by abs(earlier.first - later.first)) = 1"""
_PATHS = f"""create temp table paths as
select
    root.entry as path, root.protocol_number, root.orig_src_ip as client_ip, root.orig_src_port as client_port, root.node as client_node,
    root.orig_dst_ip as dialled_ip, root.orig_dst_port as dialled_port, root.first, root.last, root.since, root.state,
    root.forward_packets, root.forward_bytes, root.return_packets, root.return_bytes,
    {", ".join(f"root.out_{name} as near_{name}, coalesce(further.out_{name}, root.out_{name}) as far_{name}" for name in _TUPLE)},
    root.from_pod
from entries root
left join hops on hops.entry = root.entry and hops.translates
left join entries further on further.entry = hops.next
where root.entry not in (select next from hops where ahead)"""
_TURNED = {"src_ip": "dst_ip", "src_port": "dst_port", "dst_ip": "src_ip", "dst_port": "src_port"}
# Leg: which wire of the path, whether a row goes the other way, direction at the ENI.
_LEGS = {
    "forward_out": ("near", False, "egress"), "forward_in": ("far", False, "ingress"),
    "return_out": ("far", True, "egress"), "return_in": ("near", True, "ingress"),
}  # fmt: skip


def _leg(name: str) -> str:
    wire, turned, direction = _LEGS[name]
    same = " and ".join(f"flow.{_TURNED[part] if turned else part} = paths.{wire}_{part}" for part in _TUPLE)
    at_client = "and enis.node = paths.client_node" if wire == "near" else ""
    return f"""select path, '{name}' as leg, flow.eni, sum(packets) as packets, sum(bytes) as bytes
    from paths join flows flow on flow.protocol_number = paths.protocol_number and {same}
        and flow.window_start - {SLACK} <= paths.last and flow.window_end + {SECOND + SLACK} >= paths.since
    join enis on enis.eni = flow.eni {at_client}
    where flow.direction = '{direction}'
    group by all"""


_RESULT = f"""create temp table datapaths as
select
    protocol_number, client_ip, client_port, client_node, dialled_ip, dialled_port, far_dst_ip as server_ip, far_dst_port as server_port,
    far_src_ip as snat_ip, far_src_port as snat_port, first, last, state, from_pod, forward_packets, forward_bytes, return_packets, return_bytes,
    {", ".join(f"legs.{name} as {name}_eni" for name in _LEGS)}
from paths left join (
    select path, {", ".join(f"arg_max(eni, packets) filter (leg = '{name}') as {name}" for name in _LEGS)}
    from ({" union all ".join(map(_leg, _LEGS))}) group by path
) legs using (path)"""
TABLES = ("conntrack", "flows", "requests", "entries", "datapaths", "enis", "pods", "nodes")


def run(export: str, out: str) -> str:
    """Write the tables of a result into ``out``/duckdb, which is returned."""
    home = Path(out) / "duckdb"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    with duckdb.connect() as session:
        session.execute("set preserve_insertion_order = false")
        session.execute(_conntrack(export), {"pattern": SQL_PATTERN})
        for statement in (_flows(export), *_inventory(export), _ENTRIES, _HOPS, _PATHS, _RESULT):
            session.execute(statement)
        for name in TABLES:
            session.execute(f"copy {name} to '{home / name}.parquet' (compression zstd)")
    return str(home)


def paths(home: str, export: str, out: str) -> pa.Table:  # noqa: ARG001 - of the run
    """What is compared, see ``question.py``."""
    query = f"""select {", ".join(COLUMNS)} from (
            select *, case protocol_number when 6 then 'tcp' when 17 then 'udp' end as protocol from '{home}/datapaths.parquet'
        ) where from_pod and protocol is not null"""
    with duckdb.connect() as session:
        return session.sql(query).to_arrow_table()
