"""Golden folders of conntrack text and XML: ``in.*`` and ``expected.jsonl``, the rows without their nulls, then the account."""

import json
from pathlib import Path

import pytest

from conntrack_formats import settle
from flowstitch.ingest.conntrack import read_conntrack, text_times
from flowstitch.ingest.conntrack_save import read_conntrack_save
from flowstitch.ingest.conntrack_xml import read_conntrack_xml, xml_times
from flowstitch.ingest.content import read_head
from flowstitch.ingest.discover import taken_at_of
from flowstitch.ingest.model import Account, Source
from flowstitch.ingest.sniff import sniff
from flowstitch.normalize.columns import Pools, concat_columns, to_arrow

CASES = sorted((Path(__file__).parents[1] / "dialects").glob("conntrack-*"))

READERS = {
    "conntrack": (read_conntrack, text_times),
    "conntrack-xml": (read_conntrack_xml, xml_times),
    # has no times of its own
    "conntrack-save": (read_conntrack_save, text_times),
}


def read_case(folder):
    path = next(folder.glob("in.*"))
    sniffed = sniff(read_head(path))
    source = Source(
        path, path.name, path.stat().st_size, sniffed.kind, sniffed.dialect, "n1", taken_at_of(path.name)
    )
    pools, account = Pools(), Account()
    read, times = READERS[sniffed.dialect]
    columns = concat_columns("conntrack", list(read(source, pools, account)))
    settle(times(source), columns)
    rows = to_arrow("conntrack", columns, pools).to_pylist()
    found = [
        {key: str(value) if key.endswith("_at") else value for key, value in row.items() if value is not None}
        for row in rows
    ]
    for row in found:
        assert (row.pop("source"), row.pop("node")) == (path.name, "n1")
    found.append({
        "kind": sniffed.kind,
        "parsed": account.parsed,
        "skipped": dict(account.skipped),
        "rejects": [[reject.line, reject.byte_offset, reject.reason] for reject in account.rejects],
        "warnings": account.warnings,
        "incomplete": account.incomplete,
    })  # fmt: skip
    return found


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_golden(folder):
    expected = [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines()]
    assert read_case(folder) == expected


def test_every_folder_has_a_case():
    assert len(CASES) == 19
