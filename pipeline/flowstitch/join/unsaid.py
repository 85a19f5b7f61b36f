"""What a flow log does not say of a row and its ENI tells: which way the row crossed it, and whether its addresses are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Flags, Words
    from flowstitch.ingest.model import Inventory
    from flowstitch.normalize.columns import Pools


def infer_directions(flows: Columns, inventory: Inventory, pools: Pools) -> Columns:
    """Columns of the table ``flows`` with ``direction`` filled in where the ENI owns one of the two addresses.

    A row whose source is an address of its ENI went out, one whose destination is came in. It stays null where the ENI
    owns both or neither: masqueraded traffic can leave by an ENI that owns neither address.
    """
    unsaid = (flows["direction"] == 0) & (flows["log_status"] == field("log_status").code("OK"))
    if not unsaid.any():
        return flows
    owned = _owned(inventory, pools)
    from_it, to_it = (
        _pairs(flows["eni"][unsaid], flows[side][unsaid], owned) for side in ("src_ip", "dst_ip")
    )
    codes = field("direction")
    direction = flows["direction"].copy()
    direction[unsaid] = np.select(
        [from_it & ~to_it, to_it & ~from_it], [codes.code("out"), codes.code("in")], 0
    )
    return flows | {"direction": direction}


def hidden_addresses(flows: Columns, inventory: Inventory, pools: Pools) -> Flags:
    """Rows of which nobody knows the addresses of the packets, shape (rows,), bool.

    A log without them names the ENI by its primary address, whichever of its addresses a packet had: only an ENI that is
    known to have a single address hides nothing.
    """
    unsaid: Flags = flows["interface_addresses"] == 1
    single = [eni["eni"] for eni in inventory.tables["enis"] if len(eni["ips"]) == 1]
    return unsaid & ~np.isin(flows["eni"], pools.names.codes(single))


def _owned(inventory: Inventory, pools: Pools) -> Words:
    """ENI and address of each address that an ENI owns, as one number, sorted."""
    rows = [(eni["eni"], ip) for eni in inventory.tables["enis"] for ip in eni["ips"]]
    enis = pools.names.codes(eni for eni, _ in rows).astype(np.uint64)
    addresses = pools.addresses.intern_texts([ip for _, ip in rows]).astype(np.uint64)
    return np.unique(enis << np.uint64(32) | addresses)


def _pairs(enis: NDArray[np.uint32], addresses: NDArray[np.uint32], owned: Words) -> Flags:
    return np.isin(enis.astype(np.uint64) << np.uint64(32) | addresses.astype(np.uint64), owned)
