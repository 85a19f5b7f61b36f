"""A table of connections, and the words of its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowstitch.simulator.columns import Rows

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
CLOSED, REFUSED, SILENT, DATAGRAMS = 0, 1, 2, 3


@dataclass
class Connections(Rows):
    """Connections; arrays of shape (n,).

    Attributes
    ----------
    number : from 0 over the whole simulation. case : see ``cases``. family : 0 IPv4, 1 IPv6. protocol : IANA number.
    fate : ``CLOSED``, ``REFUSED``, ``SILENT`` (nobody answers) or ``DATAGRAMS``.
    client, server : hosts. dialled : address number. client_port, dialled_port, server_port : of ICMP the echo identifier.
    entered : node whose port was dialled, -1 if none. chosen_port : the port that masquerade chose, 0 where it did not.
    service : -1 if none.
    pair : -k of a connection that a backend refused a load balancer, k of the one that it opened instead, else 0.
    start, rtt, end : first packet, round trip and last packet, µs. packets, octets and their ``back`` twins: both ways.
    reused : the five-tuple comes again. replaced_at : when, µs, if a later start lets the client's node drop the entry, else 0; ``replaced_there`` the
        same of the other nodes, which see that only if it goes to the same server.
    """

    number: Ints
    case: Ints
    family: Ints
    protocol: Ints
    fate: Ints
    client: Ints
    server: Ints
    dialled: Ints
    client_port: Ints
    dialled_port: Ints
    server_port: Ints
    entered: Ints
    chosen_port: Ints
    service: Ints
    pair: Ints
    start: Ints
    rtt: Ints
    end: Ints
    packets: Ints
    octets: Ints
    packets_back: Ints
    octets_back: Ints
    reused: Flags
    replaced_at: Ints
    replaced_there: Ints

    @property
    def echo(self) -> Flags:
        """Connections of ICMP."""
        return (self.protocol == ICMP) | (self.protocol == ICMPV6)
