"""The parsers that are fuzzed, and what must hold of each whatever it is given."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import cramjam
import pyarrow as pa

import naive_logs
import naive_wrapped
from flowstitch.errors import UsageError
from flowstitch.ingest.addresses import build_addresses
from flowstitch.ingest.content import read_blocks, read_document, read_head
from flowstitch.ingest.discover import discover
from flowstitch.ingest.facts import inventory_rows
from flowstitch.ingest.inventory import finish_inventory
from flowstitch.ingest.model import ROW_KINDS, Account, Inventory
from flowstitch.ingest.packing import START_BYTES, packing_of
from flowstitch.ingest.read import read_source
from flowstitch.ingest.sniff import KINDS, sniff
from flowstitch.ingest.wrappers import wrapped_dialects, wrapper_of
from flowstitch.normalize.columns import Pools, concat_columns
from flowstitch.runner.write import arrow_table
from fuzz import twins
from inventory_reading import source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from flowstitch.ingest.wrappers import Wrapper

    Check = Callable[[bytes, Path], None]

LIMIT_S = 5.0
# Every format passes over a blank line. With it nothing is taken for compressed, Parquet or marked.
START = b" \n"
# Kinds of which every line counts.
_LINES = {"conntrack-list", "conntrack-events", "vpc-flow-log", "lb-access-log", "lb-connection-log", "ipvs-rules", "ipvs-connections", "sysctl", "terway-mapping"}  # fmt: skip
BOM = b"\xef\xbb\xbf"


@dataclass
class Reading:
    """What was read of a file."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    inventory: Inventory = field(default_factory=Inventory)


def check(name: str, data: bytes, file: Path) -> None:
    """Whether a target holds for an input, which is written to ``file``, and in time."""
    took = _check(name, data, file)
    if took > LIMIT_S:
        # kernels were compiled meanwhile, if it was not the input
        took = _check(name, data, file)
    assert took < LIMIT_S, f"took {took:.1f} s"


def _check(name: str, data: bytes, file: Path) -> float:
    began = time.process_time()
    TARGETS[name](data, file)
    return time.process_time() - began


def read(data: bytes, file: Path, kind: str, dialect: str = "") -> Reading:
    """What a reader makes of a file, as far as to tables; its account holds in itself."""
    file.write_bytes(data)
    pools, reading = Pools(), Reading()
    source = source_of(file, kind, dialect=dialect, node="n1")
    parts = read_source(source, pools, reading.account, reading.inventory)
    if kind in ROW_KINDS:
        table = ROW_KINDS[kind]
        reading.rows = arrow_table(table, concat_columns(table, list(parts)), pools).to_pylist()
    else:
        finish_inventory(reading.inventory)
        tables = inventory_rows(reading.inventory) | {"addresses": build_addresses(reading.inventory)}
        for table, rows in tables.items():
            arrow_table(table, rows, pools).to_pylist()
    check_account(reading)
    wrapper = wrapper_in(file, dialect) if kind == "vpc-flow-log" else None
    lined = kind in _LINES and dialect != "conntrack-xml" and not (wrapper and wrapper.is_json)
    if lined and packing_of(data[:START_BYTES]) is None:
        assert reading.account.rows == len(twins.lines_of(data.removeprefix(BOM)))
    return reading


def wrapper_in(file: Path, dialect: str) -> Wrapper | None:
    """What the records of a flow log are wrapped in."""
    return wrapper_of(naive_logs.load(dialect), read_head(file)) if dialect else None


def check_account(reading: Reading) -> None:
    """Every row counts once, and every reject says why and where."""
    account = reading.account
    lines = [row["line"] for row in reading.rows] or account.lines
    rejected = [reject.line for reject in account.rejects]
    assert account.parsed == len(lines)
    assert account.rejected.total() == len(rejected)
    assert len({*lines, *rejected}) == len(lines) + len(rejected)
    assert all(1 <= line <= account.rows for line in (*lines, *rejected))
    assert all(reject.reason and reject.byte_offset >= 0 for reject in account.rejects)
    assert all(warning.endswith(".") for warning in account.warnings)


def check_expected(reading: Reading, expected: twins.Expected) -> None:
    """Rows, rejects and what is skipped are what the twin says."""
    account = reading.account
    assert account.rows == expected.total
    found = {row["line"]: row for row in reading.rows if row["line"] not in expected.unsure}
    assert {line: {name: found[line][name] for name in row} for line, row in expected.rows.items() if line in found} == expected.rows  # fmt: skip
    assert found.keys() == expected.rows.keys()
    rejects = {
        reject.line: (reject.byte_offset, expected.worded(reject.line, reject.reason))
        for reject in account.rejects
        if reject.line not in expected.unsure
    }
    assert rejects == expected.rejects
    assert account.skipped.total() == expected.skipped


# --- one check for each target ------------------------------------------------------------------
def _conntrack(data: bytes, file: Path, dialect: str, twin: Callable[[bytes], twins.Expected]) -> None:
    data = START + data
    check_expected(read(data, file, "conntrack-events", dialect), twin(data))


def _log(data: bytes, file: Path, names: tuple[str, ...]) -> None:
    data = START + data
    # a file is JSON lines when any of its first lines begins so
    is_json = any(line.lstrip().startswith(b"{") for line in data.splitlines())
    known = sniff(data).dialect
    for name in [known] if known in names else names:
        dialect = naive_logs.load(name)
        reading = read(data, file, dialect["kind"], name)
        if wrapper_in(file, name) is not None:
            continue
        _in_micros(reading)
        if dialect["form"] == "quoted":
            twin = twins.of_quoted
        else:
            twin = twins.of_json_lines if is_json else twins.of_delimited
        check_expected(reading, twin(data, dialect))


