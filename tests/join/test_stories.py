"""Small clusters with one thing in them that a naive join gets wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowstitch
from flowstitch.errors import UsageError
from story import Hop, Story


def two_nodes(**late: float) -> Story:
    story = Story(late=late)
    story.node("a", "10.0.0.1")
    story.node("b", "10.0.0.2")
    story.pod("client", "a", "10.0.1.1")
    story.pod("server", "b", "10.0.2.1")
    story.service("web", "192.168.0.5", 80, [("b", "10.0.2.1", 8080)], lb="10.0.9.9", node_port=30080)
    return story


def masqueraded(port: int, chosen: int) -> list[Hop]:
    """Pod dials the load balancer's address; the node stands in for it."""
    server = ("10.0.2.1", 8080)
    return [
        Hop("a", ("10.0.1.1", port), ("10.0.9.9", 80), server, ("10.0.0.1", chosen)),
        Hop("b", ("10.0.0.1", chosen), server),
    ]


def direct(port: int) -> list[Hop]:
    return [Hop(node, ("10.0.1.1", port), ("10.0.2.1", 8080)) for node in ("a", "b")]


def test_masqueraded_path_is_one_path(tmp_path: Path) -> None:
    story = two_nodes()
    story.connect(masqueraded(40000, 50123), 0)
    (path,) = story.tell(tmp_path)
    assert (path["client_ip"], path["client_port"], path["client_name"]) == ("10.0.1.1", 40000, "ns/client")
    assert (path["dialled_ip"], path["dialled_kind"], path["service"]) == ("10.0.9.9", "lb_ip", "ns/web")
    assert (path["snat_ip"], path["snat_port"], path["nat"]) == ("10.0.0.1", 50123, "dnat+snat")
    assert (path["server_ip"], path["server_node"]) == ("10.0.2.1", "b")
    assert (path["scenario"], path["return_lands_on"], path["return_evidence"]) == (
        "pod-to-lbip-cluster-remote",
        "primary",
        "inferred",
    )
    assert (path["match"], path["outcome"], path["forward_packets"]) == ("exact", "closed", 5)


@pytest.mark.parametrize("late", [-7.0, 0.0, 7.0])
def test_ports_used_again_at_once_under_clocks_seconds_apart(tmp_path: Path, late: float) -> None:
    story = two_nodes(b=late)
    for number in range(5):
        story.connect(masqueraded(30000 + number, 60000 - number), 10 * number)
    for number in range(12):
        story.connect(direct(20001), 100 + 0.4 * number, length=0.1, destroyed=False)
    paths = [path for path in story.tell(tmp_path) if path["client_port"] == 20001]
    assert len(paths) == 12
    assert {path["match"] for path in paths} <= {"exact", "ambiguous"}
    starts = [path["first_seen"].timestamp() for path in paths]
    assert starts == pytest.approx([1_795_400_100 + 0.4 * number for number in range(12)], abs=0.01)


def test_clocks_apart_are_told(tmp_path: Path) -> None:
    story = two_nodes(b=7.0)
    for number in range(5):
        story.connect(masqueraded(30000 + number, 60000 - number), 10 * number)
    summary = flowstitch.run(story.write(tmp_path / "export"), out=tmp_path / "result")
    assert sum("b: its clock is +7.0 s off the other nodes'" in warning for warning in summary.warnings) == 1


