#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# start gives its result while the source still relays; a process of its own drains, says how that went, and leaves
# nothing of ours. A later move takes over, a sender that was not updated is named, and what a death leaves is seen to by
# recover.
. "$(dirname "$0")/vm-common.sh"
command -v ovs-vswitchd >/dev/null || skip "needs openvswitch-switch"
command -v osken-manager >/dev/null || skip "needs python3-os-ken"
FAULT=$BUILD/tests/fault/sync_fault.so
[ -e "$FAULT" ] || fail "no $FAULT: build it first"

lab up 3 --fabric ovs
lab endpoint far --host host3 >/dev/null
make_guest g
mac=$(lab exec host1 virsh domiflist g | grep -oE '([0-9a-f]{2}:){5}[0-9a-f]{2}')

some_own() { ! none_own; }
nothing_left() { eventually 10 none_own || fail "left on the switches after $1: $(own_flows)"; }
drain_of() { vm show "$1" --json | jq -c .drain; }
drain_is() { [ "$(drain_of "$1" | jq -r .state)" = "$2" ]; }
ended_as() { eventually 15 drain_is "$1" "$2" || fail "the drain of migration $1 is not $2: $(drain_of "$1")"; }
nobody_drains() { ! lab exec admin pgrep -x vmigrate >/dev/null; }

# as a cloud does when it hears of a move; until its controller has deleted what it believed before, which may be after
# a second on a slow machine
hear_of() { lab location g "$1" --wait; }

# vm_with FAULT ARGUMENT...
vm_with() {
    local fault=$1
    shift
    lab exec admin env LD_PRELOAD="$FAULT" VMIGRATE_FAULT="$fault" "$VMIGRATE" "$@"
}

# move HOST [SIGNAL]: its result in $out, its id in $id; the drain gets the signal at once
move() {
    local to=$1
    out=$(vm_with count start g --to "$to" --no-measure --set blackout-ceiling=10s --json 2>&1 | tee "$LAB_STATE/said" | grep '"event":"result"') || fail "no move to $to"
    [ "$(jq -r .outcome <<<"$out")" = moved ] || fail "to $to: $out"
    id=$(jq -r .id <<<"$out")
    drain=$(jq -r .drain.process_id <<<"$out")
    [ $# -eq 1 ] || lab exec admin kill "-$2" "$drain"
    runs_only_on "$to" g
}

"$LAB_TOP/lab/lab" --name "$TEST_LAB" probe --json --seconds 300 --from far g >"$LAB_STATE/probe.json" 2>&1 &
sleep 1.5

# the result comes first, the end of the drain later
move host2
[ "$(jq -r .drain.state <<<"$out")" = draining ] || fail "start waited for the drain: $out"
jq -e .drain.process_alive <<<"$out" >/dev/null || fail "nobody drains: $out"
ended_as "$id" drained
nothing_left "a drain"
jq -e '.relayed_packets > 0 and .stale_senders == [] and .problems == []' < <(drain_of "$id") >/dev/null ||
    fail "not what a drain ends with: $(drain_of "$id")"
expect_code 0 net drain "$id"
[[ $out == *"drained, "*"relayed"* ]] || fail "it does not tell how it went: $out"
echo "drained: $(drain_of "$id")"

# the guest may move on at once; then killed while it drains
hear_of host2
move host1 STOP
first=$id stopped=$drain
move host2 KILL
lab exec admin kill -CONT "$stopped"
ended_as "$first" overtaken
eventually 5 nobody_drains || fail "somebody drains"
[[ $(vm status) == *"its process is gone: vmigrate recover $id"* ]] || fail "status does not tell: $(vm status)"
some_own || fail "nothing was left to be drained"
expect_code 0 recover
ended_as "$id" drained
nothing_left "a drain that was killed"
echo "overtaken: $(drain_of "$first")"

# a sender that goes on to be sent to the old host, as by a controller with an outdated view, is named
hear_of host2
lab exec host3 ovs-ofctl -O OpenFlow14 dump-flows br-int "dl_dst=$mac" >"$LAB_STATE/flows"
actions=$(sed -n 's/.*actions=\(.*tun_dst.*\)/\1/p' "$LAB_STATE/flows" | sed -n 1p)
[ -n "$actions" ] || fail "no flow sends to the guest: $(cat "$LAB_STATE/flows")"
while :; do
    lab exec host3 ovs-ofctl -O OpenFlow14 mod-flows br-int "dl_dst=$mac,actions=$actions" || break
done &
outdated=$!
move host1
ended_as "$id" alarm
# those and only those; the controller is outdated, too, and a late answer of it may have made the gateway so
outdated_nodes() {
    local node
    for node in host3 gateway; do
        ! lab exec "$node" ovs-ofctl -O OpenFlow14 dump-flows br-int "dl_dst=$mac" |
            grep "set_field:10.78.0.12->tun_dst" >/dev/null || echo "$node"
    done
}
[ "$(drain_of "$id" | jq -r '.stale_senders[]')" = "$(outdated_nodes)" ] ||
    fail "named: $(drain_of "$id"), not: $(outdated_nodes)"
expect_code 4 net drain "$id"
[[ $out == *"senders that were not updated: host3"* ]] || fail "not named: $out"
some_own || fail "the relay is gone while it is needed"
kill "$outdated"
wait "$outdated" 2>/dev/null || true
echo "alarm: $(drain_of "$id")"
hear_of host1
nothing_left "an alarm"

# killed between the commit and the drain
syncs=$(sed -n 's/^syncs //p' "$LAB_STATE/said")
here=host1
for before_end in 2 6; do
    nothing_left "the move before"
    there=host1
    [ "$here" = host2 ] || there=host2
    vm_with "kill:$((syncs - before_end))" start g --to "$there" --no-measure >"$LAB_STATE/killed" 2>&1 || true
    vm_code recover
    [ "$code" -eq 0 ] || [ "$code" -eq 1 ] || fail "recover ended with $code: $out"
    here=$(where_is g)
    runs_only_on "$here" g
    echo "killed $before_end syncs before the end: $(vm show g --json | jq -c '[.phase, .outcome, .drain.state]')"
done
nothing_left "a start that was killed"

# a guest that was started again before its network was drained has another port, and is reached there
there=host1
[ "$here" = host2 ] || there=host2
move "$there" KILL
hear_of "$there"
lab exec "$there" virsh -q destroy g
lab exec "$there" virsh -q start g
expect_code 0 recover
ended_as "$id" drained
nothing_left "a guest that was started again"
eventually 60 lab set g dirty-rate=1M 2>/dev/null ||
    fail "nothing reaches it: $(lab exec "$there" ovs-ofctl -O OpenFlow14 dump-flows br-int)"
eventually 5 nobody_drains || fail "a process is left"
