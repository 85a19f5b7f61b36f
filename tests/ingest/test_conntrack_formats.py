"""One table dumped in many formats gives the same rows, but for what a format cannot say."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntrack_formats import (
    CANNOT_SAY,
    ICMP,
    NO_ZONES,
    PORTS,
    SAYS_SOME,
    WHOLE_SECONDS,
    Entry,
    entry_of,
    line_of,
    text_of,
)
from flowstitch.catalog import table
from flowstitch.ingest.content import read_head
from flowstitch.ingest.model import Account, Inventory, Source
from flowstitch.ingest.read import read_source
from flowstitch.ingest.sniff import sniff
from flowstitch.normalize.columns import Pools, to_arrow

CAPTURED = Path(__file__).parents[1] / "dialects" / "one-table-many-formats"
FILES = {
    "plain": "plain.txt",
    "extended-id-timestamp": "extended-id-timestamp.txt",
    "extended-id-ktimestamp": "extended-id-ktimestamp.txt",
    "proc": "proc.txt",
    "xml": "plain.xml",
    "xml-ktimestamp": "id-ktimestamp.xml",
}
TAKEN = 1_795_395_145
LISTS = sorted(CANNOT_SAY)
FULL = "extended-id-ktimestamp"
EVENT_FORMS = ["extended-id-ktimestamp", "xml-ktimestamp"]


def read(path, taken_at=TAKEN * 1_000_000):
    """Rows of a file without where they come from."""
    sniffed = sniff(read_head(path))
    source = Source(path, path.name, 0, sniffed.kind, sniffed.dialect, "n1", taken_at)
    pools, account = Pools(), Account()
    (columns,) = read_source(source, pools, account, Inventory())
    assert (account.rejects, account.warnings) == ([], [])
    rows = to_arrow("conntrack", columns, pools).to_pylist()
    return [{name: value for name, value in row.items() if name not in {"source", "line"}} for row in rows]


def blanked(row, form, other):
    """The row, without what either format cannot say and with stamps as fine as both can."""
    out = {
        name: None if name in CANNOT_SAY[form] | CANNOT_SAY[other] else value for name, value in row.items()
    }
    for name in ("start_at", "stop_at"):
        if {form, other} & WHOLE_SECONDS and out[name] is not None:
            out[name] = out[name].replace(microsecond=0)
    return out


def assert_silent(rows, form):
    """What a format cannot say is null."""
    for row in rows:
        silent = CANNOT_SAY[form] - SAYS_SOME.get(form, set())
        assert {name for name in silent if row[name] is not None} == set()


def test_the_columns_that_a_format_cannot_say_are_columns():
    assert set().union(*CANNOT_SAY.values()) <= {item.name for item in table("conntrack").fields}


@pytest.mark.parametrize("form", FILES)
def test_captured_table(form):
    rows, full = read(CAPTURED / FILES[form]), read(CAPTURED / FILES[FULL])
    assert len(rows) == len(full) == 9
    assert_silent(rows, form)
    for row, other in zip(rows, full, strict=True):
        # the dumps are a second or two apart: what a clock adds to the age it takes from the timeout
        assert abs(row["timeout_s"] + row["delta_time_s"] - other["timeout_s"] - other["delta_time_s"]) <= 1
        assert abs(row["timeout_s"] - other["timeout_s"]) <= 2
        clocked = ("timeout_s", "delta_time_s")
        assert blanked(row | dict.fromkeys(clocked), form, FULL) == blanked(
            other | dict.fromkeys(clocked), FULL, form
        )


@pytest.mark.parametrize("form", sorted({FULL, *CANNOT_SAY} - FILES.keys()))
def test_captured_table_in_forms_that_were_not_captured(form, tmp_path):
    lines = (CAPTURED / FILES[FULL]).read_text().splitlines()
    # the writer is that of the captured forms too, so what it makes of the capture is the capture
    assert [text_of(entry_of(line), FULL).split() for line in lines] == [line.split() for line in lines]
    rows = read(written(tmp_path, [entry_of(line) for line in lines], form))
    assert len(rows) == 9
    assert_silent(rows, form)
    for row, other in zip(rows, read(CAPTURED / FILES[FULL]), strict=True):
        assert blanked(row, form, FULL) == blanked(other, FULL, form)


def addresses(version):
    return st.ip_addresses(v=version).map(str)


@st.composite
def entries(draw, event=False):
    protocol = draw(st.sampled_from([*PORTS, *ICMP, 47, 112, 255]))
    version = {1: 4, 58: 6}.get(protocol) or draw(st.sampled_from([4, 6]))
    u16 = st.integers(0, 65535)
    sides = [(draw(addresses(version)), draw(addresses(version)), draw(u16), draw(u16)) for _ in range(2)]
    states = {6: 9, 33: 9, 132: 9}.get(protocol)
    count = st.integers(0, 2**63 - 1)
    zone, *sided = draw(st.sampled_from([(0, None, None), (65535, None, None), (0, 11, None), (0, None, 12)]))
    kind = draw(st.sampled_from(["new", "update", "destroy"])) if event else ""
    age = draw(st.none() | st.integers(0, 10**6))
    stop = TAKEN - draw(st.integers(0, 60))
    started = None if age is None else (stop - age) * 10**9 + draw(st.integers(0, 10**9 - 1))
    return Entry(
        protocol, *sides,
        timeout=draw(st.none() | st.integers(0, 2**32 - 1)),
        state=None if states is None else draw(st.none() | st.integers(0, states)),
        counters=draw(st.none() | st.tuples(count, count, count, count)),
        zone=zone, sided_zone=tuple(sided),
        replied=draw(st.booleans()), assured=draw(st.booleans()),
        mark=draw(st.none() | st.integers(0, 2**32 - 1)),
        age=age, start_ns=started,
        stop_ns=stop * 10**9 + 999_999_999 if kind == "destroy" and started is not None else None,
        id=draw(st.integers(1, 2**32 - 1)), event=kind, when=stop,
    )  # fmt: skip


def written(folder, table_rows, form):
    path = folder / form
    lines = [line_of(entry, form) for entry in table_rows]
    if form.startswith("xml"):
        lines = ['<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n', *lines, "</conntrack>\n"]
    path.write_text("".join(lines))
    return path


@given(st.lists(entries(), min_size=1, max_size=4))
def test_any_table(tmp_path_factory, table_rows):
    folder = tmp_path_factory.mktemp("table")
    zones = any(entry.zone or entry.sided_zone != (None, None) for entry in table_rows)
    forms = [form for form in LISTS if not (zones and form in NO_ZONES)]
    found = {form: read(written(folder, table_rows, form)) for form in forms}
    for form, rows in found.items():
        assert len(rows) == len(table_rows)
        assert_silent(rows, form)
        for other, others in found.items():
            assert [blanked(row, form, other) for row in rows] == [
                blanked(row, other, form) for row in others
            ]


@given(st.lists(entries(event=True), min_size=1, max_size=4))
def test_any_events(tmp_path_factory, table_rows):
    folder = tmp_path_factory.mktemp("events")
    destroyed = Entry(6, ("10.0.0.1", "10.0.0.2", 1, 2), ("10.0.0.2", "10.0.0.1", 2, 1), age=9, start_ns=(TAKEN - 9) * 10**9,
                      stop_ns=TAKEN * 10**9, event="destroy", when=TAKEN)  # fmt: skip
    # enough of them that the zone is told by all together
    table_rows = [*table_rows, *[destroyed] * (len(table_rows) + 1)]
    text, xml = (read(written(folder, table_rows, form), None) for form in EVENT_FORMS)
    assert [blanked(row, *EVENT_FORMS) for row in text] == [blanked(row, *EVENT_FORMS[::-1]) for row in xml]
    assert [row["seen_at"].timestamp() for row in xml] == [entry.when for entry in table_rows]
    # options have no time
    save = read(written(folder, table_rows, "save"), None)
    assert {row["seen_at"] for row in save} == {None}
    assert [blanked(row, "save", FULL) for row in save] == [
        blanked(row | {"seen_at": None}, FULL, "save") for row in text
    ]
