"""Numbers past their range and impossible addresses, in every field of every format: the row is rejected, its neighbours are not."""

from __future__ import annotations

import json
import re

import polars as pl
import pytest

import wrapping
from hostile import ENTRY, FLOW, build, flow, read

# Of every range what is just beyond, and what no number of a log is.
MOST = {"u8": 255, "u16": 65535, "u32": 2**32 - 1, "u63": 2**63 - 1}
NO_NUMBERS = ["-1", "18446744073709551616", "1e3", "0x10", "1.5", "1_0", "", "\u0663", "9" * 400]
NO_ADDRESSES = [
    "256.0.0.1", "1.2.3", "1.2.3.4.5", "1.2.3.4/32", "01.2.3.4", "1..2.3", ":::", "1::2::3", "12345::", "::1.2.3.256", "0x7f000001",
    "2130706433", "localhost", "1.2.3.4%eth0", "::1%", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "\u0661.\u0662.\u0663.\u0664", "",
]  # fmt: skip
TEXT_LINE = ENTRY.replace(" use=1\n", " zone=1 delta-time=1 [start=Fri Dec 31 23:59:59 1999] use=1 id=1\n")
ICMP_LINE = "icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=1 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=1 mark=0 use=1 id=1\n"
TEXT = {
    "sport": "u16", "dport": "u16", "packets": "u63", "bytes": "u63", "mark": "u32", "use": "u32", "zone": "u16", "delta-time": "u32", "id": "u32",
}  # fmt: skip
ICMP = {"type": "u8", "code": "u8"}
XML_LINE = (
    '<flow type="new"><meta direction="original"><layer3 protonum="2" protoname="ipv4"><src>10.0.0.1</src><dst>10.0.0.2</dst></layer3><layer4 '
    'protonum="6" protoname="tcp"><sport>1</sport><dport>2</dport></layer4><zone>1</zone><counters><packets>1</packets><bytes>60</bytes>'
    '</counters></meta><meta direction="reply"><layer3 protonum="2" protoname="ipv4"><src>10.0.0.2</src><dst>10.0.0.1</dst></layer3><layer4 '
    'protonum="6" protoname="tcp"><sport>2</sport><dport>1</dport></layer4></meta><meta direction="independent"><timeout>1</timeout>'
    "<mark>1</mark><use>1</use><id>1</id><timestamp><start>1</start><stop>1</stop></timestamp><deltatime>1</deltatime></meta><when><hour>8</hour>"
    "<min>19</min><sec>00</sec><wday>2</wday><day>23</day><month>11</month><year>2026</year></when></flow>\n"
)
XML = {
    "sport": "u16", "dport": "u16", "zone": "u16", "packets": "u63", "bytes": "u63", "timeout": "u32", "mark": "u32", "id": "u32",
    "start": "u63", "stop": "u63", "deltatime": "u32",
}  # fmt: skip
SAVED_LINE = (
    "-A -t 1 -u SEEN_REPLY -w 1 --orig-zone 1 --reply-zone 1 -s 10.0.0.1 -d 10.0.0.2 -r 10.0.0.2 -q 10.0.0.1 -p tcp --sport 1 --dport 2 "
    "--reply-port-src 2 --reply-port-dst 1 --state ESTABLISHED -m 1 --icmp-type 1 --icmp-code 1 --icmp-id 1\n"
)
SAVED = {
    "-t": "u32", "-w": "u16", "--orig-zone": "u16", "--reply-zone": "u16", "-p": "u8", "--sport": "u16", "--dport": "u16", "-m": "u32",
    "--reply-port-src": "u16", "--reply-port-dst": "u16", "--icmp-type": "u8", "--icmp-code": "u8", "--icmp-id": "u16",
}  # fmt: skip
FLOWS = {
    "srcport": "u16",
    "dstport": "u16",
    "protocol": "u8",
    "tcp-flags": "u16",
    "packets": "u63",
    "bytes": "u63",
}
SECONDS = {"start": 253402300799, "end": 253402300799}
REQUEST = {
    "slbid": "lb-1", "vip_addr": "10.0.0.9", "status": "200", "request_time": "0.5", "upstream_addr": "10.0.0.1:80", "slb_vport": "80",
    "client_ip": "10.0.0.1", "client_port": "1", "request_length": "1", "body_bytes_sent": "1", "read_request_time": "1", "tcpinfo_rtt": "1",
    "write_response_time": "1", "time": "2026-11-23T00:47:23+00:00",
}  # fmt: skip
REQUESTS = {
    "slb_vport": "u16",
    "client_port": "u16",
    "status": "u16",
    "request_length": "u63",
    "body_bytes_sent": "u63",
}
DURATIONS = ["request_time", "read_request_time", "write_response_time", "tcpinfo_rtt"]
QUOTED = 'http 2026-11-23T00:47:23Z app/lb/1 10.0.0.1:1 10.0.0.2:80 0.001 0.001 0.001 200 200 34 366 "GET http://a/ HTTP/1.1" "c" - -\n'
NLB = "tls 2.0 2026-11-23T00:47:23 net/lb/1 l 10.0.0.1:1 10.0.0.9:443 5 2 98 246 48 - - c tlsv12 - a.example h2 h2 - 2026-11-23T00:47:23\n"
CONNECTION = (
    '2026-11-23T00:47:23.5Z 10.0.0.1 1 443 TLSv1.3 c 0.004 "CN=a" - - Success TID_1 - app/lb/1 10.0.0.9\n'
)
NO_TIMES = [
    "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59-00:01",
    "10000-01-01T00:00:00Z",
    "2026-11-23T24:47:23Z",
    "2026-02-30T00:00:00Z",
    "1700000000",
    "now",
]


