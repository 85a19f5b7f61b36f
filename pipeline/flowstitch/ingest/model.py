"""What a source is, and the account that is kept of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowstitch.ingest.places import Place
    from flowstitch.ingest.snapshots import Snapshot

MAX_REJECT_BYTES = 1024
# Characters of a name or another text that is kept.
MAX_TEXT = 1024
# Rejected rows of a source that are kept; the others are counted.
MAX_REJECTS_KEPT = 10_000
DEFAULT_WHOLE_BYTES = 1 << 30
# Kinds whose rows are rows of a canonical table; every other known kind is inventory.
ROW_KINDS = {
    "conntrack-list": "conntrack",
    "conntrack-events": "conntrack",
    "vpc-flow-log": "flows",
    "lb-access-log": "requests",
    "lb-connection-log": "lb_connections",
    "ipvs-connections": "ipvs_connections",
}
# Canonical tables, with the columns that say from when to when a row is; where one is null the other says both.
ROW_TABLES = {
    "conntrack": ("seen_at", "seen_at"),
    "flows": ("window_start", "window_end"),
    "requests": ("request_at", "request_at"),
    "lb_connections": ("opened_at", "closed_at"),
    "ipvs_connections": ("seen_at", "seen_at"),
}


@dataclass(frozen=True)
class Source:
    """A file of the export and what is known of it before its rows are read.

    Attributes
    ----------
    path : where its bytes are.
    name : relative to the EXPORT it was found in, with ``/``; the name used in every table.
    size_bytes : size as stored.
    kind : ``conntrack-list``, ``conntrack-events``, ``vpc-flow-log``, ``lb-access-log``, ``lb-connection-log``, ``ipvs-rules``,
        ``kubernetes``, ``enis``, ``terway-mapping``, ``ip-addr``, ``ip-rule``, ``ip-route``, ``ip-link``, ``sysctl``, ``canonical-table`` or
        ``unknown``.
    dialect : name of the file in ``schemas/dialects``, of a canonical table its name, empty when the kind has none.
    node : node of the file, empty when it has none.
    taken_at : microseconds since the epoch at which a snapshot was taken, None when its name does not say.
    timezone : IANA zone of the dumping host from ``export.toml``, empty when not given.
    columns, delimiter : names of the columns of a log without header, and what stands between them, from
        ``export.toml``; empty when not given.
    external : a cache of conntrackd(8) with the entries of other nodes than the one it is from, so that its path names no node.
    """

    path: Place
    name: str
    size_bytes: int
    kind: str
    dialect: str = ""
    node: str = ""
    taken_at: int | None = None
    timezone: str = ""
    columns: tuple[str, ...] = ()
    delimiter: str = ""
    external: bool = False


@dataclass(frozen=True)
class Reject:
    """A row that could not be understood: where it was, why, and its raw bytes (cut at ``MAX_REJECT_BYTES``)."""

    line: int
    byte_offset: int
    reason: str
    raw: bytes


@dataclass
class Account:
    """Every row of a source: rows = parsed + skipped + rejected.

    Attributes
    ----------
    skipped, rejected : rows by reason.
    rejects : the rejected rows themselves, the first ``MAX_REJECTS_KEPT`` of them.
    lines : for inventory sources the line or ordinal of each parsed row (canonical tables carry theirs).
    warnings : sentences for the user.
    incomplete : the file is torn or unreadable, or says that events were lost; the run ends with exit code 1.
    whole_bytes : most content that reading may hold at once, where a form can only be read whole.
    """

    parsed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    incomplete: bool = False
    whole_bytes: int = field(default=DEFAULT_WHOLE_BYTES, compare=False)

    @property
    def rows(self) -> int:
        """Rows of the source."""
        return self.parsed + self.skipped.total() + self.rejected.total()

    def add(self, other: Account) -> None:
        """Take in the account of a part of the source."""
        self.parsed += other.parsed
        self.skipped += other.skipped
        self.rejected += other.rejected
        self.rejects += other.rejects[: MAX_REJECTS_KEPT - len(self.rejects)]
        self.lines += other.lines
        self.warnings += other.warnings
        self.incomplete |= other.incomplete

    def hand_over(self) -> Account:
        """What it has so far, as an account of its own; nothing of it stays."""
        part = replace(self)
        whole = Account(whole_bytes=self.whole_bytes)
        vars(self).update(vars(whole))
        return part

    def reject(self, line: int, byte_offset: int, reason: str, raw: bytes) -> None:
        """Count a rejected row and keep it, if there are not too many."""
        self.rejected[reason] += 1
        if len(self.rejects) < MAX_REJECTS_KEPT:
            self.rejects.append(Reject(line, byte_offset, reason, raw[:MAX_REJECT_BYTES]))

    def warn_incomplete(self, sentence: str) -> None:
        """Say that something is missing of the source."""
        self.incomplete = True
        self.warnings.append(sentence)

    def accept(self, line: int) -> None:
        """Count a parsed row of an inventory source."""
        self.parsed += 1
        self.lines.append(line)


@dataclass(frozen=True)
class IpRule:
    """One rule of ``ip rule``: priority, source and destination prefix ('' is all), incoming interface, table."""

    priority: int
    src: str
    dst: str
    iif: str
    table: str


@dataclass(frozen=True)
class IpvsService:
    """One virtual service of a node's IPVS table with its real servers as (address, port, weight or None: not known)."""

    protocol: str
    ip: str
    port: int
    servers: tuple[tuple[str, int, int | None], ...]


