#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmigrate net with a guest that no libvirt knows: what only the switches know to be wrong is one line and changes
# nothing on them; the steps by separate processes turn the network, or leave it as it was.
set -euo pipefail
# shellcheck source=tests/lab/switches-common.sh
. "$(dirname "${BASH_SOURCE[0]}")/switches-common.sh"
vmigrate=$build/src/cli/vmigrate
[ -x "$vmigrate" ] || fail "no $vmigrate: build it first"

start a 2 5:guest-card
start b 4 9:guest-card
start c 3
mac=52:54:00:00:00:01
flows() { # as a controller leaves them while the guest is on a; PRIORITY of one that serves it
    local name
    for name in a b c; do ofctl "$name" del-flows; done
    ofctl a add-flow "cookie=7,priority=60050,in_port=64200,tun_id=100,dl_dst=$mac,actions=output:5"
    ofctl a add-flow "cookie=7,priority=$1,in_port=2,dl_dst=$mac,actions=output:5"
    ofctl b add-flow "cookie=7,priority=60050,in_port=4,dl_dst=$mac,actions=set_field:100->tun_id,set_field:10.0.0.1->tun_dst,output:64200"
    ofctl c add-flow "cookie=7,priority=60050,in_port=3,dl_dst=$mac,actions=set_field:100->tun_id,set_field:10.0.0.1->tun_dst,output:64200"
}
# configure [SED_SCRIPT]
configure() {
    for name in a b c; do
        local section=hosts
        [ "$name" != c ] || section=peers
        echo "[$section.$name]"
        [ "$name" = c ] || echo "uri = \"test://$dir/$name.xml\""
        echo "openflow = \"unix:$dir/$name/$name.mgmt\""
        echo "ovsdb = \"unix:$dir/$name/db.sock\""
        echo "bridge = \"$name\""
        echo "tunnel-address = \"10.0.0.$(($(printf '%d' "'$name") - 96))\""
    done | cat - <(printf '[network]\nbackend = "ovs"\nrelay-idle = "1s"\n[history]\npath = "%s/history.db"\n' "$dir") |
        sed -e "${1-}" >"$dir/vmigrate.toml"
}
export VMIGRATE_CONFIG=$dir/vmigrate.toml
guest=(--from a --to b --uuid 2c7e5a4e-7d0b-4c0e-9a4f-6f1f3a1b2c3d --card "$mac,guest-card")

all() {
    local name
    for name in a b c; do
        echo "$name: $(ofctl "$name" dump-flows --no-stats | sort) $(vsctl "$name" get bridge "$name" external_ids)"
    done
}
# refused CODE TEXT STEP [OPTION...]
refused() {
    local wanted=$1 text=$2 before code=0 said
    shift 2
    before=$(all)
    said=$("$vmigrate" net "$@" 2>&1) || code=$?
    [ "$code" -eq "$wanted" ] || fail "net $*: exit code $code instead of $wanted: $said"
    [ "$(wc -l <<<"$said")" -eq 1 ] || fail "net $*: not one line: $said"
    [[ $said == *"$text"* ]] || fail "net $*: not '$text': $said"
    [ "$(all)" = "$before" ] || fail "net $*: something has changed: $before -> $(all)"
}

flows 60050
configure '/^bridge = "a"/s/a"/nobody"/'
refused 2 "switch of a: it has no bridge 'nobody'" lock "${guest[@]}"
configure '/^bridge = "b"/s/b"/nobody"/'
refused 2 "switch of b: it has no bridge 'nobody'" lock "${guest[@]}"
configure 's/b\.mgmt/nobody.mgmt/'
refused 3 "switch of b: " lock "${guest[@]}"
configure '/^bridge = "a"/a tunnel-port = 7'
refused 2 "switch of a: bridge a has no port 7 for tunnels; set tunnel-port of a" lock "${guest[@]}"
configure
refused 2 "no port for the guest's card 52:54:00:00:00:02 (iface-id 'nobody')" lock "${guest[@]}" \
    --card 52:54:00:00:00:02,nobody
refused 2 "the guest's location is not locked" unlock-begin "${guest[@]}"

# relays have to be above all that serves the guest
flows 61000
refused 2 "switch of a: the guest's flow table=0, priority=61000,in_port=2,dl_dst=$mac would not be below relays, whose \
priority is 60200; set relay-priority in [network] to 61001 or more" lock "${guest[@]}"
flows 65535
refused 2 "lower it" lock "${guest[@]}"
flows 61000
configure '/^relay-idle/a relay-priority = 61001'
"$vmigrate" net lock "${guest[@]}"
"$vmigrate" net rollback "${guest[@]}"
configure
flows 60050

step() { timeout 20 "$vmigrate" net "$@" "${guest[@]}" || fail "net $1: exit code $?"; }
begun() { [ "$(own_flows b | wc -l)" -ge 1 ]; }
begin() {
    step lock
    step lock
    timeout 30 "$vmigrate" net unlock-begin "${guest[@]}" &
    follower=$!
    eventually 5 begun || fail "nothing was copied"
}
none_own() { [ -z "$(own_flows a)$(own_flows b)$(own_flows c)" ]; }
without_notes() { all | sed 's/{.*//'; }

# separate processes: back
before=$(without_notes)
begin
step rollback
wait "$follower" || fail "unlock-begin: exit code $?"
[ "$(without_notes)" = "$before" ] || fail "after rollback: $before -> $(without_notes)"
step rollback

# and forth: what came by the tunnel to the guest comes to it on b, its senders on a reach it there
begin
step unlock-commit
wait "$follower" || fail "unlock-begin: exit code $?"
step unlock-commit
ofctl b dump-flows --no-stats | grep -F "in_port=64200,dl_dst=$mac actions=output:9" >/dev/null ||
    fail "on b: $(ofctl b dump-flows)"
ofctl b dump-flows --no-stats | grep -F "in_port=4,dl_dst=$mac actions=output:9" >/dev/null ||
    fail "b's sender: $(ofctl b dump-flows)"
ofctl a dump-flows --no-stats | grep -F "in_port=2,dl_dst=$mac actions=set_field:0x64->tun_id,set_field:10.0.0.2->tun_dst,output:64200" >/dev/null ||
    fail "a's sender: $(ofctl a dump-flows)"
ofctl c dump-flows --no-stats | grep -F "10.0.0.2->tun_dst" >/dev/null || fail "c's sender: $(ofctl c dump-flows)"
"$vmigrate" net relay clean --all
none_own || fail "left: $(own_flows a) $(own_flows b) $(own_flows c)"
echo "input and steps as told"
