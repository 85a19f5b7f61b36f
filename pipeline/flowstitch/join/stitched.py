"""What the stages after the stitching share: the stitched rows, and the cluster they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.errors import UsageError
from flowstitch.join.coverage import coverage_of
from flowstitch.join.identity import name_hashes
from flowstitch.join.legs import eni_facts
from flowstitch.join.owners import Owners, local_addresses, within
from flowstitch.join.services import Services

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from flowstitch.arrays import Columns, Flags, Ints, Words
    from flowstitch.ingest.holdings import Holdings
    from flowstitch.ingest.model import Inventory
    from flowstitch.join.chains import Chains
    from flowstitch.join.classify import Translations
    from flowstitch.join.coverage import Coverage
    from flowstitch.join.dataplanes import Dataplanes
    from flowstitch.join.endpoints import Endpoints
    from flowstitch.join.entries import BucketEntries, Entries, Events
    from flowstitch.join.ipvs import IpvsMatches
    from flowstitch.join.legs import Enis, Legs
    from flowstitch.join.rows import BucketArrays
    from flowstitch.join.segments import BucketSegments, Segments, Sides
    from flowstitch.join.verdicts import Verdicts
    from flowstitch.join.windows import Windows
    from flowstitch.normalize.columns import Pools


@dataclass(frozen=True)
class Cluster:
    """The cluster as the export describes it, ready to be asked.

    Attributes
    ----------
    local : by address number, bool, addresses that never are a source on a wire.
    lb_source : by address number, bool, addresses that load balancers send from.
    hashes : by name code, uint64, hash of each name.
    stand_in : by address number, bool, ENIs' own addresses, by which masquerade replaces those of others.
    knows_insiders : the export has ENIs, or pods and nodes, so that an address which is none of them is outside.
    knows_services, knows_endpoints : the export has those, so that what they do not have is not there.
    dataplanes : of its nodes. plane_of : by name code of a node, place of its data plane among all of them.
    coverage : where conntrack and flow logs were whole, so that what they do not show was not there.
    """

    inventory: Inventory
    owners: Owners
    services: Services
    enis: Enis
    local: Flags
    lb_source: Flags
    hashes: Words
    stand_in: Flags
    knows_insiders: bool
    knows_services: bool
    knows_endpoints: bool
    coverage: Coverage
    dataplanes: Dataplanes
    plane_of: Ints
    pools: Pools


@dataclass(frozen=True)
class Stitched:
    """Rows stitched into chains of segments.

    Attributes
    ----------
    refused : shape (segments,), bool, ICMP errors refused the segment.
    ahead : by name code of a node, how far its clock is ahead of the common one, µs.
    """

    flows: Columns
    windows: Windows
    entries: Entries
    events: Events
    sides: Sides
    segments: Segments
    chains: Chains
    refused: Flags
    ahead: Ints
    ipvs: IpvsMatches


@dataclass(frozen=True)
class Joined:
    """All rows stitched into chains of segments, by the buckets of their wire keys; as in ``Stitched``, but what is large is asked for bucket by bucket.

    Attributes
    ----------
    windows : rows of a bucket are numbered from 0.
    """

    windows: BucketArrays[Windows]
    entries: BucketEntries
    sides: Sides
    segments: BucketSegments
    chains: Chains
    refused: Flags
    ahead: Ints
    ipvs: IpvsMatches


@dataclass(frozen=True)
class Paths:
    """What is known of each path; arrays of shape (paths,).

    Attributes
    ----------
    scenario, server_scenario : number of the scenario in the data plane, and in that of the server's node; the same where that is the same. reasons : why it is unclassified, a name code, 0 where it is not.
    match : enum code, whether every observer is there.
    snat_held_until : see ``flowstitch.join.ports``.
    drift : broken expectations, an index into ``drifts``. drifts : the distinct lists of them.
    """

    ends: Endpoints
    legs: Legs
    nat: Translations
    verdicts: Verdicts
    scenario: Ints
    server_scenario: Ints
    reasons: Ints
    match: Ints
    snat_held_until: Ints
    drift: Ints
    drifts: Sequence[list[str]]


def refuse_overlapping_vpcs(inventory: Inventory) -> None:
    """Refuse an inventory in which one address is in two VPCs: wire keys have no VPC.

    Raises
    ------
    UsageError with the first such address.
    """
    vpc_of: dict[str, str] = {}
    for row in sorted(inventory.tables["enis"], key=lambda row: (row["vpc_id"] or "", row["eni"])):
        for ip in row["ips"] or ():
            other = vpc_of.setdefault(ip, row["vpc_id"] or "")
            if row["vpc_id"] and other and other != row["vpc_id"]:
                raise UsageError(
                    f"{ip} is in {other} and {row['vpc_id']}; one run is one address space: run the VPCs apart."
                )


def know_cluster(
    held: Holdings, addresses: Sequence[dict[str, Any]], dataplanes: Dataplanes, pools: Pools
) -> Cluster:
    """Cluster of what an export holds, whose addresses, with those of all rows, are interned in ``pools``.

    Parameters
    ----------
    addresses : rows of the table ``addresses``.

    Raises
    ------
    UsageError when VPCs overlap.
    """
    inventory = held.inventory
    refuse_overlapping_vpcs(inventory)
    owners, services, enis = Owners(addresses, pools), Services(inventory, pools), eni_facts(inventory, pools)
    local = local_addresses(addresses, inventory, pools)
    lb_source = within({net for plane in dataplanes.all for net in plane.lb_source_networks}, pools)
    own = [
        row["primary_ip"]
        for row in inventory.tables["enis"]
        if dataplanes.of(row["node"]).masquerade_source == "eni"
    ]
    numbers = pools.addresses.intern_texts(own)
    stand_in = np.zeros(len(pools.addresses), np.bool_)
    stand_in[numbers[numbers > 0]] = True
    known = {name: inventory.has_list(name) for name in inventory.tables}
    pools.names.codes(dataplanes.by_node)
    # after all that gives names their codes, before what has an item for each
    coverage = coverage_of(held, pools)
    return Cluster(
        inventory, owners, services, enis, local, lb_source, name_hashes(pools), stand_in,
        known["enis"] or (known["pods"] and known["nodes"]),
        known["services"], known["services"] and known["endpoints"], coverage, dataplanes, dataplanes.numbers(pools), pools,
    )  # fmt: skip
