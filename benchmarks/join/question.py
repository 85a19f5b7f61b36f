"""The question of suite ``join``, exact enough that every engine gives the same rows.

Input: ``conntrack``, one row per entry of a node, the DESTROY event that ended it, and ``flows``, one row per ENI, direction and window. All columns
are integers: addresses and names are numbers, times are microseconds. All is TCP, and all clocks agree.

- An entry began at ``start_at`` and had its last packet at ``seen_at`` - 120 s, the timeout of TIME_WAIT. It translates where its reply tuple, reversed, is
  another than its original tuple.
- A **wire** is a pair of endpoints (address, port), whichever of the two sends. An entry touches the wire of its original tuple, and that of its reply tuple.
- A **segment** is one lifetime of one wire. Entries of one wire belong to one segment when their starts are no more than 2 s apart. It begins with the
  first of them and ends with the last packet of any.
- A flow-log row covers a segment of its wire when its window, both ends ± 2 s and the second of the end included, meets the segment's lifetime.
- Rows that cover none make segments of their own, those of one wire that are no more than 300 s apart one: from the first ``window_start`` to the last second of
  ``window_end``, included. Its client is who sent a SYN without ACK (``tcp_flags``).
- A **path** is a chain of segments: an entry that translates leads from the segment of its original tuple to that of its reply tuple. Here one connection is
  translated once at most, and lifetimes of one tuple are 600 s apart at least.

Answer: one row per path. ``client``, ``dialled``: the tuple of its first segment. ``source``, ``server``: that of its last one. ``first``, ``last``:
over its segments. ``segments``, ``entries``, ``rows`` (of flow logs): how many. For each leg: its ENI, and the sums of packets and bytes; 0 where no row
shows it. A row that goes from client to server is a forward leg, ``out`` of or ``in`` to its ENI; the other way it is a return leg.
"""

from __future__ import annotations

LEGS = ("forward_out", "forward_in", "return_out", "return_in")
ENDS = ("client", "dialled", "source", "server")
KEY = ("client_ip", "client_port", "dialled_ip", "dialled_port", "first")
# How long conntrack keeps an entry in TIME_WAIT; how near starts are; how far a window reaches; when flow rows are another connection. µs.
HELD, NEAR, SLACK, GAP, SECOND = 120_000_000, 2_000_000, 2_000_000, 300_000_000, 1_000_000
SYN, ACK = 2, 16
IN, OUT = 1, 2
