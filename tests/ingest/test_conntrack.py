import gzip
from pathlib import Path

import numpy as np
import pytest

from conntrack_formats import settle
from flowstitch.catalog.load import load_toml
from flowstitch.errors import SchemaError
from flowstitch.ingest import conntrack_grammar
from flowstitch.ingest.conntrack import read_conntrack, text_times
from flowstitch.ingest.discover import discover
from flowstitch.ingest.model import Account, Source
from flowstitch.kernels.clock_votes import SECOND
from flowstitch.normalize.columns import NULL_TIME, Pools, concat_columns

EXPORT = Path(__file__).parents[2] / "data" / "ipvs" / "export"
TUPLES = "src=10.0.1.91 dst=10.0.3.58 sport={0} dport=2 src=10.0.3.58 dst=10.0.1.91 sport=2 dport={0}"
ECHO = "src=10.0.1.91 dst=10.0.3.58 type=8 code=0 id=77 [UNREPLIED] src=10.0.3.58 dst=10.0.1.91 type=0 code=0 id=77"
# 2026-11-23 00:47:23 UTC
TAKEN = 1795394843 * SECOND


def read(tmp_path, text, kind="conntrack-list", taken_at=None, timezone=""):
    path = tmp_path / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    source = Source(path, "file", 0, kind, "conntrack", "n1", taken_at, timezone)
    account = Account()
    columns = concat_columns("conntrack", list(read_conntrack(source, Pools(), account)))
    settle(text_times(source), columns)
    return columns, account


def listed(port, tail):
    return f"udp 17 29 {TUPLES.format(port)} mark=0 {tail} use=1\n"


def test_the_shipped_capture_has_no_reject():
    sources = [source for source in discover([str(EXPORT)]).sources if source.dialect == "conntrack"]
    assert len(sources) == 15
    pools = Pools()
    for source in sources:
        account = Account()
        columns = concat_columns("conntrack", list(read_conntrack(source, pools, account)))
        lines = gzip.decompress(source.path.read_bytes()).count(b"\n")
        assert (account.parsed, account.rejected, account.skipped, account.warnings) == (lines, {}, {}, [])
        assert columns["line"].tolist() == list(range(1, lines + 1))
        settle(text_times(source), columns)
        if source.kind == "conntrack-list":
            assert set(columns["seen_at"].tolist()) == {source.taken_at}
            age = columns["seen_at"] - columns["start_at"] - columns["delta_time_s"] * SECOND
            assert (age >= 0).all()
            # the clock that named the files and the kernel's were seconds apart
            assert (age < 60 * SECOND).all()
        else:
            assert (columns["seen_at"] != NULL_TIME).all()


