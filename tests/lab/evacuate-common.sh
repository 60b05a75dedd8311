# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For tests that empty a host: small guests, made at the same time, where they are, and what is said of them.
# shellcheck source=tests/lab/vm-common.sh
. "$(dirname "${BASH_SOURCE[0]}")/vm-common.sh"
# shellcheck disable=SC2034  # for the tests
config=$LAB_STATE/vmigrate.toml
log=$LAB_STATE/evacuate.json

# hosts_up COUNT: hosts that two guests may leave at the same time
hosts_up() {
    mapfile -t hosts < <(seq -f 'host%g' "$1")
    lab up "$1"
    sed -i '/^migration-host/a migrations-out = 2' "$config"
}

# make_guests NAME[@HOST]...: all at the same time, on host1 where nothing else is said
make_guests() {
    local name pid pids=()
    for name in "$@"; do
        [[ $name == *@* ]] || name+=@host1
        make_guest "${name%@*}" --host "${name#*@}" --memory 128M \
            --workload "dirty-rate=256K memory=16M verify-rate=1M transactions=10" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || fail "a guest was not made"; done
}

# tie_to_host1 NAME: on a network that is on host1 alone
tie_to_host1() {
    lab exec host1 ip link show br-own >/dev/null 2>&1 || {
        lab exec host1 ip link add br-own type bridge
        lab exec host1 ip link set br-own up
    }
    lab exec host1 virsh -q attach-interface "$1" bridge br-own --live --config
}

# host_of NAME: where it runs
host_of() {
    local host
    for host in "${hosts[@]}"; do
        [ "$(state_on "$host" "$1")" != running ] || echo "$host"
    done
}

# verdict NAME: what the evacuation that wrote $log says of it at its end, as in "moved host2"
verdict() { jq -r "select(.event == \"guest\" and .guest == \"$1\") | \"\(.outcome) \(.destination)\"" "$log"; }
