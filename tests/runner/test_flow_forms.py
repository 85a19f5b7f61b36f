"""The whole run, with the capture's flow logs in other forms: the answer is the same."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import flowstitch
import wrapping
from inventory_reading import EXPORT

WAYS = {"in": "ingress", "out": "egress"}
# name in the log of AWS: key in the capture's
AWS = {
    "version": "version", "account-id": "account-id", "interface-id": "eni-id", "srcaddr": "srcaddr", "dstaddr": "dstaddr",
    "srcport": "srcport", "dstport": "dstport", "protocol": "protocol", "packets": "packets", "bytes": "bytes", "start": "start",
    "end": "end", "action": "action", "log-status": "log-status", "tcp-flags": "tcp-flags", "pkt-srcaddr": "srcaddr",
    "pkt-dstaddr": "dstaddr", "flow-direction": "direction",
}  # fmt: skip
OURS = ["path_id", "first_seen", "last_seen", "scenario", "outcome", "return_lands_on", "return_evidence", "forward_out_eni", "forward_in_eni",
        "return_out_eni", "return_in_eni", "forward_bytes", "return_bytes", "match", "drift"]  # fmt: skip


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    out = tmp_path_factory.mktemp("captured") / "result"
    flowstitch.run(str(EXPORT), out=out)
    return paths_of(out)


def paths_of(result: Path) -> list[dict]:
    return pq.read_table(result / "datapaths", columns=OURS).to_pylist()


def as_aws(target: Path, names: list[str]) -> None:
    for path in sorted(EXPORT.glob("vpc-flow/*.jsonl.gz")):
        rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        lines = [" ".join(names)] + [
            " ".join(WAYS.get(row[AWS[name]], row[AWS[name]]) for name in names) for row in rows
        ]
        (target / f"{path.name.partition('.')[0]}.log.gz").write_bytes(
            gzip.compress("\n".join(lines).encode())
        )


def test_a_log_that_names_interfaces_makes_no_paths(tmp_path: Path, captured: list[dict]) -> None:
    """The default format of AWS: of a pod's packets it has the interface's primary address."""
    export = tmp_path / "export"
    shutil.copytree(EXPORT, export, ignore=shutil.ignore_patterns("vpc-flow"))
    as_default(export)
    summary = flowstitch.run(str(export), out=tmp_path / "result")
    assert sum("cannot be told apart" in warning for warning in summary.warnings) == 8
    found = paths_of(tmp_path / "result")
    assert {path["path_id"] for path in found} <= {path["path_id"] for path in captured}
    whole = {path["path_id"]: path for path in captured}
    told = 0
    for path in found:
        for leg in (name for name in OURS if name.endswith("_eni")):
            assert path[leg] in {None, whole[path["path_id"]][leg]}
            told += path[leg] is not None
    # the primary interfaces have no other address
    assert told > 500


def as_default(export: Path) -> None:
    described = json.loads((export / "inventory" / "describe_network_interfaces.json").read_text())
    enis = {
        eni["NetworkInterfaceId"]: (
            eni["PrivateIpAddress"],
            {item["PrivateIpAddress"] for item in eni["PrivateIpSets"]["PrivateIpSet"]},
        )
        for eni in described["NetworkInterfaceSets"]["NetworkInterfaceSet"]
    }
    names = list(AWS)[: list(AWS).index("log-status") + 1]
    for path in sorted(EXPORT.glob("vpc-flow/*.jsonl.gz")):
        lines = [" ".join(names)]
        for line in gzip.decompress(path.read_bytes()).splitlines():
            row = json.loads(line)
            primary, own = enis[row["eni-id"]]
            row |= {side: primary for side in ("srcaddr", "dstaddr") if row[side] in own}
            lines.append(" ".join(row[AWS[name]] for name in names))
        (export / f"{path.name.partition('.')[0]}.log").write_text("\n".join(lines))


def as_wrapped(export: Path, names: list[str]) -> None:
    """The log of ``as_aws`` as CloudWatch Logs hands it to a subscriber, and from its command line."""
    (export / "flows").mkdir()
    as_aws(export / "flows", names)
    for number, path in enumerate(sorted((export / "flows").iterdir())):
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()[1:]
        if number % 2:
            text = json.dumps(wrapping.events(lines), indent=4)
        else:
            parts = [wrapping.subscription(lines[start : start + 500]) for start in range(0, len(lines), 500)]
            text = "".join(json.dumps(part) for part in [wrapping.CONTROL, *parts])
        path.write_bytes(gzip.compress(text.encode()))
    (export / "export.toml").write_text(f"[[source]]\nmatch = 'flows/*'\ncolumns = {json.dumps(names)}\n")


def test_a_log_of_aws_by_way_of_cloudwatch_gives_the_same_paths(tmp_path: Path, captured: list[dict]) -> None:
    export = tmp_path / "export"
    shutil.copytree(EXPORT, export, ignore=shutil.ignore_patterns("vpc-flow"))
    as_wrapped(export, list(AWS))
    flowstitch.run(str(export), out=tmp_path / "result")
    assert paths_of(tmp_path / "result") == captured


def capture_rows() -> list[dict[str, str]]:
    paths = sorted(EXPORT.glob("vpc-flow/*.jsonl.gz"))
    return [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]


def told(export: Path, *, eni: str = "eni") -> Counter[tuple]:
    names = [
        "src_ip",
        "src_port",
        "dst_ip",
        "dst_port",
        "protocol_number",
        "packets",
        "bytes",
        "direction",
        "window_end",
        eni,
    ]
    flows = flowstitch.read(str(export))["flows"]
    return Counter(tuple(row.values()) for row in flows.select(names).to_pylist())


def test_a_log_of_google_cloud_has_the_rows_of_the_capture(tmp_path: Path) -> None:
    with (tmp_path / "entries.json").open("w") as file:
        for row in capture_rows():
            reporter, side = {"in": ("DEST", "dest"), "out": ("SRC", "src")}[row["direction"]]
            connection = {
                "src_ip": row["srcaddr"], "dest_ip": row["dstaddr"], "src_port": int(row["srcport"]), "dest_port": int(row["dstport"]),
                "protocol": int(row["protocol"]),
            }  # fmt: skip
            times = {
                f"{key}_time": f"{datetime.fromtimestamp(int(row[key]), UTC):%Y-%m-%dT%H:%M:%S}.123456789Z"
                for key in ("start", "end")
            }
            counted = {f"{key}_sent": row[key] for key in ("packets", "bytes")}
            who = {f"{side}_instance": {"vm_name": row["eni-id"]}}
            entry = wrapping.entry(connection, reporter, **times, **counted, **who)
            file.write(json.dumps(entry) + "\n")
    assert told(tmp_path) == told(EXPORT / "vpc-flow")


def test_a_log_of_azure_has_the_rows_of_the_capture(tmp_path: Path) -> None:
    """Each row with the one that answers it, if there is one, is a tuple."""
    pairs: dict[tuple, list[dict[str, str]]] = {}
    for row in capture_rows():
        ends = sorted([(row["srcaddr"], row["srcport"]), (row["dstaddr"], row["dstport"])])
        pairs.setdefault((row["eni-id"], row["end"], row["protocol"], *ends), []).append(row)
    tuples: dict[str, list[str]] = {}
    for rows in pairs.values():
        while rows:
            row = rows.pop()
            answers = [
                other
                for other in rows
                if other["srcaddr"] == row["dstaddr"] and other["direction"] != row["direction"]
            ]
            counters = [
                row["packets"],
                row["bytes"],
                *((answers[0]["packets"], answers[0]["bytes"]) if answers else ("0", "0")),
            ]
            if answers:
                rows.remove(answers[0])
            ends = row["srcaddr"], row["dstaddr"], row["srcport"], row["dstport"], row["protocol"]
            way = {"in": "I", "out": "O"}[row["direction"]]
            tuples.setdefault(row["eni-id"], []).append(
                ",".join([f"{row['end']}789", *ends, way, "E", "NX", *counters])
            )
    for eni, texts in tuples.items():
        (tmp_path / eni).mkdir()
        (tmp_path / eni / "PT1H.json").write_text(json.dumps(wrapping.vnet(texts, eni)))
    assert told(tmp_path) == told(EXPORT / "vpc-flow")


@pytest.mark.parametrize("left_out", [[], ["flow-direction"]])
def test_a_log_of_aws_gives_the_same_paths(tmp_path: Path, captured: list[dict], left_out: list[str]) -> None:
    export = tmp_path / "export"
    shutil.copytree(EXPORT, export, ignore=shutil.ignore_patterns("vpc-flow"))
    (export / "flows").mkdir()
    as_aws(export / "flows", [name for name in AWS if name not in left_out])
    flowstitch.run(str(export), out=tmp_path / "result")
    found = paths_of(tmp_path / "result")
    if not left_out:
        assert found == captured
        return
    # an ENI that owns neither address can be left by masqueraded traffic only: there the way is not known
    legs = [name for name in OURS if name.endswith("_eni")]
    assert len(found) == len(captured)
    pairs = [(got[leg], want[leg]) for got, want in zip(found, captured, strict=True) for leg in legs]
    assert all(got in {want, None} for got, want in pairs)
    told = sum(want is not None for _, want in pairs)
    assert sum(got is not None for got, _ in pairs) > 0.9 * told
