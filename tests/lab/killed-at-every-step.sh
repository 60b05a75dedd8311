#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmigrate is killed after each durable step of a migration in turn, then interrupted there. After
# "recover" (or the interrupt) one guest runs, the history tells the truth, settings are as before.
. "$(dirname "$0")/vm-common.sh"
FAULT=$BUILD/tests/fault/sync_fault.so
[ -e "$FAULT" ] || fail "no $FAULT: build it first"
two_hosts
make_guest g --memory 128M --disk 16M:local --workload "memory=24M dirty-rate=10M"
since=$(lab clock)

faulty() { # FAULT ARGUMENT...
    local fault=$1
    shift
    code=0
    out=$(lab exec admin env LD_PRELOAD="$FAULT" VMIGRATE_FAULT="$fault" "$VMIGRATE" "$@" 2>&1) || code=$?
}
volumes_on() { lab exec "$1" virsh vol-list local | grep -c guest || true; }

# to measure the memory stores nothing, and takes a second each time
move=(start g --no-measure --to)
here=host1 there=host2 last_id=0
swap() { local other=$here; here=$there; there=$other; }
before=$(settings_of host1 g)

check_truth() { # WHAT
    local id outcome runs
    read -r id outcome <<<"$(vm history --limit 1 --json | jq -r '"\(.id) \(.outcome)"')"
    runs=$(where_is g)
    # killed before anything was stored: nothing happened either
    [ "$id" != "$last_id" ] || outcome=never-began
    last_id=$id
    case $outcome in
        never-began) [ "$runs" = "$here" ] || fail "$1: nothing is in the history, it runs on: $runs" ;;
        moved) [ "$runs" = "$there" ] || fail "$1: history says $outcome, it runs on: $runs"; swap ;;
        failed-on-source) [ "$runs" = "$here" ] || fail "$1: history says $outcome, it runs on: $runs" ;;
        *) fail "$1: outcome $outcome: $(vm show "$id")" ;;
    esac
    ! lab exec "$there" virsh domid -- g >/dev/null 2>&1 || fail "$1: $there still has g"
    [ "$(settings_of "$here" g)" = "$before" ] || fail "$1: settings are not restored"
    [ "$(volumes_on "$here")" -eq 1 ] || fail "$1: volume missing on $here"
    [ "$(volumes_on "$there")" -eq "$(left_by_move)" ] || fail "$1: a volume is left on $there"
    alive g "$since"
    echo "$1: $outcome"
}
# a move takes its disk along
left_by_move() { echo 0; }

faulty count "${move[@]}" "$there"
[ "$code" -eq 0 ] || fail "$out"
syncs=$(sed -n 's/^syncs //p' <<<"$out")
echo "a migration is made durable $syncs times"
[ "$syncs" -ge 8 ] || fail "too few durable steps: $syncs"
check_truth "whole"

for step in $(seq 1 "$syncs"); do
    faulty "kill:$step" "${move[@]}" "$there"
    # how often samples are stored varies: a migration may be over before so many steps
    [ "$code" -eq 0 ] || [ "$code" -eq 137 ] || fail "kill after step $step: exit code $code: $out"
    vm_code recover --all
    check_truth "kill after step $step"
done
for step in $(seq 1 "$syncs"); do
    faulty "int:$step" "${move[@]}" "$there"
    case $code in
        130 | 0) ;;
        *) fail "interrupt after step $step: exit code $code: $out" ;;
    esac
    check_truth "interrupt after step $step"
done
no_vmigrate_left
