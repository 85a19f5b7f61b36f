"""Golden folders of the inventory: ``in.*``, read together as files of node n1, and ``expected.jsonl``.

Expected are the rows of every table without their nulls and empty lists, what has no table, then the account of each file.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flowstitch.ingest.content import read_head
from flowstitch.ingest.discover import taken_at_of
from flowstitch.ingest.facts import inventory_rows
from flowstitch.ingest.inventory import INVENTORY_KINDS, finish_inventory, read_inventory
from flowstitch.ingest.model import Account, Inventory
from flowstitch.ingest.sniff import sniff
from inventory_reading import source_of

FAMILIES = ("*-eni*", "ip-*", "ipvs-*", "kubernetes*", "sysctl*", "terway-*")
DIALECTS = Path(__file__).parents[1] / "dialects"
CASES = sorted(folder for family in FAMILIES for folder in DIALECTS.glob(family))
# What the nodes say that has no table.
FACTS = {
    "addresses": ("device", "ip", "prefix_length"),
    "links": ("index", "device", "mac"),
    "routes": ("destination", "device", "gateway", "route_table"),
}


def read_case(folder: Path) -> list[dict[str, Any]]:
    inventory, accounts = Inventory(), []
    for path in sorted(folder.glob("in.*")):
        sniffed = sniff(read_head(path))
        assert sniffed.kind in INVENTORY_KINDS, path
        account = Account()
        source = source_of(
            path, sniffed.kind, dialect=sniffed.dialect, node="n1", taken_at=taken_at_of(path.name)
        )
        read_inventory(source, account, inventory)
        accounts.append({
            "file": path.name, "kind": sniffed.kind, "dialect": sniffed.dialect or None, "lines": account.lines,
            "skipped": dict(account.skipped),
            "rejects": [[reject.line, reject.byte_offset, reject.reason] for reject in account.rejects],
            "warnings": account.warnings, "incomplete": account.incomplete or None,
        })  # fmt: skip
    finish_inventory(inventory)
    found = [{"table": name, **row} for name, rows in inventory_rows(inventory).items() for row in rows]
    found += [
        {"node": node, "fact": name, **dict(zip(columns, values, strict=True))}
        for node, known in inventory.facts.items()
        for name, columns in FACTS.items()
        for values in getattr(known, name)
    ]
    return [
        {key: shown(key, value) for key, value in row.items() if value not in (None, [], {}, "")}
        for row in [*found, *accounts]
    ]


def shown(key: str, value: Any) -> Any:
    if key not in {"valid_from", "valid_to"}:
        return value
    stamp = datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000)
    return stamp.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_golden(folder: Path) -> None:
    expected = [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines()]
    assert read_case(folder) == expected


def test_every_folder_has_a_case() -> None:
    assert len(CASES) == 40
