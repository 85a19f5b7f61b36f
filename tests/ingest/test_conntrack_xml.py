import numpy as np
import pytest

from conntrack_formats import Entry, settle, xml_of
from flowstitch.catalog import field
from flowstitch.ingest import blocks
from flowstitch.ingest.conntrack_grammar import xml_states
from flowstitch.ingest.conntrack_xml import read_conntrack_xml, xml_times
from flowstitch.ingest.discover import discover
from flowstitch.ingest.model import Account, Source
from flowstitch.kernels.clock_votes import SECOND
from flowstitch.normalize.columns import NULL_TIME, Pools, concat_columns

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n'
END = "</conntrack>\n"
TAKEN = 1_795_395_145
HOUR = 3600


def entry(number=1, **said):
    ends = ("10.0.1.91", "10.0.3.58", number, 80), ("10.0.3.58", "10.0.1.91", 80, number)
    return xml_of(Entry(6, *ends, id=number, **said), "xml-ktimestamp")


def read(tmp_path, text, kind="conntrack-list", taken_at=None, timezone=""):
    path = tmp_path / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    source = Source(path, "file", 0, kind, "conntrack-xml", "n1", taken_at, timezone)
    account = Account()
    columns = concat_columns("conntrack", list(read_conntrack_xml(source, Pools(), account)))
    settle(xml_times(source), columns)
    return columns, account


def test_flows_that_go_over_blocks_are_whole(tmp_path):
    one = entry(1).replace("><", ">\n<")
    text = HEAD + "\n" * (blocks.MAX_LINE_BYTES - len(HEAD) - len(one) // 2) + one + entry(2) + END
    columns, account = read(tmp_path, text)
    assert columns["orig_src_port"].tolist() == [1, 2]
    assert np.diff(columns["line"]).tolist() == [1]
    assert (account.rejected, account.warnings, account.incomplete) == ({}, [], False)
    assert account.rows == 2 + account.skipped["blank"] + account.skipped["markup"]


def test_a_line_too_long_to_be_read_tears_the_flow_before_it(tmp_path):
    text = (
        HEAD + entry(1).rstrip("\n")[:-7] + "\n" + "x" * (blocks.MAX_LINE_BYTES + 1) + "\n" + entry(2) + END
    )
    columns, account = read(tmp_path, text)
    assert columns["orig_src_port"].tolist() == [2]
    assert account.rejected == {"torn line": 1, blocks.LONG_LINE: 1}


def test_lines_tell_rows_apart(tmp_path):
    columns, account = read(tmp_path, HEAD + entry(1).strip() + entry(2).strip() + entry(3) + END)
    assert columns["line"].tolist() == [3, 4, 5]
    assert account.skipped == {"markup": 3}


def test_a_list_without_end_can_lack_entries(tmp_path):
    for kind, incomplete in (("conntrack-list", True), ("conntrack-events", False)):
        columns, account = read(tmp_path, HEAD + entry(1), kind)
        assert columns["orig_src_port"].tolist() == [1]
        assert account.incomplete == incomplete
        assert bool(account.warnings) == incomplete
    # a part of a list that was cut out of it says nothing of the rest
    assert not read(tmp_path, entry(1))[1].incomplete


def test_a_torn_flow_at_the_end(tmp_path):
    for end in ("", "\n"):
        columns, account = read(tmp_path, HEAD + entry(1) + entry(2)[:300] + end, "conntrack-events")
        assert columns["orig_src_port"].tolist() == [1]
        assert account.rejected == {"torn line": 1}
        assert account.incomplete
        assert account.warnings == ["the last flow is torn; it was rejected."]


def test_entities_are_not_expanded(tmp_path):
    bomb = '<!DOCTYPE x [\n<!ENTITY a "aaaaaaaaaa">\n<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">\n]>\n'
    flow = entry(1).replace("<sport>1</sport>", "<sport>&b;</sport>", 1)
    columns, account = read(tmp_path, HEAD + bomb + flow + entry(2) + END)
    assert columns["orig_src_port"].tolist() == [2]
    assert account.rejected == {"declaration": 3, "foreign line": 1, "bad number": 1}


def test_the_time_of_a_list_without_one_is_that_of_text(tmp_path):
    said = {"age": 60, "start_ns": (TAKEN - 60) * 10**9 + 999_999_999}
    columns, _ = read(tmp_path, HEAD + entry(1, **said) + entry(2) + END)
    assert columns["seen_at"].tolist() == [TAKEN * SECOND] * 2
    assert columns["start_at"].tolist() == [(TAKEN - 60) * SECOND + 999_999, NULL_TIME]
    columns, _ = read(tmp_path, HEAD + entry(1, **said) + END, taken_at=5)
    assert columns["seen_at"].tolist() == [5]


@pytest.mark.parametrize("hours", [-12, -3.5, 0, 5.75, 14])
def test_the_zone_of_events_comes_from_the_kernels_stamps(tmp_path, hours):
    local = TAKEN + int(hours * HOUR)
    told = {"age": 9, "start_ns": (TAKEN - 9) * 10**9, "stop_ns": TAKEN * 10**9}
    text = HEAD + entry(1, event="new", when=local - 9) + entry(1, event="destroy", when=local + 200, **told)
    # NEW with a start of its own tells the zone too
    text += entry(2, event="update", when=local, age=9, start_ns=told["start_ns"])
    columns, _ = read(tmp_path, text, "conntrack-events")
    assert columns["seen_at"].tolist() == [(TAKEN - 9) * SECOND, (TAKEN + 200) * SECOND, TAKEN * SECOND]
    assert columns["stop_at"].tolist() == [NULL_TIME, TAKEN * SECOND, NULL_TIME]


def test_the_zone_of_events_without_stamps_is_given_or_not_known(tmp_path):
    text = HEAD + entry(1, event="new", when=TAKEN + 8 * HOUR)
    assert read(tmp_path, text, "conntrack-events", timezone="Asia/Hong_Kong")[0]["seen_at"].tolist() == [
        TAKEN * SECOND
    ]
    assert read(tmp_path, text, "conntrack-events")[0]["seen_at"].tolist() == [NULL_TIME]


@pytest.mark.parametrize(
    ("protocol", "shown", "meant"),
    [
        (6, "FIN_WAIT", "FIN_WAIT"), (132, "FIN_WAIT", "ESTABLISHED"), (132, "SYN_SENT", "CLOSED"), (132, "NONE", "NONE"),
        (132, "ESTABLISHED", "COOKIE_ECHOED"), (132, "HEARTBEAT_SENT", "HEARTBEAT_SENT"), (33, "FIN_WAIT", "OPEN"),
        (33, "TIME_WAIT", "TIMEWAIT"), (33, "SYN_SENT2", "INVALID"), (132, "LISTEN", ""), (6, "LISTEN", "LISTEN"), (17, "CLOSE", "CLOSE"),
    ],
)  # fmt: skip
def test_states_are_named_by_the_table_of_tcp(protocol, shown, meant):
    state = field("state")
    assert xml_states()[protocol, state.code(shown)] == (state.code(meant) if meant else 0)


def test_a_kind_that_is_told_keeps_the_dialect(tmp_path):
    (tmp_path / "dump").write_text(HEAD + entry(1) + END)
    (tmp_path / "export.toml").write_text('[[source]]\nmatch = "dump"\nkind = "conntrack-events"\n')
    (source,) = discover([str(tmp_path)]).sources
    assert (source.kind, source.dialect) == ("conntrack-events", "conntrack-xml")
