#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Guests on private memory with KSM, on a shared memfd with seven disks, and on huge pages: each is what it says, moves,
# and arrives as it left; and the machine's own settings are what they were when the lab has ended.
. "$(dirname "$0")/vm-common.sh"
ksm=/sys/kernel/mm/ksm
[ -w "$ksm/run" ] || skip "this kernel has no KSM"
[ -d /sys/kernel/mm/hugepages/hugepages-2048kB ] || skip "no huge pages of 2 MiB"
[ "$(awk '/^MemFree/ {print $2}' /proc/meminfo)" -gt $((1 << 20)) ] || skip "less than 1 GiB of free memory"
machine() { cat /proc/sys/vm/nr_hugepages "$ksm/run" "$ksm/pages_to_scan" "$ksm/sleep_millisecs" | xargs; }
before=$(machine)
two_hosts
load="memory=32M dirty-rate=4M clear=5 verify-rate=100M disk-rate=512K disk-span=2M disk-verify-rate=4M disk-zero=10 disk-trim=5"
disks=()
for _ in 1 2 3 4 5 6 7; do disks+=(--disk 4M); done
lab guest shared --backing shared --memory 128M "${disks[@]}" --workload "$load disk-fill=1" &
lab guest huge --backing huge --memory 128M --workload "$load pattern=stripes" &
make_guest merged --ksm --memory 128M --disk 4M --workload "$load zero=60 pattern=mixed disk-pattern=mixed"
wait
! lab guest x --backing paper 2>/dev/null || fail "a backing \"paper\" is accepted"

qemu_of() { pgrep -f "guest=$1,"; }
grep -q 'rw-s .*memfd:' "/proc/$(qemu_of shared)/maps" || fail "no shared memfd: $(cat "/proc/$(qemu_of shared)/maps")"
awk '/^Private_Hugetlb|^Shared_Hugetlb/ {s += $2} END {exit s < 100000}' "/proc/$(qemu_of huge)/smaps" ||
    fail "not on huge pages"
merged() { [ "$(cat "$ksm/pages_sharing")" -gt 2000 ]; }
eventually 20 merged || fail "KSM merges $(cat "$ksm/pages_sharing") pages"

since=$(lab clock)
for guest in shared huge merged; do
    expect_code 0 start "$guest" --to host2 --bandwidth 60MiB/s
    runs_only_on host2 "$guest"
done
awk '/^Private_Hugetlb|^Shared_Hugetlb/ {s += $2} END {exit s < 100000}' "/proc/$(qemu_of huge)/smaps" ||
    fail "not on huge pages at the destination"
sleep 1.5
for guest in shared huge merged; do
    alive "$guest" "$since"
    [ "$(heartbeat_field "$guest" memory_passes --since "$since")" -gt 0 ] || fail "the memory of $guest is not checked"
done
[ "$(heartbeat_field shared disk_passes --since "$since")" -ge 7 ] || fail "the seven disks are not checked"
lab down
[ "$(machine)" = "$before" ] || fail "huge pages and KSM were \"$before\" and are \"$(machine)\""
