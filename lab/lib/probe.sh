# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The probe: what a path between an endpoint and a guest loses, duplicates and reorders.

probe_program() {
    build_cached probe "-O2 -s" "$LAB_DIR"/probe/*.cc "$LAB_DIR"/probe/*.h \
        "$LAB_DIR"/heartbeat/arrival.cc "$LAB_DIR"/heartbeat/arrival.h
}

help_probe() {
    cat <<'TEXT'
Usage: lab probe [OPTION...] GUEST
Sends numbered datagrams to a guest (or an endpoint) and has it send its own back, at a fixed rate.
What goes outward is counted in the guest, behind its tap, so the figures are not those of a guest
that answers slowly; they move with it and are asked for at the end. Beside it a TCP stream goes
there and back: whether it is whole, and whether it was reset or had retransmission timeouts. And
the longest time in which no guest of this lab took anything from its tap, on whatever host: beside
the longest gap of the answers, what a guest that moves waited for is apart from how slowly it
starts to answer. For a lab of one guest.

  --from NODE      an endpoint, or "peer" (default)
  --rate PPS       in each direction     (default 1000)
  --seconds S      how long              (default 10); SIGTERM or SIGINT end it early
  --patience S     how long to ask a guest that does not answer  (default 90)
  --no-stream      datagrams only
  --json           one object

"lost" are those that were sent and did not come within half a second after the last.

Example: lab probe --from client --seconds 5 db
TEXT
}

cmd_probe() {
    local name='' from=peer rate=1000 seconds=10 patience=90 stream=stream form=text
    while [ $# -gt 0 ]; do
        case $1 in
            --from | --rate | --seconds | --patience) [ $# -ge 2 ] || usage_error "$1 needs a value" ;;&
            --from) from=$2; shift 2 ;;
            --rate) rate=$2; shift 2 ;;
            --seconds) seconds=$2; shift 2 ;;
            --patience) patience=$2; shift 2 ;;
            --no-stream) stream=-; shift ;;
            --json) form=json; shift ;;
            --) shift; name=${1-}; shift || true ;;
            -*) usage_error "unknown option \"$1\"; see lab probe --help" ;;
            *) [ -z "$name" ] || usage_error "one guest only"; name=$1; shift ;;
        esac
    done
    [ -n "$name" ] || usage_error "probe needs a GUEST; see lab probe --help"
    [[ $rate =~ ^[1-9][0-9]{0,5}$ ]] || usage_error "bad rate \"$rate\": datagrams per second"
    [[ $seconds =~ ^[0-9]+(\.[0-9]+)?$ ]] || usage_error "bad duration \"$seconds\": seconds"
    [[ $patience =~ ^[0-9]{1,5}$ ]] || usage_error "bad patience \"$patience\": seconds"
    need_lab
    local address node=peer
    if [ "$from" != peer ]; then
        is_endpoint "$from" || die "unknown endpoint \"$from\""
        node=ep.$from
    fi
    if is_endpoint "$name"; then
        address=$(awk -v owner="ep.$name" '$1 == owner {print $4}' "$STATE/locations")
    else
        address=$(guest_address "$(need_guest "$name")")
    fi
    # opened out here: a host's network cannot be entered from within another node
    local host network taps=()
    for host in $(lab_hosts); do
        exec {network}<"/proc/$(anchor_pid "$host")/ns/net"
        taps+=("$network")
    done
    exec_in "$node" "$(probe_program)/probe" run "$address" "$rate" "$seconds" "$patience" \
        "$form" "$stream" "${taps[@]}"
}
