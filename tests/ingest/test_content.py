import gzip
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowstitch.ingest import blocks as blocks_of_lines
from flowstitch.ingest import content
from flowstitch.ingest.blocks import cut_blocks
from flowstitch.ingest.content import read_blocks, read_document, read_head
from flowstitch.ingest.model import MAX_REJECT_BYTES, Account
from packings import packings


class Dribble(io.BytesIO):
    """Content of which so many bytes come at once."""

    def __init__(self, text, size):
        super().__init__(text)
        self.size = size

    def readinto(self, buffer):
        return super().readinto(buffer[: self.size])


LINES = b"".join(b"line %d\n" % number for number in range(1000))
PACKED = packings(LINES)
STREAMS = {name: raw for name, raw in PACKED.items() if name != "plain"}


def read(path):
    account = Account()
    return list(read_blocks(path, account)), account


def write(tmp_path, raw):
    # a suffix that lies
    path = tmp_path / "file.json.zst.gz"
    path.write_bytes(raw)
    return path


def check_places(blocks, text):
    """Blocks say where they are; returns their content."""
    for block in blocks:
        assert text[block.byte_offset :].startswith(block.data)
        assert block.first_line == text[: block.byte_offset].count(b"\n") + 1
        assert block.terminated == block.data.endswith(b"\n")
        assert block.terminated or block is blocks[-1]
    return b"".join(block.data for block in blocks)


@pytest.mark.parametrize("raw", PACKED.values(), ids=PACKED)
def test_every_packing(tmp_path, raw):
    path = write(tmp_path, raw)
    blocks, account = read(path)
    assert check_places(blocks, LINES) == LINES
    assert account == Account()
    assert read_head(path) == LINES[: content.HEAD_BYTES]
    assert read_document(path, account) == LINES


@pytest.mark.parametrize("raw", STREAMS.values(), ids=STREAMS)
def test_every_torn_stream_is_told(tmp_path, raw):
    unnoticed = set()
    for size in range(150, len(raw), 11):
        blocks, account = read(write(tmp_path, raw[:size]))
        text = check_places(blocks, LINES)
        assert LINES.startswith(text)
        assert len(account.warnings) == account.incomplete
        if account.incomplete:
            assert " is torn after " in account.warnings[0]
        else:
            unnoticed.add(size)
    # where the parts of a stream do not know of each other, it can end between two; and padding is no content
    assert len([size for size in unnoticed if raw[size : size + 1] != b"\0"]) <= 4


