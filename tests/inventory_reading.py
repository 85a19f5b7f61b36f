"""Write a file and read it as one source of an export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowstitch.ingest.inventory import read_inventory
from flowstitch.ingest.model import Account, Inventory, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPORT = Path(__file__).parents[1] / "data" / "ipvs" / "export"


def source_of(path: Path, kind: str, **known: Any) -> Source:
    return Source(path, path.name, path.stat().st_size, kind, **known)


def read(
    directory: Path, content: object, kind: str, inventory: Inventory | None = None, **known: Any
) -> tuple[Inventory, Account]:
    """Inventory and account after reading one file; content that is neither text nor bytes is written as JSON."""
    path = directory / "file"
    data = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    inventory = Inventory() if inventory is None else inventory
    account = Account()
    read_inventory(source_of(path, kind, **known), account, inventory)
    return inventory, account


def read_exported(pattern: str, kind: str, inventory: Inventory, **known: Any) -> Iterator[Account]:
    """Accounts of the matching files of the shipped export, in order."""
    for path in sorted(EXPORT.glob(pattern)):
        account = Account()
        node = path.parent.name if path.parent.parent.name == "nodes" else ""
        read_inventory(source_of(path, kind, node=node, **known), account, inventory)
        yield account
