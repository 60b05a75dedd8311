#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The guest's verifier finds what a bad migration does: an old memory page, an overwritten block.
. "$(dirname "$0")/lab-common.sh"
lab up 1
lab guest g --disk 64M --workload "disk-rate=4M disk-span=4M disk-verify-rate=16M verify-rate=100M"
sleep 3
[ "$(heartbeat_field g errors)" -eq 0 ] || fail "errors in a healthy guest"
[ "$(heartbeat_field g memory_passes)" -gt 0 ] || fail "memory is not checked"
[ "$(heartbeat_field g disk_passes)" -gt 0 ] || fail "disks are not checked"

found() { [ "$(heartbeat_field g errors)" -ge "$1" ]; }
lab set g damage=5
eventually 20 found 5 || fail "old pages are not found: $(heartbeat_field g errors) of 5"
[ "$(heartbeat_field g errors)" -eq 5 ] || fail "5 old pages counted as $(heartbeat_field g errors)"

lab set g disk-rate=0
sleep 0.5
disk=$LAB_STATE/shared/guest-100-vda.raw
dd if=/dev/zero of="$disk" bs=1M count=1 seek=1 conv=notrunc oflag=direct status=none
eventually 20 found 50 || fail "overwritten blocks are not found"
grep -q 'BUG disk vda' "$LAB_STATE"/host1/log/guest-100.console || fail "no BUG on the console"
