"""Packings: which one it is, and that none takes more memory than it may."""

from __future__ import annotations

import gzip
import io
import random
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flowstitch.ingest import snappy
from flowstitch.ingest.content import read_blocks, read_document, read_head
from flowstitch.ingest.model import Account
from flowstitch.ingest.packing import START_BYTES, packing_of
from packings import framed_snappy, hadoop_snappy, java_snappy, packings, raw_snappy

ROOT = Path(__file__).parents[2]
LINES = b"".join(b"line %d of a log\n" % number for number in range(40_000))
# content that snappy can do something with
CONTENT = st.lists(
    st.sampled_from([b"a", b"src=10.0.0.1 ", b"\0\xff", b"dport=443\n", bytes(70)]), max_size=400
).map(b"".join)


def name_of(raw: bytes) -> str:
    packing = packing_of(raw[:START_BYTES])
    return "plain" if packing is None else packing.name


def test_every_packing_is_known() -> None:
    for name, raw in packings(LINES).items():
        assert name_of(raw) == name.split(" ")[0] if name.split(" ")[0] != "raw" else "raw snappy"


@given(CONTENT, st.integers(0, 1 << 12))
def test_a_raw_block_is_known_wherever_it_is_cut(content: bytes, size: int) -> None:
    # what is shorter could be a text
    content = content.ljust(128, b"x")
    assert name_of(raw_snappy(content)) == "raw snappy"
    # behind what cannot be shortened
    noise = random.Random(size).randbytes(150)
    assert name_of(raw_snappy(noise + content)[: 160 + size]) == "raw snappy"


@given(CONTENT, st.integers(0, 1 << 16))
def test_what_is_peeled_is_what_the_library_unpacks(content: bytes, limit: int) -> None:
    peeled = snappy._peel(raw_snappy(content), limit)
    assert not peeled.wrong
    assert content.startswith(peeled.content)
    assert len(peeled.content) >= min(limit, len(content))


@given(st.binary(max_size=300))
def test_peeling_never_fails(block: bytes) -> None:
    peeled = snappy._peel(block, 1 << 16)
    assert len(peeled.content) <= max(snappy._length(block)[0], 0)


@given(st.text(min_size=1, max_size=400), st.sampled_from(["utf-8", "utf-8-sig"]))
def test_text_is_not_packed(text: str, encoding: str) -> None:
    assume(text[0].isprintable())
    assert name_of(text.encode(encoding)) == "plain"


@given(st.text(st.characters(max_codepoint=0xFF), min_size=1))
def test_text_of_utf_16_is_not_packed(text: str) -> None:
    # every other byte of it is a literal of one byte
    assert name_of(text.encode("utf-16")) == "plain"


def test_no_file_of_the_repository_is_taken_for_snappy() -> None:
    roots = ("data", "pipeline", "schemas", "tests")
    paths = [path for root in roots for path in (ROOT / root).rglob("*") if path.is_file()]
    # what fuzzing has found is made to be taken for anything
    paths = [path for path in paths if "corpus" not in path.parts]
    assert len(paths) > 200
    for path in paths:
        with path.open("rb") as file:
            assert name_of(file.read(START_BYTES)) in {"plain", "gzip"}, path


def test_the_head_of_a_raw_block_needs_its_start_only(tmp_path: Path) -> None:
    raw = raw_snappy(LINES)
    file = io.BytesIO(raw)
    head = next(snappy.unpack_block(file, len(LINES)))
    assert LINES.startswith(head)
    assert len(head) >= 1 << 16
    assert file.tell() == 1 << 17 < len(raw)
    path = tmp_path / "block"
    path.write_bytes(raw)
    assert read_head(path) == LINES[: 1 << 16]
    assert read_head(path, len(LINES)) == LINES


def test_a_raw_block_that_memory_does_not_allow_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "block"
    path.write_bytes(raw_snappy(LINES))
    account = Account(whole_bytes=len(LINES) - 1)
    assert list(read_blocks(path, account)) == []
    assert account.incomplete
    assert account.warnings == [
        f"the raw snappy unpacks to {len(LINES)} bytes, and only whole; --memory allows {len(LINES) - 1}, so nothing of it was read."
    ]
    # what it is is told all the same
    assert read_head(path) == LINES[: 1 << 16]
    assert b"".join(block.data for block in read_blocks(path, Account(whole_bytes=len(LINES)))) == LINES


