#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# virsh moves busy guests between the hosts, in the ways that vmigrate will, and nothing is lost.
. "$(dirname "$0")/lab-common.sh"
lab up 2
lab guest g --disk 64M:shared --workload "dirty-rate=20M disk-rate=1M disk-span=16M"
lab guest n --disk 64M:local --workload "dirty-rate=5M disk-rate=1M disk-span=16M"
if lab exec host1 virsh dumpxml g | grep "<emulator>/usr/bin" >/dev/null &&
    lab exec host1 virsh dumpxml g | grep "type='qemu'" >/dev/null; then
    skip "emulation needs the project's QEMU: run qemu/build"
fi

# move GUEST FROM TO OPTION...
move() {
    local guest=$1 from=$2 to=$3 since gap
    shift 3
    since=$(lab clock)
    lab exec "$from" virsh -q migrate --live --p2p --persistent --undefinesource "$@" "$guest" \
        "qemu+tcp://$to/system" || fail "$guest from $from to $to $*"
    sleep 1
    [ "$(lab exec "$to" virsh domstate "$guest" | sed -n 1p)" = running ] ||
        fail "$guest does not run on $to"
    [ "$(heartbeat_field "$guest" packets --since "$since")" -gt 0 ] || fail "$guest is silent"
    gap=$(heartbeat_field "$guest" longest_gap_ms --since "$since")
    echo "$guest $from $to $*: longest gap $gap ms"
}

# the shared pool is on a file system that libvirt takes for local, hence --unsafe
move g host1 host2 --unsafe
move g host2 host1 --unsafe --tls
move g host1 host2 --unsafe --tunnelled
move g host2 host1 --unsafe --bandwidth 40
lab exec host2 virsh -q vol-create-as local guest-101-vda.raw 64M --allocation 0 >/dev/null
move n host1 host2 --copy-storage-all
sleep 2
for guest in g n; do
    [ "$(heartbeat_field "$guest" errors)" -eq 0 ] || fail "the verifier of $guest found errors"
    [ "$(heartbeat_field "$guest" boots)" -eq 1 ] || fail "$guest was started again"
    [ "$(heartbeat_field "$guest" memory_passes)" -gt 0 ] || fail "nothing of $guest was verified"
done
! grep -h BUG "$LAB_STATE"/host*/log/guest-*.console || fail "BUG on a console"
