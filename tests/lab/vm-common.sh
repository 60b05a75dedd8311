# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For tests of vmigrate in a lab: the binary, and what must hold after every migration.
# shellcheck source=tests/lab/lab-common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lab-common.sh"
# what ends a test without a word of its own is named
set -E
trap 'echo "FAIL: $(basename "$0"), line $LINENO: $BASH_COMMAND" >&2' ERR
BUILD=${VMIGRATE_BUILD:-$LAB_TOP/build/release}
VMIGRATE=${VMIGRATE:-$BUILD/src/cli/vmigrate}
[ -x "$VMIGRATE" ] || fail "no $VMIGRATE: build it first (./check --only build)"
command -v jq >/dev/null || skip "needs jq"

# vm ARGUMENT...: vmigrate on the admin machine
vm() { lab exec admin "$VMIGRATE" "$@"; }

# vm_code ARGUMENT...: its exit code in $code, what it printed in $out (both streams)
vm_code() {
    code=0
    out=$(vm "$@" 2>&1) || code=$?
}

# expect_code CODE ARGUMENT...
expect_code() {
    local wanted=$1
    shift
    vm_code "$@"
    [ "$code" -eq "$wanted" ] || fail "vmigrate $*: exit code $code instead of $wanted: $out"
}

# a lab whose emulator can be trusted with several passes
two_hosts() {
    lab up 2
}

# make_guest NAME OPTION...
make_guest() {
    local name=$1
    shift
    lab guest "$@" -- "$name"
    if lab exec host1 virsh dumpxml -- "$name" 2>/dev/null | grep "type='qemu'" >/dev/null &&
        lab exec host1 virsh dumpxml -- "$name" | grep '<emulator>/usr/bin' >/dev/null; then
        skip "emulation needs the project's QEMU: run qemu/build"
    fi
}

state_on() { lab exec "$1" virsh domstate -- "$2" 2>/dev/null | sed -n 1p || true; }

# where_is NAME: the hosts on which it runs
where_is() {
    local host
    for host in host1 host2; do
        [ "$(state_on "$host" "$1")" != running ] || echo "$host"
    done
}

# runs_only_on HOST NAME: exactly one running copy, no remains of it on the other host
runs_only_on() {
    local there=host1
    [ "$1" = host1 ] && there=host2
    [ "$(where_is "$2")" = "$1" ] || fail "$2 runs on: $(where_is "$2" | xargs), not just on $1"
    ! lab exec "$there" virsh domid -- "$2" >/dev/null 2>&1 || fail "$there still has $2"
}

# QEMU's migration settings of a guest, to be the same before and after: its capabilities, and its parameters
settings_of() {
    local ask="qemu-monitor-command '$2' '{\"execute\":\"query-migrate-"
    lab exec "$1" virsh -q "${ask}capabilities\"}'; ${ask}parameters\"}'" |
        jq -cS '.return | if type == "array" then sort_by(.capability) else . end'
}

# alive NAME SINCE: heartbeats come, the verifier is silent, it was never started again
alive() {
    local report
    [ "$(heartbeat_field "$1" packets --since "$2")" -gt 0 ] || fail "$1 is silent"
    report=$(lab heartbeat --json -- "$1")
    [ "$(jq .errors <<<"$report")" -eq 0 ] || fail "the verifier of $1 found errors"
    [ "$(jq .boots <<<"$report")" -eq 1 ] || fail "$1 was started again"
}

# own_flows [NODE...]: those of ours on the switches, on the fabric "ovs". A switch that does not tell has some, perhaps.
own_flows() {
    local node flows
    [ $# -gt 0 ] || set -- host1 host2 host3 gateway
    for node in "$@"; do
        flows=$(lab exec "$node" ovs-ofctl -O OpenFlow14 dump-flows br-int \
            'cookie=0x766d000000000000/0xffff000000000000' 2>&1) || flows+=" cookie=unknown"
        sed -n "s/.*cookie=/$node: &/p" <<<"$flows"
    done
}
none_own() { [ -z "$(own_flows "$@")" ]; }

no_vmigrate_left() {
    ! lab exec admin pgrep -x vmigrate >/dev/null || fail "a vmigrate process is left"
}
