#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The OpenFlow and OVSDB clients against a real Open vSwitch of their own, by unix socket, TCP and TLS.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
check=${VMIGRATE_BUILD:-$top/build/release}/tests/switch_check

skip() { echo "SKIP: $*"; exit 77; }
[ "$(id -u)" -eq 0 ] || skip "needs root"
PATH=$PATH:/usr/sbin:/sbin
for program in ovs-vswitchd ovsdb-server ovs-vsctl ovs-ofctl openssl unshare; do
    command -v "$program" >/dev/null || skip "needs $program"
done
[ -x "$check" ] || { echo "FAIL: no $check: build it first" >&2; exit 1; }
# everything below happens in a network of its own, and ends with it
[ "${1-}" = inside ] || exec unshare --net --pid --fork --kill-child --mount-proc bash "$0" inside

dir=$(mktemp -d)
export OVS_RUNDIR=$dir OVS_DBDIR=$dir OVS_LOGDIR=$dir
stop() { kill "$(cat "$dir/vswitchd.pid")" 2>/dev/null || true; }
trap 'stop; kill "$(cat "$dir/ovsdb.pid")" 2>/dev/null || true; rm -rf "$dir"' EXIT
ip link set lo up

certificate() { # NAME
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -subj "/CN=$1" -out "$1.csr" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out "$1.pem" 2>/dev/null
}
cd "$dir"
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=ca -days 2 -out ca.pem 2>/dev/null
certificate switch
certificate client

start() {
    ovs-vswitchd "unix:$dir/db.sock" --pidfile="$dir/vswitchd.pid" --detach --no-chdir --enable-dummy \
        --log-file="$dir/vswitchd.log" 2>/dev/null
}
vsctl() { ovs-vsctl --db="unix:$dir/db.sock" "$@"; }
ovsdb-tool create "$dir/conf.db" /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server "$dir/conf.db" --remote="punix:$dir/db.sock" --pidfile="$dir/ovsdb.pid" --detach --no-chdir \
    --log-file="$dir/ovsdb.log" 2>/dev/null
vsctl --no-wait init
vsctl --no-wait set-ssl "$dir/switch.key" "$dir/switch.pem" "$dir/ca.pem"
start
vsctl add-br br0 -- set bridge br0 datapath_type=dummy fail-mode=secure \
    protocols=OpenFlow10,OpenFlow13,OpenFlow14,OpenFlow15 -- \
    add-port br0 p1 -- set interface p1 type=dummy ofport_request=1 external_ids:iface-id=an-id -- \
    add-port br0 p2 -- set interface p2 type=dummy ofport_request=2 -- \
    set-controller br0 ptcp:6653:127.0.0.1 pssl:6654:127.0.0.1

# what the program asks for while it runs
serve() {
    local request
    while read -r request; do
        case $request in
        delete-all) ovs-ofctl -O OpenFlow14 del-flows "unix:$dir/br0.mgmt" ;;
        restart)
            local old
            old=$(cat "$dir/vswitchd.pid")
            kill "$old"
            while [ -d "/proc/$old" ]; do sleep 0.05; done
            start ;;
        *) echo "what is $request?" >&2; return 1 ;;
        esac
        echo "done"
    done
}

try() { # ENDPOINT ARGUMENT...
    coproc PROGRAM { timeout 120 "$check" "$dir" "$@"; }
    local pid=$PROGRAM_PID
    serve <&"${PROGRAM[0]}" >&"${PROGRAM[1]}" || true
    wait "$pid" || { tail -n 20 "$dir/vswitchd.log" >&2; exit 1; }
}
try "unix:$dir/br0.mgmt"
try tcp:127.0.0.1:6653
try ssl:127.0.0.1:6654 "$dir/client.key" "$dir/client.pem" "$dir/ca.pem"
