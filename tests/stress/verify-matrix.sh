#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole matrix of vmigrate verify, with a guest of each kind that it asks for. Not part of ./check: once takes about
# a quarter of an hour. What is done is in a file, and is not done again: it can be interrupted, and gone on with. Fails
# at the first page or block that is not what was last written, and when a row could not be done.
#   ROUNDS=N     how often each row is done (3)
#   MATRIX=FILE  what is done (/var/tmp/vmigrate-matrix.json)
#   MINUTES=N    no other rows are begun with after so long (none)
# KSM may not have merged anything before: then there are no guests whose memory is private.
. "$(dirname "$0")/../lab/vm-common.sh"
rounds=${ROUNDS:-3} state=${MATRIX:-/var/tmp/vmigrate-matrix.json} minutes=${MINUTES:-100000}
prefix=$("$LAB_TOP/qemu/build" --print-prefix 2>/dev/null) || skip "needs the project's QEMU: run qemu/build"
two_hosts
ksm_merges() { [ "$(cat /sys/kernel/mm/ksm/pages_shared)" -gt 0 ]; }
! ksm_merges || skip "KSM has merged memory on this machine: no guest's would be private"

# slow enough for several iterations and for post-copy; but what is written to all disks together, a block of 1 MiB for
# each 4 KiB, must get through
ways=(--no-measure --bandwidth 24MiB/s --set downtime-limit=100ms --timeout 60s)
# rows with a throttle need it: a fifth of the memory is written again sooner than it is sent, and does not fit the ceiling
throttled_ways=(--no-measure --bandwidth 16MiB/s --set downtime-limit=100ms --set blackout-ceiling=250ms
    --set max-iterations=1000 --timeout 120s)
calm="dirty-rate=8M hot-writes=90 hot=30" restless="dirty-rate=32M hot-writes=100 hot=20"
# KiB/s written to all disks together
calm_disks=64 restless_disks=14
workload="report=1 memory=32M dirty-rate=8M hot=30 clear=3 verify-rate=100M disk-span=4M disk-fill=1
    disk-zero=5 disk-trim=5 disk-verify-rate=16M"

list() { vm verify --list --json --state "$state"; }
# kinds WITH_KSM: the guests for which rows are left
kinds() {
    list | jq -r --argjson rounds "$rounds" --argjson ksm "$1" 'select(.event == "row" and .done < $rounds) | .guest |
        select((.backing == "ksm") == $ksm) | [.backing, .disks, .storage, .multifd_compression] | @tsv' | sort -u
}
# rows_left ROUND KIND THROTTLE: the number of its rows
rows_left() {
    list | jq -s --argjson round "$1" --arg kind "$2" --arg throttle "throttle=$3" 'map(select(.event == "row" and
        .done < $round and (.guest | [.backing, .disks, .storage, .multifd_compression] | join(" ")) == $kind and
        (.combination | split(" ") | index($throttle) != null))) | length'
}

# make_guest_of BACKING DISKS STORAGE MULTIFD
make_guest_of() {
    local options=(--memory 128M --emulator "$prefix/bin/qemu-system-x86_64") disk
    case $1 in
        ksm) options+=(--ksm) ;;
        *) options+=(--backing "$1") ;;
    esac
    for ((disk = 0; disk < $2; disk++)); do options+=(--disk "$((8 / $2 + 3))M:$3"); done
    [ "$4" = none ] || options+=(--global "migration.multifd-compression=$4")
    make_guest g "${options[@]}" --workload "${workload//$'\n'/ } disk-rate=$((calm_disks / $2))K"
    [ "$1" != ksm ] || eventually 60 ksm_merges || fail "KSM merges nothing"
}

time_left() { [ "$SECONDS" -lt $((minutes * 60)) ]; }
trouble=()
# rows_with THROTTLE ROUND KIND
rows_with() {
    local code=0 load=$calm to_disks=$calm_disks how=("${ways[@]}") disks
    read -r _ disks _ <<<"$3"
    [ "$(rows_left "$2" "$3" "$1")" -gt 0 ] || return 0
    if [ "$1" != off ]; then load=$restless to_disks=$restless_disks how=("${throttled_ways[@]}"); fi
    # shellcheck disable=SC2086
    lab set g $load "disk-rate=$((to_disks / disks))K"
    vm verify g --matrix --only "throttle=$1" --rounds "$2" --state "$state" "${how[@]}" 2>"$LAB_STATE/verify.err" || code=$?
    if grep -F "is not what it was" "$LAB_STATE/verify.err"; then fail "a mismatch; the guest is gone with the lab"; fi
    [ "$code" -eq 0 ] || [ "$code" -eq 4 ] || trouble+=("exit code $code with $3, throttle=$1")
    grep '^vmigrate: ' "$LAB_STATE/verify.err" || true
}
# rows_of BACKING DISKS STORAGE MULTIFD
rows_of() {
    local round throttle
    make_guest_of "$@"
    for ((round = 1; round <= rounds; round++)); do
        for throttle in off value auto-converge; do
            ! time_left || rows_with "$throttle" "$round" "$*"
        done
    done
    alive g 0
    lab guest --remove g
}

# KSM comes last: once it is on it stays on until the end, and takes every guest's memory
for with_ksm in false true; do
    mapfile -t left < <(kinds "$with_ksm")
    for kind in ${left[@]+"${left[@]}"}; do
        time_left || break 2
        # shellcheck disable=SC2086
        rows_of $kind
    done
done
no_vmigrate_left
jq -rs '"\(length) migrations, \(map(.verified_bytes) | add / 1073741824 * 10 | floor / 10) GiB verified, " +
    "\(map(.mismatches) | add) mismatches, \(map(.total_ms) | add / 1000 | floor) s in migrations; " +
    "\(map(select(.postcopy)) | length) in post-copy, \(map(select(.throttle_percent_max > 0)) | length) of " +
    "\(map(select(.combination | contains("throttle=off") | not)) | length) throttled"' "$state"
least=$(list | jq -s 'map(select(.event == "row").done) | min')
echo "each row at least $least times"
if [ ${#trouble[@]} -gt 0 ]; then
    printf '%s\n' "${trouble[@]}"
    fail "${#trouble[@]} guests had rows that could not be done"
fi
! time_left || [ "$least" -ge "$rounds" ] || fail "rows are left, see vmigrate verify --list --state $state"