def test_node_port_of_another_node_is_a_chain_of_three(tmp_path: Path) -> None:
    story = Story()
    for name, ip in (("a", "fd00::1"), ("b", "fd00::2"), ("c", "fd00::3")):
        story.node(name, ip)
    story.pod("client", "a", "fd00:a::1")
    story.pod("server", "c", "fd00:c::1")
    story.service("web", "fd00:5::5", 80, [("c", "fd00:c::1", 8080)], lb="fd00:9::9", node_port=30080)
    client, port, server = ("fd00:a::1", 41000), ("fd00::2", 30080), ("fd00:c::1", 8080)
    hops = [
        Hop("a", client, port),
        Hop("b", client, port, server, ("fd00::2", 777)),
        Hop("c", ("fd00::2", 777), server),
    ]
    story.connect(hops, 0)
    story.cross("eni-a-client", "out", client, port, 0, 60)
    story.cross("eni-b-primary", "in", client, port, 0, 60)
    story.cross("eni-b-primary", "out", ("fd00::2", 777), server, 0, 60)
    story.cross("eni-c-server", "in", ("fd00::2", 777), server, 0, 60)
    story.cross("eni-a-client", "in", port, client, 0, 60, tcp_flags=27)
    (path,) = story.tell(tmp_path)
    assert (path["scenario"], path["server_node"], path["snat_ip"], path["snat_port"]) == (
        "pod-to-nodeport",
        "c",
        "fd00::2",
        777,
    )
    assert (path["forward_out_eni"], path["forward_in_eni"], path["return_out_eni"]) == (
        "eni-a-client",
        "eni-c-server",
        None,
    )
    assert (path["return_lands_on"], path["return_evidence"], path["match"]) == (
        "secondary",
        "observed",
        "exact",
    )
    with flowstitch.open(tmp_path / "result") as opened:
        crossings = opened.sql("select position, crossings from segments order by 1").fetchall()
    assert crossings == [
        (0, ["forward in eni-b-primary", "forward out eni-a-client", "return in eni-a-client"]),
        (1, ["forward in eni-c-server", "forward out eni-b-primary"]),
    ]


def test_recycled_address_belongs_to_whoever_had_it_then(tmp_path: Path) -> None:
    story = two_nodes()
    story.pod("old", "a", "10.0.1.7", end=100)
    story.pod("new", "b", "10.0.1.7", start=200, eni=False)
    server = ("10.0.2.1", 8080)
    story.connect([Hop("a", ("10.0.1.7", 1111), server), Hop("b", ("10.0.1.7", 1111), server)], 50)
    story.connect([Hop("b", ("10.0.1.7", 1111), server)], 250)
    story.connect([Hop("b", ("10.0.1.7", 1111), server)], 150)
    first, between, last = story.tell(tmp_path)
    assert (first["client_name"], first["client_node"], first["scenario"]) == (
        "ns/old",
        "a",
        "pod-to-pod-remote",
    )
    assert (between["client_ip"], between["client_kind"], between["client_name"]) == ("10.0.1.7", None, None)
    assert (last["client_name"], last["client_node"], last["scenario"]) == ("ns/new", "b", "pod-to-pod-local")


def test_missing_partner_leaves_what_cannot_be_known_null(tmp_path: Path) -> None:
    story = two_nodes()
    story.connect(masqueraded(40000, 50123)[1:], 0)
    (path,) = story.tell(tmp_path)
    assert (path["client_ip"], path["client_port"], path["client_kind"]) == (None, None, None)
    assert (path["seen_ip"], path["seen_port"]) == ("10.0.0.1", 50123)
    assert (path["match"], path["server_name"]) == ("one_sided", "ns/server")
    assert path["return_lands_on"] is None


def test_node_itself_is_the_client_where_its_own_entry_says_so(tmp_path: Path) -> None:
    story = two_nodes()
    server = ("10.0.2.1", 8080)
    story.connect(
        [
            Hop("a", ("192.168.0.5", 3333), ("192.168.0.5", 80), server, ("10.0.0.1", 4444)),
            Hop("b", ("10.0.0.1", 4444), server),
        ],
        0,
    )
    story.connect([Hop("a", ("10.0.0.1", 5555), server), Hop("b", ("10.0.0.1", 5555), server)], 10)
    service, plain = story.tell(tmp_path)
    assert (service["client_ip"], service["client_port"], service["client_kind"]) == (
        "10.0.0.1",
        3333,
        "node",
    )
    assert (service["seen_ip"], service["snat_port"], service["scenario"]) == (
        "192.168.0.5",
        4444,
        "node-to-service-remote",
    )
    assert (plain["client_name"], plain["snat_ip"], plain["scenario"]) == ("a", None, "node-to-pod-remote")


