#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A network that fails between the connection to a disk's copy and the first word over it: the guest stands still for no
# longer than QEMU gives such a connection, stays where it is, and nothing is left behind.
. "$(dirname "$0")/vm-common.sh"
prefix=$("$LAB_TOP/qemu/build" --print-prefix 2>/dev/null) || skip "needs the project's QEMU: run qemu/build"
two_hosts
make_guest g --emulator "$prefix/bin/qemu-system-x86_64" --memory 128M --disk 8M:local
before=$(settings_of host1 g)
since=$(lab clock)

# what only opens a connection gets through, what carries a byte does not
lab exec host2 tc qdisc replace dev mig root tbf rate 1mbit burst 80 latency 1s
expect_code 1 start g --to host2 --no-measure
grep "'blockdev-add': Connection attempt cancelled by timeout" <<<"$out" >/dev/null || fail "it failed otherwise: $out"
runs_only_on host1 g
alive g "$since"
gap=$(heartbeat_field g longest_gap_ms --since "$since")
awk -v gap="$gap" 'BEGIN { exit !(gap < 20000) }' || fail "the guest stood still for $gap ms"
[ "$(settings_of host1 g)" = "$before" ] || fail "other settings in its QEMU"
gone() { [ -z "$(state_on host2 g)" ] && ! lab exec host2 virsh vol-list local | grep guest >/dev/null; }
eventually 20 gone || fail "left on host2: $(state_on host2 g), $(lab exec host2 virsh vol-list local)"

lab exec host2 tc qdisc del dev mig root
expect_code 0 start g --to host2 --no-measure
runs_only_on host2 g
alive g "$since"
no_vmigrate_left