@pytest.mark.parametrize("hours", [-12, -3.5, 0, 5.75, 14])
def test_the_offset_comes_from_the_rows(tmp_path, hours):
    local = (
        np.datetime64(TAKEN // SECOND + int(hours * 3600) - 60, "s").item().strftime("%a %b %e %H:%M:%S %Y")
    )
    # a clock that is six minutes off, and one row that is far off, change nothing
    text = "".join(listed(port, f"delta-time=60 [start={local}]") for port in range(5)) + listed(
        9, "delta-time=9000 [start=Mon Nov 23 12:00:00 2026]"
    )
    columns, _ = read(tmp_path, text, taken_at=TAKEN + 360 * SECOND)
    assert columns["start_at"][:5].tolist() == [TAKEN - 60 * SECOND] * 5
    assert (columns["stop_at"] == NULL_TIME).all()


def test_the_offset_of_events_comes_from_their_stops(tmp_path):
    line = f"[1795394843.000005]\t[DESTROY] udp 17 {TUPLES.format(1)} delta-time=30 [start=Mon Nov 23 08:46:23 2026] [stop=Mon Nov 23 08:46:53 2026]\n"
    columns, _ = read(tmp_path, line, kind="conntrack-events")
    assert columns["start_at"].tolist() == [TAKEN - 60 * SECOND]
    assert columns["stop_at"].tolist() == [TAKEN - 30 * SECOND]


def test_without_time_the_zone_is_taken(tmp_path):
    text = (
        listed(1, "delta-time=60 [start=Mon Nov 23 08:46:23 2026]")
        + listed(2, "delta-time=30 [start=Mon Nov 23 08:46:52 2026]")
        + listed(3, "")
    )
    columns, _ = read(tmp_path, text, timezone="Asia/Hong_Kong")
    assert columns["start_at"].tolist() == [TAKEN - 60 * SECOND, TAKEN - 31 * SECOND, NULL_TIME]
    assert columns["seen_at"].tolist() == [TAKEN] * 3


def test_without_time_and_zone_nothing_is_guessed(tmp_path):
    columns, _ = read(tmp_path, listed(1, "delta-time=60 [start=Mon Nov 23 08:46:23 2026]"))
    assert columns["start_at"].tolist() == columns["seen_at"].tolist() == [NULL_TIME]


def test_a_stamp_that_no_zone_explains_is_not_believed(tmp_path):
    columns, _ = read(
        tmp_path, listed(1, "delta-time=60 [start=Mon Nov 23 08:46:23 2026]"), taken_at=TAKEN + 86400 * SECOND
    )
    assert columns["start_at"].tolist() == [NULL_TIME]


def test_hours_that_came_twice_or_never_are_null(tmp_path):
    stamps = [
        "Sun Oct 25 01:30:00 2026",
        "Sun Oct 25 02:30:00 2026",
        "Sun Oct 25 03:30:00 2026",
        "Sun Mar 29 02:30:00 2026",
    ]
    text = "".join(listed(port, f"[start={stamp}]") for port, stamp in enumerate(stamps))
    columns, _ = read(tmp_path, text, timezone="Europe/Berlin")
    seconds = [
        None if value == NULL_TIME else str(np.datetime64(value // SECOND, "s"))
        for value in columns["start_at"].tolist()
    ]
    assert seconds == ["2026-10-24T23:30:00", None, "2026-10-25T02:30:00", None]


def test_events_without_stamps_have_no_time(tmp_path):
    columns, _ = read(
        tmp_path, f" [UPDATE] udp 17 30 {TUPLES.format(1)}\n", kind="conntrack-events", taken_at=TAKEN
    )
    assert columns["seen_at"].tolist() == [NULL_TIME]


def test_every_cut_of_a_file_gives_true_rows_only(tmp_path):
    lines = [
        f"[1795394843.000005]\t [UPDATE] udp 17 30 {TUPLES.format(40000)} [ASSURED] mark=16777216 id=3100274473\n",
        f"[1795394844.000005]\t[DESTROY] udp 17 {TUPLES.format(40001)} [ASSURED] delta-time=30 id=3100274474\n",
        f"[1795394845.000005]\t    [NEW] icmp 1 30 {ECHO} id=3100274475\n",
    ]
    for with_ids in (True, False):
        text = "".join(line if with_ids else line[: line.rindex(" id=")] + "\n" for line in lines)
        whole, _ = read(tmp_path, text, kind="conntrack-events")
        for size in range(len(text)):
            columns, account = read(tmp_path, text[:size], kind="conntrack-events")
            ended = text[:size].count("\n")
            # at most the row that is all there but its newline
            assert ended <= account.parsed <= ended + 1
            assert account.rows == ended + (not text[:size].endswith("\n") and size > 0)
            for name, values in columns.items():
                for row, value in enumerate(values.tolist()):
                    nullable = row == ended and name in {"mark", "delta_time_s", "conntrack_id"}
                    assert value == whole[name][row] or (nullable and value in {0, -1}), (text[:size], name)
            if account.rejected:
                assert account.rejected == {"torn line": 1}
                assert account.incomplete


def test_a_last_line_without_newline_counts_when_it_ends_as_the_others(tmp_path):
    columns, account = read(tmp_path, (listed(1, "") + listed(2, "")).rstrip("\n"))
    assert columns["orig_src_port"].tolist() == [1, 2]
    assert not account.incomplete
    _, account = read(tmp_path, (listed(1, "") + listed(2, "")).rstrip("\n") + " id=7\nroot@node:~# ")
    assert account.rejected == {"foreign line": 1}
    assert not account.incomplete


def test_losses_and_extras_are_counted_over_blocks(tmp_path):
    lost = "WARNING: We have hit ENOBUFS! We are losing events.\n"
    _, account = read(
        tmp_path, lost + listed(1, "nmark=1") * 20_000 + lost + listed(2, "x"), kind="conntrack-events"
    )
    assert account.skipped == {"events lost": 2}
    assert account.incomplete
    assert account.warnings == [
        "the event stream says 2 times that events were lost (ENOBUFS).",
        "20001 tokens are not known and were passed over, the first is 'nmark=1'.",
    ]
    assert account.parsed == 20_001


def test_rejects_keep_place_and_text(tmp_path):
    text = b"\xef\xbb\xbf" + listed(1, "").encode() * 20_000 + b"udp 17 \xff\n" + b"noise\n"
    _, account = read(tmp_path, text)
    found = [
        (reject.line, text[reject.byte_offset :].partition(b"\n")[0], reject.raw, reject.reason)
        for reject in account.rejects
    ]
    assert found == [
        (20_001, b"udp 17 \xff", b"udp 17 \xff", "incomplete tuple"),
        (20_002, b"noise", b"noise", "foreign line"),
    ]
    assert (account.parsed, account.rows) == (20_000, 20_002)


def test_a_word_of_the_dialect_is_no_number(monkeypatch):
    raw = load_toml("dialects/conntrack")
    monkeypatch.setattr(
        conntrack_grammar,
        "load_toml",
        lambda name: raw | {"unnamed": "99"} if "conntrack" in name else load_toml(name),
    )
    with pytest.raises(
        SchemaError, match=r"conntrack\.toml: got the word '99', expected words that are no numbers\."
    ):
        conntrack_grammar.conntrack_grammar.__wrapped__()
