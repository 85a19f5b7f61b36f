"""Flow logs in what log services put around them: golden files, every service against its plain twin, bounded memory."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive_logs
import naive_wrapped
import wrapping
from flowstitch.errors import UsageError
from flowstitch.ingest.discover import discover
from flowstitch.ingest.inspect import inspect_export
from flowstitch.ingest.logs import read_log
from flowstitch.ingest.model import Account
from flowstitch.ingest.raw import read_lines
from flowstitch.ingest.sniff import sniff
from flowstitch.normalize.columns import Pools
from fuzz.targets import Reading, check_account, check_expected
from inventory_reading import source_of
from log_reading import Log

AWS = Log("vpc-flow-log", "aws-vpc-flow")
LINE = "2 123456789012 eni-1 10.26.1.153 3.239.232.29 60220 443 6 48 21869 1669842701 1669842702 ACCEPT OK"
IDLE = "2 123456789012 eni-1 - - - - - - - 1431280876 1431280934 - NODATA"
FIELDS = {
    "@ptr": "CnEK", "interfaceId": "eni-1", "srcAddr": "10.0.0.1", "dstAddr": "10.0.0.2", "srcPort": "1", "dstPort": "2", "protocol": "6",
    "start": "1669842701", "end": "1669842702", "packets": "3", "bytes": "180", "action": "ACCEPT", "logStatus": "OK",
}  # fmt: skip
CONNECTION = {"src_ip": "10.0.0.1", "src_port": 443, "dest_ip": "10.0.0.2", "dest_port": 50000, "protocol": 6}
PAYLOAD = {
    "start_time": "2026-11-23T00:47:23.583123456Z", "end_time": "2026-11-23T00:47:28.1Z", "bytes_sent": "1200", "packets_sent": "4",
}  # fmt: skip
VNET = [
    "1663146003599,10.0.0.6,192.0.2.180,23956,443,6,O,B,NX,0,0,0,0",
    "1663146003606,10.0.0.6,192.0.2.180,23956,443,6,O,E,NX,3,767,2,1580",
    "1663146303606,10.0.0.6,192.0.2.180,23956,443,6,O,C,NX,3,767,2,1580",
]
NSG = ["1542110402,192.0.2.190,10.5.16.4,28746,443,U,I,D,B,,,,", "1542110379,10.5.16.4,203.0.113.117,59932,443,T,O,A,E,1,66,0,0",
       "1487282421,192.0.2.95,10.1.0.4,51529,5358,T,I,D"]  # fmt: skip
CLOUDS = [Log("vpc-flow-log", name) for name in ("gcp-vpc-flow", "azure-vnet-flow", "azure-nsg-flow")]


@pytest.mark.parametrize(("log", "folder"), [(log, folder) for log in CLOUDS for folder in log.goldens()])
def test_golden(log: Log, folder: str) -> None:
    log.check_golden(folder)


# --- against the twin ---------------------------------------------------------------------------
ODD = st.sampled_from(
    ["", "-", "x", "-1", "65536", "99999999999999999999", "1.5", "256.0.0.1", "\0", "\u0663", "\ud800", "a\nb", "a\r\n", "9" * 400, "{}",
     None, True, 0, -1, 1.5, 10**30, [], {}, [1], {"a": 1}, "253402300800", "253402300799999", "1969-12-31T23:59:59Z"]
)  # fmt: skip


@st.composite
def odd(draw: st.DrawFn, text: str, separator: str) -> object:
    """A line or tuple, in which one value may be another; or something else altogether."""
    values = text.split(separator)
    if draw(st.booleans()):
        values[draw(st.integers(0, len(values) - 1))] = str(draw(ODD))
    return draw(st.one_of(st.just(separator.join(values)), st.just(text), ODD, st.text(max_size=9)))


def changed(known: dict[str, object]) -> st.SearchStrategy[dict[str, object]]:
    """An object with some of its values changed or gone."""
    changes = st.dictionaries(st.sampled_from(sorted(known)), ODD, max_size=2)
    gone = st.sets(st.sampled_from(sorted(known)), max_size=1)
    return st.tuples(changes, gone).map(
        lambda pair: {key: value for key, value in (known | pair[0]).items() if key not in pair[1]}
    )


MESSAGES = st.lists(st.one_of(odd(LINE, " "), odd(IDLE, " ")), max_size=4)
ENTRIES = st.builds(
    lambda connection, reporter, payload: wrapping.entry(connection, reporter, **payload),
    st.one_of(changed(CONNECTION), ODD), st.one_of(st.sampled_from(["SRC", "DEST", "SRC_GATEWAY"]), ODD), changed(PAYLOAD),
)  # fmt: skip
MACS = st.one_of(st.just("00224871C205"), ODD)
DOCUMENTS = {
    "subscription": st.one_of(MESSAGES.map(wrapping.subscription), st.just(wrapping.CONTROL)),
    "events": MESSAGES.map(wrapping.events),
    "message": st.builds(lambda message: {"@timestamp": "x", "message": message}, odd(LINE, " ")),
    "@message": st.builds(lambda message: {"@message": message}, odd(LINE, " ")),
    "pairs": st.lists(st.one_of(changed(FIELDS), ODD), max_size=3).map(wrapping.results),
    "pair messages": MESSAGES.map(lambda found: wrapping.results([{"@ptr": "x", "@message": message} for message in found])),
    "gcp": st.one_of(ENTRIES, st.lists(ENTRIES, max_size=3)),
    "vnet": st.builds(wrapping.vnet, st.one_of(st.lists(st.one_of(*(odd(text, ",") for text in VNET)), max_size=4), ODD), MACS),
    "nsg": st.builds(wrapping.nsg, st.one_of(st.lists(st.one_of(*(odd(text, ",") for text in NSG)), max_size=4), ODD), MACS),
}  # fmt: skip
FIRST = {
    "subscription": wrapping.subscription([LINE]), "events": wrapping.events([LINE]), "message": {"message": LINE}, "@message": {"@message": LINE},
    "pairs": wrapping.results([FIELDS]), "pair messages": wrapping.results([{"@message": LINE}]), "gcp": wrapping.entry(CONNECTION, **PAYLOAD),
    "vnet": wrapping.vnet(VNET), "nsg": wrapping.nsg(NSG),
}  # fmt: skip


@st.composite
def files(draw: st.DrawFn, service: str) -> bytes:
    """Documents behind each other, one in a list, or lines of them; perhaps torn, perhaps with something else between."""
    other = st.one_of(
        ODD,
        st.recursive(
            ODD,
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
            ),
        ),
    )
    found = [
        FIRST[service],
        *draw(st.lists(st.one_of(DOCUMENTS[service], DOCUMENTS[service], other), max_size=4)),
    ]
    indent = draw(st.sampled_from([None, None, 2]))
    texts = [json.dumps(value, indent=indent).encode() for value in found]
    texts += draw(
        st.lists(
            st.sampled_from(
                [b"", b" ", b"{", b"[1,", b'{"a":"\xff"}', b'"\xff', b"\xef\xbb\xbf", texts[0][:-5]]
            ),
            max_size=2,
        )
    )
    data = draw(st.sampled_from([b"\n", b"\n", b"\r\n", b" ", b""])).join(texts) + draw(
        st.sampled_from([b"", b"\n"])
    )
    # the first value, by which the file is known, stays whole
    return data[: max(len(texts[0]), len(data) - draw(st.sampled_from([0, 0, 0, 3])))]


@st.composite
def lines(draw: st.DrawFn, service: str) -> bytes:
    """Lines of records behind a stamp, or in a column."""
    befores = (
        ["2022-11-30T21:11:41.000Z ", "2022-11-30T21:11:41Z ", "", "2022-11-30 "]
        if service == "stamped"
        else ["x,", "", "x,y,", '"x",']
    )
    first = f"2022-11-30T21:11:41.000Z {LINE}" if service == "stamped" else f"@timestamp,@message\nx,{LINE}"
    found = draw(st.lists(st.tuples(st.sampled_from(befores), odd(LINE, " ")), max_size=4))
    quote = draw(st.sampled_from(["", '"']))
    texts = [
        first,
        *(f"{before}{quote}{text}{quote}" for before, text in found),
        *draw(st.lists(st.sampled_from(["", "@ptr,@message", "@message", first]), max_size=1)),
    ]
    data = draw(st.sampled_from(["\n", "\r\n"])).join(texts) + draw(st.sampled_from(["", "\n"]))
    return data.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("service", [*DOCUMENTS, "stamped", "column"])
def test_a_service_against_its_twin(service: str, tmp_path: Path) -> None:
    log = Log("vpc-flow-log", naive_wrapped.DIALECTS.get(service, "aws-vpc-flow"))

    @given(files(service) if service in DOCUMENTS else lines(service))
    @settings(max_examples=150, deadline=None)
    def holds(data: bytes) -> None:
        path = tmp_path / "file"
        path.write_bytes(data)
        assert sniff(data).dialect == log.dialect
        rows, account = log.read(path)
        for row in rows:
            row |= {
                key: naive_logs.micros(value) for key, value in row.items() if isinstance(value, datetime)
            }
        reading = Reading(rows, account)
        check_account(reading)
        check_expected(reading, naive_wrapped.of_wrapped(data, service))

    holds()


# --- what each of them is -----------------------------------------------------------------------
def read(path: Path, data: bytes) -> tuple[list[dict], Account]:
    path.write_bytes(data)
    (source,) = discover([str(path)]).sources
    return Log(source.kind, source.dialect).read_source(source)


@pytest.mark.parametrize("between", [b"", b"\n", b" "])
@pytest.mark.parametrize("members", [False, True])
def test_objects_that_a_subscriber_stores_one_behind_the_other(
    between: bytes, members: bool, tmp_path: Path
) -> None:
    objects = [wrapping.CONTROL, wrapping.subscription([LINE, IDLE]), wrapping.subscription([LINE])]
    texts = [json.dumps(value).encode() + between for value in objects]
    data = b"".join(map(gzip.compress, texts)) if members else gzip.compress(b"".join(texts))
    rows, account = read(tmp_path / "log", data)
    assert [row["line"] for row in rows] == [2, 3, 4]
    assert dict(account.skipped) == {"control message": 1}
    assert not account.rejected


def test_columns_of_messages_stand_in_export_toml(tmp_path: Path) -> None:
    order = [
        "srcaddr",
        "dstaddr",
        "srcport",
        "dstport",
        "protocol",
        "start",
        "end",
        "interface-id",
        "pkt-srcaddr",
        "pkt-dstaddr",
    ]
    line = "10.0.0.1 10.0.0.2 1 2 6 1669842701 1669842702 eni-1 10.0.0.3 10.0.0.4"
    (tmp_path / "export.toml").write_text(f"[[source]]\nmatch = '*.log'\ncolumns = {json.dumps(order)}\n")
    bodies = {
        "events.log": json.dumps(wrapping.events([line, line]), indent=2),
        "lines.log": f"{json.dumps({'message': line})}\n" * 2,
        "stamped.log": f"2022-11-30T21:11:41.000Z {line}\n" * 2,
        "insights.log": f"@timestamp,@message\n2022-11-30,{line}\n2022-11-30,{line}\n",
        "results.log": json.dumps(wrapping.results([{"@message": line}] * 2)),
    }
    for name, body in bodies.items():
        (tmp_path / name).write_text(body)
    for source in discover([str(tmp_path)]).sources:
        rows, account = AWS.read_source(source)
        assert [(row["eni"], row["src_ip"], row["dst_port"]) for row in rows] == [
            ("eni-1", "10.0.0.3", 2)
        ] * 2
        assert not account.warnings


OTHERS = [
    {"message": "hello"}, {"events": [{"message": "hello"}]}, wrapping.subscription(["START RequestId: 1"]), wrapping.CONTROL,
    wrapping.results([{"@message": "x"}]), {"results": [[{"field": "count", "value": "3"}]]}, {"records": [{"time": "x", "properties": {}}]},
    {"jsonPayload": {"connection": CONNECTION, "disposition": "ALLOWED"}}, {"records": []},
]  # fmt: skip


@pytest.mark.parametrize("document", OTHERS)
def test_other_logs_are_not_taken_for_flow_logs(document: object) -> None:
    for indent in (None, 1):
        assert sniff(json.dumps(document, indent=indent).encode()).kind == "unknown"


def test_messages_of_another_format_ask_for_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        json.dumps(wrapping.subscription(["10.0.0.1 10.0.0.2 eni-0a1b2c3d 1669842701 1669842702 OK"]))
    )
    with pytest.raises(
        UsageError,
        match=r"an AWS VPC flow log whose format is not the default one; name its columns in export\.toml",
    ):
        discover([str(path)])


def test_a_log_without_a_stamp_is_no_export(tmp_path: Path) -> None:
    assert sniff(f"2022-11-30T21:11:41Z my-lb {LINE}\n".encode()).kind == "unknown"
    rows, account = read(tmp_path / "log", f"{LINE}\n2022-11-30T21:11:41.000Z {LINE}\n".encode())
    assert (len(rows), dict(account.rejected)) == (1, {"wrong number of columns": 1})


def test_a_document_larger_than_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(json.dumps(wrapping.vnet(VNET * 20_000)))
    for whole_bytes, parsed in ((1 << 20, 0), (1 << 25, 100_000)):
        account = Account(whole_bytes=whole_bytes)
        rows = list(read_log(source_of(path, "vpc-flow-log", dialect="azure-vnet-flow"), Pools(), account))
        assert sum(part["line"].shape[0] for part in rows) == account.parsed == parsed
        assert dict(account.rejected) == ({} if parsed else {"document too large": 1})
        assert [warning for warning in account.warnings if "--memory" in warning] == account.warnings[
            : not parsed
        ]


def test_lines_are_read_though_all_of_them_are_more_than_memory(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(f"{json.dumps({'message': LINE})}\n" * 40_000)
    account = Account(whole_bytes=1 << 20)
    rows = list(read_log(source_of(path, "vpc-flow-log", dialect="aws-vpc-flow"), Pools(), account))
    assert sum(part["line"].shape[0] for part in rows) == 40_000


def test_inspect_says_what_it_did_not_look_into(tmp_path: Path) -> None:
    (tmp_path / "large").write_text(json.dumps(wrapping.vnet(VNET * 40_000)))
    (tmp_path / "lines").write_text(f"{json.dumps({'message': LINE})}\n" * 40_000)
    (tmp_path / "small").write_text(json.dumps(wrapping.vnet(VNET)))
    large, lines, small = inspect_export([str(tmp_path)])
    assert (large.rows, large.whole) == (None, False)
    assert "a document of more than 4 MiB" in large.warnings[0]
    assert lines.rows > 30_000
    assert (small.rows, small.enis, small.window_s) == (5, ["00224871C205"], 300)


def test_raw_records_are_found_by_their_number(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(json.dumps(wrapping.CONTROL) + json.dumps(wrapping.subscription([LINE, IDLE])))
    assert read_lines(path, [1, 2, 3, 4]) == {2: LINE.encode(), 3: IDLE.encode()}
    path.write_text(f"2022-11-30T21:11:41.000Z {LINE}\n\n2022-11-30T21:11:41.000Z {IDLE}\n")
    assert read_lines(path, [3]) == {3: IDLE.encode()}
    path.write_text(json.dumps(wrapping.vnet(VNET), indent=1))
    assert json.loads(read_lines(path, [3])[3])["packets"] == "2"


def test_sampled_counters_are_said_to_be_estimates(tmp_path: Path) -> None:
    _, account = read(tmp_path / "log", json.dumps(wrapping.entry(CONNECTION, **PAYLOAD)).encode() + b"\n")
    assert len(account.warnings) == 1
    assert "estimates" in account.warnings[0]


def test_counters_are_of_the_time_since_the_row_before(tmp_path: Path) -> None:
    begin, end = VNET[:2]
    cases = {
        "its beginning": ([begin, end], "1663146003"),
        "another's beginning": ([begin.replace("23956", "23957"), end], "1663145703"),
        "what comes later": ([end.replace("1663146003", "1663146009"), end], "1663145703"),
        "more than five minutes ago": ([end.replace("1663146003", "1663145003"), end], "1663145003"),
    }
    for tuples, start in cases.values():
        rows, _ = read(tmp_path / "log", json.dumps(wrapping.vnet(tuples)).encode())
        assert [naive_logs.micros(row["window_start"]) // 1_000_000 for row in rows[-2:]] == [int(start)] * 2


def test_what_is_too_long_does_not_multiply(tmp_path: Path) -> None:
    long = "x" * (3 << 20)
    rows, account = read(tmp_path / "log", json.dumps(wrapping.events([LINE, long, LINE])).encode())
    assert [row["line"] for row in rows] == [1, 3]
    assert dict(account.rejected) == {"long line": 1}
    rows, account = read(tmp_path / "log", json.dumps(wrapping.vnet(VNET * 2000, "x" * 5000)).encode())
    assert dict(account.rejected) == {"bad value: mac": 10_000}
    assert max(len(reject.raw) for reject in account.rejects) < 300


def test_rejects_that_are_kept_do_not_depend_on_threads(tmp_path: Path) -> None:
    path = tmp_path / "log"
    long = LINE + " " * 400
    path.write_text(
        f"{json.dumps({'message': long})}\n{{}}\n{json.dumps({'message': long + '.'})}\n" * 20_000
    )
    accounts = [Account(), Account()]
    with ThreadPoolExecutor(3) as pool:
        for account, workers in zip(accounts, (None, pool), strict=True):
            source = source_of(path, "vpc-flow-log", dialect="aws-vpc-flow")
            rows = list(read_log(source, Pools(), account, workers))
            assert sum(part["line"].shape[0] for part in rows) == 20_000
    assert accounts[0] == accounts[1]
    assert accounts[0].rejected == {"no message": 20_000, "wrong number of columns": 20_000}


def test_what_comes_behind_damage_is_read(tmp_path: Path) -> None:
    pages = [json.dumps(wrapping.events([LINE]), indent=1)] * 3
    pages[1] = pages[1][:-30]
    rows, account = read(tmp_path / "log", "\n".join(pages).encode())
    assert [row["line"] for row in rows] == [1, 3]
    assert [(reject.line, reject.reason) for reject in account.rejects] == [(2, "torn document")]
    assert account.incomplete
