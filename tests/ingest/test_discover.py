import gzip
from pathlib import Path, PurePath

import pytest

from flowstitch.errors import UsageError
from flowstitch.ingest import discover as module
from flowstitch.ingest.discover import discover, node_of, taken_at_of
from flowstitch.ingest.read import read_export
from flowstitch.normalize.columns import Pools

ENTRY = "udp      17 29 src=10.0.1.91 dst=10.0.3.58 sport={} dport=2 [UNREPLIED] src=10.0.3.58 dst=10.0.1.91 sport=2 dport={} use=1\n"
CACHED = "udp      17 src=10.0.1.91 dst=10.0.3.58 sport={} dport=2 src=10.0.3.58 dst=10.0.1.91 sport=2 dport=1 [active since 5s]\n"
RULES = "-A -t 192.168.0.10:53 -s rr\n"


def entry(port):
    return ENTRY.format(port, port)


def make(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def names(discovery):
    return [source.name for source in discovery.sources]


def test_directory(tmp_path):
    make(tmp_path, {
        "nodes/n1/conntrack-list.1795394843.871.txt": entry(1),
        "node=n2/deep/x": entry(2),
        "notes.md": "nothing",
        ".hidden": entry(3),
        ".git/x": entry(4),
        "old/run.json": "{}",
        "old/datapaths/x": entry(5),
        "out/x": entry(6),
        "export.toml": "",
        "empty": "",
    })  # fmt: skip
    (tmp_path / "link").symlink_to(tmp_path / "notes.md")
    (tmp_path / "folder-link").symlink_to(tmp_path / "nodes")
    discovery = discover([str(tmp_path)], exclude=tmp_path / "out")
    assert names(discovery) == [
        "empty",
        "node=n2/deep/x",
        "nodes/n1/conntrack-list.1795394843.871.txt",
        "notes.md",
    ]
    assert [(source.kind, source.dialect, source.node, source.taken_at) for source in discovery.sources] == [
        ("unknown", "", "", None),
        ("conntrack-list", "conntrack", "n2", None),
        ("conntrack-list", "conntrack", "n1", 1795394843871000),
        ("unknown", "", "", None),
    ]
    assert discovery.notes == {"empty": "empty file"}
    assert discovery.sources[1].size_bytes == len(entry(2))


def test_file_and_glob_know_their_node(tmp_path):
    make(tmp_path, {"nodes/n1/a.txt": entry(1), "nodes/n2/a.txt": entry(2), "nodes/n2/.a.txt": entry(3)})
    assert [source.node for source in discover([str(tmp_path / "nodes/n1/a.txt")]).sources] == ["n1"]
    assert [source.node for source in discover([str(tmp_path / "nodes/n1")]).sources] == ["n1"]
    globbed = discover([str(tmp_path / "nodes/*/*.txt")])
    assert [(source.name, source.node) for source in globbed.sources] == [
        ("n1/a.txt", "n1"),
        ("n2/a.txt", "n2"),
    ]
    assert [(source.name, source.node) for source in discover([str(tmp_path / "nod*")]).sources] == [
        ("nodes/n1/a.txt", "n1"),
        ("nodes/n2/a.txt", "n2"),
    ]


def test_names_are_unique_and_a_file_counts_once(tmp_path):
    make(tmp_path, {"a/x/list.txt": entry(1), "b/x/list.txt": entry(2)})
    discovery = discover([str(tmp_path / "b/x"), str(tmp_path / "a/x"), str(tmp_path / "a/x/list.txt")])
    assert names(discovery) == ["a/x/list.txt", "b/x/list.txt"]
    assert discovery.duplicates == []


def test_identical_content_counts_once(tmp_path):
    make(tmp_path, {
        "backup/events": entry(1), "nodes/n1/events": entry(1), "nodes/n2/events": entry(1), "nodes/n1/other": entry(2),
        "nodes/n1/ipvs": RULES, "nodes/n2/ipvs": RULES, "nodes/n2/ipvs.copy": RULES, "nodes/n1/empty": "", "nodes/n2/empty": "",
    })  # fmt: skip
    discovery = discover([str(tmp_path)])
    # the copy that names its node stays, and what two nodes have alike is no copy
    assert discovery.duplicates == [
        ("backup/events", "nodes/n1/events"),
        ("nodes/n2/events", "nodes/n1/events"),
        ("nodes/n2/ipvs.copy", "nodes/n2/ipvs"),
    ]
    assert names(discovery) == [
        "nodes/n1/empty",
        "nodes/n1/events",
        "nodes/n1/ipvs",
        "nodes/n1/other",
        "nodes/n2/empty",
        "nodes/n2/ipvs",
    ]


def test_a_file_that_is_damaged_before_it_shows_what_it_is_says_so(tmp_path):
    make(tmp_path, {"a": entry(1)})
    (tmp_path / "b.gz").write_bytes(b"\x1f\x8b\x08 and nothing that could be unpacked")
    (tmp_path / "c.gz").write_bytes(gzip.compress(entry(2).encode())[:-9])
    (tmp_path / "d.gz").write_bytes(gzip.compress(b"nothing that is known"))
    discovery = discover([str(tmp_path)])
    assert discovery.unreadable == {"b.gz"}
    assert discovery.notes["b.gz"].startswith("the gzip stream is damaged after 0 bytes of content")
    assert {source.name: source.kind for source in discovery.sources} == {
        "a": "conntrack-list", "b.gz": "unknown", "c.gz": "conntrack-list", "d.gz": "unknown",
    }  # fmt: skip


def test_an_unreadable_file_is_listed(tmp_path, monkeypatch):
    make(tmp_path, {"a": entry(1), "b": entry(2)})
    head = module.read_head

    def read_head(path, **more):
        if path.name == "a":
            raise PermissionError(13, "Permission denied")
        return head(path, **more)

    monkeypatch.setattr(module, "read_head", read_head)
    discovery = discover([str(tmp_path)])
    assert discovery.unreadable == {"a"}
    assert discovery.notes == {"a": "the file cannot be read: Permission denied."}
    assert [source.kind for source in discovery.sources] == ["unknown", "conntrack-list"]


@pytest.mark.parametrize(
    ("export", "message"),
    [
        ("gone", "there is no file or directory"),
        ("gone/*.txt", "no file matches"),
        ("void", "without any file"),
        ("odd", "none of its files is of a known kind (a, b, c, …)"),
    ],
)
def test_wrong_use(tmp_path, monkeypatch, export, message):
    make(tmp_path, {f"odd/{name}": f"text {name}" for name in "abcd"})
    (tmp_path / "void").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        discover([export])
    assert message in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("path", "node"),
    [
        ("nodes/n1/x", "n1"), ("nodes/n1/deep/x", "n1"), ("a/node=n1/x", "n1"), ("nodes/x", ""), ("x", ""), ("node=/x", ""),
        ("nodes/host/export/nodes/n1/x", "n1"), ("nodes/cn-hongkong.10.0.1.82/x", "cn-hongkong.10.0.1.82"), ("node=n1", ""),
    ],
)  # fmt: skip
def test_node_of(path, node):
    assert node_of(PurePath(path)) == node


