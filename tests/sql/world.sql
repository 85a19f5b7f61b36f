-- Two nodes in two zones, with a primary and a secondary ENI and two pods each; a service with a backend on either node.
insert into nodes (name, internal_ips, zone_id, proxy_mode, undated) values
    ('a', ['10.0.0.1'], 'zone-1', 'ipvs', true), ('b', ['10.0.0.2'], 'zone-2', 'ipvs', true);
insert into enis (eni, role, node, ips, undated) values
    ('a-pri', 'primary', 'a', ['10.0.0.1'], true), ('a-sec', 'secondary', 'a', ['10.0.1.1', '10.0.1.2'], true),
    ('b-pri', 'primary', 'b', ['10.0.0.2'], true), ('b-sec', 'secondary', 'b', ['10.0.2.1', '10.0.2.2'], true);
insert into addresses (ip, owner_kind, owner, node, undated) values
    ('10.0.0.1', 'node', 'a', 'a', true), ('10.0.0.2', 'node', 'b', 'b', true),
    ('10.0.1.1', 'pod', 'ns/a1', 'a', true), ('10.0.1.2', 'pod', 'ns/a2', 'a', true),
    ('10.0.2.1', 'pod', 'ns/b1', 'b', true), ('10.0.2.2', 'pod', 'other/b2', 'b', true);
insert into pods (namespace, name, node, ips, undated) values
    ('ns', 'a1', 'a', ['10.0.1.1'], true), ('ns', 'a2', 'a', ['10.0.1.2'], true),
    ('ns', 'b1', 'b', ['10.0.2.1'], true), ('other', 'b2', 'b', ['10.0.2.2'], true);
insert into services (namespace, name, service_type, protocol, port, node_port, cluster_ips, lb_ips, external_traffic_policy, undated) values
    ('ns', 'web', 'LoadBalancer', 'tcp', 80, 30080, ['192.168.0.1'], ['203.0.113.9'], 'Cluster', true);
insert into endpoints (service, protocol, port, endpoint_ip, node, pod, ready, undated) values
    ('ns/web', 'tcp', 8080, '10.0.1.2', 'a', 'ns/a2', true, true), ('ns/web', 'tcp', 8080, '10.0.2.1', 'b', 'ns/b1', true, true);
insert into sources (source, kind, node, rows, parsed, skipped, rejected, first_seen, last_seen, warnings) values
    ('a/events', 'conntrack-events', 'a', 9, 9, 0, 0, '2026-01-01 00:00:00', '2026-01-01 01:00:00', []),
    ('b/events', 'conntrack-events', 'b', 9, 9, 0, 0, '2026-01-01 00:00:00', '2026-01-01 01:00:00', []);
insert into scenarios (dataplane, scenario, sop, title, kernel_stacks, expected_return_lands_on) values
    ('dp', 'pod-to-pod-remote', 3, 'Pod to pod', 4, 'secondary'),
    ('dp', 'pod-to-lbip-cluster-remote', 5, 'Pod to load balancer', 4, 'primary');