@pytest.mark.parametrize(("elements", "content", "warning"), [
    (b"\x0cabcd" * 40 + b"\xf0", b"abcd" * 40, "is torn after 160 bytes"),
    (b"\x0cabcd" + b"\xfe\x04\0" * 2000, b"abcd" * 32_001, "is torn after 128004 bytes"),
    (b"\x0cabcd" * 1000 + b"\xfe\0\0", b"abcd" * 1000, "is damaged after 4000 bytes of content (an element that cannot be)"),
])  # fmt: skip
def test_a_length_that_lies(tmp_path: Path, elements: bytes, content: bytes, warning: str) -> None:
    path = tmp_path / "block"
    # four GiB are promised
    path.write_bytes(b"\xff\xff\xff\xff\x0f" + elements)
    account = Account(whole_bytes=1 << 32)
    assert b"".join(block.data for block in read_blocks(path, account)) == content
    assert account.warnings[0].startswith(f"the raw snappy stream {warning}")


@pytest.mark.parametrize("raw", [
    framed_snappy(LINES)[:10] + b"\0\xff\xff\xff" + bytes(100),
    framed_snappy(LINES)[:10] + b"\xff\x06\0\0sNaPpX",
    java_snappy(LINES)[:16] + b"\x7f\xff\xff\xff" + bytes(100),
    java_snappy(LINES)[:16] + b"\0\0\0\x06" + b"\xff\xff\xff\xff\x0f\0",
    hadoop_snappy(LINES) + b"\0\0\0\x02\0\0\0\x05\x03\x08abc",
    hadoop_snappy(LINES) + b"\0\0\0\x02\0\0\0\x01\0",
], ids=["chunk", "header", "block", "length", "group", "nothing"])  # fmt: skip
def test_sizes_that_lie(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "stream"
    path.write_bytes(raw)
    account = Account()
    assert LINES.startswith(b"".join(block.data for block in read_blocks(path, account)))
    (warning,) = account.warnings
    assert " is damaged after " in warning


MAGIC = st.sampled_from([
    b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", snappy.FRAMED_MAGIC, snappy.JAVA_MAGIC + bytes(8), b"\0\0\x01\0\0\0\0\x20\x80\x02",
    b"\x80\x02\xfc", b"\xff\xff\xff\xff\x0f\xf0", b"",
])  # fmt: skip


@settings(max_examples=300)
@given(MAGIC, st.binary(max_size=400))
def test_no_file_breaks_reading(tmp_path_factory: pytest.TempPathFactory, magic: bytes, rest: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(magic + rest)
    account = Account()
    read_head(path)
    assert sum(len(block) for block in read_blocks(path, account)) < 1 << 20
    read_document(path, account)
    assert len(account.warnings) in {0, 2}
    assert account.incomplete == bool(account.warnings)


BOMB = """
import resource, sys
from pathlib import Path
from flowstitch.ingest.content import read_blocks, read_document, read_head
from flowstitch.ingest.model import Account
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
path, account = Path(sys.argv[1]), Account(whole_bytes=1 << 20)
head, blocks = read_head(path), sum(len(block) for block in read_blocks(path, account))
print(len(head), blocks, read_document(path, account), dict(account.rejected), account.warnings)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("name", ["gzip", "zstd", "snappy", "raw snappy"])
def test_a_bomb_takes_little_memory(tmp_path: Path, name: str) -> None:
    path, size = tmp_path / "bomb", 1 << 30
    with path.open("wb") as file:
        zeros = bytes(1 << 20)
        if name == "gzip":
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as packed:
                for _ in range(size >> 20):
                    packed.write(zeros)
        elif name == "zstd":
            with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as packed:
                for _ in range(size >> 20):
                    packed.write(zeros)
        elif name == "snappy":
            chunk = framed_snappy(zeros)
            file.write(chunk[:10] + chunk[10:] * (size >> 20))
        else:
            file.write(raw_snappy(bytes(size)))
    done = subprocess.run([sys.executable, "-c", BOMB, path], capture_output=True, text=True, check=True)
    told, kibibytes = done.stdout.splitlines()
    assert int(kibibytes) < 200 << 10
    if name == "raw snappy":
        assert told.startswith(f"{1 << 16} 0 b'' {{}} [")
        assert told.count("only whole; --memory allows") == 2
    else:
        # one line without an end, and a document without one
        assert told.startswith(
            f"{1 << 16} 0 None {{'long line': 1, 'document too large': 1}} ['the document has more"
        )


@settings(max_examples=30)
@given(CONTENT, st.integers(1, 300))
def test_streams_of_any_block_size(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, block: int
) -> None:
    assume(content)
    path = tmp_path_factory.mktemp("stream") / "file"
    for raw in (java_snappy(content, block), hadoop_snappy(content, 3 * block, block)):
        path.write_bytes(raw)
        account = Account()
        assert read_document(path, account) == content.removeprefix(b"\xef\xbb\xbf")
        assert account == Account()