@pytest.mark.parametrize(
    ("name", "zone", "expected"),
    [
        ("conntrack-list.1795394843.871.txt.gz", "", 1795394843871000),
        ("conntrack-list.1795394843.txt.gz", "", 1795394843000000),
        ("conntrack-list-1795394843.7z", "", 1795394843000000),
        ("1795394843", "", 1795394843000000),
        ("x.1795394843.871.gz.1795394843.871", "", 1795394843871000),
        ("from-1795394843-to-1795394900.txt", "", None),
        ("pods.2026-11-23T00:47:23Z.json", "", 1795394843000000),
        ("pods-20261123T004723Z.json", "", 1795394843000000),
        ("pods-20261123T004723.5Z.json", "", 1795394843500000),
        ("pods-2026-11-23T08-47-23+0800.json", "", 1795394843000000),
        ("pods-20261123_004723.json", "", None),
        ("pods-20261123_084723.json", "Asia/Hong_Kong", 1795394843000000),
        ("pods-20261323T004723Z.json", "", None),
        ("eni-1795394843a.jsonl", "", None),
        ("117953948431.txt", "", None),
        ("pods.json", "Asia/Hong_Kong", None),
    ],
)
def test_taken_at_of(name, zone, expected):
    assert taken_at_of(name, zone) == expected