def beyond(limit: int) -> list[str]:
    return [str(limit + 1), *NO_NUMBERS]


def check_lines(tmp_path, name: str, good: str, bad: list[str], head: str = "") -> None:
    """A file of bad lines with good ones around has one reject for each of the bad."""
    text = head + good + "".join(f"{line}{good}" for line in bad)
    (source,) = read(build(tmp_path / "export", {name: text})).values()
    counts = source["parsed"], source["rejected"]
    assert counts == (len(bad) + 1, len(bad)), source["rejected_by"]


def replaced(line: str, pattern: str, values: list[str]) -> list[str]:
    """The line with each of the values in the place of the pattern's first group."""
    match = re.search(pattern, line)
    return [line[: match.start(1)] + value + line[match.end(1) :] for value in values]


@pytest.mark.parametrize(("key", "form"), TEXT.items())
def test_conntrack_text(key, form, tmp_path):
    check_lines(tmp_path, "a.txt", TEXT_LINE, replaced(TEXT_LINE, rf" {key}=(\d+)", beyond(MOST[form])))


def test_conntrack_text_of_echoes(tmp_path):
    bad = [
        line
        for key, form in ICMP.items()
        for line in replaced(ICMP_LINE, rf" {key}=(\d+)", beyond(MOST[form]))
    ]
    check_lines(tmp_path, "a.txt", ICMP_LINE, [*bad, *replaced(ICMP_LINE, r" id=(\d+)", beyond(65535))])


def test_conntrack_text_without_keys(tmp_path):
    # without a number in its place a line has no protocol
    protocols = replaced(TEXT_LINE, r"udp +(\d+)", ["256", *NO_NUMBERS[:-3]])
    tcp = TEXT_LINE.replace("udp      17 29", "tcp      6 29 ESTABLISHED")
    timeouts = replaced(tcp, r"tcp +6 (\d+)", [text for text in beyond(MOST["u32"]) if text])
    check_lines(tmp_path, "a.txt", TEXT_LINE, [*protocols, *timeouts])


def test_conntrack_addresses(tmp_path):
    check_lines(
        tmp_path, "a.txt", TEXT_LINE, replaced(TEXT_LINE, r"src=(\S+)", [*NO_ADDRESSES, "fe80::1%eth0"])
    )


@pytest.mark.parametrize(
    "stamp", ["253402300800.000000", "1.1234567", "-1.000000", "1", "99999999999999999999.000000", "1.5.5"]
)
def test_conntrack_stamps(stamp, tmp_path):
    line = "[1700000000.000000]\t[NEW] " + TEXT_LINE
    check_lines(tmp_path, "a.txt", line, replaced(line, r"\[(\d+\.\d+)\]", [stamp]))


