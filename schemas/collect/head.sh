#!/bin/sh
# Gathers an export for flowstitch. It only reads: no setting of a node, a cluster or a cloud is changed, and nothing is
# written but files below ./export. A tool that is missing or fails is told, and the rest goes on.
#
#   sh collect.sh inventory      where kubectl and the cloud's command line work, best before and after the nodes
#   sh collect.sh node NAME      as root on a node, all nodes at the same time; NAME is what kubectl get nodes calls it
#
# Settings, from the environment:
#   EXPORT            directory to write to                                            [export]
#   EVENTS_S          seconds to record conntrack events for                           [600]
#   EVENTS_MAX_BYTES  the recording ends early when it has so many bytes               [1073741824]
#   BUFFER_BYTES      kernel memory for events that wait to be recorded                [16777216]
#   VPC               only the ENIs of this VPC                                        [all of the region]
#
# An export is richer where these were set before its connections began; setting them is yours to decide:
#   net.netfilter.nf_conntrack_acct=1       packets and bytes of every connection: 32 bytes an entry, an addition a packet
#   net.netfilter.nf_conntrack_timestamp=1  start and end to the nanosecond: 16 bytes an entry, the clock read twice for each
# Both hold for entries made from then on. What was gathered has names and addresses of pods: treat it as such.
set -eu
umask 077

say() {
  printf 'collect: %s\n' "$*" >&2
}

wrong_use() {
  say "$*; use: collect.sh inventory, or collect.sh node NAME"
  exit 2
}

part=${1:-}
node=${2:-}
case $part in
  inventory) ;;
  node) case $node in '' | . | .. | */*) wrong_use "'$node' is no name of a node" ;; esac ;;
  *) wrong_use "'$part' is nothing that can be gathered" ;;
esac

export_dir=${EXPORT:-export}
events_s=${EVENTS_S:-600}
events_max_bytes=${EVENTS_MAX_BYTES:-1073741824}
buffer_bytes=${BUFFER_BYTES:-16777216}
vpc=${VPC:-}
for number in "$events_s" "$events_max_bytes" "$buffer_bytes"; do
  case $number in '' | *[!0-9]*) wrong_use "'$number' is no whole number" ;; esac
done

# has TOOL WHAT: whether the tool is here; tells what is left out where it is not.
has() {
  if command -v "$1" >/dev/null 2>&1; then return 0; fi
  say "no $1 here, left out: $2"
  return 1
}

# keep FILE COMMAND...: a file of what the command prints. Until then its name is hidden, which flowstitch passes over.
keep() {
  kept=$1
  shift
  unfinished=${kept%/*}/.unfinished
  "$@" >"$unfinished" </dev/null || say "ended with $?: $*"
  if [ -s "$unfinished" ]; then
    mv "$unfinished" "$kept"
  else
    rm -f "$unfinished"
    say "printed nothing, left out: $*"
  fi
}
