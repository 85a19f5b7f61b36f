"""Flow logs as log services hand them on: rows or lines put into what each of them writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTROL = {
    "messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "", "subscriptionFilters": [],
    "logEvents": [{"id": "", "timestamp": 1510254469274, "message": "CWL CONTROL MESSAGE: Checking health of destination Firehose."}],
}  # fmt: skip


def subscription(messages: Sequence[Any]) -> dict[str, Any]:
    """What a subscriber of CloudWatch Logs gets."""
    events = [
        {"id": f"{number:056}", "timestamp": 1669842701000, "message": message}
        for number, message in enumerate(messages)
    ]
    return {
        "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "flows", "logStream": "eni-1-all",
        "subscriptionFilters": ["all"], "logEvents": events,
    }  # fmt: skip


def events(messages: Sequence[Any]) -> dict[str, Any]:
    """What ``aws logs filter-log-events`` prints."""
    found = [
        {"logStreamName": "eni-1-all", "timestamp": 1669842701000, "message": message, "ingestionTime": 1669842710000}
        for message in messages
    ]  # fmt: skip
    return {"events": found, "searchedLogStreams": []}


def results(rows: Sequence[Any]) -> dict[str, Any]:
    """What ``aws logs get-query-results`` prints; the rows are objects."""
    pairs = [
        [{"field": key, "value": value} for key, value in row.items()] if isinstance(row, dict) else row
        for row in rows
    ]
    return {"results": pairs, "statistics": {"recordsMatched": 2.0}, "status": "Complete"}


def entry(connection: Any, reporter: Any = "SRC", **payload: Any) -> dict[str, Any]:
    """A LogEntry of Google Cloud."""
    known = {
        "reporter": reporter, "connection": connection, "src_instance": {"vm_name": "client", "zone": "asia-east2-a"},
        "dest_instance": {"vm_name": "server"}, "rtt_msec": "4",
    }  # fmt: skip
    return {
        "insertId": "1x", "jsonPayload": known | payload, "receiveTimestamp": "2026-11-23T00:47:30.1Z",
        "logName": "projects/p/logs/compute.googleapis.com%2Fvpc_flows", "resource": {"type": "gce_subnetwork"},
    }  # fmt: skip


def vnet(tuples: Any, mac: Any = "00224871C205") -> dict[str, Any]:
    """PT1H.json of a virtual network of Azure."""
    groups = [{"rule": "DefaultRule_AllowInternetOutBound", "flowTuples": tuples}]
    record = {
        "time": "2022-09-14T09:00:52.5625085Z", "flowLogVersion": 4, "macAddress": mac, "category": "FlowLogFlowEvent",
        "flowRecords": {"flows": [{"aclID": "00000000-1234", "flowGroups": groups}]},
    }  # fmt: skip
    return {"records": [record]}


def nsg(tuples: Any, mac: Any = "000D3AF87856") -> dict[str, Any]:
    """PT1H.json of a network security group of Azure."""
    flows = [{"rule": "DefaultRule_AllowInternetOutBound", "flows": [{"mac": mac, "flowTuples": tuples}]}]
    record = {"time": "2018-11-13T12:00:35.3899262Z", "category": "NetworkSecurityGroupFlowEvent", "properties": {"Version": 2, "flows": flows}}  # fmt: skip
    return {"records": [record]}
