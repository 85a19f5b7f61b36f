# ---- Alibaba Cloud ----------------------------------------------------------------------------------------------------

# --pager puts the pages of all interfaces of the profile's region into one document.
gather_enis() {
  keep "$export_dir/inventory/enis.$(date +%s).json" \
    aliyun ecs DescribeNetworkInterfaces ${vpc:+--VpcId "$vpc"} --PageSize 100 --pager
}

list_terway_pods() {
  kubectl get pods -n kube-system -l app=terway-eniip \
    -o 'jsonpath={range .items[*]}{.metadata.name}{" "}{.spec.nodeName}{"\n"}{end}' </dev/null
}

# Which ENI has which address, as Terway itself has it; it exits with 1 where it finds a fault, and prints nevertheless.
gather_terway() {
  list_terway_pods | while read -r pod of_node; do
    mkdir -p "$export_dir/nodes/$of_node"
    keep "$export_dir/nodes/$of_node/terway-mapping.$(date +%s).txt" \
      kubectl exec -n kube-system "$pod" -c terway -- terway-cli mapping
  done
}

# Flow logs and access logs are not fetched here: they are of the past, and lie where they were delivered to.
#
#   VPC flow log      of the VPC, all traffic, interval 1 minute, delivered to a logstore of SLS (10 minutes tell less apart)
#   CLB, ALB access   layer-7 listeners only, delivered to a logstore of SLS
#
# In SLS ship each logstore to OSS (Data Processing > Export > OSS) as JSON, CSV with a header, or Parquet with every
# column, packed or not. Then fetch the objects of the time in question, or have flowstitch read them where they are:
#
#   aliyun oss cp -r oss://BUCKET/PREFIX/2026/11/23/ export/vpc-flow/
#   flowstitch run export/ oss://BUCKET/PREFIX/2026/11/23/ --out result/
if [ "$part" = inventory ]; then
  if has aliyun 'ENIs'; then gather_enis; fi
  if has kubectl 'the mapping of Terway'; then gather_terway; fi
fi
