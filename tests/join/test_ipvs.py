"""IPVS connections are evidence of the paths of their clients, and of no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import flowstitch
from story import T0, Hop, Story

HEAD = "IPVS connection entries\npro expire state       source             virtual            destination\n"
OWN, STRANGER = ("10.0.1.1:40001", "10.0.3.3:50000")


def told(folder: Path, sources: list[str]) -> tuple[list[list[str]], list[dict[str, Any]]]:
    """Evidence of each path of a story, and the observations of IPVS connections from those sources."""
    story = Story()
    for number, node in enumerate("ab", 1):
        story.node(node, f"10.0.0.{number}")
        story.pod(f"on-{node}", node, f"10.0.{number}.1")
    story.service("web", "192.168.0.5", 80, [("b", "10.0.2.1", 8080)])
    server = ("10.0.2.1", 8080)
    for port, start in ((40001, 10), (40002, 11)):
        client = ("10.0.1.1", port)
        story.connect(
            [Hop("a", client, ("192.168.0.5", 80), server), Hop("b", client, server)], start, length=30
        )
    export = story.write(folder / "export")
    rows = [f"TCP 14:59 ESTABLISHED {source} 192.168.0.5:80 10.0.2.1:8080\n" for source in sources]
    (export / "nodes" / "a" / f"ipvsadm-Lnc.{T0 + 20}.000.txt").write_text(HEAD + "".join(rows))
    flowstitch.run(str(export), out=folder / "result")
    with flowstitch.open(folder / "result") as opened:
        paths = sorted(opened.table("datapaths").to_pylist(), key=lambda path: path["client_port"])
        seen = opened.sql("from observations where kind = 'ipvs-connections' order by line").to_arrow_table()
    return [path["evidence"] for path in paths], seen.to_pylist()


@pytest.mark.parametrize("sources", [[OWN, STRANGER], [STRANGER, OWN], [OWN]])
def test_a_connection_is_evidence_of_the_path_of_its_client(tmp_path: Path, sources: list[str]) -> None:
    evidence, rows = told(tmp_path, sources)
    assert evidence == [["conntrack", "ipvs"], ["conntrack"]]
    assert [row["path_id"] is not None for row in rows] == [source == OWN for source in sources]


def test_a_client_without_any_path_is_unmatched(tmp_path: Path) -> None:
    evidence, rows = told(tmp_path, [STRANGER])
    assert evidence == [["conntrack"], ["conntrack"]]
    assert [row["path_id"] for row in rows] == [None]
