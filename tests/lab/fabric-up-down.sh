#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# "lab up --fabric ovs" touches nothing of the machine, lives beside another lab, clears what a killed one left,
# and leaves nothing.
. "$(dirname "$0")/lab-common.sh"
command -v ovs-vswitchd >/dev/null || skip "needs openvswitch-switch"
command -v osken-manager >/dev/null || skip "needs python3-os-ken"
other() { "$LAB_TOP/lab/lab" --name "$TEST_LAB-ep" "$@"; }
trap 'lab down; other down' EXIT

machine() {
    ip -o link
    ip -o addr
    ls -d /etc/openvswitch /run/openvswitch /srv/* 2>/dev/null || true
    ls /etc/openvswitch /run/openvswitch 2>/dev/null || true
}
switch_pids() {
    local ns
    for ns in $(ip netns | cut -d ' ' -f 1 | grep "^vml-$TEST_LAB-"); do ip netns pids "$ns"; done |
        while read -r pid; do
            case $(cat "/proc/$pid/comm" 2>/dev/null) in ovs*) echo "$pid" ;; esac
        done
}

before=$(machine)
lab up 2 --fabric ovs
lab down
for delay in 1 2 3; do
    "$LAB_TOP/lab/lab" --name "$TEST_LAB" up 3 --fabric ovs 2>/dev/null &
    pid=$!
    sleep "$delay"
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    ip netns | grep "^vml-$TEST_LAB-" >/dev/null || fail "nothing was left after $delay s, the test proves nothing"
done

lab up 2 --fabric ovs
other up 2 --fabric ovs --realtime-switches
! ip netns | grep "^vml-$TEST_LAB-host3" >/dev/null || fail "host3 of the killed run is left"
policy_of_switch() { "$1" exec host1 sh -c 'chrt -p $(cat /run/openvswitch/ovs-vswitchd.pid)' | grep -o 'SCHED_[A-Z]*'; }
[ "$(policy_of_switch lab) $(policy_of_switch other)" = "SCHED_OTHER SCHED_RR" ] || fail "how switches get a processor"
for l in lab other; do
    "$l" endpoint a --host host1 >/dev/null
    "$l" endpoint b --host host2 >/dev/null
done
for l in lab other; do
    "$l" probe --seconds 1 --from a b | grep -E '^outward +[0-9]+ sent: lost 0, duplicated 0,' >/dev/null ||
        fail "$l: a does not reach b"
done
lab endpoint --remove b
! lab exec host2 ovs-vsctl port-to-br vpc11 >/dev/null 2>&1 || fail "the port of a removed endpoint is left"
[ "$(machine)" = "$before" ] || fail "the machine changed while the labs were up"

pids=$(switch_pids)
[ "$(wc -w <<<"$pids")" -eq 12 ] || fail "not two processes for each of six switches: $(xargs <<<"$pids")"
lab down
other probe --seconds 1 --from a b >/dev/null || fail "the end of one lab reached the other"
other down
[ "$(machine)" = "$before" ] || fail "the machine changed"
! ip netns | grep "^vml-$TEST_LAB-" >/dev/null || fail "namespaces are left"
[ ! -e "$LAB_STATE" ] || fail "state is left"
for pid in $pids; do
    # one that has ended and was not reaped yet has no words
    words=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" || true)
    [ -z "$words" ] || fail "process $pid is left: $words"
done
lab down || fail "a second down fails"
