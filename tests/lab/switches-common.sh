# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For tests against real switches without guests. Sourcing it starts the script anew in a network and process space of
# its own: everything ends with it. `dir` is its directory, gone at the end.
skip() { echo "SKIP: $*"; exit 77; }
fail() { echo "FAIL: $*" >&2; exit 1; }

[ "$(id -u)" -eq 0 ] || skip "needs root"
PATH=$PATH:/usr/sbin:/sbin
for program in ovs-vswitchd ovsdb-server ovs-vsctl unshare; do
    command -v "$program" >/dev/null || skip "needs $program"
done
[ "${1-}" = inside ] || exec unshare --net --pid --fork --kill-child --mount-proc bash "$0" inside

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034  # for who sources this
build=${VMIGRATE_BUILD:-$top/build/release}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
ip link set lo up

# of_switch NAME COMMAND...: with the directories of that switch
of_switch() {
    local name=$1
    shift
    OVS_RUNDIR=$dir/$name OVS_DBDIR=$dir/$name OVS_LOGDIR=$dir/$name "$@"
}

start_database() { # NAME
    of_switch "$1" ovsdb-server "$dir/$1/conf.db" --remote="punix:$dir/$1/db.sock" --pidfile --detach --no-chdir \
        --log-file 2>/dev/null
}

start_forwarding() { # NAME
    of_switch "$1" ovs-vswitchd "unix:$dir/$1/db.sock" --pidfile --detach --no-chdir --enable-dummy --log-file \
        2>/dev/null
}

vsctl() { # NAME ARGUMENT...
    local name=$1
    shift
    ovs-vsctl --db="unix:$dir/$name/db.sock" --timeout=10 "$@"
}

ofctl() { # NAME COMMAND ARGUMENT...
    local name=$1 command=$2
    shift 2
    ovs-ofctl -O OpenFlow14 "$command" "unix:$dir/$name/$name.mgmt" "$@"
}

# start NAME PORT...: a switch whose bridge has its name and the ports NUMBER[:IFACE_ID], and 64200 for the tunnel
start() {
    local name=$1 port number
    shift
    mkdir "$dir/$name"
    ovsdb-tool create "$dir/$name/conf.db" /usr/share/openvswitch/vswitch.ovsschema
    start_database "$name"
    vsctl "$name" --no-wait init
    start_forwarding "$name"
    local commands=(add-br "$name" -- set bridge "$name" datapath_type=dummy fail-mode=secure
        "protocols=OpenFlow10,OpenFlow13,OpenFlow14,OpenFlow15")
    for port in "$@" 64200; do
        number=${port%%:*}
        commands+=(-- add-port "$name" "p$number" -- set interface "p$number" type=dummy "ofport_request=$number")
        [ "$port" = "$number" ] || commands+=("external_ids:iface-id=${port#*:}")
    done
    vsctl "$name" "${commands[@]}"
}

# of our cookie
own_flows() { # NAME
    ofctl "$1" dump-flows 'cookie=0x766d000000000000/0xffff000000000000' --no-stats | grep cookie= || true
}

eventually() { # SECONDS COMMAND...
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.05
    done
}