@dataclass
class NodeFacts:
    """What the files of one node say about it.

    Attributes
    ----------
    sysctls : key to value.
    rules : its ``ip rule`` list, None when not in the export.
    ipvs : its IPVS table, None when not in the export, empty when the dump was empty.
    addresses : addresses of its interfaces, (interface, address text, prefix length).
    links : its interfaces, (index, name, MAC).
    routes : its routes, (destination, device, gateway, table).
    """

    sysctls: dict[str, str] = field(default_factory=dict)
    rules: list[IpRule] | None = None
    ipvs: list[IpvsService] | None = None
    addresses: list[tuple[str, str, int]] = field(default_factory=list)
    links: list[tuple[int, str, str]] = field(default_factory=list)
    routes: list[tuple[str, str, str, str]] = field(default_factory=list)


@dataclass
class Inventory:
    """The cluster as the export describes it.

    ``tables`` has rows for ``nodes``, ``enis``, ``pods``, ``services`` and ``endpoints``: dictionaries with
    exactly the fields of that table in ``schemas/tables``. Addresses are canonical text, lists are sorted
    lists of text, times are microseconds since the epoch or None, everything unknown is None. ``facts`` is
    by node name. ENI rows have ``node`` None until they are joined with the nodes' ``instance_id``. ``snapshots`` are lists
    of Kubernetes with a time, in the order they were read, until ``finish_inventory`` makes rows of them. ``cni`` is what the
    network plug-in says of pods and ENIs, which counts where neither Kubernetes nor the cloud say it. ``dataplanes`` is what ``export.toml``
    says of nodes: patterns of their names, each with a data plane; of several that match the last counts.
    """

    tables: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {name: [] for name in ("nodes", "enis", "pods", "services", "endpoints")}
    )
    facts: dict[str, NodeFacts] = field(default_factory=dict)
    snapshots: list[Snapshot] = field(default_factory=list)
    cni: Inventory | None = None
    dataplanes: list[tuple[str, str]] = field(default_factory=list)

    def dataplanes_of(self, names: Iterable[str] = ()) -> dict[str, str]:
        """Data planes of nodes of which ``export.toml`` or the list of nodes tells one.

        Parameters
        ----------
        names : of nodes that may be in no list.
        """
        told = {row["name"]: row["dataplane"] for row in self.tables["nodes"] if row["dataplane"]}
        placed = {row["node"] for table in ("enis", "pods") for row in self.tables[table] if row["node"]}
        known = (
            {*names, *placed, *(row["name"] for row in self.tables["nodes"])} if self.dataplanes else set()
        )
        for pattern, dataplane in self.dataplanes:
            told |= {name: dataplane for name in known if fnmatchcase(name, pattern)}
        return told

    def has_list(self, table: str) -> bool:
        """Whether a list of the cluster fills a table; the network plug-in of a node knows that node's pods and ENIs alone."""
        told = {"pods": "phase", "enis": "vpc_id"}.get(table)
        return any(told is None or row[told] is not None for row in self.tables[table])

    def of_cni(self) -> Inventory:
        """What the network plug-in says, nothing when it is new."""
        self.cni = self.cni or Inventory()
        return self.cni

    def of_node(self, node: str) -> NodeFacts:
        """Facts of a node, empty when it is new."""
        return self.facts.setdefault(node, NodeFacts())
