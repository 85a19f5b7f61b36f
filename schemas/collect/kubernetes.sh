# ---- the cluster ------------------------------------------------------------------------------------------------------

print_lists() {
  kubectl get nodes,pods,services,endpointslices -A -o json
}

# Containers, volumes and annotations can hold secrets and tell nothing of a path, but the identity of a load balancer.
print_lists_without_secrets() {
  print_lists | jq -c 'del(.items[].spec.containers, .items[].spec.initContainers, .items[].spec.ephemeralContainers,
    .items[].spec.volumes) | (.items[].metadata.annotations | values) |=
    with_entries(select(.key | test("load-?balancer-id$")))'
}

gather_kubernetes() {
  now=$(date +%s)
  if has jq 'the trimming of lists, which have all that pods are configured with'; then
    keep "$export_dir/inventory/kubernetes.$now.json" print_lists_without_secrets
  else
    keep "$export_dir/inventory/kubernetes.$now.json" print_lists
  fi
}

if [ "$part" = inventory ]; then
  mkdir -p "$export_dir/inventory"
  if has kubectl 'nodes, pods, services and endpoints'; then gather_kubernetes; fi
fi