@pytest.mark.parametrize(
    "stamp", ["Fri Dec 31 23:59:60 1999", "Fri Feb 29 00:00:00 1999", "Fri Dec 32 00:00:00 1999", "Fri Foo 1 00:00:00 1999",
              "Fri Dec 31 24:00:00 1999", "Fri Dec 31 23:59:59 1969", "Fri Dec 31 23:59:59 10000", "Fri Dec  0 00:00:00 1999", ""]
)  # fmt: skip
def test_conntrack_dates(stamp, tmp_path):
    check_lines(tmp_path, "a.txt", TEXT_LINE, replaced(TEXT_LINE, r"\[start=([^\]]+)", [stamp]))


@pytest.mark.parametrize(("option", "form"), SAVED.items())
def test_conntrack_save(option, form, tmp_path):
    check_lines(tmp_path, "a.txt", SAVED_LINE, replaced(SAVED_LINE, rf" {option} (\S+)", beyond(MOST[form])))


@pytest.mark.parametrize("option", ["-s", "-d", "-r", "-q"])
def test_conntrack_save_addresses(option, tmp_path):
    bad = [*NO_ADDRESSES, "fe80::1%eth0"]
    check_lines(tmp_path, "a.txt", SAVED_LINE, replaced(SAVED_LINE, rf" {option} (\S+)", bad))


@pytest.mark.parametrize(("key", "form"), XML.items())
def test_conntrack_xml(key, form, tmp_path):
    check_lines(tmp_path, "a.xml", XML_LINE, replaced(XML_LINE, rf"<{key}>(\d+)<", beyond(MOST[form])))


def test_conntrack_xml_without_elements(tmp_path):
    bad = replaced(XML_LINE, r'layer4 protonum="(\d+)"', beyond(255)) + replaced(
        XML_LINE, r"<src>([^<]+)", NO_ADDRESSES
    )
    parts = {"hour": "24", "min": "60", "sec": "60", "day": "31", "month": "13", "year": "1969"}
    bad += [
        line
        for part, value in parts.items()
        for line in replaced(XML_LINE, rf"<{part}>(\d+)", [value, *NO_NUMBERS])
    ]
    check_lines(tmp_path, "a.xml", XML_LINE, bad)


def bad_flows() -> list[dict[str, str]]:
    bad = [{key: value} for key, form in FLOWS.items() for value in beyond(MOST[form])]
    bad += [{key: value} for key, limit in SECONDS.items() for value in beyond(limit)]
    bad += [{key: value} for key in ("srcaddr", "dstaddr") for value in NO_ADDRESSES]
    # an absent value is no fault of what need not be there
    return [
        row
        for row in bad
        if "" not in row.values() or row.keys().isdisjoint({"tcp-flags", "packets", "bytes"})
    ]


def test_flow_logs_of_json(tmp_path):
    check_lines(tmp_path, "a.json", flow(), [json.dumps(FLOW | row) + "\n" for row in bad_flows()])


def test_flow_logs_of_json_numbers(tmp_path):
    numbers = [-1, 2**38, 2**64, 1.5, True, [1], {"a": 1}, None]
    bad = [flow(**{key: value}) for key in ("srcport", "protocol", "start") for value in numbers]
    check_lines(tmp_path, "a.json", flow(), bad)


def test_flow_logs_with_separators(tmp_path):
    head = ",".join(FLOW) + "\n"
    good, *bad = (",".join((FLOW | row).values()) + "\n" for row in [{}, *bad_flows()])
    check_lines(tmp_path, "a.csv", good, bad, head)


AWS_LINE = "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 60 1700000000 1700000001 ACCEPT OK"
AWS_PLACES = {5: "u16", 6: "u16", 7: "u8", 8: "u63", 9: "u63"}
GCP_CONNECTION = {"src_ip": "10.0.0.1", "src_port": 1, "dest_ip": "10.0.0.2", "dest_port": 2, "protocol": 6}
PAYLOAD = {
    "start_time": "2026-11-23T00:47:23Z",
    "end_time": "2026-11-23T00:47:28Z",
    "packets_sent": "1",
    "bytes_sent": "60",
}
DATES = [
    "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59-00:01",
    "2026-11-23T00:47:23",
    "2026-02-30T00:00:00Z",
    "now",
    "",
]
TUPLE = "1700000000000,10.0.0.1,10.0.0.2,1,2,6,O,E,NX,1,60,0,0"
TUPLE_PLACES = {3: "u16", 4: "u16", 5: "u8", 9: "u63", 10: "u63"}