@pytest.mark.parametrize("name", STREAMS)
def test_a_torn_stream_gives_what_could_be_read(tmp_path, name):
    # zstd and framed snappy unpack blocks of up to 128 KiB
    text = random.Random(7).randbytes(1 << 19).hex(sep="\n", bytes_per_sep=7).encode()
    raw = packings(text)[name]
    blocks, _ = read(write(tmp_path, raw[: len(raw) * 9 // 10]))
    assert len(check_places(blocks, text)) > len(text) // 2


@pytest.mark.parametrize("raw", STREAMS.values(), ids=STREAMS)
def test_something_behind_the_stream(tmp_path, raw):
    for behind in (b"<html>", b"\n", b"\xff" * 100):
        blocks, account = read(write(tmp_path, raw + behind))
        assert check_places(blocks, LINES) == LINES
        assert account.incomplete
        assert len(account.warnings) == 1


@settings(max_examples=300)
@given(st.sampled_from(sorted(STREAMS)), st.integers(0, 2**30), st.integers(0, 255))
def test_a_wrong_byte_never_breaks_reading(tmp_path_factory, name, place, byte):
    raw = bytearray(STREAMS[name])
    raw[place % len(raw)] = byte
    path = write(tmp_path_factory.mktemp("wrong"), bytes(raw))
    blocks, account = read(path)
    read_head(path)
    read_document(path, Account())
    text = b"".join(block.data for block in blocks)
    # the others need have no checksum, or have chunks that are passed over: a wrong byte can be another content
    if text != LINES and name.startswith("gzip") and raw.startswith(b"\x1f\x8b"):
        assert account.incomplete


def test_a_torn_gzip_gives_what_could_be_read(tmp_path):
    blocks, account = read(write(tmp_path, gzip.compress(LINES)[:-9]))
    assert len(check_places(blocks, LINES)) > len(LINES) // 2
    assert account.warnings[0].startswith("the gzip stream is torn after ")


def test_a_damaged_gzip(tmp_path):
    raw = bytearray(PACKED["gzip members"])
    raw[-5] ^= 1
    _, account = read(write(tmp_path, bytes(raw)))
    assert account.incomplete
    assert "damaged" in account.warnings[0]


def test_a_byte_order_mark_is_no_content(tmp_path):
    path = write(tmp_path, content.BOM + b"a\r\nb")
    blocks, account = read(path)
    assert check_places(blocks, content.BOM + b"a\r\nb") == b"a\r\nb"
    assert blocks[0].byte_offset == 3
    assert not blocks[-1].terminated
    assert read_head(path) == read_document(path, account) == b"a\r\nb"


def test_an_empty_file_has_no_block(tmp_path):
    path = write(tmp_path, b"")
    assert read(path) == ([], Account())
    assert read_document(path, Account()) == b""


def test_long_lines_are_rejected_at_any_place(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks_of_lines, "MAX_LINE_BYTES", 16)
    monkeypatch.setattr(blocks_of_lines, "_BLOCK_BYTES", 20)
    text = b"a\n" + b"x" * 16 + b"\n" + b"y" * 17 + b"\nb\n" + b"z" * 100
    blocks, account = read(write(tmp_path, text))
    assert check_places(blocks, text) == b"a\n" + b"x" * 16 + b"\nb\n"
    assert [(reject.line, reject.byte_offset, reject.reason) for reject in account.rejects] == [
        (3, 19, blocks_of_lines.LONG_LINE),
        (5, 39, blocks_of_lines.LONG_LINE),
    ]
    assert account.rejected == {blocks_of_lines.LONG_LINE: 2}


def test_a_huge_line_is_not_kept(tmp_path):
    blocks, account = read(
        write(tmp_path, gzip.compress(b"x" * (blocks_of_lines.MAX_LINE_BYTES * 40) + b"\nb\n"))
    )
    assert [(block.data, block.first_line, block.byte_offset) for block in blocks] == [
        (b"b\n", 2, blocks_of_lines.MAX_LINE_BYTES * 40 + 1)
    ]
    assert len(account.rejects[0].raw) == MAX_REJECT_BYTES


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 12), max_size=30),
    st.booleans(),
    st.booleans(),
    st.integers(1, 40),
    st.integers(9, 40),
)
def test_blocks_do_not_depend_on_pieces(lengths, newline, mark, piece_bytes, block_bytes):
    text = b"\n".join(b"x" * length for length in lengths) + b"\n" * newline
    before = content.BOM if mark else b""
    account = Account()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks_of_lines, "MAX_LINE_BYTES", 8)
        patch.setattr(blocks_of_lines, "_BLOCK_BYTES", block_bytes)
        blocks = list(cut_blocks(Dribble(before + text, piece_bytes), account))
    assert all(len(block) <= block_bytes for block in blocks)
    assert all(len(line) <= 8 for block in blocks for line in block.data.split(b"\n"))
    lines = text.split(b"\n")[: -1 if newline or not text else None]
    assert account.rejected.total() == sum(len(line) > 8 for line in lines)
    kept = [line for block in blocks for line in block.data.removesuffix(b"\n").split(b"\n")]
    assert kept == [
        line for line in (lines if newline or not lines or lines[-1] else lines[:-1]) if len(line) <= 8
    ]
    check_places(blocks, before + text)
    assert all(block.lines == len(block.data.removesuffix(b"\n").split(b"\n")) for block in blocks)


def test_a_document_has_a_limit(tmp_path):
    account = Account(whole_bytes=100)
    assert read_document(write(tmp_path, gzip.compress(LINES)), account) is None
    assert account.rejected == {content.LONG_DOCUMENT: 1}
    assert account.warnings == [
        "the document has more than the 100 bytes that --memory allows; nothing of it was read."
    ]


def test_an_unreadable_file(tmp_path):
    account = Account()
    assert list(read_blocks(tmp_path / "gone", account)) == []
    assert account.incomplete
    assert account.warnings == ["the file cannot be read: No such file or directory."]
    with pytest.raises(FileNotFoundError):
        read_head(tmp_path / "gone")
