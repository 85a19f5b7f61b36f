# ---- a node -----------------------------------------------------------------------------------------------------------

# What the connection tables hold now; the time in the name says when that was.
gather_tables() {
  now=$(date +%s)
  if has conntrack 'the list of connections'; then
    keep "$folder/conntrack-list.$now.txt" conntrack -L -o extended,id,ktimestamp
  fi
  if [ -n "$ipvs" ]; then keep "$folder/ipvsadm-Lnc.$now.txt" ipvsadm -Lnc; fi
}

# What changes seldom: routing, settings, virtual services.
gather_setup() {
  if has ip 'rules, addresses, interfaces and routes'; then
    keep "$folder/ip-rule.json" ip -j rule
    keep "$folder/ip-rule-6.json" ip -6 -j rule
    keep "$folder/ip-addr.json" ip -j addr
    keep "$folder/ip-link.json" ip -j link
    keep "$folder/ip-route-table-all.json" ip -j route show table all
  fi
  if has sysctl 'the settings of conntrack and IPVS'; then keep "$folder/sysctl.txt" print_settings; fi
  if [ -n "$ipvs" ]; then
    keep "$folder/ipvsadm-save.txt" ipvsadm-save -n
    # it prints nothing where there is no virtual service; a listing has a header, and so says that there is none
    if [ ! -f "$folder/ipvsadm-save.txt" ]; then keep "$folder/ipvsadm-Ln.txt" ipvsadm -Ln; fi
  fi
}

# sysctl complains of settings that nobody may read, and the others do not count.
print_settings() {
  sysctl -a 2>/dev/null | grep -E '^net\.(netfilter\.nf_conntrack_|ipv4\.vs\.)'
}

# ipvsadm loads the module ip_vs where it is not loaded: it is asked only where the kernel has these settings.
find_ipvs() {
  ipvs=
  if has sysctl 'IPVS' && sysctl -n net.ipv4.vs.conntrack >/dev/null 2>&1; then
    if has ipvsadm 'virtual services and connections of IPVS'; then ipvs=yes; fi
  fi
}

# Events while they happen. What conntrack says on stderr belongs to them: whether some were lost.
start_events() {
  conntrack -E -o timestamp,id,extended --buffer-size "$buffer_bytes" >"$folder/.events" 2>&1 </dev/null &
  events=$!
  trap stop_events EXIT
  trap 'exit 143' INT TERM
}

stop_events() {
  kill "$events" 2>/dev/null || :
  wait "$events" || :
}

wait_for_events() {
  say "records conntrack events of $node for $events_s s"
  left_s=$events_s
  while [ "$left_s" -gt 0 ] && kill -0 "$events" 2>/dev/null; do
    sleep 1
    left_s=$((left_s - 1))
    if [ "$(wc -c <"$folder/.events")" -gt "$events_max_bytes" ]; then
      say "stops $left_s s early: the events have more than $events_max_bytes bytes"
      break
    fi
  done
}

end_events() {
  stop_events
  trap - EXIT INT TERM
  if grep -q '^\[' "$folder/.events"; then
    mv "$folder/.events" "$folder/conntrack-events.log"
  else
    say "no event was recorded; conntrack said: $(tail -n 1 "$folder/.events")"
    rm -f "$folder/.events"
  fi
}

pack() {
  if has gzip 'packing'; then
    for file in "$folder"/conntrack-*.log "$folder"/conntrack-*.txt "$folder"/ipvsadm-Lnc.*.txt; do
      if [ -f "$file" ]; then nice gzip -f "$file"; fi
    done
  fi
}

gather_node() {
  folder=$export_dir/nodes/$node
  mkdir -p "$folder"
  find_ipvs
  if has conntrack 'events'; then
    # first, so that nothing that comes up during the rest is missed
    start_events
    sleep 1
    gather_tables
    gather_setup
    wait_for_events
    gather_tables
    end_events
  else
    gather_tables
    gather_setup
  fi
  pack
}

if [ "$part" = node ]; then gather_node; fi
