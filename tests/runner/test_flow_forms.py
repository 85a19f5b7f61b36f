"""The whole run, with the capture's flow logs in other forms: the answer is the same."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import flowstitch
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
