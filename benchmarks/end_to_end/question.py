"""What is compared in suite ``end-to-end``: the paths of which a node's conntrack saw a pod dial, over TCP or UDP.

One row per path, in any order: who dialled, what was dialled, who answered, and the ENI of the client's node by which the answer came; null where no flow
log has it. Connections of the same client, ports and answer are several equal rows.
"""

from __future__ import annotations

COLUMNS = (
    "protocol", "client_ip", "client_port", "dialled_ip", "dialled_port", "server_ip", "server_port", "client_node", "return_in_eni",
)  # fmt: skip
