#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Metrics are what promtool takes, go into a file at once, and are served on loopback.
source "$(dirname "$0")/functions.sh"
requires promtool
requires python3

configure </dev/null
promtool_takes() { promtool check metrics <"$1" >"$work/promtool" 2>&1 || fail "promtool: $(cat "$work/promtool")"; }

run 0 metrics
promtool_takes "$work/out"
out_has 'vmigrate_migrations_total{outcome="moved"} 0'
[[ ! -e $work/history.db ]] || fail "reading made a history"

# into a file
run 0 metrics --output "$work/vmigrate.prom"
[[ ! -s $work/out ]] || fail "something on stdout"
promtool_takes "$work/vmigrate.prom"
[[ $(stat -c %a "$work/vmigrate.prom") == 644 ]] || fail "another user cannot read it"
refused 3 "nowhere/vmigrate.prom" metrics --output "$work/nowhere/vmigrate.prom"
[[ -z $(find "$work" -name 'vmigrate.prom.*') ]] || fail "a draft is left"

# served; the port is one that nobody has
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$VMIGRATE" metrics --listen "$port" 2>"$work/err" &
server=$!
cleanups+=("kill $server 2>/dev/null")
get() {
    python3 -c 'import sys, urllib.request as u
print(u.urlopen(sys.argv[1], timeout=5).read().decode(), end="")' "http://127.0.0.1:$port$1" >"$work/got" 2>/dev/null
}
for _ in {1..50}; do
    ! get /metrics || break
    sleep 0.1
done
get /metrics || fail "no answer on port $port"
promtool_takes "$work/got"
! get / || fail "something else is served"
refused 3 "cannot listen on 127.0.0.1 port $port" metrics --listen "$port"

refused 2 "--listen '0'" metrics --listen 0
refused 2 "--listen '1.2.3.4:'" metrics --listen 1.2.3.4:
refused 2 "one format" metrics --json
refused 2 "excludes" metrics --listen 1 --output x

# rules for alerts name what there is
promtool check rules "$SOURCE_DIR/conf/prometheus/vmigrate.rules.yml" >"$work/promtool" 2>&1 ||
    fail "promtool: $(cat "$work/promtool")"
run 0 metrics
while read -r name; do
    grep -q "^$name" "$work/out" || [[ $name == vmigrate_last_migration_timestamp_seconds ]] ||
        fail "no metric is called $name"
done < <(grep -ohE 'vmigrate_[a-z_]+' "$SOURCE_DIR"/conf/prometheus/vmigrate.rules.yml \
    "$SOURCE_DIR"/conf/grafana/vmigrate.json | sort -u)
python3 -m json.tool "$SOURCE_DIR/conf/grafana/vmigrate.json" >/dev/null || fail "the dashboard is no JSON"
