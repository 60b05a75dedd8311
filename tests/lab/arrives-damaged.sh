#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What does not arrive as it was sent is found before the guest runs with it. A page that is damaged in the destination's
# QEMU, under --verify-ram: the guest goes on where it was, nothing is left of it where it was going, and the next move
# is whole. A block that is damaged in the copy of a disk, under --verify-disks: the guest stands still, nothing is
# removed, recover leaves it so; and a guest whose vmigrate died before it had compared is let in by recover.
. "$(dirname "$0")/vm-common.sh"
command -v python3 >/dev/null || skip "needs python3"
prefix=$("$LAB_TOP/qemu/build" --print-prefix 2>/dev/null) || skip "needs the project's QEMU: run qemu/build"
FAULT=$BUILD/tests/fault/sync_fault.so
[ -e "$FAULT" ] || fail "no $FAULT: build it first"
two_hosts
# its memory is written once and then read only, so that a page is sent once
make_guest g --emulator "$prefix/bin/qemu-system-x86_64" --memory 128M --disk 8M:local \
    --workload "memory=32M dirty-rate=0 verify-rate=200M disk-rate=16K disk-span=4M disk-verify-rate=8M"
since=$(lab clock)
uuid=$(cat "$LAB_STATE/guests/100/uuid")
volumes_on() { lab exec "$1" virsh -q vol-list local | grep -c guest || true; }
# whole: it is read through once more, and nothing is found
whole() {
    local now
    now=$(lab clock)
    read_through() { [ "$(heartbeat_field g memory_passes --since "$now")" -gt 0 ]; }
    eventually 10 read_through || fail "its memory is not read"
    alive g "$since"
}

# a wrong page: in the copy, when it has arrived and is not sent again
two_processes() { [ "$(pgrep -f "uuid $uuid" | wc -l)" -eq 2 ]; }
before=$(settings_of host1 g)
vm start g --to host2 --no-measure --bandwidth 24MiB/s --compression off --verify-ram >"$LAB_STATE/said" 2>&1 &
starter=$!
eventually 20 two_processes || fail "it does not arrive: $(cat "$LAB_STATE/said")"
"$LAB_TOP/tests/lab/damage-from-outside.py" arriving "$(pgrep -n -f "uuid $uuid")" 128
code=0
wait "$starter" || code=$?
[ "$code" -eq 1 ] || fail "a wrong page: exit code $code: $(cat "$LAB_STATE/said")"
last=$(vm history --limit 1 --json)
[ "$(jq -r .outcome <<<"$last")" = failed-on-source ] || fail "a wrong page: $last"
for said in "verify-ram: RAM block 'pc.ram' differs from the source between 0x" "verify-ram: 1 of "; do
    grep -F "$said" "$LAB_STATE/said" >/dev/null || fail "\"$said\" is not said: $(cat "$LAB_STATE/said")"
    [[ $(jq -r .reason <<<"$last") == *"$said"* ]] || fail "\"$said\" is not in the history: $last"
done
runs_only_on host1 g
[ "$(volumes_on host1) $(volumes_on host2)" = "1 0" ] || fail "its volume is not just on host1"
[ "$(settings_of host1 g)" = "$before" ] || fail "other settings in QEMU"
whole
no_vmigrate_left

# and then all arrives
expect_code 0 start g --to host2 --no-measure --verify-ram
runs_only_on host2 g
[ "$(volumes_on host1) $(volumes_on host2)" = "0 1" ] || fail "its volume is not just on host2"
whole
no_vmigrate_left

# equal disks, in either way of copying them: the guest runs, and the old volume goes
disks=(--no-measure --verify-disks --set blackout-ceiling=20s)
last() { vm history --limit 1 --json | jq -r "$1"; }
expect_code 3 plan g --to host1 --verify-disks --set blackout-ceiling=60ms --set downtime-limit=5ms \
    --set switchover-reserve=5ms
