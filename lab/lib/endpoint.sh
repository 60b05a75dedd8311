# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Endpoints: what talks to guests and is none. Each is a node with one interface on a host's br-int.
# The namespace of endpoint NAME is that of the node "ep.NAME"; no lab's name holds a dot.

help_endpoint() {
    cat <<'TEXT'
Usage: lab endpoint NAME [--host HOST] [--vni VNI]
       lab endpoint --remove NAME
Makes an endpoint: a namespace with an interface in a VPC, attached to the switch of a host (default
host1) or of "gateway", which the controller updates once a minute only. It answers "lab probe".
NAME: small letters, digits and "-", at most 15. The VNI is 100 unless said otherwise. Prints the
endpoint's address; "lab exec NAME" runs commands there.

Example: lab endpoint client --host host3
TEXT
}

cmd_endpoint() {
    local name='' host=host1 vni=$DEFAULT_VNI remove=''
    while [ $# -gt 0 ]; do
        case $1 in
            --host | --vni) [ $# -ge 2 ] || usage_error "$1 needs a value" ;;&
            --host) host=$2; shift 2 ;;
            --vni) vni=$2; shift 2 ;;
            --remove) remove=1; shift ;;
            -*) usage_error "unknown option \"$1\"; see lab endpoint --help" ;;
            *) [ -z "$name" ] || usage_error "one name only"; name=$1; shift ;;
        esac
    done
    [[ $name =~ ^[a-z][a-z0-9-]{0,14}$ ]] || usage_error "bad endpoint name \"$name\""
    [[ ! $name =~ ^(admin|peer|gateway|fabric|host[0-9]+)$ ]] ||
        usage_error "\"$name\" is the name of a node"
    need_vni "$vni"
    need_lab
    if [ "$remove" ]; then
        is_endpoint "$name" || die "unknown endpoint \"$name\""
        remove_endpoint "$name"
        return
    fi
    need_switch "$host"
    if is_endpoint "$name"; then die "endpoint \"$name\" exists already"; fi
    make_endpoint
}

need_vni() {
    [[ $1 =~ ^[1-9][0-9]{0,7}$ ]] && [ "$1" -lt 16777216 ] ||
        usage_error "bad VNI \"$1\": 1 to 16777215"
}

is_endpoint() { [ -d "$STATE/ep.$1" ]; }

# The rest of cmd_endpoint, with its variables.
make_endpoint() {
    local node=ep.$name byte
    lock_dir "$STATE/guests"
    for ((byte = 10; byte < 100; byte++)); do
        grep -F " ${NETWORK_PREFIX[guest]}.$byte " "$STATE/locations" >/dev/null || break
    done
    [ "$byte" -lt 100 ] || die "a lab has room for 90 endpoints"
    # shellcheck disable=SC2064
    trap "remove_endpoint $name" EXIT
    trap 'exit 130' INT TERM HUP
    make_namespace "$node"
    start_anchor "$node"
    wait_for 20 anchor_is_ready "$node" || die "$name did not start"
    attach_to_switch "$node" "$node" "$host" "$vni" "$byte"
    spawn "$STATE/$node/responder.log" "$(cat "$STATE/tools")/enter" "$(anchor_pid "$node")" \
        "$(probe_program)/probe" respond
    trap - EXIT INT TERM HUP
    echo "${NETWORK_PREFIX[guest]}.$byte"
}

remove_endpoint() {
    local node=ep.$1 byte host
    read -r byte host < <(awk -v owner="$node" '$1 == owner {print $4, $5}' "$STATE/locations") || true
    if [ "${host-}" ]; then
        run_in "$host" ovs-vsctl --if-exists del-port br-int "vpc${byte##*.}" || true
    fi
    drop_location "$node"
    namespace_down "$(netns "$node")"
    rm -rf "${STATE:?}/$node"
}