# --- export.toml ---------------------------------------------------------------------------------
def test_export_toml(tmp_path):
    make(tmp_path, {
        "a/one.txt": entry(1),
        "a/1795394843.txt": entry(2),
        "b": "",
        "export.toml": """
            [[source]]
            match = "a/*"
            node = "n1"
            timezone = "Asia/Hong_Kong"
            [[source]]
            match = "a/one.*"
            taken_at = 2026-11-23T00:47:23Z
            kind = "conntrack-events"
            [[source]]
            match = "b"
            kind = "conntrack-list"
            taken_at = "2026-11-23T08:47:23.5+08:00"
        """,
    })  # fmt: skip
    found = [
        (s.name, s.kind, s.dialect, s.node, s.taken_at, s.timezone) for s in discover([str(tmp_path)]).sources
    ]
    assert [source.kind for source in discover([str(tmp_path / "a")]).sources] == ["conntrack-list"] * 2
    assert [source.kind for source in discover([str(tmp_path / "b")]).sources] == ["conntrack-list"]
    assert [source.kind for source in discover([str(tmp_path / "*/o*")]).sources] == ["conntrack-events"]
    assert found == [
        ("a/1795394843.txt", "conntrack-list", "conntrack", "n1", 1795394843000000, "Asia/Hong_Kong"),
        ("a/one.txt", "conntrack-events", "conntrack", "n1", 1795394843000000, "Asia/Hong_Kong"),
        ("b", "conntrack-list", "conntrack", "", 1795394843500000, ""),
    ]


def test_data_planes_of_nodes(tmp_path):
    text = "".join(
        f"[[node]]\nmatch = '{match}'\ndataplane = '{name}'\n"
        for match, name in (
            ("gpu-*", "terway-exclusive-eni"),
            ("gpu-2", "terway-eniip"),
            ("lost", "terway-trunk"),
        )
    )
    make(tmp_path, {"a": entry(1), "nodes/gpu-1/b": entry(2), "export.toml": text})
    inventory = read_export([str(tmp_path)], Pools()).inventory
    inventory.tables["nodes"] += [
        {"name": "gpu-2", "dataplane": None},
        {"name": "cpu", "dataplane": "flannel-vpc"},
    ]
    inventory.tables["nodes"].append({"name": "gpu-3", "dataplane": "terway-trunk"})
    inventory.tables["pods"].append({"node": "gpu-4"})
    assert inventory.dataplanes_of(["gpu-1", "n"]) == {
        "cpu": "flannel-vpc",
        "gpu-1": "terway-exclusive-eni",
        "gpu-2": "terway-eniip",
        "gpu-3": "terway-exclusive-eni",
        "gpu-4": "terway-exclusive-eni",
    }


