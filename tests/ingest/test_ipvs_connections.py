"""The connection table of IPVS."""

from __future__ import annotations

from pathlib import Path

from flowstitch.ingest.ipvs_connections import read_ipvs_connections
from flowstitch.ingest.model import Account, Source
from flowstitch.normalize.columns import Pools, concat_columns, to_arrow

TABLE = """\
IPVS connection entries
pro expire state       source             virtual            destination
TCP 14:49  ESTABLISHED 10.0.1.92:55376    192.168.2.81:9090  10.0.1.92:9090
TCP 179:13 ASSURED     10.0.1.91:0        192.168.2.82:80    10.0.3.58:8080
UDP 04:59  UDP         [fd00::1]:53000    [fd00::a]:53       [fd00::2]:5353

TCP 00:10  TIME_WAIT   10.0.1.91:99999    10.0.3.63:80       10.0.1.104:8080
IP  00:10  NONE        10.0.1.91:1        10.0.3.63:80       10.0.1.104:8080
what is this
TCP 01:23  TIME_WAIT   10.0.1.91:20082    192.168.2.253:80   10.0.3.5"""


def test_rows_and_their_account(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_text(TABLE)
    account, pools = Account(), Pools()
    source = Source(path, "table", path.stat().st_size, "ipvs-connections", node="a", taken_at=7)
    columns = concat_columns("ipvs_connections", list(read_ipvs_connections(source, pools, account)))
    rows = to_arrow("ipvs_connections", columns, pools).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("table", 3, "a", rows[0]["seen_at"], 6, "ESTABLISHED", 889, "10.0.1.92", 55376, "192.168.2.81", 9090, "10.0.1.92", 9090),
        ("table", 5, "a", rows[0]["seen_at"], 17, "UDP", 299, "fd00::1", 53000, "fd00::a", 53, "fd00::2", 5353),
    ]  # fmt: skip
    assert dict(account.skipped) == {"header": 2, "persistence template": 1, "blank": 1}
    assert dict(account.rejected) == {"bad port": 1, "not an IPVS connection": 2, "torn line": 1}
    assert account.rows == len(TABLE.splitlines())
    assert account.incomplete
