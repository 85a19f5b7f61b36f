"""``explain``: one path, hop by hop, with its proofs."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import flowstitch
from flowstitch.cli.explain import MAX_ROWS
from flowstitch.ingest.places import find_files
from flowstitch.ingest.raw import find_source, read_lines

if TYPE_CHECKING:
    from cli.conftest import Call

PROOF = re.compile(r"^ {6}(\S+):(\d+) ", re.MULTILINE)


def one(result: Path, where: str, order: str = "path_id") -> dict[str, Any]:
    """A datapath that a condition holds for."""
    with flowstitch.open(result) as opened:
        found = opened.sql(f"from datapaths where {where} order by {order} limit 1")
        return dict(zip(found.columns, found.fetchall()[0], strict=True))


@pytest.fixture(scope="module")
def masqueraded(result: Path) -> dict[str, Any]:
    """A path whose reply lands on the primary ENI, with both nodes and all four crossings seen."""
    return one(
        result, "scenario = 'pod-to-lbip-cluster-remote' and match = 'exact' and time_quality = 'events'"
    )


def test_a_path_is_told_hop_by_hop(call: Call, result: Path, masqueraded: dict[str, Any]) -> None:
    path = masqueraded
    text = call("explain", result, path["path_id"]).stdout
    head, forward, back = text.split("\n\n")
    client, server = (
        f"{path['client_ip']}:{path['client_port']}",
        f"{path['server_ip']}:{path['server_port']}",
    )
    dialled, snat = f"{path['dialled_ip']}:{path['dialled_port']}", f"{path['snat_ip']}:{path['snat_port']}"
    assert f"client    {client}  pod {path['client_name']} on {path['client_node']}" in head
    assert f"dialled   {dialled}  lb_ip of service {path['service']}, policy Cluster" in head
    assert f"saw the client as {snat}" in head
    assert "scenario  pod-to-lbip-cluster-remote (5): Pod to a load balancer's address" in head
    assert "return    lands on the primary ENI (observed)" in head
    hops = [line.strip() for line in forward.splitlines() if line[2] in "●→⇄·"]
    assert hops == [
        f"● {client} → {dialled}",
        f"→ within {path['client_node']}, crosses no ENI",
        f"⇄ {path['client_node']} translates source {client} → {snat}, destination {dialled} → {server}",
        f"● {snat} → {server}",
        f"→ out of {path['client_node']} by {path['forward_out_eni']} ({path['forward_out_eni_role']})",
        f"→ into {path['server_node']} by {path['forward_in_eni']} (secondary)",
        f"· conntrack of {path['server_node']}",
    ]
    hops = [line.strip() for line in back.splitlines() if line[2:3] and line[2] in "●→⇄·"]
    assert hops == [
        f"● {server} → {snat}",
        f"→ out of {path['server_node']} by {path['return_out_eni']} (secondary)",
        f"→ into {path['client_node']} by {path['return_in_eni']} (primary)",
        f"⇄ {path['client_node']} undoes its translation: the same conntrack rows prove it",
        f"● {dialled} → {client}",
        f"→ within {path['client_node']}, crosses no ENI",
    ]


def test_every_observation_of_a_path_stands_in_it_once(call: Call, result: Path) -> None:
    with flowstitch.open(result) as opened:
        query = """
            select path_id, list(source || ':' || line order by source, line)
            from (select *, row_number() over (partition by scenario, evidence, return_lands_on order by path_id) as place from datapaths)
            join observations using (path_id)
            where place <= 2
            group by path_id
            having count(*) <= $most
        """
        paths = opened.sql(query, {"most": MAX_ROWS}).fetchall()
    assert len(paths) > 20
    for path_id, rows in paths:
        text = call("explain", result, path_id).stdout
        assert sorted(":".join(proof) for proof in PROOF.findall(text)) == sorted(rows)


def test_raw_lines_are_shown_when_the_export_is_at_hand(
    call: Call, result: Path, capture: Path, masqueraded: dict[str, Any]
) -> None:
    text = call("explain", result, masqueraded["path_id"], "--export", capture).stdout
    proofs = PROOF.findall(text)
    chains = text.partition("\n\n")[2].splitlines()
    raw = [line.strip() for line in chains if line.startswith(" " * 8)]
    assert len(raw) == len(proofs) > 4
    assert sum(f"src={masqueraded['client_ip']} dst={masqueraded['dialled_ip']}" in line for line in raw) >= 3
    for line in raw:
        assert str(masqueraded["snat_port"]) in line
    elsewhere = call("explain", result, masqueraded["path_id"], "--export", capture / "inventory")
    assert elsewhere.stdout == call("explain", result, masqueraded["path_id"]).stdout
    sources = {source for source, _ in proofs}
    assert {line.split(" ")[4].rstrip(";") for line in elsewhere.stderr.splitlines()} == sources


def test_raw_lines_of_another_file_prove_nothing(
    call: Call, result: Path, capture: Path, masqueraded: dict[str, Any], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(capture, other)
    ((source, _), *_) = PROOF.findall(call("explain", result, masqueraded["path_id"]).stdout)
    text = gzip.decompress((other / source).read_bytes())
    (other / source).write_bytes(gzip.compress(b"one line more\n" + text))
    done = call("explain", result, masqueraded["path_id"], "--export", other)
    assert f"flowstitch: {source} of --export is not what was run: it has " in done.stderr
    lines = done.stdout.splitlines()
    for place, line in enumerate(lines):
        if f" {source}:" in line:
            assert not lines[place + 1].startswith(" " * 8)


def test_what_was_not_seen_is_said(call: Call, result: Path, capture: Path, tmp_path: Path) -> None:
    call("run", capture / "nodes", capture / "inventory", "--out", tmp_path / "blind", "--quiet")
    path = one(tmp_path / "blind", "scenario = 'pod-to-lbip-cluster-remote' and match = 'exact'")
    text = call("explain", tmp_path / "blind", path["path_id"]).stdout
    assert "return    lands on the primary ENI (inferred)" in text
    missing = "no flow log row: the export has none of it"
    assert f"→ out of {path['client_node']}: {missing}\n" in text
    owner = "by the owner of the address that the reply goes to it is the primary ENI"
    assert f"→ into {path['client_node']}: {missing}; {owner}\n" in text
    silent = one(result, "outcome = 'unanswered' and match = 'one_sided' and server_kind = 'pod'")
    text = call("explain", result, silent["path_id"]).stdout
    assert f"· conntrack of {silent['server_node']}: no conntrack row\n" in text
    assert text.endswith("return\n  nothing was seen to come back\n")
    assert "return    nothing came back, or it cannot be known where\n" in text
    lost = one(result, "outcome = 'one_way' and 'flow' in evidence")
    back = call("explain", result, lost["path_id"]).stdout.partition("\nreturn\n")[2]
    assert f"→ into {lost['client_node']}: no flow log row\n" in back


def test_a_balancer_that_no_row_shows_is_told(call: Call, result: Path) -> None:
    path = one(result, "scenario = 'outside-to-lb-to-pod' and dialled_kind = 'lb_ip'")
    sent = f"load balancer sends {path['dialled_ip']}:{path['dialled_port']} on to {path['server_ip']}:{path['server_port']}"
    assert f"⇄ {sent}: in no row, by its service" in call("explain", result, path["path_id"]).stdout


@pytest.mark.parametrize("side", ["client", "dialled", "server", "snat"])
def test_an_address_of_several_paths_lists_them(
    call: Call, result: Path, masqueraded: dict[str, Any], side: str
) -> None:
    ip = masqueraded[f"{side}_ip"]
    with flowstitch.open(result) as opened:
        query = (
            "select count(*) from datapaths where $ip in (client_ip, dialled_ip, server_ip, snat_ip, seen_ip)"
        )
        ((count,),) = opened.sql(query, {"ip": ip}).fetchall()
    lines = call("explain", result, ip).stdout.splitlines()
    assert len(lines) == 1 + 20 + 2
    assert (
        lines[-1] == f"{count - 20} more paths have {ip}; name one by its path_id, or by its time with --at."
    )


def test_time_picks_one_of_several(call: Call, result: Path, masqueraded: dict[str, Any]) -> None:
    target = f"{masqueraded['client_ip']}:{masqueraded['client_port']}"
    at = masqueraded["first_seen"]
    assert f"path      {masqueraded['path_id']} " in call("explain", result, target, "--at", at).stdout
    first = one(
        result,
        f"'{masqueraded['client_ip']}' in (client_ip, dialled_ip, server_ip, snat_ip, seen_ip)",
        "first_seen, path_id",
    )
    nearest = call("explain", result, masqueraded["client_ip"], "--at", "2020-01-01").stdout
    assert f"path      {first['path_id']} " in nearest


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["1"], "has no path 1; name an ADDRESS[:PORT] to look for one."),
        (["192.0.2.1"], "no path has 192.0.2.1 as client, dialled, server or translated address."),
        (["[2001:DB8::1]:80"], "no path has [2001:DB8::1]:80 as"),
        (["a-pod"], "got 'a-pod', expected a path_id or ADDRESS[:PORT]"),
        (["10.0.1.91:65536"], "expected a path_id or ADDRESS[:PORT]"),
        (["9" * 5000], "expected a path_id or ADDRESS[:PORT]"),
        (["[::1]80"], "expected a path_id or ADDRESS[:PORT]"),
        (["10.0.1.91", "--at", "noon"], "--at: got 'noon', expected a time like"),
        (["10.0.1.91", "--export", "nowhere"], "--export: there is no file or directory 'nowhere'."),
    ],
)
def test_wrong_use(call: Call, result: Path, arguments: list[str], sentence: str) -> None:
    done = call("explain", result, *arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_source_never_leads_out_of_the_export(tmp_path: Path) -> None:
    export, secret = tmp_path / "export", tmp_path / "secret.txt"
    (export / "nodes").mkdir(parents=True)
    secret.write_text("secret\n")
    (export / "nodes" / "log.txt").write_text("one\ntwo\nthree")
    (export / "link.txt").symlink_to(secret)
    files = find_files([str(export)])
    for name in ("../secret.txt", str(secret), "link.txt", "nodes/../../secret.txt", "nodes", "nothing.txt"):
        assert find_source(files, name) is None
    file = export / "nodes" / "log.txt"
    assert find_source(files, "nodes/log.txt").place == file
    for name in ("log.txt", "nodes/log.txt", "export/nodes/log.txt"):
        assert find_source(find_files([str(file)]), name).place == file
    assert find_source(files, "log.txt") is None
    assert read_lines(file, [1, 3, 9]) == {1: b"one", 3: b"three"}


def test_drift_is_told_with_hop_and_proof(call: Call, result: Path) -> None:
    path = one(result, "len(drift) > 0")
    text = call("explain", result, path["path_id"]).stdout
    drift, sentence, place, _ = text[text.index("drift ") :].split("\n", 3)
    assert drift == "drift     return-out-primary-not-secondary"
    assert sentence.startswith(
        "          The reply left the server's node by the primary ENI, expected by the secondary one: "
    )
    where = f"          {path['return_out_eni']} on {path['server_node']}; hop 3 of return, ECS2 secondary ENI; vpc-flow/"
    assert place.startswith(where)


def test_without_drift_it_says_so(call: Call, result: Path, masqueraded: dict[str, Any]) -> None:
    assert "\ndrift     none\n" in call("explain", result, masqueraded["path_id"]).stdout


def test_json_says_what_the_text_says(
    call: Call, result: Path, capture: Path, masqueraded: dict[str, Any]
) -> None:
    wanted = ("explain", result, masqueraded["path_id"], "--export", capture)
    text, told = call(*wanted).stdout, json.loads(call(*wanted, "-f", "json").stdout)
    assert told["path"]["path_id"] == masqueraded["path_id"]
    assert told["path"]["first_seen"] == f"{masqueraded['first_seen'].isoformat()}Z"
    assert list(told["path"]) == list(masqueraded)
    _, forward, back = text.split("\n\n")
    for way, part in (("forward", forward), ("return", back)):
        lines = [line.strip()[2:] for line in part.splitlines() if line[2] in "●→⇄·"]
        assert [hop["text"] + (f": {hop['note']}" if hop["note"] else "") for hop in told[way]] == lines != []
    proofs = {
        (row["source"], row["line"])
        for way in ("forward", "return")
        for hop in told[way]
        for row in hop["rows"]
    }
    assert proofs >= {(source, int(line)) for source, line in PROOF.findall(text)} != set()
    for source, line in proofs:
        found = find_source(find_files([str(capture)]), source)
        assert found is not None
        (raw,) = read_lines(found.place, [line]).values()
        assert raw.decode() in {
            row["raw"] for way in ("forward", "return") for hop in told[way] for row in hop["rows"]
        }


def test_json_has_the_tuples_before_and_behind_a_translation(
    call: Call, result: Path, masqueraded: dict[str, Any]
) -> None:
    path, told = masqueraded, json.loads(call("explain", result, masqueraded["path_id"], "-f", "json").stdout)
    client = {
        "protocol": "tcp",
        "src_ip": path["client_ip"],
        "src_port": path["client_port"],
        "icmp_id": None,
    }
    server = {
        "protocol": "tcp",
        "dst_ip": path["server_ip"],
        "dst_port": path["server_port"],
        "icmp_id": None,
    }
    (there,), (back,) = ([hop for hop in told[way] if hop["kind"] == "nat"] for way in ("forward", "return"))
    assert there["before"] == client | {"dst_ip": path["dialled_ip"], "dst_port": path["dialled_port"]}
    assert there["after"] == server | {"src_ip": path["snat_ip"], "src_port": path["snat_port"]}
    assert (back["after"]["src_ip"], back["after"]["dst_port"]) == (path["dialled_ip"], path["client_port"])
    assert (back["before"]["src_ip"], back["before"]["dst_port"]) == (path["server_ip"], path["snat_port"])
    assert all(row["raw"] is None for hop in told["forward"] for row in hop["rows"])
    assert [segment["position"] for segment in told["segments"]] == [0, 1]
    assert {row["judgement"] for row in told["counters"]} == {None, "agrees"}
    assert told["drifts"] == []


def test_several_paths_of_an_address_are_told_as_json(call: Call, result: Path) -> None:
    done = call("explain", result, "192.168.2.253:80", "-f", "json")
    told = json.loads(done.stdout)
    assert done.exit_code == 0
    assert told["found"] > len(told["paths"]) > 1
    assert "path_id" in told["paths"][0]
    assert "found" not in told["paths"][0]


def test_a_pod_is_behind_the_device_that_a_policy_route_names(
    call: Call, result: Path, masqueraded: dict[str, Any]
) -> None:
    with flowstitch.open(result) as opened:
        rules = opened.sql("select src, iif from ip_rules where iif like 'cali%'").fetchall()
    veths = {side: dict(rules)[masqueraded[f"{side}_ip"]] for side in ("client", "server")}
    text = call("explain", result, masqueraded["path_id"]).stdout
    for side, veth in veths.items():
        assert f" on {masqueraded[f'{side}_node']} behind {veth}\n" in text
    assert json.loads(call("explain", result, masqueraded["path_id"], "-f", "json").stdout)["veths"] == veths
