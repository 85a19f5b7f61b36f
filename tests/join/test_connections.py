"""Connections to load balancers: who dialled, when and how much; no path comes of them, and none is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import flowstitch
from flowstitch.join.observations import NO_BACKEND
from flowstitch.runner.pipeline import Options
from flowstitch.sql.questions import question
from story import T0, Hop, Story

CIPHER = "ECDHE-RSA-AES128-GCM-SHA256"


def iso(at: float) -> str:
    return (datetime.fromtimestamp(T0, UTC) + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%S")


def nlb(client: str, begin: int, end: int, *, failed: bool = False, created: bool = True) -> str:
    sizes, agreed = ("0 0", "- -") if failed else ("98 246", f"{CIPHER} tlsv12")
    more = f' - - "h2","http/1.1" {iso(begin)}' if created else ""
    return (
        f"tls 2.0 {iso(end)} net/shop/1 g3d4 {client} 10.0.9.9:443 {(end - begin) * 1000} {'-' if failed else 2} {sizes} - arn - {agreed} "
        f"- shop.example.com{more}\n"
    )


def alb(client: str, at: int, status: str = "Success") -> str:
    return f'{iso(at)}.500000Z {client} 40001 443 TLSv1.3 {CIPHER} 0.004 "-" - - {status} TID_1 - app/shop/2 10.0.9.8\n'


def write(folder: Path) -> str:
    """An export with a connection of a node to a pod, which dialled load balancers before."""
    story = Story()
    story.node("a", "10.0.0.1")
    story.pod("p", "a", "10.0.1.1")
    story.connect([Hop("a", ("10.0.1.1", 40001), ("10.0.9.9", 443))], start=10)
    export = story.write(folder / "export")
    lines = [
        nlb("10.0.1.1:40001", 10, 12), nlb("10.0.0.1:40002", 11, 30), nlb("203.0.113.9:5", 20, 20, failed=True),
        nlb("203.0.113.9:6", 20, 25, created=False),
    ]  # fmt: skip
    (export / "nlb.log").write_text("".join(lines))
    (export / "alb.log").write_text(
        alb("203.0.113.9", 13) + alb("203.0.113.9", 40, "Failed:ClientCertUntrusted")
    )
    return str(export)


def test_connections_are_told_and_make_no_path(tmp_path: Path) -> None:
    summary = flowstitch.run(write(tmp_path), out=tmp_path / "result")
    (told,) = [text for text in summary.warnings if "lb_connections" in text]
    assert "who dialled a load balancer, when and how much" in told
    with flowstitch.open(tmp_path / "result") as opened:
        assert len(opened.table("datapaths")) == 1
        assert len(opened.table("lb_requests")) == len(opened.table("unmatched")) == 0
        rows = opened.sql("from lb_connections order by source, line").to_arrow_table().to_pylist()
        assert [(row["source"], row["line"]) for row in rows] == [
            ("alb.log", 1), ("alb.log", 2), ("nlb.log", 1), ("nlb.log", 2), ("nlb.log", 3), ("nlb.log", 4),
        ]  # fmt: skip
        assert [(row["opened_at"].isoformat()[:19], row["lb_ip"]) for row in rows] == [
            (iso(13), "10.0.9.8"), (iso(40), "10.0.9.8"), (iso(10), "10.0.9.9"), (iso(11), "10.0.9.9"), (iso(20), "10.0.9.9"),
            (iso(20), "10.0.9.9"),
        ]  # fmt: skip
        said = opened.sql(
            "select count(*), count(path_id), any_value(reason), count(distinct reason), sum(shared_by) from observations "
            "where kind = 'lb-connection-log'"
        )
        assert said.fetchall() == [(6, 0, NO_BACKEND, 1, 0)]
        spans = opened.sql("select first_seen, last_seen from sources where source = 'alb.log'").fetchall()
        assert [[moment.isoformat()[:19] for moment in span] for span in spans] == [[iso(13), iso(40)]]


def test_who_dials_a_load_balancer(tmp_path: Path) -> None:
    flowstitch.run(write(tmp_path), out=tmp_path / "result")
    with flowstitch.open(tmp_path / "result") as opened:
        rows = opened.sql(question("lb-clients").sql).to_arrow_table().to_pylist()
    found = {
        (row["lb_id"], row["client_ip"]): (row["client_name"], row["connections"], row["failed_connections"], row["sent_bytes"], row["requests"])
        for row in rows
    }  # fmt: skip
    assert found == {
        ("net/shop/1", "10.0.1.1"): ("ns/p", 1, 0, 246, 0),
        ("net/shop/1", "10.0.0.1"): ("a", 1, 0, 246, 0),
        ("net/shop/1", "203.0.113.9"): (None, 2, 1, 246, 0),
        ("app/shop/2", "203.0.113.9"): (None, 2, 1, None, 0),
    }


def test_a_stretch_of_time_has_the_connections_that_were_open_in_it(tmp_path: Path) -> None:
    options = Options(since=round((T0 + 13) * 1e6), until=round((T0 + 20) * 1e6))
    flowstitch.run(write(tmp_path), out=tmp_path / "result", options=options)
    with flowstitch.open(tmp_path / "result") as opened:
        found = opened.sql("select source, line from lb_connections order by all").fetchall()
        assert opened.sql("from sources where rows <> parsed + skipped + rejected").fetchall() == []
    assert found == [("alb.log", 1), ("nlb.log", 2)]


def test_converted_they_are_the_same(tmp_path: Path) -> None:
    export = write(tmp_path)
    flowstitch.run(export, out=tmp_path / "result")
    flowstitch.convert(export, out=tmp_path / "tables")
    flowstitch.run(str(tmp_path / "tables"), out=tmp_path / "again")
    with flowstitch.open(tmp_path / "result") as one, flowstitch.open(tmp_path / "again") as other:
        for name in ("lb_connections", "observations", "sources"):
            assert one.table(name).equals(other.table(name))
