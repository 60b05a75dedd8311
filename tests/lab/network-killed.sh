#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmigrate is killed after durable steps of a migration whose network it turns. After "recover" one guest runs, where
# the history says; all who send to it reach it, without the cloud having heard of anything; nothing is left on the
# switches.
#   EVERY=N    kill after each Nth step (6); the first step alternates with the process's number
. "$(dirname "$0")/vm-common.sh"
command -v ovs-vswitchd >/dev/null || skip "needs openvswitch-switch"
command -v osken-manager >/dev/null || skip "needs python3-os-ken"
FAULT=$BUILD/tests/fault/sync_fault.so
[ -e "$FAULT" ] || fail "no $FAULT: build it first"
every=${EVERY:-6}

lab up 3 --fabric ovs
for at in far:host3 one:host1 two:host2 outside:gateway; do
    lab endpoint "${at%:*}" --host "${at#*:}" >/dev/null
done
make_guest g --memory 128M
before=$(settings_of host1 g)
here=host1 there=host2

faulty() { # FAULT
    code=0
    out=$(lab exec admin env LD_PRELOAD="$FAULT" VMIGRATE_FAULT="$1" "$VMIGRATE" start g --no-measure --to "$there" \
        --set blackout-ceiling=10s 2>&1) || code=$?
}
nobody_drains() { ! lab exec admin pgrep -x vmigrate >/dev/null; }

reached() { # WHAT
    local from probes=()
    for from in far one two outside; do
        lab probe --json --rate 200 --no-stream --seconds 1 --from "$from" g >"$LAB_STATE/probe-$from.json" &
        probes+=($!)
    done
    for from in "${probes[@]}"; do wait "$from" || fail "$1: a probe failed"; done
    for from in far one two outside; do
        jq -e '.outward.sent > 100 and .outward.lost == 0 and .outward.duplicated == 0' "$LAB_STATE/probe-$from.json" \
            >/dev/null || fail "$1: from $from: $(jq -c .outward "$LAB_STATE/probe-$from.json")"
    done
}

check_truth() { # WHAT
    local outcome
    outcome=$(vm history --limit 1 --json | jq -r .outcome)
    [ "$(vm history --json | wc -l)" -gt "$known" ] || outcome=never-began
    known=$(vm history --json | wc -l)
    case $outcome in
    moved) runs_only_on "$there" g ;;
    failed-on-source | never-began) runs_only_on "$here" g ;;
    *) fail "$1: outcome $outcome: $(vm show g)" ;;
    esac
    here=$(where_is g)
    there=host1
    [ "$here" != host1 ] || there=host2
    eventually 20 nobody_drains || fail "$1: a process is left"
    none_own || fail "$1: left on the switches: $(own_flows)"
    [ "$(settings_of "$here" g)" = "$before" ] || fail "$1: settings are not restored"
    lab location g "$here" --wait
    reached "$1"
    echo "$1: $outcome"
}

known=0
faulty count
[ "$code" -eq 0 ] || fail "$out"
syncs=$(sed -n 's/^syncs //p' <<<"$out")
[ "$syncs" -ge 12 ] || fail "too few durable steps: $syncs"
check_truth "whole, $syncs steps"
for ((step = $$ % every + 1; step <= syncs; step += every)); do
    faulty "kill:$step"
    [ "$code" -eq 0 ] || [ "$code" -eq 137 ] || fail "kill after step $step: exit code $code: $out"
    vm_code recover --all
    [ "$code" -eq 0 ] || [ "$code" -eq 1 ] || fail "recover ended with $code: $out"
    check_truth "kill after step $step"
done
