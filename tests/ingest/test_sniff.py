import gzip
from pathlib import Path

import pytest

from flowstitch.errors import UsageError
from flowstitch.ingest.content import read_head
from flowstitch.ingest.discover import discover
from flowstitch.ingest.sniff import KINDS, sniff
from log_reading import DIALECTS

EXPORT = Path(__file__).parents[2] / "data" / "ipvs" / "export"
ENTRY = b"udp      17 29 src=10.0.1.91 dst=10.0.3.58 sport=1 dport=2 [UNREPLIED] src=10.0.3.58 dst=10.0.1.91 sport=2 dport=1 use=1\n"
SAVED = (
    b"-A -t 15 -u SEEN_REPLY -s 10.88.1.18 -d 10.96.0.10 -g 10.88.2.2 -q 10.88.1.18 -p udp --sport 1 --dport 53 --reply-port-src 5353 "
    b"--reply-port-dst 1\n"
)


@pytest.mark.parametrize(
    ("glob", "kind"),
    [
        ("nodes/*/conntrack-events*", "conntrack-events"),
        ("nodes/*/conntrack-list*", "conntrack-list"),
        ("nodes/*/ipvsadm-save.txt", "ipvs-rules"),
        ("nodes/*/sysctl.txt", "sysctl"),
        ("nodes/*/ipvsadm-Lnc*", "ipvs-connections"),
    ],
)
def test_shipped_capture(glob, kind):
    paths = list(EXPORT.glob(glob))
    assert len(paths) >= 3
    assert {sniff(read_head(path)).kind for path in paths} == {kind}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "unknown"),
        (b" \n\n", "unknown"),
        (ENTRY, "conntrack-list"),
        (b"ipv4     2 " + ENTRY, "conntrack-list"),
        (b"ipv4 2 " + ENTRY, "conntrack-list"),
        (
            b"conntrack v1.4.7 (conntrack-tools): 841 flow entries have been shown.\n" + ENTRY,
            "conntrack-list",
        ),
        (
            b'root@node:~# conntrack -L\nDefaulted container "terway" out of: terway\n\n\r\n' + ENTRY,
            "conntrack-list",
        ),
        (b"    [NEW] " + ENTRY, "conntrack-events"),
        (b"[1795394660.184938]\t    [NEW] " + ENTRY, "conntrack-events"),
        (b"[1795394660.184938]\t[DESTROY] ipv4     2 " + ENTRY, "conntrack-events"),
        (b"WARNING: We have hit ENOBUFS! We are losing events.\n [UPDATE] " + ENTRY, "conntrack-events"),
        (b"tcp      6 ESTABLISHED src=10.0.1.91 dst=10.0.3.58", "conntrack-list"),
        (
            b'<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n<flow><meta direction="original">',
            "conntrack-list",
        ),
        (b'<?xml version="1.0"?><conntrack><flow>\n', "conntrack-list"),
        (b'<flow type="destroy"><meta direction="original">', "conntrack-events"),
        (b'</conntrack>\n  <flow type="new"><meta direction="original">', "conntrack-events"),
        (b'<?xml version="1.0"?>\n<conntrack>\n<flow ty', "conntrack-list"),
        (b'<?xml version="1.0"?>\n<workflow><flow type="bpmn">\n<flow>x</flow>', "unknown"),
        (b"300 proto=6 src=10.0.1.91 dst=10.0.3.58 sport=0 dport=41739", "unknown"),
        (b"-A -t 192.168.0.10:53 -s rr\n", "ipvs-rules"),
        (b"-A -u [fd00::a]:53 -s rr -p 10800\n", "ipvs-rules"),
        (b"-A -f 7 -s rr\n", "ipvs-rules"),
        (b"-A -t 15 -u SEEN_REPLY -s 10.88.1.18 -d 10.96.0.10 -g 10.88.2.2\n", "conntrack-list"),
        (b"conntrack v1.4.7 (conntrack-tools): 1 flow entries\n" + SAVED, "conntrack-list"),
        (SAVED.replace(b"-A", b"-U"), "conntrack-events"),
        (SAVED * 9 + b" \n" + SAVED.replace(b"-A", b"-D").replace(b" -t 15", b""), "conntrack-events"),
        (b"-A -u UNSET --orig-zone 1 --reply-zone 2 -s ::1 -d ::2 -r ::2 -q ::1 -p 9\n", "conntrack-list"),
        (b"-A -t 15 -u SEEN_REPLY -s rr\n", "unknown"),
        (
            b"unknown  2 580 src=10.0.1.91 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=10.0.1.91 use=2\n",
            "conntrack-list",
        ),
        (b"udp      17 src=10.0.1.91 dst=10.0.3.58 sport=1 dport=2 [active since 5s]\n", "conntrack-list"),
        (b'<flow type="new"><layer3 protonum="2" protoname="ipv4"><expected><src>', "unknown"),
        (b"-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -j ACCEPT\n", "unknown"),
        (b"net.netfilter.nf_conntrack_acct = 1\n", "sysctl"),
        (b"net.ipv4.conf.eth0/100.rp_filter=0\n", "sysctl"),
        (b"log.level = info\n", "unknown"),
        (b"Enable AccessLog for ELB: app/a/b at 2025-05-30T16:47:00.781Z", "lb-access-log"),
        (b"Enable ConnectionLog for ELB: app/a/b at 2025-05-30T16:47:00.781Z", "lb-connection-log"),
        (b"Enabled AccessLog for ELB\n", "unknown"),
        (b"https 2018-11-30T22:23:00.186641Z a site that I visited\n", "unknown"),
        (b"2024-10-04T17:05:15.514108Z stdout F 10.0.0.1:80 answered\n", "unknown"),
        (b"plain text\n", "unknown"),
        (b"\x00\x01\xff" * 50, "unknown"),
        (b"[1, 2, 3]", "unknown"),
        (b'[{"ifindex":1,"ifname":"lo","addr_info":[]}]', "ip-addr"),
    ],
)
def test_kind(head, kind):
    assert sniff(head).kind == kind
    assert kind in KINDS


