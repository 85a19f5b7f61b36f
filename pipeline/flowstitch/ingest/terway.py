"""ENIs, their addresses and the pods that have them, as ``terway-cli mapping`` prints them of a node."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowstitch.catalog.load import load_toml, table
from flowstitch.ingest.items import BadValue, canonical
from flowstitch.ingest.lines import BLANK, TORN_LINE, split_lines
from flowstitch.ingest.snapshots import Dump, Taken, keep

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.model import Account, Inventory, Source

    Row = dict[str, Any]

# Colours, then what draws the tree or the bullet.
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_BRANCH = re.compile(r"[\s│├└┬─•]*(?:-(?:\s+|$))?")
_TABLE = re.compile(r"(?:Status[ |]+)?Pod Name[ |]+Res ID[ |]+Factory Res ID")
_SLOT = re.compile(r"slot [0-9]+")
_ENI = re.compile(r"ENI:(?: (\S+))?")
_TYPE = re.compile(r"Type:? (\S+)")
_ADDRESS = re.compile(r"(\S+)  (\S*)  ([A-Z]\w*)")
_ALLOCATED = re.compile(r"([0-9a-fA-F.:]+) -> (\S+)")
_ENTRY = re.compile(r"([^/\s]+/[^/\s]+) -> (\S*) (\S+)")
_PREFIX = re.compile(r"\S+/[0-9]+ \[\w*\] [0-9]+ total, [0-9]+ used, [0-9]+ free")
_OTHER = re.compile(
    r"(?:MAC|Status|Type):(?: \S+)?|Type|InhibitExpireAt.*|IPs|IPv[46] Prefixes|Resource DB \([0-9]+ entries\)"
)
_POD = re.compile(r"[^/\s]+/[^/\s]+")
NOT_A_MAPPING, DESCRIPTION, NOT_OWNED, NAMELESS = (
    "not a mapping",
    "description",
    "address that is not the ENI's",
    "neither ENI nor namespace",
)
_OLD = "Terway before 1.7 says neither which ENI has an address nor of which namespace its pod is; the mapping was left out."


@dataclass
class _Mapping:
    """What a file says so far.

    Attributes
    ----------
    ips : addresses of each ENI. roles : their roles, where they are known.
    pods : addresses of each pod, 'namespace/name'.
    eni : ENI that the lines are at, '' where they are at none.
    to_come : how many of the lines of a slot, which come without a name, are to come: ENI, MAC, status.
    nameless : the file is a table of an old Terway.
    """

    ips: dict[str, set[str]] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    pods: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    eni: str = ""
    to_come: int = 0
    nameless: bool = False

    def at(self, eni: str) -> str:
        """Go on with another ENI; one that is still to be attached has no name."""
        if " " in eni:
            raise BadValue("mapping")
        self.eni = eni
        if eni:
            self.ips.setdefault(eni, set())
        return "" if eni else DESCRIPTION

    def own(self, eni: str, ip: str, pod: str) -> None:
        """An address of an ENI, '' where that is not said, and of a pod, '' where none has it."""
        if pod and not _POD.fullmatch(pod):
            raise BadValue("mapping")
        address = canonical(ip, "mapping")
        if eni:
            self.ips.setdefault(eni, set()).add(address)
        if pod:
            self.pods[pod].add(address)


def read_mapping(blocks: Iterable[Block], source: Source, account: Account, inventory: Inventory) -> None:
    """Read what Terway says of the ENIs and pods of a node.

    Parameters
    ----------
    blocks : the file.
    source : of kind ``terway-mapping``.
    account : gets every line.
    inventory : its ``cni`` gets the ENIs and pods.
    """
    mapping = _Mapping()
    for block in blocks:
        lines = list(split_lines(block))
        for line in lines:
            if not line.text:
                account.skipped[BLANK] += 1
                continue
            torn = not block.terminated and line is lines[-1]
            try:
                skipped = _take(line.text.decode("utf-8", "replace"), mapping, torn=torn)
            except BadValue:
                account.incomplete |= torn
                account.reject(line.number, line.byte_offset, TORN_LINE if torn else NOT_A_MAPPING, line.text)
            else:
                if skipped:
                    account.skipped[skipped] += 1
                else:
                    account.accept(line.number)
    if mapping.nameless:
        account.warnings.append(_OLD)
    _add(mapping, source, inventory.of_cni(), intact=not account.rejected and not account.incomplete)


def _take(line: str, mapping: _Mapping, *, torn: bool) -> str:
    """Take one line; returns why it carries nothing. ``BadValue`` when it is not what the command prints, or cut."""
    text = _BRANCH.sub("", _COLOUR.sub("", line), count=1).rstrip()
    if torn or not text.isprintable():
        raise BadValue("mapping")
    if not text and not mapping.to_come:
        return BLANK
    if mapping.nameless or _TABLE.fullmatch(text):
        mapping.nameless = True
        return NAMELESS
    if _SLOT.fullmatch(text):
        mapping.eni, mapping.to_come = "", 3
        return DESCRIPTION
    if mapping.to_come:
        mapping.to_come -= 1
        return mapping.at(text) if mapping.to_come == 2 else DESCRIPTION
    if found := _ENI.fullmatch(text):
        return mapping.at(found[1] or "")
    return _take_part(text, mapping)


def _take_part(text: str, mapping: _Mapping) -> str:
    """Take a line that says something of an ENI, or of the database of pods."""
    words = load_toml("dialects/terway-mapping")
    if found := _TYPE.fullmatch(text):
        role = words["roles"].get(found[1].lower())
        if role and mapping.eni:
            mapping.roles[mapping.eni] = role
        return DESCRIPTION
    if found := _ENTRY.fullmatch(text):
        for ip in found[3].split(","):
            mapping.own(found[2], ip, found[1])
        return ""
    if _OTHER.fullmatch(text) or _PREFIX.fullmatch(text):
        return DESCRIPTION
    found = _ADDRESS.fullmatch(text)
    if found and found[3] in words["states"]["other"]:
        return NOT_OWNED
    if found is None or found[3] not in words["states"]["own"]:
        found = _ALLOCATED.fullmatch(text)
    if found is None or not mapping.eni:
        raise BadValue("mapping")
    mapping.own(mapping.eni, found[1], found[2])
    return ""


def _add(mapping: _Mapping, source: Source, cni: Inventory, *, intact: bool) -> None:
    undated, node = source.taken_at is None, source.node or None
    cni.tables["enis"] += [
        dict.fromkeys(field.name for field in table("enis").fields)
        | {"eni": eni, "role": mapping.roles.get(eni), "node": node, "ips": sorted(ips), "undated": undated}
        for eni, ips in mapping.ips.items()
    ]
    pods = []
    for pod, ips in mapping.pods.items():
        namespace, _, name = pod.partition("/")
        row: Row = {
            "namespace": namespace, "name": name, "node": node, "host_network": False, "phase": None, "ips": sorted(ips),
            "valid_from": None, "valid_to": None, "undated": undated,
        }  # fmt: skip
        pods.append(Taken("pods", "", pod, None, [row]))
    keep(Dump(source.taken_at, source.node, pods, 1, 1), cni, lines=1, intact=intact)
