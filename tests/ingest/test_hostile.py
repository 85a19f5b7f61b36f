"""Hostile files: no crash, no endless loop, every row counted, bounded memory, and a sentence where something is wrong."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import time
from contextlib import suppress

import pytest

import flowstitch
import wrapping
from flowstitch.errors import UsageError
from flowstitch.ingest.inventory import read_inventory
from flowstitch.ingest.model import Account, Inventory
from flowstitch.ingest.sniff import KINDS
from hostile import DAMAGED, ENTRY, WHOLE, WRONG, build, call, event, flow, pod, read, survive
from inventory_reading import source_of

NOISE = random.Random(5).randbytes(1 << 16)
BOM = "\ufeff"
LAST = "253402300799"
OPEN = " delta-time=4294967295 [start=Fri Dec 31 23:59:59 9999]"
ALWAYS = f"{OPEN} [stop=Fri Dec 31 23:59:59 9999]"
FIRST = "Thu Jan  1 00:00:00 1970"
LOLS = '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
XML_FLOW = (
    '<flow><meta direction="original"><layer3 protonum="2" protoname="ipv4"><src>{}</src><dst>10.0.0.2</dst></layer3><layer4 protonum="6" '
    'protoname="tcp"><sport>1</sport><dport>2</dport></layer4></meta><meta direction="reply"><layer3 protonum="2" protoname="ipv4"><src>10.0.0.2'
    '</src><dst>10.0.0.1</dst></layer3><layer4 protonum="6" protoname="tcp"><sport>2</sport><dport>1</dport></layer4></meta></flow>\n'
)
SAVED = (
    "-A -t 29 -u SEEN_REPLY -s 10.0.1.91 -d 10.0.3.58 -r 10.0.3.58 -q 10.0.1.91 -p udp --sport {} --dport 2 --reply-port-src 2 "
    "--reply-port-dst 1\n"
)
EXPECTED = "300 proto=6 src=10.0.1.91 dst=10.0.3.58 sport=0 dport=41739 mask-src=255.255.255.255 class=0 helper=ftp\n"

MESSAGE = (
    json.dumps({"message": "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 60 1700000000 1700000001 ACCEPT OK"}) + "\n"
)
AZURE = json.dumps(
    wrapping.vnet(
        [
            "1700000000000,10.0.0.1,10.0.0.2,1,2,6,O,B,NX,0,0,0,0",
            "1700000000000,10.0.0.1,10.0.0.2,1,2,6,O,D,NX,0,0,0,0",
        ]
    )
)
# By name: the files of an export; of some of them (parsed, skipped, rejected by reason); the exit code of a run.
CASES = {
    "random bytes among others": ({"a": NOISE, "b.txt": ENTRY}, {"a": (0, 0, {}), "b.txt": (1, 0, {})}, WHOLE),
    "nothing but random bytes": ({"a": NOISE}, None, WRONG),
    "nothing but zeros": ({"a": bytes(1 << 20), "b": bytes(1 << 20)}, None, WRONG),
    "nothing but empty lines": ({"a": "\n" * 100_000}, None, WRONG),
    "empty lines among others": ({"a.txt": "\n" * 100_000 + ENTRY}, None, WRONG),
    "empty lines behind others": ({"a.txt": ENTRY + "\n" * 100_000}, {"a.txt": (1, 100_000, {})}, WHOLE),
    "a torn gzip": ({"a.gz": gzip.compress(ENTRY.encode() * 9)[:-9]}, {"a.gz": (9, 0, {})}, DAMAGED),
    "a gzip of random bytes": ({"a.gz": b"\x1f\x8b\x08" + NOISE, "b.txt": ENTRY}, {"a.gz": (0, 0, {})}, DAMAGED),
    "zeros in a list": ({"a.txt": f"{ENTRY}\0\0\n\0{ENTRY}{ENTRY}"}, {"a.txt": (2, 0, {"foreign line": 2})}, DAMAGED),
    "zeros in a log": ({"a.json": f"{flow()}\0\n{flow()}"}, {"a.json": (2, 0, {"not JSON": 1})}, DAMAGED),
    "no UTF-8 in a list": ({"a.txt": ENTRY.encode() + b"\xff\xfe\n"}, {"a.txt": (1, 0, {"foreign line": 1})}, DAMAGED),
    "no UTF-8 in a log": (
        {"a.json": flow().encode() + flow(eni_id="e").encode().replace(b'"e"', b'"\xff"')},
        {"a.json": (1, 0, {"not JSON": 1})}, DAMAGED,
    ),
    "no UTF-8 in a document": ({"a.json": b'{"apiVersion":"v1","kind":"Pod","x":"\xff"}'}, {"a.json": (0, 0, {"torn document": 1})}, DAMAGED),
    "ends of lines of another system": (
        {"a.txt": (ENTRY * 3).replace("\n", "\r\n"), "b.json": (flow() * 2).replace("\n", "\r\n")},
        {"a.txt": (3, 0, {}), "b.json": (2, 0, {})}, WHOLE,
    ),
    "a mark at the start": ({"a.txt": BOM + ENTRY, "b.json": BOM + flow()}, {"a.txt": (1, 0, {}), "b.json": (1, 0, {})}, WHOLE),
    "a mark in the middle of a log": ({"b.json": flow() + BOM + flow()}, {"b.json": (2, 0, {})}, WHOLE),
    "a mark in the middle of a list": ({"a.txt": ENTRY + BOM + ENTRY}, {"a.txt": (1, 0, {"foreign line": 1})}, DAMAGED),
    "a header in the middle": (
        {"a.csv": "eni-id,start,end,log-status,srcaddr\neni-1,1,2,NODATA,-\neni-id,start,end,log-status,dstaddr\neni-1,1,2,NODATA,-\n"},
        {"a.csv": (2, 2, {})}, WHOLE,
    ),
    "two lists in one file": ({"a.txt": "conntrack v1.4.7 (conntrack-tools): 1\n".join([ENTRY] * 3)}, {"a.txt": (3, 2, {})}, WHOLE),
    "two XML lists in one file": (
        {"a.xml": ('<?xml version="1.0"?>\n<conntrack>\n' + XML_FLOW.format("10.0.0.1") + "</conntrack>\n") * 2},
        {"a.xml": (2, 6, {})}, WHOLE,
    ),
    "a list of options among noise": (
        {"a.txt": SAVED.format(1) + "\0\n-A -t 1\n-A " + "-s " * 50_000 + "\n" + "-D " + "x" * 100_000 + "\n" + SAVED.format(2)},
        {"a.txt": (2, 0, {"foreign line": 1, "incomplete tuple": 2, "bad address": 1})}, DAMAGED,
    ),
    "a list of options that is torn": ({"a.txt": SAVED.format(1) * 3 + SAVED.format(2)[:-1]}, {"a.txt": (3, 0, {"torn line": 1})}, DAMAGED),
    "lists of two forms in one file": (
        {"a.txt": ENTRY + SAVED.format(1), "b.txt": SAVED.format(1) + ENTRY},
        {"a.txt": (1, 0, {"foreign line": 1}), "b.txt": (1, 0, {"foreign line": 1})}, DAMAGED,
    ),
    "other tables of conntrack": (
        {"a.txt": "cpu=0\tfound=1 \n" + ENTRY + EXPECTED, "b.txt": EXPECTED, "c.txt": "841\n"},
        {"a.txt": (1, 2, {}), "b.txt": (0, 0, {}), "c.txt": (0, 0, {})}, WHOLE,
    ),
    "a cache of a daemon": (
        {"nodes/n/conntrackd-i.txt": ENTRY.replace(" 29 ", " ").replace("use=1", "[active since 99999999999999999999s]")},
        {"nodes/n/conntrackd-i.txt": (1, 0, {})}, WHOLE,
    ),
    "two documents in one file": ({"a.json": json.dumps(pod("a")) + json.dumps(pod("b"))}, {"a.json": (2, 0, {})}, WHOLE),
    "noise before the rows": ({"a.txt": NOISE * 16 + b"\n" + ENTRY.encode(), "b.txt": ENTRY}, {"a.txt": (0, 0, {})}, WHOLE),
    "deep JSON in a log": (
        {"a.json": f"{flow()}{'[' * 10_000}{']' * 10_000}\n" + '{"a":' * 10_000 + "1" + "}" * 10_000 + f"\n{flow()}"},
        {"a.json": (2, 0, {"JSON with a value that cannot be read": 2})}, DAMAGED,
    ),
    "deep JSON in a wrapped log": (
        {"a.json": f'{MESSAGE}{"[" * 10_000}{"]" * 10_000}\n' + '{"message":' * 10_000 + "1" + "}" * 10_000 + f"\n{MESSAGE}"},
        {"a.json": (2, 0, {"not JSON": 2})}, DAMAGED,
    ),
    "zeros in a wrapped log": ({"a.json": f"{MESSAGE}\0\n{MESSAGE}"}, {"a.json": (2, 0, {"not JSON": 1})}, DAMAGED),
    "no UTF-8 in a wrapped log": (
        {"a.json": MESSAGE.encode() + b'{"message":"\xff"}\n\xff\n'}, {"a.json": (1, 0, {"not UTF-8": 1, "not JSON": 1})}, DAMAGED,
    ),
    "half a character in a wrapped log": (
        {"a.json": MESSAGE + '{"message":"\\ud800"}\n{"message":"\\u0000"}\n{"message":"\\n\\n"}\n'},
        {"a.json": (1, 1, {"not UTF-8": 1, "wrong number of columns": 1})}, DAMAGED,
    ),
    "no UTF-8 in a document of records": (
        {"a.json": AZURE.encode() + b"\n" + AZURE.encode().replace(b",O,", b",\xff,")},
        {"a.json": (2, 0, {"JSON with a value that cannot be read": 2})}, DAMAGED,
    ),
    "a document of records that is cut": ({"a.json": AZURE[:-9]}, {"a.json": (0, 0, {"torn document": 1})}, DAMAGED),
    "documents of records of which one is cut": (
        {"a.json": f"{AZURE[:-9]}\n{AZURE}\n{AZURE}"}, {"a.json": (4, 0, {"torn document": 1})}, DAMAGED,
    ),
    "a deep document of records": (
        {"a.json": AZURE[:-1] + ',"x":' + "[" * 10_000 + "]" * 10_000 + "}"}, {"a.json": (0, 0, {"torn document": 1})}, DAMAGED,
    ),
    "deep JSON in a document": (
        {"a.json": '{"apiVersion":"v1","kind":"Pod","a":' + '{"a":' * 10_000 + "1" + "}" * 10_001},
        {"a.json": (0, 0, {"torn document": 1})}, DAMAGED,
    ),
    "a kind that is deep": ({"a.json": '{"apiVersion":"v1","items":[],"kind":' + "[" * 900 + "]" * 900 + "}"}, {"a.json": (0, 0, {})}, WHOLE),
    "a number of 5000 digits": ({"a.json": json.dumps(pod())[:-1] + ',"x":' + "9" * 5000 + "}"}, {"a.json": (0, 0, {"torn document": 1})}, DAMAGED),
    "a name without end": ({"a.json": json.dumps(pod("x" * 100_000))}, {"a.json": (0, 0, {"bad value: metadata.name": 1})}, DAMAGED),
    "entities of entities": (
        {"a.xml": f'<?xml version="1.0"?>\n<!DOCTYPE x [{LOLS}]>\n<conntrack>\n{XML_FLOW.format("&l9;")}</conntrack>\n'},
        {"a.xml": (0, 3, {"declaration": 1, "bad address": 1})}, DAMAGED,
    ),
    "entities of other files": (
        {"a.xml": f'<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/hosts">]>\n<conntrack>\n{XML_FLOW.format("&x;")}</conntrack>\n'},
        {"a.xml": (0, 2, {"declaration": 1, "bad address": 1})}, DAMAGED,
    ),
    "HTML in names": (
        {"a.json": json.dumps(pod("<script>alert(1)</script>")), "nodes/<b>n/e.log": event("1700000000.000000", "NEW")},
        {"a.json": (1, 0, {}), "nodes/<b>n/e.log": (1, 0, {})}, WHOLE,
    ),
    "names that are no UTF-8": (
        {"nodes/n\udcff/e\udcfe.log": event("1700000000.000000", "NEW"), "f\udcfe.json": flow()},
        {"nodes/n\\xff/e\\xfe.log": (1, 0, {}), "f\\xfe.json": (1, 0, {})}, WHOLE,
    ),
    "the first second": (
        {"nodes/a/e.log": event("0.000000", "NEW") + event("0.000001", "DESTROY", ALWAYS.replace("Fri Dec 31 23:59:59 9999", FIRST)),
         "nodes/b/l.txt": ENTRY.replace(" use=", OPEN.replace("Fri Dec 31 23:59:59 9999", FIRST) + " use="),
         "f.json": flow(start="0", end="0")},
        {"nodes/a/e.log": (2, 0, {}), "nodes/b/l.txt": (1, 0, {}), "f.json": (1, 0, {})}, WHOLE,
    ),
    "the year 2100": (
        {"nodes/a/e.log": event("4102444800.000000", "NEW") + event("4102444801.000000", "DESTROY"), "f.json": flow(start="4102444800", end="4102444860")},
        {"nodes/a/e.log": (2, 0, {}), "f.json": (1, 0, {})}, WHOLE,
    ),
    "the last second": (
        {"nodes/a/e.log": event(f"{LAST}.999999", "NEW") + event(f"{LAST}.999999", "DESTROY", ALWAYS),
         "nodes/b/l.txt": ENTRY.replace(" use=", OPEN + " use="),
         "f.json": flow(start=LAST, end=LAST), "pods-9999-12-31T23:59:59-23:00.json": json.dumps(pod())},
        {"nodes/a/e.log": (2, 0, {}), "nodes/b/l.txt": (1, 0, {}), "f.json": (1, 0, {})}, WHOLE,
    ),
    "a second after the last": (
        {"nodes/a/e.log": event("253402300800.000000", "NEW"), "f.json": flow(end="253402300800"),
         "p.json": json.dumps(pod(startTime="9999-12-31T23:59:59-00:01"))},
        {"nodes/a/e.log": (0, 0, {"bad time": 1}), "f.json": (0, 0, {"bad value: end": 1}),
         "p.json": (0, 0, {"bad value: status.startTime": 1})}, DAMAGED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_survives(name, tmp_path):
    files, expected, code = CASES[name]
    export = build(tmp_path / "export", files)
    began = time.process_time()
    if expected is None:
        with pytest.raises(UsageError, match="none of its files is of a known kind"):
            flowstitch.read(export)
    else:
        sources = read(export)
        found = {
            source: (row["parsed"], row["skipped"], dict(row["rejected_by"]))
            for source, row in sources.items()
        }
        assert {source: found[source] for source in expected} == expected
    assert survive(export, tmp_path / "result") == code
    assert time.process_time() - began < 60


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "unknown"])
@pytest.mark.parametrize(
    "content",
    [NOISE, bytes(4096), b"[" * 4096, b'{"a":[1', b"<" * 4096, b"\x28\xb5\x2f\xfd" + NOISE, b"PAR1" + NOISE],
)
def test_every_reader_bears_anything(kind, content, tmp_path):
    export = build(
        tmp_path / "export",
        {"a": content, "export.toml": f"[[source]]\nmatch = 'a'\nkind = '{kind}'\nnode = 'n'\n"},
    )
    if kind == "enis":
        (export / "export.toml").write_text(
            "[[source]]\nmatch = 'a'\nkind = 'enis'\ndialect = 'alibaba-eni'\n"
        )
    with suppress(UsageError):
        assert read(export)["a"]["parsed"] == 0


# Of a line of 100 MB and two good ones, what is in each (parsed, skipped, rejected).
LONG = b"x" * 100_000_000
LONG_LINES = {
    "list.txt": (ENTRY.encode() + LONG + b"\n" + ENTRY.encode(), (2, 0, {"long line": 1})),
    "list.xml": (b"<conntrack>\n<flow><meta>" + LONG + b"\n" + XML_FLOW.format("10.0.0.1").encode() + b"</conntrack>\n",
                 (1, 2, {"long line": 1})),
    "save.txt": (SAVED.format(1).encode() + b"-A " + LONG + b"\n" + SAVED.format(2).encode(), (2, 0, {"long line": 1})),
    "flow.json": (flow().encode() + b'{"eni-id":"' + LONG + b'"}\n' + flow().encode(), (2, 0, {"long line": 1})),
    "flow.csv": (b"eni-id,start,end,log-status,srcaddr\neni-1,1,2,NODATA,-\n" + LONG.replace(b"x", b",") + b"\n", (1, 1, {"long line": 1})),
    "wrapped.json": (MESSAGE.encode() + b'{"message":"' + LONG + b'"}\n' + MESSAGE.encode(), (2, 0, {"long line": 1})),
    "sysctl.txt": (b"net.x = 1\nnet.y = " + LONG + b"\nnet.z = 1\n", (2, 0, {"long line": 1})),
    "ipvs.txt": (b"-A -t 10.0.0.1:80 -s rr\n-a -t " + LONG + b"\n", (1, 0, {"long line": 1})),
}  # fmt: skip
READ = """
import json, resource, sys, flowstitch
rows = flowstitch.read(sys.argv[1])["sources"].to_pylist()
found = {row["source"]: [row["parsed"], row["skipped"], dict(row["rejected_by"])] for row in rows}
print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, found]))
"""


def test_long_lines_take_no_memory(tmp_path):
    export = build(
        tmp_path / "export",
        {f"nodes/n/{name}": gzip.compress(text, 1) for name, (text, _) in LONG_LINES.items()},
    )
    plain = tmp_path / "plain"
    plain.write_bytes(LONG_LINES["list.txt"][0])
    short = build(tmp_path / "short", {"nodes/n/list.txt": ENTRY, "flow.json": flow()})
    most, found = [], []
    for where in (short, export, plain):
        done = subprocess.run([sys.executable, "-c", READ, where], check=True, capture_output=True)
        megabytes, sources = json.loads(done.stdout)
        most.append(megabytes)
        found.append(sources)
    assert max(most) - most[0] < 64
    assert found[1] == {f"nodes/n/{name}": list(counts) for name, (_, counts) in LONG_LINES.items()}
    assert found[2] == {"plain": [2, 0, {"long line": 1}]}


def test_a_flood_of_values_is_not_parsed(tmp_path):
    path = tmp_path / "pods.json"
    path.write_text('{"apiVersion":"v1","kind":"List","items":[' + "[]," * 50_000 + "[]]}")
    for memory, rejected in ((1 << 20, {"document too large": 1}), (1 << 21, {"bad value: item": 50_001})):
        account = Account(whole_bytes=memory)
        read_inventory(source_of(path, "kubernetes"), account, Inventory())
        assert account.rejected == rejected
    assert account.warnings == []


def test_what_multiplies_is_bounded(tmp_path):
    many = [f"10.0.{number >> 8}.{number & 255}" for number in range(1500)]
    ports = [{"port": number + 1} for number in range(1500)]
    named = {"name": "s", "namespace": "n", "labels": {"kubernetes.io/service-name": "s"}}
    items = [
        {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": named, "addressType": "IPv4",
         "endpoints": [{"addresses": [ip]} for ip in many], "ports": ports},
        {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": {"externalIPs": many, "ports": ports}},
        # who has an address that everybody has
        *({**pod(f"p{number}"), "spec": {"nodeName": f"n{number}"}} for number in range(3000)),
    ]  # fmt: skip
    enis = [{"NetworkInterfaceId": f"e{number}", "PrivateIpAddress": "10.0.1.91", "Type": "Primary",
             "PrivateIpSets": {"PrivateIpSet": [{"PrivateIpAddress": "10.0.1.91"}]}} for number in range(3000)]  # fmt: skip
    files = {
        "a.json": json.dumps({"apiVersion": "v1", "kind": "List", "items": items}),
        "enis.json": json.dumps({"NetworkInterfaceSets": {"NetworkInterfaceSet": enis}}),
        "headers.csv": "eni-id,start,end,log-status,srcaddr\n" * 20_000,
    }
    export = build(tmp_path / "export", files)
    began = time.process_time()
    sources = read(export)
    assert dict(sources["a.json"]["rejected_by"]) == {
        "bad value: endpoints[]": 1,
        "bad value: spec.ports[]": 1,
    }
    assert (sources["enis.json"]["parsed"], sources["headers.csv"]["skipped"]) == (3000, 20_000)
    assert time.process_time() - began < 10


NAMED = "[[source]]\nmatch = '*.txt'\nkind = 'conntrack-list'\n"


def test_noise_before_the_rows_is_rejected_when_the_kind_is_named(tmp_path):
    noise = NOISE * 16
    export = build(tmp_path / "export", {"a.txt": noise + b"\n" + ENTRY.encode() * 3, "export.toml": NAMED})
    source = read(export)["a.txt"]
    assert (source["rows"], source["parsed"]) == (noise.count(b"\n") + 4, 3)
    assert survive(export, tmp_path / "result") == DAMAGED


def test_empty_lines_are_counted_when_the_kind_is_named(tmp_path):
    export = build(tmp_path / "export", {"a.txt": "\n" * 100_000 + ENTRY, "export.toml": NAMED})
    source = read(export)["a.txt"]
    assert (source["parsed"], source["skipped"]) == (1, 100_000)
    assert survive(export, tmp_path / "result") == WHOLE


WRONG_TOML = {
    "no TOML": b"\xff\xfe[[source]]", "an escape": '[[source]]\nmatch = "*"\nkind = "\\u001b[31m"\n', "another key": '"\\u001b[2J" = 1\n',
    "a table": 'source = "x"\n', "a number": "[[source]]\nmatch = 1\n", "a path": "[[source]]\nmatch = '*'\ntimezone = '../../etc/hosts'\n",
    "a folder": "[[source]]\nmatch = '*'\ntimezone = 'Europe'\n", "no number": "[[source]]\nmatch = '*'\ntaken_at = nan\n",
    "a negative time": "[[source]]\nmatch = '*'\ntaken_at = -1\n", "an endless time": "[[source]]\nmatch = '*'\ntaken_at = inf\n",
    "columns": '[[source]]\nmatch = "*"\ncolumns = ["\\u001b[31m"]\n', "an open string": "[[source]]\nmatch = '*",
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG_TOML)
def test_a_wrong_export_toml_is_refused_in_a_sentence(what, tmp_path):
    export = build(tmp_path / "export", {"a.txt": ENTRY, "export.toml": WRONG_TOML[what]})
    for command in (["inspect", export], ["run", export, "--out", tmp_path / "out", "--quiet"]):
        done = call(*command)
        assert done.exit_code == WRONG
        assert "export.toml" in done.output
        assert done.output.rstrip().endswith(".")
    assert not (tmp_path / "out").exists()


def test_a_glob_of_many_stars_is_quick(tmp_path):
    toml = f"[[source]]\nmatch = '{'*a' * 40}'\nnode = 'n'\n"
    export = build(tmp_path / "export", {"a" * 200: ENTRY, "export.toml": toml})
    began = time.process_time()
    assert call("inspect", export).exit_code == WHOLE
    assert time.process_time() - began < 5