def test_same_virtual_source_on_two_nodes_is_two_paths(tmp_path: Path) -> None:
    story = two_nodes()
    server = ("10.0.2.1", 8080)
    for node, ip in (("a", "10.0.0.1"), ("b", "10.0.0.2")):
        story.connect([Hop(node, ("192.168.0.5", 3333), ("192.168.0.5", 80), server, (ip, 4444))], 0)
    assert sorted(path["client_name"] for path in story.tell(tmp_path)) == ["a", "b"]


def test_zones_of_one_node_are_two_observers_of_one_path(tmp_path: Path) -> None:
    story = two_nodes()
    hop = direct(40000)[0]
    story.connect([hop, Hop("a", hop.src, hop.dst, zone=7), direct(40000)[1]], 0)
    (path,) = story.tell(tmp_path)
    assert (path["match"], path["scenario"]) == ("exact", "pod-to-pod-remote")


def test_lost_new_does_not_join_two_connections(tmp_path: Path) -> None:
    story = two_nodes()
    story.connect(direct(40000), 0)
    story.connect(direct(40000), 300)
    for lines in story.events.values():
        lines.remove(next(line for line in sorted(lines) if "[NEW]" in line[1] and line[0] > 100))
    first, second = story.tell(tmp_path)
    assert (first["time_quality"], second["time_quality"]) == ("events", "inferred")
    assert second["first_seen"].timestamp() == pytest.approx(1_795_400_300, abs=2)


def test_flow_log_alone_makes_a_path(tmp_path: Path) -> None:
    story = two_nodes()
    client, server = ("10.0.1.1", 40000), ("10.0.2.1", 8080)
    story.cross("eni-a-client", "out", client, server, 0, 60)
    story.cross("eni-a-client", "in", server, client, 0, 60, tcp_flags=27, packets=4)
    (path,) = story.tell(tmp_path)
    assert (path["evidence"], path["time_quality"], path["match"]) == (["flow"], "window", "one_sided")
    assert (path["client_name"], path["server_name"], path["return_in_eni"]) == (
        "ns/client",
        "ns/server",
        "eni-a-client",
    )
    assert (path["forward_packets"], path["return_packets"], path["counted_by"]) == (5, 4, "eni-a-client")


def test_row_over_two_connections_proves_legs_and_counts_for_none(tmp_path: Path) -> None:
    story = two_nodes()
    for start in (5, 20):
        story.connect(direct(40000), start)
    story.cross("eni-a-client", "out", ("10.0.1.1", 40000), ("10.0.2.1", 8080), 0, 60, packets=10)
    paths = story.tell(tmp_path)
    assert [path["forward_out_eni"] for path in paths] == ["eni-a-client"] * 2
    assert [path["counted_by"] for path in paths] == ["a", "a"]
    with flowstitch.open(tmp_path / "result") as opened:
        rows = opened.sql("select part, shared_by from observations where kind = 'vpc-flow-log'").fetchall()
    assert rows == [("forward_out", 2)] * 2


def test_rejected_by_security_group(tmp_path: Path) -> None:
    story = two_nodes()
    story.connect(direct(40000)[:1], 0, answered=False)
    story.cross("eni-a-client", "out", ("10.0.1.1", 40000), ("10.0.2.1", 8080), 0, 60, tcp_flags=2)
    story.cross(
        "eni-b-server", "in", ("10.0.1.1", 40000), ("10.0.2.1", 8080), 0, 60, tcp_flags=2, action="REJECT"
    )
    (path,) = story.tell(tmp_path)
    assert (path["outcome"], path["return_lands_on"], path["forward_in_eni"]) == (
        "rejected",
        None,
        "eni-b-server",
    )


