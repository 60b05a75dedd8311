#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The network back end "ovs" against three real switches: a move and what is left of it, rollback, recovery after a
# death, peers that do not answer, older moves, a return.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
check=${VMIGRATE_BUILD:-$top/build/release}/tests/handover_check

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

# start NAME PORT...: a switch with the ports NUMBER[:IFACE_ID], and 64200 for the tunnel
start() {
    local name=$1 port number
    shift
    export OVS_RUNDIR=$dir/$name OVS_DBDIR=$dir/$name OVS_LOGDIR=$dir/$name
    mkdir "$dir/$name"
    ovsdb-tool create "$dir/$name/conf.db" /usr/share/openvswitch/vswitch.ovsschema
    ovsdb-server "$dir/$name/conf.db" --remote="punix:$dir/$name/db.sock" --pidfile --detach --no-chdir \
        --log-file 2>/dev/null
    ovs-vsctl --db="unix:$dir/$name/db.sock" --no-wait init
    ovs-vswitchd "unix:$dir/$name/db.sock" --pidfile --detach --no-chdir --enable-dummy --log-file 2>/dev/null
    local commands=(add-br "$name" -- set bridge "$name" datapath_type=dummy fail-mode=secure
        "protocols=OpenFlow10,OpenFlow13,OpenFlow14,OpenFlow15")
    for port in "$@" 64200; do
        number=${port%%:*}
        commands+=(-- add-port "$name" "p$number" -- set interface "p$number" type=dummy "ofport_request=$number")
        [ "$port" = "$number" ] || commands+=("external_ids:iface-id=${port#*:}")
    done
    ovs-vsctl --db="unix:$dir/$name/db.sock" "${commands[@]}"
}
start a 2 5:guest-card
start b 4 9:guest-card
start c 3
timeout 120 "$check" "$dir" || { tail -n 20 "$dir"/*/ovs-vswitchd.log >&2; exit 1; }