def _in_micros(reading: Reading) -> None:
    for row in reading.rows:
        row |= {key: naive_logs.micros(value) for key, value in row.items() if isinstance(value, datetime)}


def _wrapped(data: bytes, file: Path) -> None:
    data = START + data
    for name in wrapped_dialects():
        reading = read(data, file, "vpc-flow-log", name)
        wrapper = wrapper_in(file, name)
        if wrapper is not None:
            _in_micros(reading)
            check_expected(reading, naive_wrapped.of_wrapped(data, _service(name, wrapper)))


def _service(dialect: str, wrapper: Wrapper) -> str:
    """Name that the twin has for a wrapper."""
    if wrapper.records == "message":
        return {"logEvents": "subscription"}.get(wrapper.path[0][0], wrapper.path[0][0])
    if wrapper.records == "pairs":
        return "pair messages" if "text" in wrapper.raw else "pairs"
    known = {"gcp-vpc-flow": "gcp", "azure-vnet-flow": "vnet", "azure-nsg-flow": "nsg"}
    return known.get(dialect, wrapper.records)


def _read_all(data: bytes, file: Path, kinds: Iterable[tuple[str, str]]) -> None:
    for kind, dialect in kinds:
        read(START + data, file, kind, dialect)


def _sniff(data: bytes, file: Path) -> None:
    """Whatever a file is taken for, its reader bears it, and a longer head does not make it nothing."""
    file.write_bytes(data)
    assert sniff(data).kind in KINDS
    try:
        (source,) = discover([str(file)]).sources
    except UsageError as error:
        assert str(error).endswith(".")  # noqa: PT017 - the sentence is what is promised
        return
    if not data.startswith(b"PAR1"):
        read(data, file, source.kind, source.dialect)


def _content(data: bytes, file: Path) -> None:
    """Blocks, document and head are of one content; of a whole stream it is what another library unpacks."""
    file.write_bytes(data)
    account, again = Account(), Account()
    blocks = list(read_blocks(file, account))
    document = read_document(file, again)
    assert document is not None
    assert (account.incomplete, account.warnings) == (again.incomplete, again.warnings)
    # of a block that is too large to unpack the head is had all the same
    assert document.startswith(read_head(file)) or not document
    assert sum(block.lines for block in blocks) + account.rejected.total() == len(twins.lines_of(document))
    for block in blocks:
        # offsets count a byte order mark, which is in no content
        assert any(document.startswith(block.data, block.byte_offset - mark) for mark in (0, len(BOM)))
    packing = packing_of(data[:START_BYTES])
    whole = data if packing is None else _unpacked(data, packing.name)
    if whole is not None:
        assert not account.incomplete
        assert document == whole.removeprefix(BOM)


def _unpacked(data: bytes, packing: str) -> bytes | None:
    """Content by other libraries; None where it is damaged, something follows it, or no other library is at hand."""
    if packing == "gzip":
        return _gunzipped(data)
    try:
        if packing == "zstd":
            # a stream of Arrow keeps 4 KB for good when it fails
            return bytes(cramjam.zstd.decompress(data))
        if packing == "raw snappy":
            length = _snappy_length(data)
            return pa.decompress(data, length, "snappy", asbytes=True) if length < 1 << 24 else None
    except (OSError, pa.ArrowException, cramjam.DecompressionError):
        pass
    return None


def _snappy_length(data: bytes) -> int:
    size = next(place for place, byte in enumerate(data) if byte < 0x80) + 1
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(data[:size]))


def _gunzipped(data: bytes) -> bytes | None:
    content = b""
    while data.strip(b"\0"):
        decoder = zlib.decompressobj(31)
        try:
            content += decoder.decompress(data)
        except zlib.error:
            return None
        if not decoder.eof:
            return None
        data = decoder.unused_data
    return content


TARGETS: dict[str, Check] = {
    "conntrack-text": partial(_conntrack, dialect="conntrack", twin=twins.of_text),
    "conntrack-xml": partial(_conntrack, dialect="conntrack-xml", twin=twins.of_xml),
    "conntrack-save": partial(_conntrack, dialect="conntrack-save", twin=twins.of_save),
    "flow-json": partial(_log, names=("alibaba-vpc-flow", "aws-vpc-flow", "gcp-bigquery-vpc-flow")),
    "flow-delimited": partial(_log, names=("alibaba-vpc-flow", "aws-vpc-flow", "gcp-bigquery-vpc-flow")),
    "flow-wrapped": _wrapped,
    "access-log": partial(_log, names=("alibaba-clb-access", "alibaba-alb-access")),
    "access-quoted": partial(_log, names=("aws-alb-access", "aws-clb-access", "aws-nlb-access", "aws-alb-connection")),
    "kubernetes": partial(_read_all, kinds=(("kubernetes", ""),)),
    "enis": partial(_read_all, kinds=(("enis", "alibaba-eni"), ("enis", "aws-eni"))),
    "ip-json": partial(_read_all, kinds=[(kind, "") for kind in ("ip-addr", "ip-link", "ip-rule", "ip-route")]),
    "ipvs": partial(_read_all, kinds=(("ipvs-rules", ""), ("ipvs-connections", ""))),
    "sysctl": partial(_read_all, kinds=(("sysctl", ""),)),
    "terway-mapping": partial(_read_all, kinds=(("terway-mapping", ""),)),
    "sniff": _sniff,
    "content": _content,
}  # fmt: skip