@pytest.mark.parametrize(("packets", "outcome"), [(2, "refused"), (1, "unanswered")])
def test_icmp_errors_refuse_what_they_are_as_many_as(tmp_path: Path, packets: int, outcome: str) -> None:
    story = two_nodes()
    story.connect(
        direct(40000), -30
    )  # events of the node before and after: no entry means no backend was reached
    story.connect(direct(40000), 90)
    client, node = "203.0.113.7", "10.0.0.1"
    story.quiet("eni-a-client", 0, 60)
    for port in (1000, 2000):
        story.cross(
            "eni-a-primary", "in", (client, port), (node, 30080), 0, 60, tcp_flags=2, packets=1, bytes=60
        )
    story.cross(
        "eni-a-primary",
        "out",
        (node, 0),
        (client, 0),
        0,
        60,
        protocol=1,
        packets=packets,
        bytes=88 * packets,
        tcp_flags=0,
    )
    paths = [path for path in story.tell(tmp_path) if path["client_ip"] == client]
    assert [(path["outcome"], path["scenario"]) for path in paths] == [
        (outcome, "outside-to-nodeport-remote")
    ] * 2


def test_overlapping_vpcs_are_refused(tmp_path: Path) -> None:
    story = two_nodes()
    story.eni("eni-other", "x", "Secondary", ["10.0.1.1"], vpc="vpc-2")
    story.connect(direct(40000), 0)
    with pytest.raises(UsageError, match=r"10\.0\.1\.1 is in vpc-1 and vpc-2; one run is one address space"):
        story.tell(tmp_path)


def test_what_no_node_of_the_path_saw_is_not_guessed(tmp_path: Path) -> None:
    story = two_nodes()
    story.cross("eni-a-primary", "in", ("203.0.113.7", 1000), ("10.0.0.1", 30080), 0, 60)
    story.cross("eni-a-client", "out", ("10.0.1.1", 40000), ("10.0.2.1", 8080), 10, 60)
    story.cross("eni-a-client", "out", ("10.0.1.1", 40001), ("10.0.2.1", 9999), 20, 60)
    port, fronted, plain = story.tell(tmp_path)
    assert (port["dialled_kind"], port["server_ip"], port["scenario"]) == ("node_port", None, None)
    assert port["scenario_reason"] == "entered_place is not known"
    assert (fronted["server_name"], fronted["dialled_ip"], fronted["scenario"]) == ("ns/server", None, None)
    assert (plain["dialled_ip"], plain["dialled_port"], plain["scenario"]) == (
        "10.0.2.1",
        9999,
        "pod-to-pod-remote",
    )


def test_ipvs_tells_what_was_dialled_where_conntrack_of_the_node_does_not(tmp_path: Path) -> None:
    story = two_nodes()
    client, server = ("10.0.1.1", 40000), ("10.0.2.1", 8080)
    story.connect(direct(40000)[1:], 0)
    story.balance("a", 5, client, ("192.168.0.5", 80), server)
    story.balance("a", 5, ("10.0.1.1", 40001), ("192.168.0.5", 80), server)
    (path,) = story.tell(tmp_path)
    assert (path["dialled_ip"], path["dialled_port"], path["service"]) == ("192.168.0.5", 80, "ns/web")
    assert (path["scenario"], path["nat"], path["evidence"]) == (
        "pod-to-clusterip-remote",
        "dnat",
        ["conntrack", "ipvs"],
    )
    with flowstitch.open(tmp_path / "result") as opened:
        rows = opened.sql(
            "select part, reason from observations where kind = 'ipvs-connections' order by line"
        ).fetchall()
    assert rows == [("client", None), (None, "no connection with its source and server")]


def test_ipvs_rows_that_disagree_name_nothing(tmp_path: Path) -> None:
    story = two_nodes()
    client, server = ("10.0.1.1", 40000), ("10.0.2.1", 8080)
    story.connect(direct(40000)[1:], 0)
    story.balance("a", 5, client, ("192.168.0.5", 80), server)
    story.balance("a", 9, client, ("10.0.9.9", 80), server)
    (path,) = story.tell(tmp_path)
    assert (path["dialled_ip"], path["scenario"], path["evidence"]) == (None, None, ["conntrack", "ipvs"])


def test_a_timeout_that_no_kernel_has_is_not_believed(tmp_path: Path) -> None:
    story = two_nodes()
    story.connect(direct(40000), 0)
    export = story.write(tmp_path / "export")
    (export / "nodes" / "a" / "sysctl").write_text(
        "net.netfilter.nf_conntrack_tcp_timeout_time_wait = 99999999999999999999\n"
    )
    flowstitch.run(export, out=tmp_path / "result")
    with flowstitch.open(tmp_path / "result") as opened:
        assert opened.sql("select last_seen - first_seen < interval 1 second from datapaths").fetchall() == [
            (True,)
        ]


