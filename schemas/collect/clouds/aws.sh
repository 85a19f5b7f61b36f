# ---- AWS --------------------------------------------------------------------------------------------------------------

# aws asks for page after page and prints one document.
gather_enis() {
  keep "$export_dir/inventory/enis.$(date +%s).json" \
    aws ec2 describe-network-interfaces ${vpc:+--filters "Name=vpc-id,Values=$vpc"} --output json
}

# Flow logs and access logs are not fetched here: they are of the past, and lie where they were delivered to.
#
#   VPC flow log      of the VPC, all traffic, interval 60 s, delivered to S3 as text or Parquet; the default format will not
#                     do: without pkt-srcaddr and pkt-dstaddr it names interfaces instead of pods. The format that tells all:
#                       ${version} ${interface-id} ${flow-direction} ${protocol} ${pkt-srcaddr} ${srcport} ${pkt-dstaddr}
#                       ${dstport} ${tcp-flags} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}
#   ALB, Classic ELB  access logs, delivered to S3; of NLB there is none with a backend in it
#
# Fetch the objects of the time in question, or have flowstitch read them where they are:
#
#   aws s3 cp --recursive s3://BUCKET/AWSLogs/ACCOUNT/vpcflowlogs/REGION/2026/11/23/ export/vpc-flow/
#   flowstitch run export/ s3://BUCKET/AWSLogs/ACCOUNT/vpcflowlogs/REGION/2026/11/23/ --out result/
if [ "$part" = inventory ]; then
  if has aws 'ENIs'; then gather_enis; fi
fi