def with_values(text: str, separator: str, places: dict[int, list[str]]) -> list[str]:
    """The text with each of the values in its place."""
    values = text.split(separator)
    return [
        separator.join([*values[:place], value, *values[place + 1 :]])
        for place, bad in places.items()
        for value in bad
    ]


def test_flow_logs_in_messages(tmp_path):
    places = {place: beyond(MOST[form]) for place, form in AWS_PLACES.items()}
    places |= {3: NO_ADDRESSES, 10: beyond(253402300799), 11: beyond(253402300799)}
    bad = with_values(AWS_LINE, " ", places)
    good = json.dumps({"message": AWS_LINE}) + "\n"
    check_lines(tmp_path, "a.json", good, [json.dumps({"message": line}) + "\n" for line in bad])


def test_flow_logs_of_google_cloud(tmp_path):
    ranges = {"src_port": "u16", "dest_port": "u16", "protocol": "u8"}
    numbers = [True, [1], {"a": 1}, 1.5, -1]
    connections = [
        GCP_CONNECTION | {key: value}
        for key, form in ranges.items()
        for value in [*beyond(MOST[form]), *numbers]
    ]
    connections += [
        GCP_CONNECTION | {key: value}
        for key in ("src_ip", "dest_ip")
        for value in [*NO_ADDRESSES, 1, None, {}]
    ]
    payloads = [
        {key: value}
        for key in ("packets_sent", "bytes_sent")
        for value in [*beyond(MOST["u63"]), *numbers]
        if value
    ]
    payloads += [{key: value} for key in ("start_time", "end_time") for value in [*DATES, 1700000000, None]]
    entries = [wrapping.entry(connection, **PAYLOAD) for connection in connections]
    entries += [wrapping.entry(GCP_CONNECTION, **(PAYLOAD | payload)) for payload in payloads]
    good = json.dumps(wrapping.entry(GCP_CONNECTION, **PAYLOAD)) + "\n"
    check_lines(tmp_path, "a.json", good, [json.dumps(entry) + "\n" for entry in entries])


def test_flow_logs_of_azure(tmp_path):
    places = {place: [text for text in beyond(MOST[form]) if text] for place, form in TUPLE_PLACES.items()}
    places |= {1: NO_ADDRESSES, 2: NO_ADDRESSES, 0: beyond(253402300799999), 6: ["", "X"]}
    bad = with_values(TUPLE, ",", places)
    document = wrapping.vnet([TUPLE, *(text for line in bad for text in (line, TUPLE))])
    (source,) = read(build(tmp_path / "export", {"PT1H.json": json.dumps(document)})).values()
    # nothing came back, which is said of the bad too
    assert (source["parsed"], source["rejected"]) == (len(bad) + 1, len(bad)), source["rejected_by"]
    assert source["skipped"] == 2 * len(bad) + 1


def test_flow_logs_of_parquet(tmp_path):
    bad = [row for row in bad_flows() if row.keys() == {"srcport"}]
    numbers = [-1, 65536, 2**40]
    for name, rows in (("text", bad), ("numbers", [{"srcport": number} for number in numbers])):
        export = tmp_path / name
        export.mkdir()
        good = FLOW | {"srcport": 1} if name == "numbers" else FLOW
        pl.DataFrame([good, *(FLOW | row for row in rows)]).write_parquet(export / "a")
        (source,) = read(export).values()
        assert (source["parsed"], source["rejected"]) == (1, len(rows))