@pytest.mark.parametrize("left", [(86399, 86399), (80000, 79940)], ids=["active", "idle for hours"])
def test_plain_dumps_a_minute_apart_show_one_path(tmp_path: Path, left: tuple[int, int]) -> None:
    story = two_nodes()
    client, server = masqueraded(40000, 50123)
    story.dump("a", 100, client, f"{left[0]} ESTABLISHED")
    story.dump("b", 160, server, f"{left[1]} ESTABLISHED")
    export = story.write(tmp_path / "export")
    for node in "ab":
        sysctl = "net.netfilter.nf_conntrack_tcp_timeout_established = 86400\n"
        (export / "nodes" / node / "sysctl").write_text(sysctl + f"kernel.hostname = {node}\n")
    (path,) = story.tell(tmp_path)
    assert (path["match"], path["client_ip"], path["scenario"]) == (
        "exact",
        "10.0.1.1",
        "pod-to-lbip-cluster-remote",
    )
    idle = 86400 - left[0]
    assert path["last_seen"].timestamp() == pytest.approx(1_795_400_100 - idle, abs=1)


def test_dumps_do_not_set_clocks(tmp_path: Path) -> None:
    story = two_nodes()
    for number in range(10):
        client = ("10.0.1.1", 30000 + number)
        story.dump("a", 600, Hop("a", client, ("10.0.2.1", 8080)), "86399 ESTABLISHED")
        story.cross("eni-a-client", "out", client, ("10.0.2.1", 8080), 100, 160)
    summary = flowstitch.run(story.write(tmp_path / "export"), out=tmp_path / "result")
    assert not [warning for warning in summary.warnings if "clock" in warning]
    with flowstitch.open(tmp_path / "result") as opened:
        assert opened.sql("select count(*), count(forward_out_eni) from datapaths").fetchall() == [(10, 10)]


def test_translations_in_a_circle_end(tmp_path: Path) -> None:
    story = two_nodes()
    client, virtual, server = ("10.0.1.1", 40000), ("192.168.0.5", 80), ("10.0.2.1", 8080)
    story.connect([Hop("a", client, virtual, server), Hop("a", client, server, virtual, zone=7)], 0)
    (path,) = story.tell(tmp_path)
    assert path["client_ip"] == "10.0.1.1"


def test_an_address_that_only_an_eni_holds_is_not_outside(tmp_path: Path) -> None:
    story = two_nodes()
    story.eni("eni-a-old", "a", "Secondary", ["10.0.1.50"])
    old, server = ("10.0.1.50", 40000), ("10.0.2.1", 8080)
    story.connect([Hop("a", old, server), Hop("b", old, server)], 0)
    (path,) = story.tell(tmp_path)
    assert (path["client_ip"], path["client_kind"], path["client_node"]) == ("10.0.1.50", None, "a")
    assert (path["dialled_ip"], path["scenario"], path["return_lands_on"]) == ("10.0.2.1", None, "secondary")


def test_service_at_a_nodes_own_address_does_not_hide_the_node(tmp_path: Path) -> None:
    story = two_nodes()
    story.service("edge", "192.168.0.6", 443, [("b", "10.0.2.1", 8443)], lb="10.0.0.1")
    story.connect(masqueraded(40000, 50123), 0)
    (path,) = story.tell(tmp_path)
    assert (path["match"], path["scenario"]) == ("exact", "pod-to-lbip-cluster-remote")


def test_one_late_connection_moves_no_clock(tmp_path: Path) -> None:
    story = two_nodes()
    near, far = direct(40000)
    story.connect([near], 0)
    story.connect([far], 3)
    story.connect([Hop("b", ("10.0.2.1", 5000), ("203.0.113.9", 443))], 10)
    paths = story.tell(tmp_path)
    assert paths[-1]["first_seen"].timestamp() == pytest.approx(1_795_400_010, abs=0.01)
