#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Thousands of flows are copied from one real switch to another while both are changed all the time, and are the same
# on both in the end.
#
# FLOWS: how many (default 4000).
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
check=${VMIGRATE_BUILD:-$top/build/release}/tests/sync_check

skip() { echo "SKIP: $*"; exit 77; }
[ "$(id -u)" -eq 0 ] || skip "needs root"
PATH=$PATH:/usr/sbin:/sbin
for program in ovs-vswitchd ovsdb-server ovs-vsctl unshare; do
    command -v "$program" >/dev/null || skip "needs $program"
done
[ -x "$check" ] || { echo "FAIL: no $check: build it first" >&2; exit 1; }
# everything below happens in a network of its own, and ends with it
[ "${1-}" = inside ] || exec unshare --net --pid --fork --kill-child --mount-proc bash "$0" inside

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

for name in a b; do
    export OVS_RUNDIR=$dir/$name OVS_DBDIR=$dir/$name OVS_LOGDIR=$dir/$name
    mkdir "$dir/$name"
    ovsdb-tool create "$dir/$name/conf.db" /usr/share/openvswitch/vswitch.ovsschema
    ovsdb-server "$dir/$name/conf.db" --remote="punix:$dir/$name/db.sock" --pidfile --detach --no-chdir \
        --log-file 2>/dev/null
    ovs-vsctl --db="unix:$dir/$name/db.sock" --no-wait init
    ovs-vswitchd "unix:$dir/$name/db.sock" --pidfile --detach --no-chdir --enable-dummy --log-file 2>/dev/null
    ovs-vsctl --db="unix:$dir/$name/db.sock" add-br "$name" -- \
        set bridge "$name" datapath_type=dummy fail-mode=secure protocols=OpenFlow14
done
timeout 120 "$check" "$dir" "${FLOWS:-4000}" || { tail -n 20 "$dir"/*/ovs-vswitchd.log >&2; exit 1; }
