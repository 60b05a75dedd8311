#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# After a move a reactive controller makes its own flows of those that were changed, under a probe: what it deletes when
# it hears of the move is back at once, and nothing of ours stays. It needs 300 ms for a flow; without a refresh every
# sender is cut off for that long when the controller deletes what it had made.
. "$(dirname "$0")/vm-common.sh"
command -v ovs-vswitchd >/dev/null || skip "needs openvswitch-switch"
command -v osken-manager >/dev/null || skip "needs python3-os-ken"
# 150 ms of a probe: what a busy machine may cost, and half of what a flow costs that is not there
rate=100
most_lost=${MOST_LOST:-15}

lab up 3 --fabric ovs
lab controller stop
lab controller start --setup-delay 300 --gateway-interval 1 --delete all
for place in far:host3 one:host1 two:host2; do
    lab endpoint "${place%:*}" --host "${place#*:}" >/dev/null
done
make_guest g
config=$LAB_STATE/refresh.toml
sed 's/^\[network\]/&\nrefresh = "controller"/' "$LAB_STATE/vmigrate.toml" >"$config"

flows() { lab exec "$1" ovs-ofctl -O OpenFlow14 --no-stats dump-flows br-int "$2"; }
mac=$(lab exec host1 virsh domiflist g | awk '/bridge/ {print $5}')
address() { lab exec "$1" ovs-appctl ovs/route/show | sed -n 's/.* SRC //p'; }
there=$(address host2)

# every sender has a flow to the guest
declare -A probes
for from in far one two; do
    "$LAB_TOP/lab/lab" --name "$TEST_LAB" probe --json --rate "$rate" --no-stream --seconds 300 \
        --from "$from" g >"$LAB_STATE/probe-$from.json" &
    probes[$from]=$!
done
sleep 2
vm start g --to host2 --config "$config" --set blackout-ceiling=10s >"$LAB_STATE/started" 2>&1 &
move=$!
on_host2() { [ "$(state_on host2 g)" = running ]; }
eventually 60 on_host2 || fail "no guest on host2: $(cat "$LAB_STATE/started")"
# as a cloud does when the guest runs there; the controller deletes its flows everywhere
lab location g host2
code=0
wait "$move" || code=$?
[ "$code" -eq 0 ] || fail "exit code $code: $(cat "$LAB_STATE/started")"
runs_only_on host2 g
eventually 10 none_own || fail "left on the switches: $(own_flows)"
sleep 1

for from in far one two; do
    kill -TERM "${probes[$from]}"
    wait "${probes[$from]}" || fail "the probe from $from failed"
    jq -e --argjson most "$most_lost" \
        '[.outward, .back | .sent > 500 and .lost <= $most and .duplicated == 0] | all' \
        "$LAB_STATE/probe-$from.json" >/dev/null || fail "from $from: $(cat "$LAB_STATE/probe-$from.json")"
    echo "from $from: $(jq -c '{outward, back}' "$LAB_STATE/probe-$from.json")"
done
# the controller's, and to where the guest is
for node in host1 host3; do
    flows "$node" "dl_dst=$mac" | grep "cookie=0x5d4c0001.*$there" >/dev/null ||
        fail "$node does not send to the guest: $(flows "$node" "dl_dst=$mac")"
    ! flows "$node" "dl_dst=$mac" | grep -v "$there" || fail "$node sends elsewhere, too"
done
[ "$(flows host2 "dl_dst=$mac" | grep -c 'cookie=0x5d4c0001.*actions=output')" -ge 2 ] ||
    fail "not the controller's on host2: $(flows host2 "dl_dst=$mac")"
! grep -i 'controller has not' "$LAB_STATE/started" || fail "not all was made anew"
