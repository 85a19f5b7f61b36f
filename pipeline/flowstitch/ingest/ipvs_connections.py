"""Connection table of a node's IPVS: ``ipvsadm -Lnc``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog.protocols import protocol_names
from flowstitch.ingest.content import read_blocks
from flowstitch.ingest.lines import BLANK, TORN_LINE, Line, split_lines
from flowstitch.normalize.columns import NULL_TIME, null_columns, take_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowstitch.arrays import Columns
    from flowstitch.ingest.model import Account, Source
    from flowstitch.normalize.columns import Pools

_END = rb"\[?([0-9A-Fa-f:.]+?)\]?:([0-9]{1,5})"
# protocol, minutes:seconds until it expires, state, source, virtual, destination (ipvsadm.c, print_conn)
_ROW = re.compile(
    rb"\s*([A-Z]{2,4})\s+([0-9]{1,6}):([0-5][0-9])\s+([A-Z_0-9]{1,20})\s+"
    + rb"\s+".join([_END] * 3)
    + rb"(?:\s|$)"
)
_HEADERS = (b"IPVS connection entries", b"pro expire state")
_ENDS = ("client", "virtual", "server")
HEADER, TEMPLATE, NOT_A_CONNECTION, NOT_A_PORT, NOT_AN_ADDRESS = (
    "header",
    "persistence template",
    "not an IPVS connection",
    "bad port",
    "bad address",
)

# Line, protocol, seconds until it expires, state, addresses and ports of the ends.
Row = tuple[Line, int, int, bytes, list[bytes], tuple[int, int, int]]


def read_ipvs_connections(source: Source, pools: Pools, account: Account) -> Iterator[Columns]:
    """Read an IPVS connection table.

    Parameters
    ----------
    source : of kind ``ipvs-connections``.
    pools : get its addresses, its name, its node and its states.
    account : gets every line: parsed, skipped (header, template of a persistent service, which is no connection) or
        rejected.

    Yields
    ------
    Columns of the table ``ipvs_connections``, block by block.
    """
    numbers = {name.upper().encode(): number for number, name in enumerate(protocol_names())}
    for block in read_blocks(source.path, account):
        rows: list[Row] = []
        lines = list(split_lines(block))
        for line in lines:
            torn = not block.terminated and line is lines[-1]
            found = None if torn else _ROW.match(line.text)
            if found is None or found[1] not in numbers:
                _account_for(line, account, torn=torn)
                continue
            protocol, minutes, seconds, state, *ends = found.groups()
            ports = (int(ends[1]), int(ends[3]), int(ends[5]))
            if max(ports) > 65535:
                account.reject(line.number, line.byte_offset, NOT_A_PORT, line.text)
            elif ports[0] == 0:
                account.skipped[TEMPLATE] += 1
            else:
                expires = int(minutes) * 60 + int(seconds)
                rows.append((line, numbers[protocol], expires, state, ends[::2], ports))
        if rows:
            yield _columns(rows, source, pools, account)


def _account_for(line: Line, account: Account, *, torn: bool) -> None:
    """Account for a line that is no connection."""
    text = line.text.strip()
    if not text or text.startswith(_HEADERS):
        account.skipped[HEADER if text else BLANK] += 1
        return
    account.incomplete |= torn
    account.reject(line.number, line.byte_offset, TORN_LINE if torn else NOT_A_CONNECTION, line.text)


def _columns(rows: list[Row], source: Source, pools: Pools, account: Account) -> Columns:
    """Columns of rows; one with what looks like an address and is none goes to the account."""
    out = null_columns("ipvs_connections", len(rows))
    out["source"][:] = pools.names.code(source.name)
    out["node"][:] = pools.names.code(source.node)
    out["seen_at"][:] = NULL_TIME if source.taken_at is None else source.taken_at
    lines, out["protocol_number"][:], out["timeout_s"][:], states, ips, ports = zip(*rows, strict=True)
    out["line"][:] = [line.number for line in lines]
    out["ipvs_state"] = pools.names.codes(state.decode() for state in states)
    known = np.ones(len(rows), np.bool_)
    for end, its_ips, its_ports in zip(_ENDS, zip(*ips, strict=True), zip(*ports, strict=True), strict=True):
        # many connections, few addresses
        places = {ip: place for place, ip in enumerate(dict.fromkeys(its_ips))}
        found = pools.addresses.intern_texts([ip.decode() for ip in places])
        out[f"{end}_ip"] = found[[places[ip] for ip in its_ips]]
        out[f"{end}_port"][:] = its_ports
        known &= out[f"{end}_ip"] != 0
    for row in np.flatnonzero(~known).tolist():
        line = lines[row]
        account.reject(line.number, line.byte_offset, NOT_AN_ADDRESS, line.text)
    account.parsed += int(np.count_nonzero(known))
    return take_columns(out, known)