def test_an_empty_file_is_noted():
    assert sniff(b"").note == "empty file"
    assert sniff(ENTRY).note == ""


NLB = (
    b"tls 2.0 2020-04-01T08:51:42 net/shop/c6e77e28c25b2234 g3d4b5e8bb8464cd 192.0.2.39:51341 10.0.0.185:443 5 2 98 246 - - - - - - - h2 h2 "
    b'"h2","http/1.1" 2020-04-01T08:51:20\n'
)
CONNECTION = (
    b"2024-10-04T17:05:15.514108Z 192.0.2.39 36280 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 4.036 "
    b'"CN=example.com,O=a b" NotBefore=2023-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z FEF257372D5C14D4 Success\n'
)

EXPECTED = (
    b"300 proto=6 src=10.0.1.91 dst=10.0.3.58 sport=0 dport=41739 mask-src=255.255.255.255 mask-dst=255.255.255.255 sport=0 dport=65535 "
    b"master-src=10.0.1.91 master-dst=10.0.3.58 sport=36390 dport=21 class=0 helper=ftp\n"
)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (EXPECTED, "list of conntrack expectations"),
        (b"    [NEW] " + EXPECTED, "list of conntrack expectations"),
        (b"297 l3proto = 2 proto=6 src=10.0.1.91 dst=10.0.3.58 sport=0 dport=41739 ftp\n", "list of conntrack expectations"),
        (EXPECTED[4:-1] + b" [active since 5s]\n", "list of conntrack expectations"),
        (b'<?xml version="1.0" encoding="utf-8"?>\n<expect>\n<flow type="new"><layer3>', "list of conntrack expectations"),
        (b"cpu=0   \tfound=2 invalid=17 insert=0 insert_failed=0 drop=0 \n", "statistics of conntrack,"),
        (b"entries  clashres found new invalid ignore delete chainlength\n00000349  00000000 00000002\n", "statistics of conntrack,"),
        (b"cache internal:\ncurrent active connections:\t           3\n", "statistics of conntrackd"),
        (b"cache:external\tactive objects:\t\t           3\n", "statistics of conntrackd"),
        (b"841\n", "a single number"),
        (b"FlowStartTime [UTC],SrcIp,DestIp,DestPort,L4Protocol\n", "a table of Azure Traffic Analytics"),
        (b'{"SubType_s":"FlowLog","SrcIP_s":"10.0.0.1","DestIP_s":"10.0.0.2","DestPort_d":443,"L4Protocol_s":"T"}\n', "a table of Azure Traffic Analytics"),
        (b'[\n  {\n    "DestIp": "10.0.0.2",\n    "L4Protocol": "T",\n    "SrcIp": "10.0.0.1"\n  }\n]\n', "a table of Azure Traffic Analytics"),
        (b"841\n842\n", ""),
    ],
)  # fmt: skip
def test_what_is_known_and_not_read_is_noted(head, words):
    found = sniff(head)
    assert found.kind == "unknown"
    assert found.note.startswith(("a list", "statistics", "a single", "a table")) == bool(words)
    assert words in found.note