grep -F "in which it stands still; blackout-ceiling is 60 ms" <<<"$out" >/dev/null || fail "what it costs is not said: $out"
for storage in copy-in-stream copy; do
    read -r here there <<<"$(where_is g) $([ "$(where_is g)" = host2 ] && echo host1 || echo host2)"
    expect_code 0 start g --to "$there" "${disks[@]}" --set "storage=$storage"
    runs_only_on "$there" g
    [ "$(volumes_on "$here") $(volumes_on "$there")" = "0 1" ] || fail "$storage: its volume is not just on $there"
    [ "$(last '"\(.disks_compared_bytes) \(.disk_mismatches)"')" = "$((8 << 20)) 0" ] || fail "$storage: $(last .)"
    last '"\(.disks_compared_ms) of \(.blackout_us / 1000) ms of blackout"' >"$LAB_STATE/took"
    jq -e '.blackout_us / 1000 >= .disks_compared_ms' <<<"$(vm history --limit 1 --json)" >/dev/null ||
        fail "$storage: the comparison is no part of the blackout: $(cat "$LAB_STATE/took")"
    echo "$storage: compared in $(cat "$LAB_STATE/took")"
    whole
done

# arrives HOST: it stands still there and is gone from the other; vmigrate is stopped in its handover
standing() { [ "$(state_on "$1" g)" = paused ] && ! lab exec "$2" virsh domid g >/dev/null 2>&1; }
arrives() {
    lab exec admin env LD_PRELOAD="$FAULT" VMIGRATE_FAULT=stop:handover "$VMIGRATE" start g --to "$1" "${disks[@]}" \
        >"$LAB_STATE/said" 2>&1 &
    starter=$!
    eventually 30 standing "$1" "$2" || fail "it does not stand still on $1: $(state_on "$1" g) $(cat "$LAB_STATE/said")"
}
volume() { echo "$LAB_STATE/$1/local/guest-100-vda.raw"; }

# vmigrate dies before it has compared
arrives host1 host2
lab exec admin pkill -9 -x vmigrate
wait "$starter" || true
[ "$(where_is g)" = "" ] || fail "it runs, and nobody has compared"
expect_code 0 recover
runs_only_on host1 g
[ "$(volumes_on host1) $(volumes_on host2)" = "1 0" ] || fail "recover: its volume is not just on host1"
[ "$(last .disk_mismatches)" = 0 ] || fail "recover has not compared: $(last .)"
whole

# one byte of the copy, in the last MiB that the guest writes
arrives host2 host1
byte=$(((3 << 20) + 4711))
python3 - "$(volume host2)" "$byte" <<'END'
import sys
with open(sys.argv[1], "r+b", buffering=0) as file:
    file.seek(int(sys.argv[2]))
    byte = file.read(1)
    file.seek(int(sys.argv[2]))
    file.write(bytes([byte[0] ^ 4]))
END
lab exec admin pkill -CONT -x vmigrate
code=0
wait "$starter" || code=$?
untouched() {
    [ "$code" -eq 5 ] || fail "$1: exit code $code: $2"
    grep -F "disk vda differs from byte $byte on: " <<<"$2" >/dev/null || fail "$1 does not say where: $2"
    standing host2 host1 || fail "$1: it is $(state_on host2 g) on host2, $(state_on host1 g) on host1"
    [ "$(volumes_on host1) $(volumes_on host2)" = "1 1" ] || fail "$1: a volume is gone"
    [ "$(last '"\(.outcome) \(.disk_mismatches)"')" = "unknown 1" ] || fail "$1: $(last .)"
}
untouched start "$(cat "$LAB_STATE/said")"
vm_code recover
untouched recover "$out"

# a person decides: back to what the source has
lab exec host2 virsh -q "destroy g; undefine g"
lab exec host1 virsh -q "define $LAB_STATE/guests/100/domain.xml; start g"
vm_code recover
[ "$code" -eq 1 ] || fail "recover of a guest that was started again on host1: $code: $out"
runs_only_on host1 g
[ "$(volumes_on host1) $(volumes_on host2)" = "1 0" ] || fail "after going back its volume is not just on host1"
no_vmigrate_left
