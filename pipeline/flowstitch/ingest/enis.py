"""Elastic network interfaces as a cloud's API lists them, to inventory rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowstitch.ingest.items import BadValue, Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowstitch.ingest.model import Account, Inventory


_UNKNOWN_TYPE = "some interfaces are of a type that is not known; their role stays null."
_PREFIXES = "some interfaces own whole prefixes; who uses their addresses is not said, so these are left out."


def interfaces(document: object, dialect: dict[str, Any]) -> Iterator[object]:
    """Interfaces of a page, of a JSON list of pages, or those that stand there without a page.

    A page that has no list of interfaces where the dialect says is one itself, a bad one.
    """
    for page in document if isinstance(document, list) else [document]:
        try:
            lists = Item(page).values(dialect["items"].removesuffix("[]"))
        except BadValue:
            lists = []
        for found in lists or [[page]]:
            yield from found if isinstance(found, list) else [page]


def take_interface(
    item: Item, inventory: Inventory, account: Account, dialect: dict[str, Any], *, undated: bool
) -> str:
    """Add the row of one interface to the inventory.

    Parameters
    ----------
    item : the interface.
    account : gets a warning for what the row cannot say.
    dialect : a parsed file of ``schemas/dialects`` for the table ``enis``.
    undated : the document has no capture time.

    Returns
    -------
    '', the interface was taken. Raises ``BadValue`` when it is not what the dialect says.
    """
    paths = dialect["columns"]
    texts = {
        name: item.text(*paths[name]) for name in ("role", "instance_id", "vpc_id", "vswitch_id", "zone_id")
    }
    eni = item.need(*paths["eni"])
    row = {
        "eni": eni,
        **texts,
        "role": _role(item, texts["role"], dialect),
        "load_balancer": _load_balancer(item, dialect),
        "node": None,
        "primary_ip": item.address(*paths["primary_ip"]),
        "ips": item.addresses(*paths["ips"]),
        "valid_from": item.time(*paths["valid_from"]),
        "valid_to": None,
        "undated": undated,
    }
    if texts["role"] not in dialect["roles"]:
        _warn_once(account, _UNKNOWN_TYPE)
    if item.texts(*dialect["prefixes"]["paths"]):
        _warn_once(account, _PREFIXES)
    inventory.tables["enis"].append(row)
    return ""


def _load_balancer(item: Item, dialect: dict[str, Any]) -> str | None:
    """Load balancer that an interface on no instance of ours belongs to; None where it belongs to none, or nothing says so."""
    known = dialect.get("load_balancers")
    if known is None or item.text(*dialect["columns"]["instance_id"]):
        return None
    told = item.text(*known["paths"]) or ""
    return told.removeprefix(known["starts"]).strip() or None if told.startswith(known["starts"]) else None


def _role(item: Item, kind: str | None, dialect: dict[str, Any]) -> str | None:
    """Role of an interface on its instance; None where it has none there or it is not known."""
    role: str | None = dialect["roles"].get(kind) or None
    if role != "secondary" or "slots" not in dialect:
        return role
    slots = [slot for path in dialect["slots"]["paths"] if (slot := item.number(path)) is not None]
    if not slots:
        return None
    return role if any(slots) else "primary"


def _warn_once(account: Account, sentence: str) -> None:
    if sentence not in account.warnings:
        account.warnings.append(sentence)