def test_conntrack_of_old_kernels_and_of_daemons_by_their_usual_names(tmp_path):
    old = "unknown  2 580 src=192.168.1.64 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=192.168.1.64 mark=0 secmark=0 use=2\n"
    make(tmp_path, {
        "nodes/n1/ip_conntrack": old,
        "nodes/n1/ip_conntrack.1795394843.txt": old + entry(1),
        "nodes/n1/conntrackd-i.txt": CACHED.format(1),
        "nodes/n1/conntrackd_-i": CACHED.format(2),
        "nodes/n1/conntrackd-enp1s0-internal.txt": CACHED.format(3),
        # whose entries these are is said by nobody
        "nodes/n1/conntrackd_-e": CACHED.format(4),
        "nodes/n1/conntrackd-e.1795394843.txt": CACHED.format(5),
        "nodes/n1/conntrackd-External-cache.txt": CACHED.format(6),
        "nodes/n1/dump": CACHED.format(7) + CACHED.format(8).replace(" [active", " [expires in 12s] [active"),
        "nodes/n1/conntrackd-e.peer": CACHED.format(9),
        # a log of events is nobody's cache
        "nodes/n1/conntrackd-e.log": "    [NEW] " + entry(2),
        "export.toml": "[[source]]\nmatch = '*/conntrackd-e.peer'\nnode = 'n2'\n",
    })  # fmt: skip
    found = {source.name.removeprefix("nodes/n1/"): source for source in discover([str(tmp_path)]).sources}
    assert {source.kind for name, source in found.items() if name != "conntrackd-e.log"} == {"conntrack-list"}
    assert found["ip_conntrack.1795394843.txt"].taken_at == 1795394843000000
    assert {name for name, source in found.items() if source.node == "n1"} == {
        "ip_conntrack", "ip_conntrack.1795394843.txt", "conntrackd-i.txt", "conntrackd_-i", "conntrackd-enp1s0-internal.txt", "conntrackd-e.log",
    }  # fmt: skip
    assert found["conntrackd-e.peer"].node == "n2"
    assert {name for name, source in found.items() if source.external} == {
        "conntrackd_-e", "conntrackd-e.1795394843.txt", "conntrackd-External-cache.txt", "dump", "conntrackd-e.peer",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[source", "no TOML"),
        ("[[sources]]\nmatch = 'x'", "there is no key 'sources'; did you mean 'source'?"),
        ("source = 1", "'source': got int, expected tables [[source]]"),
        ("[[source]]\nkind = 'sysctl'", "'match' of [[source]]: got None, expected text"),
        ("[[source]]\nmatch = 'x'\nnod = 'n1'", "did you mean 'node'?"),
        ("[[source]]\nmatch = 'x'\ncolumns = []", "expected those of a log among them"),
        ("[[source]]\nmatch = 'x'\nkind = 'conntrack-lists'", "did you mean 'conntrack-list'?"),
        ("[[source]]\nmatch = 'x'\ndialect = 'conntrak'", "did you mean 'conntrack'?"),
        ("[[source]]\nmatch = 'x'\nnode = 7", "'node' of [[source]]: got 7, expected text"),
        ("[[source]]\nmatch = 'x'\ntimezone = 'Mars/Olympus'", "got 'Mars/Olympus', expected an IANA zone"),
        ("[[source]]\nmatch = 'x'\ntimezone = '../UTC'", "expected an IANA zone"),
        ("[[source]]\nmatch = 'x'\ntaken_at = 2026-11-23T00:47:23", "a time with its offset"),
        ("[[source]]\nmatch = 'x'\ntaken_at = 'noon'", "got 'noon', expected epoch seconds"),
        ("[[source]]\nmatch = 'x'\ntaken_at = true", "got 'True', expected epoch seconds"),
        ("node = 1", "'node': got int, expected tables [[node]]"),
        ("[[node]]\nmatch = 'x'", "'dataplane' of [[node]]: got None, expected text"),
        (
            "[[node]]\nmatch = 'x'\ndataplain = 'y'",
            "no key of [[node]] 'dataplain'; did you mean 'dataplane'?",
        ),
        (
            "[[node]]\nmatch = 'x'\ndataplane = 'flannel'",
            "no data plane 'flannel'; did you mean 'flannel-vpc'?",
        ),
    ],
)
def test_wrong_export_toml(tmp_path, text, message):
    make(tmp_path, {"x": entry(1), "export.toml": text})
    with pytest.raises(UsageError) as caught:
        discover([str(tmp_path)])
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(Path(tmp_path) / "export.toml"))