def test_a_file_that_is_known_and_not_read_is_refused_with_what_it_is(tmp_path):
    (tmp_path / "log").write_bytes(EXPECTED)
    with pytest.raises(UsageError, match=r"\(log: a list of conntrack expectations, which is not read"):
        discover([str(tmp_path)])


@pytest.mark.parametrize(("line", "dialect"), [(NLB, "aws-nlb-access"), (CONNECTION, "aws-alb-connection")])
@pytest.mark.parametrize(
    "before", [b"", b"Enable AccessLog for ELB: net/shop/1 at 2025-05-30T16:47:00.781Z\n"]
)
def test_connections_to_load_balancers(line, dialect, before):
    assert sniff(before + line) == ("lb-connection-log", dialect, "")


@pytest.mark.parametrize(
    "folder", sorted(path.name for path in DIALECTS.iterdir() if list(path.glob("in.*")))
)
def test_golden_files_are_known_as_what_they_are(folder):
    found = [sniff(read_head(path), path) for path in (DIALECTS / folder).glob("in.*")]
    assert all(one.kind != "unknown" for one in found)
    # what has no dialect goes by its kind
    assert any(folder.startswith(one.dialect or one.kind) for one in found)


def test_hostile_heads_take_linear_time():
    for head in (
        b"http 2018-11-30T" + b"a:1" * 20000,
        b"http 2018-11-30T1 " + b"a:1" * 20000,
        b"2018-11-30T1 a " + b"1:1 - " * 10000,
        b"2018-11-30T1 a 1:1 - " + b"1." * 30000,
        b"tls 1.1 2018-11-30T1 a b " + b":1" * 30000,
        b"tcp 6 " + b"src= " * 13000,
        b" " * 65536,
        b"net" + b".a" * 32000,
        b"[1." + b"1" * 65000,
        b"tcp 6 " + b" " * 65000,
        b"-A " + b"-t 1 " * 13000,
        b"-A -u " + b"A," * 32000,
        b"-A -s " + b"1" * 65000,
        b"-A" + b" " * 65000,
        b"cpu=" + b"1" * 65000,
        b"cpu=1 " + b"a=1" * 20000,
        b"[" + b"1" * 65000,
        b"proto=6 src=" + b"a" * 65000,
    ):
        assert sniff(head).kind == "unknown"


def test_the_suffix_does_not_count(tmp_path):
    path = tmp_path / "pods.json"
    path.write_bytes(gzip.compress(ENTRY))
    assert sniff(read_head(path)) == ("conntrack-list", "conntrack", "")
