"""Whatever a file of the inventory holds, it is read to its end, and every row of it is accounted for."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.ingest.addresses import build_addresses
from flowstitch.ingest.content import read_head
from flowstitch.ingest.facts import inventory_rows
from flowstitch.ingest.inventory import INVENTORY_KINDS, finish_inventory
from flowstitch.ingest.model import Account, Inventory
from flowstitch.ingest.sniff import sniff
from flowstitch.normalize.columns import Pools
from flowstitch.runner.write import arrow_table
from inventory_reading import read

DIALECTS = Path(__file__).parents[1] / "dialects"
DIALECTS_OF = {"enis": ("alibaba-eni", "aws-eni")}
KINDS = [(kind, dialect) for kind in INVENTORY_KINDS for dialect in DIALECTS_OF.get(kind, ("",))]
LINES = {"ipvs-rules", "sysctl", "terway-mapping"}


def samples() -> dict[tuple[str, str], list[bytes]]:
    """Golden files by what they are."""
    found: dict[tuple[str, str], list[bytes]] = {key: [] for key in KINDS}
    for path in sorted(DIALECTS.glob("*/in.*")):
        sniffed = sniff(read_head(path))
        if (sniffed.kind, sniffed.dialect) in found:
            found[sniffed.kind, sniffed.dialect].append(path.read_bytes())
    return found


SAMPLES = samples()


def take(data: bytes, kind: str, dialect: str, taken_at: int | None = None) -> Account:
    """Account of a file; what it says can be made tables of."""
    inventory = Inventory()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        read(
            folder,
            b'{"kind": "List", "items": []}',
            "kubernetes",
            inventory,
            taken_at=taken_at and taken_at - 1,
        )
        _, account = read(folder, data, kind, inventory, dialect=dialect, node="n1", taken_at=taken_at)
    finish_inventory(inventory)
    rows = inventory_rows(inventory) | {"addresses": build_addresses(inventory)}
    for name, found in rows.items():
        arrow_table(name, found, Pools())
    return account


def check(data: bytes, kind: str, dialect: str, taken_at: int | None = None) -> None:
    account = take(data, kind, dialect, taken_at)
    ordinals = [*account.lines, *(reject.line for reject in account.rejects)]
    assert account.parsed == len(account.lines)
    assert len(set(ordinals)) == len(ordinals)
    assert not ordinals or (min(ordinals) >= 1 and max(ordinals) <= account.rows)
    if kind in LINES:
        data = data.removeprefix(b"\xef\xbb\xbf")
        assert account.rows == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))


def test_every_kind_has_samples() -> None:
    assert all(SAMPLES.values())
    assert all(DOCUMENTS.values())


TIMES = st.sampled_from([None, 1_795_394_843_000_000])
WHAT = st.sampled_from(KINDS)


@given(WHAT, st.binary(max_size=300), TIMES)
def test_any_bytes(what: tuple[str, str], data: bytes, taken_at: int | None) -> None:
    # the first byte is none of a compressed file's
    check(b" " + data, *what, taken_at)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[tuple[str, str], bytes]:
    """A golden file of which some bytes are gone, others or more."""
    what = draw(WHAT)
    data = bytearray(draw(st.sampled_from(SAMPLES[what])))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 8))
        data[begin : begin + length] = draw(
            st.sampled_from([b"", b"\x00", b"\n", b"\xff", b'"', b"{", b"]", b"-", b" ", b"\x1b[", b"9" * 30])
        )
    return what, bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@given(damaged(), TIMES)
def test_damaged_files(case: tuple[tuple[str, str], bytes], taken_at: int | None) -> None:
    check(case[1], *case[0], taken_at)


DEEP = "[" * 300 + "]" * 300
HOSTILE: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e999, 2**16, 2**32, 2**63, 2**64, -(2**64), "", " ", "\x00", "a\x00b", "\ud800", "\u202e", "10.0.0.1", "::1", "10.0.0.0/8",
    "None", "Local", "Pod", "2026-11-20T08:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-20", [], {}, [[]], [{}], [None], {"": {}},
    {"items": [1]}, json.loads(DEEP),
]  # fmt: skip


def parsed(texts: list[bytes]) -> Iterator[Any]:
    """Documents of the texts that are one."""
    for text in texts:
        with suppress(ValueError):
            yield json.loads(text)


DOCUMENTS = {what: list(parsed(texts)) for what, texts in SAMPLES.items() if what[0] not in LINES}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a document with each of its keys."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in list(entries):
        yield value, key
        yield from places(inner)


@st.composite
def mistyped(draw: st.DrawFn) -> tuple[tuple[str, str], bytes]:
    """A golden document in which some values are something else."""
    what = draw(st.sampled_from(sorted(DOCUMENTS)))
    document = [deepcopy(draw(st.sampled_from(DOCUMENTS[what])))]
    for _ in range(draw(st.integers(1, 5))):
        holder, key = draw(st.sampled_from(list(places(document))))
        holder[key] = deepcopy(draw(st.sampled_from(HOSTILE)))
    return what, json.dumps(document[0]).encode()


@given(mistyped(), TIMES)
def test_wrong_types_everywhere(case: tuple[tuple[str, str], bytes], taken_at: int | None) -> None:
    check(case[1], *case[0], taken_at)


@pytest.mark.parametrize("what", KINDS, ids=" ".join)
@pytest.mark.parametrize("depth", [100, 900, 10_000, 1_000_000])
@pytest.mark.parametrize("shape", [
    (b"[", b"]"), (b'{"items":', b"}"), (b'{"items":[', b"]}"), (b'[{"NetworkInterfaces":', b"}]"), (b'{"metadata":', b"}"), (b'{"kind":"Pod","metadata":{"name":', b"}}"),
])  # fmt: skip
def test_nested_deep(what: tuple[str, str], depth: int, shape: tuple[bytes, bytes]) -> None:
    check(shape[0] * depth + b"1" + shape[1] * depth, *what)


@pytest.mark.parametrize("what", KINDS, ids=" ".join)
@pytest.mark.parametrize("data", [
    b"9" * 5000, b"[" + b"9" * 5000 + b"]", b"[NaN, Infinity, -Infinity]", b'[{"a":1e999}]', b"\x00" * 500, b"\n" * 500, b"{}" * 500, b"[]" * 500,
    b'"' + b"\\" * 501 + b'"', b"\xef\xbb\xbf", b"\xef\xbb\xbf{}", b"{},{}", b'{"a":1,"a":[]}', b"-A -t 10.0.0.1:99999999999999999999 -s rr\n", b"a.b=" + b"\xff" * 500,
    b"TCP  10.0.0.1:80 rr\n  -> 10.0.0.2:80 Masq 99999999999 0 0\n", b"\x1b[31m" * 500, "• slot 1\n - eni-1\n  • ::ffff:1.2.3.4  a/b  Valid\n".encode(),
])  # fmt: skip
def test_odd_files(what: tuple[str, str], data: bytes) -> None:
    check(data, *what)
