"""Lists and event streams of ``conntrack -o save`` as sources of an export."""

import pytest

import flowstitch
from conntrack_formats import Entry, save_of
from flowstitch.ingest import blocks
from flowstitch.ingest.conntrack_save import read_conntrack_save
from flowstitch.ingest.discover import discover
from flowstitch.ingest.model import Account, Source
from flowstitch.normalize.columns import NULL_TIME, Pools, concat_columns

TAKEN = 1_795_395_145


def entry(port=1, **said):
    ends = ("10.0.1.91", "10.0.3.58", port, 80), ("10.0.3.58", "10.0.1.91", 80, port)
    return save_of(Entry(6, *ends, state=3, **said))


def read(tmp_path, text, kind="conntrack-list", taken_at=None):
    path = tmp_path / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    source = Source(path, "file", 0, kind, "conntrack-save", "n1", taken_at)
    account = Account()
    return concat_columns("conntrack", list(read_conntrack_save(source, Pools(), account))), account


def test_lines_are_counted_over_blocks_and_lines_that_are_too_long(tmp_path):
    text = entry(1) * 40_000 + "x" * (blocks.MAX_LINE_BYTES + 1) + "\n\n" + entry(2) * 40_000
    columns, account = read(tmp_path, text, taken_at=5)
    assert columns["line"].tolist() == [*range(1, 40_001), *range(40_003, 80_003)]
    assert set(columns["orig_src_port"][40_000:].tolist()) == {2}
    assert set(columns["seen_at"].tolist()) == {5}
    assert (account.parsed, account.skipped, account.rejected) == (
        80_000, {"blank": 1}, {blocks.LONG_LINE: 1}
    )  # fmt: skip


def test_rejects_keep_place_and_text(tmp_path):
    text = entry(1).encode() * 20_000 + b"-A -t 1 -u UNSET \xff\n" + b"noise\n"
    _, account = read(tmp_path, text)
    found = [
        (reject.line, text[reject.byte_offset :].partition(b"\n")[0], reject.raw, reject.reason)
        for reject in account.rejects
    ]
    bad = b"-A -t 1 -u UNSET \xff"
    assert found == [
        (20_001, bad, bad, "incomplete tuple"),
        (20_002, b"noise", b"noise", "foreign line"),
    ]


def test_every_cut_of_a_file_gives_whole_rows_only(tmp_path):
    text = entry(40_000) + entry(40_001, event="update") + entry(40_002, event="destroy", timeout=None)
    for size in range(len(text)):
        columns, account = read(tmp_path, text[:size], "conntrack-events")
        ended = text[:size].count("\n")
        assert columns["orig_src_port"].tolist() == [40_000, 40_001][:ended]
        assert (
            account.incomplete
            == (account.rejected == {"torn line": 1})
            == (text[:size][-1:] not in {"", "\n"})
        )


def test_what_was_made_by_a_process_has_no_unknown_words(tmp_path):
    text = entry(1, event="update").strip() + " [USERSPACE] portid=7 progname=conntrackd\n"
    columns, account = read(tmp_path, text, "conntrack-events")
    assert columns["orig_src_port"].tolist() == [1]
    assert account.warnings == []


def test_changes_in_what_begins_as_a_list_are_told(tmp_path):
    text = entry(1) + entry(2, event="destroy")
    columns, account = read(tmp_path, text, taken_at=5)
    # what is destroyed is in no list
    assert columns["seen_at"].tolist() == [5, NULL_TIME]
    assert account.warnings == [
        "the list has updated or destroyed entries (-U, -D: 1); if it is a stream of events, name the kind in export.toml."
    ]
    columns, account = read(tmp_path, text, "conntrack-events", taken_at=5)
    assert columns["seen_at"].tolist() == [NULL_TIME, NULL_TIME]
    assert account.warnings == []


def test_a_stream_of_new_entries_alone_is_named(tmp_path):
    (tmp_path / "new").write_text(entry(1))
    assert discover([str(tmp_path)]).sources[0].kind == "conntrack-list"
    (tmp_path / "export.toml").write_text('[[source]]\nmatch = "new"\nkind = "conntrack-events"\n')
    (source,) = discover([str(tmp_path)]).sources
    assert (source.kind, source.dialect) == ("conntrack-events", "conntrack-save")


@pytest.mark.parametrize("convert", [False, True])
def test_both_nodes_of_a_connection_are_stitched(tmp_path, convert):
    """The address of a service at the client's node, the pod's at the server's, one of them in the form of options."""
    client = Entry(
        6,
        ("10.0.1.91", "10.96.0.20", 1024, 80),
        ("10.0.3.72", "10.0.1.91", 8080, 1024),
        state=3,
        timeout=86000,
    )
    server = Entry(
        6,
        ("10.0.1.91", "10.0.3.72", 1024, 8080),
        ("10.0.3.72", "10.0.1.91", 8080, 1024),
        state=3,
        timeout=86000,
    )
    for node, row in (("n1", client), ("n2", server)):
        folder = tmp_path / "export" / "nodes" / node
        folder.mkdir(parents=True)
        (folder / f"save.{TAKEN}.0").write_text(save_of(row))
    export = tmp_path / "export"
    if convert:
        flowstitch.convert(export, out=tmp_path / "tables")
        export = tmp_path / "tables"
    flowstitch.run(export, out=tmp_path / "out")
    with flowstitch.open(tmp_path / "out") as result:
        (path,) = result.table("datapaths").to_pylist()
        assert (path["dialled_ip"], path["server_ip"], path["server_port"]) == (
            "10.96.0.20",
            "10.0.3.72",
            8080,
        )
        segments = result.table("segments").to_pylist()
        assert sorted(segment["observers"] for segment in segments) == [["n1"], ["n1", "n2"]]
