#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The network back end "ovs" when its switches fail, at each step of a move: ovs-vswitchd restarted, dead or silent,
# connections cut, the database gone, a table full, a port gone. Before the commit all is as it was, after it the guest's
# traffic is where it should be, and nothing of ours stays.
set -euo pipefail
# shellcheck source=tests/lab/switches-common.sh
. "$(dirname "${BASH_SOURCE[0]}")/switches-common.sh"
check=$build/tests/fault_check
[ -x "$check" ] || fail "no $check: build it first"

pid_of() { # NAME DAEMON
    cat "$dir/$1/$2.pid"
}
end() { # NAME DAEMON
    local pid
    pid=$(pid_of "$1" "$2")
    kill -9 "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
}
listen() { # NAME: by TCP, too
    local number
    number=$(printf '%d' "'$1")
    vsctl "$1" set-controller "$1" "ptcp:$((6600 + number - 97)):127.0.0.1"
}
# a socket that the switch itself does not need: without its database it would not answer at all
database() { # NAME add-remote|remove-remote
    of_switch "$1" ovs-appctl -t ovsdb-server "ovsdb-server/$2" "punix:$dir/$1/ours.sock"
}
fault() {
    local name=$2
    case $1 in
    restart) end "$name" ovs-vswitchd && start_forwarding "$name" ;;
    kill) end "$name" ovs-vswitchd ;;
    start) start_forwarding "$name" ;;
    stop) kill -STOP "$(pid_of "$name" ovs-vswitchd)" ;;
    continue) kill -CONT "$(pid_of "$name" ovs-vswitchd)" ;;
    cut) vsctl "$name" del-controller "$name" && listen "$name" ;;
    database-off) database "$name" remove-remote ;;
    database-on) database "$name" add-remote ;;
    full)
        vsctl "$name" -- --id=@table create Flow_Table overflow_policy=refuse \
            "flow_limit=$(ofctl "$name" dump-flows | grep -c cookie=)" -- set bridge "$name" flow_tables:0=@table >/dev/null
        ;;
    roomy) vsctl "$name" clear bridge "$name" flow_tables ;;
    unplug) vsctl "$name" del-port "p$3" ;;
    plug)
        vsctl "$name" add-port "$name" "p$3" -- set interface "p$3" type=dummy "ofport_request=$3" \
            external_ids:iface-id=guest-card
        ;;
    esac
}
{
    echo '#!/usr/bin/env bash'
    echo 'set -euo pipefail'
    declare -p dir PATH
    declare -f of_switch start_forwarding vsctl ofctl pid_of end listen database fault
    # shellcheck disable=SC2016  # for that script
    echo 'fault "$@"'
} >"$dir/fault"
chmod +x "$dir/fault"

start a 2 5:guest-card
start b 4 9:guest-card
start c 3
for name in a b c; do
    listen "$name"
    database "$name" add-remote
done
timeout 180 "$check" "$dir" || { [ "${VERBOSE-}" != 1 ] || tail -n 20 "$dir"/*/ovs-vswitchd.log >&2; exit 1; }
