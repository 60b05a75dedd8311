# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The SDN controller of the fabric "ovs", and what it is told.

help_controller() {
    cat <<'TEXT'
Usage: lab controller start [OPTION...] | stop | status
The controller answers what no flow matches with a flow, after a delay; when it is told that a guest
moved ("lab location"), it deletes the guest's flows everywhere, after the same delay, and the
gateway hears of it once a minute. "lab up --fabric ovs" starts it; without it flows stay as they
are.

  --setup-delay MS      between a miss or a news and what follows from it   (default 100)
  --gateway-interval S  between two updates of the gateway                  (default 60)
  --delete own|all      which flows to a guest that moved are deleted: the controller's own, or
                        all, whoever made them                              (default own)

Example: lab controller stop; lab controller start --gateway-interval 5
TEXT
}

cmd_controller() {
    [ $# -ge 1 ] || usage_error "controller needs start, stop or status; see lab controller --help"
    local action=$1
    shift
    need_lab
    need_ovs
    case $action in
        start) controller_start "$@" ;;
        stop) controller_stop || die "the controller does not run" ;;
        status) if controller_runs; then echo up; else echo down; fi ;;
        *) usage_error "unknown action \"$action\"; see lab controller --help" ;;
    esac
}

controller_start() {
    local delay=100 interval=60 delete=own
    while [ $# -gt 0 ]; do
        case $1 in
            --setup-delay | --gateway-interval | --delete)
                [ $# -ge 2 ] || usage_error "$1 needs a value" ;;&
            --setup-delay) delay=$2; shift 2 ;;
            --gateway-interval) interval=$2; shift 2 ;;
            --delete) delete=$2; shift 2 ;;
            *) usage_error "what is \"$1\"? See lab controller --help" ;;
        esac
    done
    [[ $delay =~ ^[0-9]{1,6}$ ]] || usage_error "bad delay \"$delay\": milliseconds"
    [[ $interval =~ ^[1-9][0-9]{0,5}$ ]] || usage_error "bad interval \"$interval\": seconds"
    [[ $delete =~ ^(own|all)$ ]] || usage_error "unknown kind of deletion \"$delete\" (own or all)"
    if controller_runs; then die "the controller runs already"; fi
    rm -f "$STATE/controller.connected" "$STATE/controller.forgotten"
    spawn "$STATE/controller.log" "$(cat "$STATE/tools")/enter" "$(anchor_pid admin)" \
        "$LAB_DIR/controller/controller" "$STATE" --setup-delay "$delay" \
        --gateway-interval "$interval" --delete "$delete"
    wait_for 30 controller_is_connected ||
        die "the controller does not reach all switches: $(tail -n 1 "$STATE/controller.log")"
}

# The pid file holds a pid of the node "admin".
controller_runs() {
    [ -e "$STATE/controller.pid" ] &&
        run_in admin kill -0 "$(cat "$STATE/controller.pid")" 2>/dev/null
}

controller_is_connected() {
    [ "$(sort "$STATE/controller.connected" 2>/dev/null)" = "$(switch_nodes | sort)" ]
}

controller_stop() {
    controller_runs || return 1
    run_in admin kill "$(cat "$STATE/controller.pid")"
    wait_for 10 controller_is_gone || die "the controller does not end"
    rm -f "$STATE/controller.pid" "$STATE/controller.connected"
}

controller_is_gone() { ! controller_runs; }

help_location() {
    cat <<'TEXT'
Usage: lab location GUEST [NODE [--wait]]
Tells the controller that a guest (or an endpoint) is on NODE from now on, or prints what it knows:
NODE VNI MAC ADDRESS, a line per interface. Nothing else tells it: not libvirt, not the traffic.

  --wait   until the controller has deleted the flows to where it was

Example: lab location db host2
TEXT
}

cmd_location() {
    [[ $# -eq 1 || $# -eq 2 || ( $# -eq 3 && $3 = --wait ) ]] ||
        usage_error "location needs GUEST [NODE [--wait]]; see lab location --help"
    need_lab
    need_ovs
    local owner moved
    owner=$(location_owner "$1")
    if [ $# -eq 1 ]; then
        awk -v owner="$owner" '$1 == owner {print $5, $3, $2, $4}' "$STATE/locations"
        return
    fi
    need_switch "$2"
    moved=$(awk -v owner="$owner" -v node="$2" '$1 == owner && $5 != node {print $6, node}' "$STATE/locations")
    edit_locations -v owner="$owner" -v node="$2" '$1 == owner {$5 = node} {print}'
    if [ $# -eq 3 ]; then
        controller_runs || die "the controller does not run"
        wait_for 30 controller_forgot "$moved" || die "the controller does not delete the flows to $1"
    fi
}

# controller_forgot "IFACE NODE
# ...": it has deleted the flows to all of these, which went there
controller_forgot() {
    local line
    [ -n "$1" ] || return 0
    while read -r line; do
        grep -qxF "$line" "$STATE/controller.forgotten" 2>/dev/null || return 1
    done <<<"$1"
}

# The owner of a line in the file of locations: location_owner GUEST|ENDPOINT
location_owner() {
    if [ "$1" = peer ]; then echo peer
    elif is_endpoint "$1"; then echo "ep.$1"
    else need_guest "$1"; fi
}
