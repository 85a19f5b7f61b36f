-- title: Whom do pods and nodes dial outside the cluster, and with which address do they leave?
-- why: Where the cloud translates, pods leave with their own address by their own ENI; where the node does, by its primary ENI with its address. The other way round it is the wrong gateway or address list.
-- grain: one row per client node, kind of client, destination, port, translation and ENI
-- needs: conntrack of the clients' nodes; flow logs for the ENI, which is null without them.
-- columns:
--   client_node: Node of the clients.
--   client_kind: pod or node.
--   dialled_ip: Destination.
--   dialled_port: Its port; null where the protocol has none.
--   protocol: Protocol.
--   leaves_as: client: its own address; node: a node put its address in place; other: another one did; null where only a flow log saw it.
--   forward_out_eni: ENI by which the requests left; null where it was not observed.
--   forward_out_eni_role: Its role.
--   connections: Connections.
--   clients: Different client addresses.
--   unanswered: Connections that got no answer.
--   forward_bytes: IP bytes of the requests; null where nobody counted.
--   return_bytes: IP bytes of the replies; null where nobody counted.
select
    client_node, client_kind, dialled_ip, dialled_port, protocol, leaves_as, forward_out_eni, forward_out_eni_role,
    connections, clients, unanswered, forward_bytes, return_bytes
from outside_counts
order by connections desc, client_node, client_kind, dialled_ip, dialled_port, protocol, leaves_as, forward_out_eni
