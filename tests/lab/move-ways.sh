#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The ways to move: managed, tunnelled, TLS, copied storage, paused, shut off, transient, another
# emulator, a changed description; odd names. Each leaves one guest and nothing behind.
. "$(dirname "$0")/vm-common.sh"
two_hosts
make_guest g --disk 64M:shared --vnc --workload "dirty-rate=10M disk-rate=1M disk-span=16M"
since=$(lab clock)

moved() {
    expect_code 0 start "$@"
    echo "moved: $*"
}
moved g --to host2 --managed
runs_only_on host2 g
moved g --to host1 --tunnelled
runs_only_on host1 g
moved g --to host2 --tls
runs_only_on host2 g
# without --to there is one other host, and it is said
moved g
grep -q 'host1' <<<"$out" || fail "the chosen host is not named: $out"
runs_only_on host1 g
# its display listens on an address of the host it is on
lab exec host1 virsh dumpxml g | grep "listen='10.79.0.11'" >/dev/null || fail "display on another host's address"

# another QEMU build on the way
emulator=$(lab exec host1 virsh dumpxml g | sed -n 's/.*<emulator>\(.*\)<.*/\1/p')
ln -s "$emulator" "$LAB_STATE/other-qemu"
moved g --to host2 --emulator "$LAB_STATE/other-qemu"
lab exec host2 virsh dumpxml g | grep "<emulator>$LAB_STATE/other-qemu" >/dev/null || fail "the emulator is not the one asked for"
alive g "$since"
moved g --to host1 --emulator "$emulator"

# paused stays paused
lab exec host1 virsh -q suspend g
moved g --to host2
[ "$(state_on host2 g)" = paused ] || fail "a paused guest is $(state_on host2 g)"
lab exec host2 virsh -q resume g
moved g --to host1 --suspend
[ "$(state_on host1 g)" = paused ] || fail "--suspend: it is $(state_on host1 g)"
lab exec host1 virsh -q resume g

# a definition alone
lab exec host1 virsh -q destroy g
expect_code 3 start g --to host2
moved g --to host2 --offline
[ "$(state_on host2 g)" = "shut off" ] || fail "--offline: $(state_on host2 g)"
[ "$(state_on host1 g)" = "" ] || fail "--offline: still defined on host1"
lab exec host2 virsh -q undefine g

# storage that is not shared
make_guest "it's ünusual, $(printf '\t')yes" --disk 64M:local --workload "dirty-rate=5M disk-rate=1M disk-span=16M"
odd="it's ünusual, $(printf '\t')yes"
since=$(lab clock)
moved --to host2 -- "$odd"
runs_only_on host2 "$odd"
sleep 1
alive "$odd" "$since"
[ "$(heartbeat_field "$odd" disk_passes --since "$since")" -ge 0 ]
lab guest --remove -- "$odd"

lab guest --transient -- -dash
moved --to host2 -- -dash
runs_only_on host2 -dash
[ "$(lab exec host2 virsh dominfo -- -dash | awk '/Persistent/ {print $2}')" = no ] || fail "a transient guest became persistent"
no_vmigrate_left
