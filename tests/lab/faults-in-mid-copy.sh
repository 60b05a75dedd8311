#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In mid-copy: destination QEMU killed, libvirtd of either host killed, migration network cut,
# vmigrate killed. A correct verdict in time, never a destroyed guest.
. "$(dirname "$0")/vm-common.sh"
two_hosts
make_guest g --memory 512M --disk 64M:shared --workload "dirty-rate=2M"
before=$(settings_of host1 g)
since=$(lab clock)
slow=(--no-measure --bandwidth 16MiB/s --compression off --set auto-converge=off --set timeout=2m)

begin() { # starts a slow migration in the background and waits until memory flows
    vm start g --to host2 --json "${slow[@]}" "$@" >"$LAB_STATE/start.json" 2>"$LAB_STATE/start.err" &
    starter=$!
    eventually 30 copying || fail "it does not copy: $(cat "$LAB_STATE/start.json" "$LAB_STATE/start.err")"
}
copying() { vm status --json | jq -c 'select(.phase == "precopy" and .progress_percent > 2)' | grep . >/dev/null; }
finish() { # WHAT CODE: the verdict must come within 90 s
    local end=$((SECONDS + 90))
    while kill -0 "$starter" 2>/dev/null; do
        [ "$SECONDS" -lt "$end" ] || fail "$1: no verdict within 90 s"
        sleep 0.2
    done
    code=0
    wait "$starter" || code=$?
    echo "$1: exit code $code, $(tail -n 1 "$LAB_STATE/start.json" | jq -c '{outcome, reason}')"
    [ "$code" -eq "$2" ] || fail "$1: exit code $code instead of $2: $(cat "$LAB_STATE/start.err")"
}
on_source() { # WHAT
    runs_only_on host1 g
    [ "$(settings_of host1 g)" = "$before" ] || fail "$1: settings are not restored"
    alive g "$since"
}

begin
lab exec host2 pkill -9 -f qemu-system
finish "destination QEMU killed" 1
on_source "destination QEMU killed"

begin
lab stop-libvirtd host2
sleep 2
lab start-libvirtd host2
finish "destination libvirtd killed" 1
eventually 20 eval '[ -z "$(state_on host2 g)" ]' || true
on_source "destination libvirtd killed"

begin
lab stop-libvirtd host1
sleep 2
lab start-libvirtd host1
finish "source libvirtd killed" 1
eventually 20 eval '[ -z "$(state_on host2 g)" ]' || true
on_source "source libvirtd killed"

# dead for good: nobody can tell, and nothing is done
begin
lab stop-libvirtd host1
finish "source libvirtd dead" 5
lab start-libvirtd host1
expect_code 1 recover --all
on_source "source libvirtd dead, recovered"

begin --set timeout=10s
lab cut host2 mig
finish "migration network cut" 1
lab join host2 mig
on_source "migration network cut"

# vmigrate dies in the copy; libvirt goes on without it
begin
lab exec admin pkill -9 -x vmigrate
wait "$starter" || true
expect_code 1 recover --all --abort
on_source "vmigrate killed in the copy, cancelled"
begin
lab exec admin pkill -9 -x vmigrate
wait "$starter" || true
expect_code 3 start g --to host2
grep -q recover <<<"$out" || fail "the way out is not named: $out"
lab set g dirty-rate=0
# it has been seen to copy slowly; on a busy machine it is over by now
lab exec host1 virsh -q migrate-setspeed g 1000 2>/dev/null || true
expect_code 0 recover --all
runs_only_on host2 g
alive g "$since"
no_vmigrate_left
