"""Views say what their headers promise."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowstitch
from flowstitch.ingest.dialects import longest_windows_us
from flowstitch.sql import session
from flowstitch.sql.questions import parse_question

VIEWS = {path.stem: path for path in (Path(session.__file__).parent / "views").glob("*.sql")}


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_columns_are_those_of_the_header(result: Path, name: str) -> None:
    header = parse_question(name, VIEWS[name].read_text(encoding="utf-8"))
    with flowstitch.open(result) as opened:
        assert opened.sql(f"from {name}").columns == [column for column, _ in header.columns]


def test_lb_paths(result: Path) -> None:
    with flowstitch.open(result) as opened:
        rows = opened.sql("from lb_paths").to_arrow_table().to_pylist()
        backend = "client_kind = 'lb' and scenario <> 'lb-health-check'"
        assert opened.sql(f"select count(*) from datapaths where {backend}").fetchall() == [(len(rows),)]
        attempts = opened.table("lb_requests").to_pylist()
    sure: dict[int, list[dict]] = {}
    for attempt in attempts:
        if attempt["candidate_count"] == 1:
            sure.setdefault(attempt["path_ids"][0], []).append(attempt)
    assert sum(row["requests"] for row in rows) == sum(map(len, sure.values())) > 200
    assert sum(row["requests_possible"] for row in rows) == sum(len(item["path_ids"]) for item in attempts)
    for row in rows:
        mine = sure.get(row["path_id"], [])
        assert row["requests"] == len(mine) <= row["requests_possible"]
        classes = [row[f"status_{number}xx"] for number in range(2, 6)]
        assert classes == [
            sum(item["upstream_status"] // 100 == number for item in mine) for number in range(2, 6)
        ]
        times = sorted(item["upstream_response_time_us"] for item in mine)
        assert row["latency_max_us"] == (times[-1] if times else None)
        for share in (50, 95):
            wanted = times[-(-len(times) * share // 100) - 1] if times else None
            assert row[f"latency_p{share}_us"] == wanted


def test_drifts(result: Path) -> None:
    with flowstitch.open(result) as opened:
        rows = opened.sql("from drifts").to_arrow_table().to_pylist()
        told = opened.sql("select path_id, unnest(drift) as text from datapaths order by path_id").fetchall()
        proofs = opened.sql("select path_id, part, eni, source || ':' || line from observations").fetchall()
        hops = opened.table("scenario_hops").to_pylist()
    assert [
        (row["path_id"], f"{row['expectation']}: expected {row['expected']}, observed {row['observed']}")
        for row in rows
    ] == told
    assert len(rows) > 70
    shown = {(path, part, eni, place) for path, part, eni, place in proofs}
    devices = {
        (hop["scenario"], hop["variant"], hop["hop_direction"], hop["hop"]): hop["device"] for hop in hops
    }
    for row in rows:
        assert row["sentence"].startswith(
            "The reply left the server's node by the primary ENI, expected by the secondary one: "
        )
        assert row["evidence"]
        assert {(row["path_id"], row["leg"], row["eni"], place) for place in row["evidence"]} <= shown
        assert (
            devices[row["scenario"], row["variant"], row["hop_direction"], row["hop"]]
            == row["device"]
            == "ECS2 secondary ENI"
        )


def test_a_window_of_a_flow_log_is_as_long_as_its_dialect_says(result: Path) -> None:
    known = longest_windows_us()
    with flowstitch.open(result) as opened:
        for dialect in (*known, "conntrack-text"):
            ((seconds,),) = opened.sql("select longest_window_s($dialect)", {"dialect": dialect}).fetchall()
            assert seconds == (known[dialect] // 1_000_000 if dialect in known else None)
