#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# start --probe: what a guest's network lost while it moved is measured, told, and in the history; what is not to be
# reached keeps the guest where it is.
. "$(dirname "$0")/vm-common.sh"
two_hosts
make_guest g --memory 128M --workload "dirty-rate=5M"
address=10.81.0.100 # of the lab's first guest

# the admin machine does not reach the guests' network by itself, and nobody has the other address
for silent in "$address" 10.79.0.99; do
    expect_code 3 start g --to host2 --probe "$silent"
    grep -q "$silent.*nothing was touched" <<<"$out" || fail "not said: $out"
done
expect_code 2 start g --to host2 --probe web1
runs_only_on host1 g
[ "$(vm history --json | wc -l)" -eq 0 ] || fail "a migration began: $(vm history)"

ip link add guest netns "vml-$TEST_LAB-admin" type veth peer name admin-guest netns "vml-$TEST_LAB-fabric"
ip -n "vml-$TEST_LAB-fabric" link set admin-guest master br-guest up
ip -n "vml-$TEST_LAB-admin" addr add 10.81.0.2/24 dev guest
ip -n "vml-$TEST_LAB-admin" link set guest up

# Bridges learn where the guest is from what it says on arrival; before, what is sent meets a guest that stands still.
vm start g --to host2 --probe "$address" --json --set blackout-ceiling=10s >"$LAB_STATE/moved" || fail "did not move: $(tail -n 1 "$LAB_STATE/moved")"
runs_only_on host2 g
result=$(tail -n 1 "$LAB_STATE/moved")
echo "$(jq -c '{total_ms, blackout_us, probe_sent, probe_lost, probe_duplicated, probe_reordered, probe_longest_gap_us}' <<<"$result")"
jq -e '.probe_sent > .total_ms / 4 and .probe_sent < 2 * (.total_ms + 5000)' <<<"$result" >/dev/null || fail "asked too seldom, or too often: $result"
jq -e '.probe_lost < .probe_sent / 2' <<<"$result" >/dev/null || fail "most got lost: $result"
# who stands still does not answer
jq -e '.probe_longest_gap_us >= .blackout_us * 0.9' <<<"$result" >/dev/null || fail "the gap is shorter than the blackout: $result"
jq -e '.probe_longest_gap_us < .blackout_us + 400000' <<<"$result" >/dev/null || fail "the gap is much longer than the blackout: $result"
id=$(jq .id <<<"$result")
for name in probe_sent probe_lost probe_duplicated probe_reordered probe_longest_gap_us; do
    measured=$(jq ".$name" <<<"$result")
    [ "$(vm show "$id" --json | sed -n 1p | jq ".$name")" = "$measured" ] || fail "show has another $name"
    [ "$(vm history --json | jq "select(.id == $id) | .$name")" = "$measured" ] || fail "history has another $name"
    vm history --csv | sed -n 1p | tr , '\n' | grep -x "$name" >/dev/null || fail "no $name in CSV"
done
vm show "$id" | grep -E "^ *network .*lost $(jq .probe_lost <<<"$result") of $(jq .probe_sent <<<"$result"), " >/dev/null || fail "show: $(vm show "$id")"

# a link that is cut for a while costs what is asked meanwhile
vm start g --to host1 --probe "$address" --json --no-measure --bandwidth 20MiB/s --compression off --set blackout-ceiling=10s >"$LAB_STATE/cut" &
moving=$!
sleep 2
ip -n "vml-$TEST_LAB-fabric" link set admin-guest down
sleep 1
ip -n "vml-$TEST_LAB-fabric" link set admin-guest up
wait "$moving" || fail "did not move: $(tail -n 1 "$LAB_STATE/cut")"
tail -n 1 "$LAB_STATE/cut" | jq -e '.probe_lost > 400 and .probe_longest_gap_us > 900000' >/dev/null || fail "the cut does not show: $(tail -n 1 "$LAB_STATE/cut")"

# without it there is nothing
vm start g --to host2 --json --no-measure --set blackout-ceiling=10s | tail -n 1 | jq -e '.probe_sent == null and .probe_lost == null' >/dev/null || fail "measured unasked"
