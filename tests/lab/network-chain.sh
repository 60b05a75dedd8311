#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest goes around three hosts and back under a probe, and its controller does not hear of it (it would lose what
# comes while it makes its flows anew): nothing is duplicated, in the end every switch knows where it is, no host relays
# what is for its own guest, and nothing of ours stays.
#   MOST_LOST=N    in each direction. A guest whose network was not turned loses thousands; how few are lost is shown by
#                  network-handover.sh.
. "$(dirname "$0")/vm-common.sh"
command -v ovs-vswitchd >/dev/null || skip "needs openvswitch-switch"
command -v osken-manager >/dev/null || skip "needs python3-os-ken"
most_lost=${MOST_LOST:-1000}

lab up 3 --fabric ovs
lab controller stop
lab controller start --gateway-interval 1
lab endpoint outside --host gateway >/dev/null
make_guest g
nodes=(host1 host2 host3 gateway)

# what the switch says of the guest's last move
version_at() {
    lab exec "$1" ovs-vsctl get bridge br-int external_ids | sed -n 's/.*"vmigrate-[^"]*"="\([0-9]*\).*/\1/p'
}

"$LAB_TOP/lab/lab" --name "$TEST_LAB" probe --json --seconds 300 --from outside g >"$LAB_STATE/probe.json" &
probe=$!
sleep 1.5
kill -0 "$probe" 2>/dev/null || fail "the probe ended at once"
for there in host2 host3 host1; do
    expect_code 0 start g --to "$there" --set blackout-ceiling=10s
    ! own_flows "$there" | grep -F priority=60200 || fail "$there relays what is for its own guest"
done
sleep 1
kill -TERM "$probe"
wait "$probe" || fail "the probe failed: $(cat "$LAB_STATE/probe.json")"
jq -e --argjson most "$most_lost" '[.outward, .back | .sent > 1000 and .lost <= $most and .duplicated == 0] | all' \
    "$LAB_STATE/probe.json" >/dev/null || fail "lost or duplicated: $(cat "$LAB_STATE/probe.json")"
jq -e '.stream | .whole and (.reset | not)' "$LAB_STATE/probe.json" >/dev/null ||
    fail "the stream: $(cat "$LAB_STATE/probe.json")"
echo "three moves: $(jq -c '{outward: .outward, back: .back}' "$LAB_STATE/probe.json")"

runs_only_on host1 g
for node in "${nodes[@]}"; do
    [ "$(version_at "$node")" = 3 ] || fail "$node knows of another last move: $(version_at "$node")"
done
eventually 10 none_own || fail "left on the switches: $(own_flows)"
no_vmigrate_left
