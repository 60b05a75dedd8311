#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The guest's verifier finds what a bad migration does to memory and disks, names it, says so on the console and over
# the network, and stops that load: damage that the guest does to itself, and damage from outside, to its memory in QEMU
# and to its disk's file.
. "$(dirname "$0")/lab-common.sh"
command -v python3 >/dev/null || skip "needs python3"
lab up 1
lab guest g --memory 192M --disk 16M --disk 16M --workload "memory=32M verify-rate=400M dirty-rate=4M clear=2 \
    disk-rate=2M disk-span=4M disk-verify-rate=32M disk-fill=1 disk-zero=5 disk-trim=5 read-back=20"
for pattern in sequential stripes mixed; do
    lab set g "pattern=$pattern" "disk-pattern=$pattern"
    sleep 0.7
done
[ "$(heartbeat_field g errors)" -eq 0 ] || fail "errors in a healthy guest: $(lab heartbeat g)"
[ "$(heartbeat_field g memory_passes)" -gt 0 ] || fail "memory is not checked"
[ "$(heartbeat_field g disk_passes)" -gt 0 ] || fail "disks are not checked"
[ "$(heartbeat_field g verified_bytes)" -gt $((40 << 20)) ] || fail "what is checked is not counted"
lab set g pattern=random disk-pattern=random disk-zero=0 disk-trim=0 clear=0

declare -A kind_of=([flip]=wrong [old]=old [swap]=other-address [torn]=torn) seen=()
expected=0
says() { [ "$(lab heartbeat g | grep -c "^BUG $1")" -eq "$2" ]; }
# found DAMAGE WHERE...: one finding at each place, of this kind, and no other; the loads that stopped go on
found() {
    local damage=$1 what
    shift
    for where in "$@"; do
        what="${kind_of[$damage]}: $where"
        seen[$what]=$((${seen[$what]-0} + 1))
        eventually 10 says "$what" "${seen[$what]}" || fail "$damage is not found in $where: $(lab heartbeat g)"
        [ "$(grep -c "^BUG $what" "$LAB_STATE/host1/log/guest-100.console")" -eq "${seen[$what]}" ] ||
            fail "$damage in $where is not on the console"
    done
    expected=$((expected + $#))
    [ "$(heartbeat_field g errors)" -eq "$expected" ] || fail "$damage makes other findings, too: $(lab heartbeat g)"
    lab set g "restart=$expected"
}

for damage in "${!kind_of[@]}"; do
    lab set g "damage=$damage" "disk-damage=$damage"
    found "$damage" "memory page" "disk vda block" "disk vdb block"
done

from_outside() { "$LAB_TOP/tests/lab/damage-from-outside.py" "$@"; }
qemu=$(pgrep -f "uuid $(cat "$LAB_STATE/guests/100/uuid")")
disk=$LAB_STATE/shared/guest-100-vda.raw
for damage in "${!kind_of[@]}"; do
    cp "$disk" "$disk.before"
    # a page that the guest writes again before the verifier comes by is no longer damaged
    what="${kind_of[$damage]}: memory page"
    for _ in 1 2 3; do
        from_outside memory "$qemu" 192 "$damage"
        if eventually 4 says "$what" $((${seen[$what]} + 1)); then break; fi
    done
    # a damaged block could be written again before the verifier comes by
    lab set g disk-rate=0
    sleep 0.2
    from_outside disk "$disk" "$disk.before" "$damage"
    found "$damage" "memory page" "disk vda block"
    lab set g disk-rate=2M
done

lab set g damage=flip
eventually 10 says "wrong: memory page" $((${seen[wrong: memory page]} + 1)) || fail "nothing is found after restarts"
sleep 0.2
since=$(lab clock)
sleep 0.5
[ "$(heartbeat_field g dirtied_bytes_per_s --since "$since")" = 0 ] || fail "memory is written on after a BUG"
[ "$(heartbeat_field g disk_written_bytes_per_s --since "$since" | cut -d. -f1)" -gt 0 ] ||
    fail "the disks stopped with the memory"