def test_access_logs(tmp_path):
    bad = [{key: value} for key, form in REQUESTS.items() for value in beyond(MOST[form])]
    bad += [
        {key: value}
        for key in DURATIONS
        for value in ["1e3", "-2", "0x1", "1.", ".5", "1_0", "9" * 10, "inf", "nan", "1.0000000000"]
    ]
    bad += [{key: value} for key in ("vip_addr", "client_ip") for value in NO_ADDRESSES]
    bad += [
        {"time": value}
        for value in [
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-00:01",
            "2026-11-23T00:47:23",
            "1700000000",
            "now",
            "",
        ]
    ]
    # what is absent, spelled in one of the ways of the vendor, is no fault
    bad = [
        row
        for row in bad
        if row.keys() == {"time"} or row.keys().isdisjoint(REQUEST) or not {"", "-1"} & set(row.values())
    ]
    check_lines(
        tmp_path, "a.json", json.dumps(REQUEST) + "\n", [json.dumps(REQUEST | row) + "\n" for row in bad]
    )


def test_access_logs_with_quotes(tmp_path):
    columns = {
        r"lb/1 \S+:(\d+) ": 65535,
        r"lb/1 \S+ \S+ 0.001 0.001 0.001 (\d+)": 65535,
        r'(\d+) \d+ "GET': MOST["u63"],
        r'(\d+) "GET': MOST["u63"],
    }
    bad = [
        line
        for pattern, limit in columns.items()
        for line in replaced(QUOTED, pattern, [text for text in beyond(limit) if text not in {"", "-1"}])
    ]
    bad += replaced(QUOTED, r"lb/1 (\S+):1 ", [text for text in NO_ADDRESSES if text and text != "localhost"])
    check_lines(tmp_path, "a.log", QUOTED, bad)


def test_connection_logs_of_an_nlb(tmp_path):
    columns = {
        r"l 10.0.0.1:(\d+) ": 65535,
        r" 10.0.0.9:(\d+) ": 65535,
        r":443 (\d+) ": 999_999_999,
        r":443 5 (\d+) ": 999_999_999,
        r" 5 2 (\d+) ": MOST["u63"],
        r" 5 2 98 (\d+) ": MOST["u63"],
        r" 246 (\d+) ": 65535,
    }
    bad = [
        line
        for pattern, limit in columns.items()
        for line in replaced(
            NLB, pattern, [text for text in beyond(limit) if text and (text != "1.5" or limit != 999_999_999)]
        )
    ]
    bad += replaced(NLB, r"l (\S+):1 ", [text for text in NO_ADDRESSES if text and text != "localhost"])
    bad += replaced(NLB, r" (10.0.0.9):443 ", [text for text in NO_ADDRESSES if text])
    bad += replaced(NLB, r"tls 2.0 (\S+) ", [*NO_TIMES, "2026-11-23T00:47:22"])
    bad += replaced(NLB, r"h2 - (\S+)$", [*NO_TIMES, "2026-11-23T00:47:24"])
    check_lines(tmp_path, "a.log", NLB, bad)


def test_connection_logs_of_an_alb(tmp_path):
    columns = {r" 10.0.0.1 (\d+) ": 65535, r" 1 (\d+) TLS": 65535}
    bad = [
        line
        for pattern, limit in columns.items()
        for line in replaced(CONNECTION, pattern, [text for text in beyond(limit) if text])
    ]
    bad += replaced(
        CONNECTION,
        r" c (\S+) ",
        ["-1", "1e3", "0x1", "1.", ".5", "1_0", "9" * 10, "inf", "nan", "1.0000000000"],
    )
    bad += replaced(CONNECTION, r"Z (\S+) 1 ", [text for text in NO_ADDRESSES if text])
    bad += replaced(CONNECTION, r"lb/1 (\S+)$", [text for text in NO_ADDRESSES if text])
    bad += replaced(CONNECTION, r"^(\S+) ", [*NO_TIMES, "2026-11-23T00:47:23"])
    check_lines(tmp_path, "a.log", CONNECTION, bad)


def test_ipvs_rules(tmp_path):
    service, server = "-A -t 10.0.0.1:80 -s rr\n", "-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 1\n"
    bad = replaced(service, r":(\d+)", beyond(65535)) + replaced(server, r"-r \S+:(\d+)", beyond(65535))
    bad += replaced(server, r"-w (\d+)", beyond(2**31))
    bad += replaced(server, r"-r ([\d.]+)", NO_ADDRESSES)
    text = service + "".join(line + server for line in bad)
    (source,) = read(build(tmp_path, {"a.txt": text})).values()
    assert (source["parsed"], source["rejected"]) == (len(bad) + 1, len(bad))


