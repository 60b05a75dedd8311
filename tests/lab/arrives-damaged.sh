#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What does not arrive as it was sent is found before the guest runs with it: a page that is damaged in the destination's
# QEMU, under --verify-ram. The guest goes on where it was, nothing is left of it where it was going, and the next move
# is whole.
. "$(dirname "$0")/vm-common.sh"
command -v python3 >/dev/null || skip "needs python3"
prefix=$("$LAB_TOP/qemu/build" --print-prefix 2>/dev/null) || skip "needs the project's QEMU: run qemu/build"
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