def test_ipvs_connections(tmp_path):
    head = (
        "IPVS connection entries\npro expire state       source             virtual            destination\n"
    )
    good = "TCP 14:59  ESTABLISHED 10.0.1.1:80 10.0.1.2:80 10.0.1.3:80\n"
    bad = replaced(good, r"1\.2:(\d+)", beyond(65535)) + replaced(good, r" (10\.0\.1\.2):", NO_ADDRESSES)
    bad += replaced(good, r" (\d+):59", ["-1", "9999999", "", "1e3"]) + replaced(
        good, r":(59)", ["60", "-1", "5", ""]
    )
    check_lines(tmp_path, "a.txt", good, bad, head)


NO_PORTS = [-1, 65536, 2**64, 1.5, "80", True, [80], {"port": 80}]


def check_items(tmp_path, items: list[object], *, listed: bool = False, name: str = "a.json") -> None:
    """Of the items of a document the first is good and all others are not."""
    document = items if listed else {"apiVersion": "v1", "kind": "List", "items": items}
    (source,) = read(build(tmp_path / "export", {name: json.dumps(document)})).values()
    assert (source["parsed"], source["rejected"]) == (1, len(items) - 1), source["rejected_by"]


def test_kubernetes(tmp_path):
    def service(**port):
        return {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "n"},
            "spec": {"type": "NodePort", "clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 30080, **port}]},
        }  # fmt: skip

    def slice_of(*addresses, port=80):
        return {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": "s-1", "namespace": "n", "labels": {"kubernetes.io/service-name": "s"}},
            "addressType": "IPv4", "endpoints": [{"addresses": list(addresses)}], "ports": [{"port": port}],
        }  # fmt: skip

    bad = [service(**{key: value}) for key in ("port", "nodePort") for value in NO_PORTS]
    # a target port can have a name
    bad += [
        service(targetPort=value) for value in (-1, 65536, 2**64, 1.5, True, [80], "\x1b[31m", "x" * 2000)
    ]
    bad += [slice_of("10.0.0.1", port=value) for value in NO_PORTS]
    # an address of all ones is none of a log, yet one of the inventory
    bad += [slice_of(text) for text in NO_ADDRESSES if text and not text.startswith("ffff")]
    check_items(tmp_path, [service(), *bad])


def test_ip_of_a_node(tmp_path):
    rules = [{"priority": value, "src": "all"} for value in (-1, 2**32, 1.5, "1", None)]
    rules += [{"priority": 1, "src": "10.0.0.0", "srclen": value} for value in (-1, 33, 2**64, "24")]
    rules += [{"priority": 1, "src": text} for text in NO_ADDRESSES if text and not text.startswith("ffff")]
    check_items(tmp_path / "rules", [{"priority": 1, "src": "all", "table": "main"}, *rules], listed=True)
    links = [{"ifindex": value, "ifname": "a"} for value in (-1, 2**32, 1.5, "1")]
    check_items(tmp_path / "links", [{"ifindex": 1, "ifname": "a"}, *links], listed=True)
    addresses = [
        {"ifname": "a", "addr_info": [{"local": "10.0.0.1", "prefixlen": value}]}
        for value in (-1, 33, 2**64, "24")
    ]
    check_items(tmp_path / "addresses", [{"ifname": "a", "addr_info": []}, *addresses], listed=True)


def test_interfaces(tmp_path):
    def eni(ip):
        return {"NetworkInterfaceId": "eni-1", "Type": "Primary", "PrivateIpAddress": ip}

    items = [eni("10.0.0.1"), *(eni(text) for text in NO_ADDRESSES if text and not text.startswith("ffff"))]
    document = {"NetworkInterfaceSets": {"NetworkInterfaceSet": items}}
    (source,) = read(build(tmp_path, {"a.json": json.dumps(document)})).values()
    assert (source["parsed"], source["rejected"]) == (1, len(items) - 1)
