#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Many verified guests at once move to and fro on a loaded machine, in ways drawn at random, for as long as wanted. Not
# part of ./check. Fails at the first page or block that is not what it was, at the first guest that is not on exactly
# one host, and at an outcome that is neither "moved", with or without problems, nor "runs on the source".
#   GUESTS=N    (4)
#   MINUTES=N   (2)
#   LOAD=N      processes that do nothing but compute (2)
#   SEED=N      of the draw; it is printed (random)
. "$(dirname "$0")/../lab/vm-common.sh"
guests=${GUESTS:-4} minutes=${MINUTES:-2} load=${LOAD:-2} seed=${SEED:-$RANDOM}
RANDOM=$seed
two_hosts

# shellcheck disable=SC2034 # taken by name
patterns=(random sequential stripes mixed)
# shellcheck disable=SC2034
backings=(private shared huge "private --ksm")
# shellcheck disable=SC2034
ways=("" "--compression lz4" "--compression lz4 --parallel" "--parallel" "--ram-delay-save-percent 30"
    "--compression lz4 --bypass-compression yes" "--set storage=copy-in-stream --mig-block-size 64KiB"
    "--set storage=copy-in-stream --compression lz4" "--bandwidth 30MiB/s")
# one_of ARRAY: one of its items, in $drawn
one_of() {
    local -n items=$1
    drawn=${items[RANDOM % ${#items[@]}]}
}

# the way of one guest until the time is over: a line for each round in its file
wander() {
    local guest=$1 here=host1 there=host2 end=$2 round=0 log=$LAB_STATE/$1.rounds
    RANDOM=$3
    while [ "$SECONDS" -lt "$end" ]; do
        one_of patterns
        lab set "$guest" "pattern=$drawn"
        one_of patterns
        lab set "$guest" "disk-pattern=$drawn"
        one_of ways
        # shellcheck disable=SC2086
        vm_code start "$guest" --to "$there" $drawn
        case $code in
            0 | 4) runs_only_on "$there" "$guest"; read -r here there <<<"$there $here" ;;
            1) runs_only_on "$here" "$guest" ;;
            *) fail "$guest, round $round, \"$drawn\": exit code $code: $out" ;;
        esac
        alive "$guest" "$(($(lab clock) - 5000000000))"
        round=$((round + 1))
        echo "$code $drawn" >>"$log"
    done
}

names=()
finish() {
    jobs -p | xargs -r kill 2>/dev/null || true
    lab down
}
trap finish EXIT
for ((i = 0; i < guests; i++)); do
    one_of backings
    # shellcheck disable=SC2086
    make_guest "guest$i" --backing $drawn --memory 128M --disk 32M:local --disk 8M:local --workload "memory=40M \
        dirty-rate=4M clear=3 verify-rate=40M disk-rate=512K disk-span=4M disk-fill=1 disk-zero=5 disk-trim=5 disk-verify-rate=4M"
    names+=("guest$i")
done
for ((i = 0; i < load; i++)); do
    (trap - EXIT; while :; do :; done) &
done
echo "seed $seed: $guests guests for $minutes minutes"
end=$((SECONDS + minutes * 60))
movers=()
for guest in "${names[@]}"; do
    (trap - EXIT; wander "$guest" "$end" "$RANDOM") &
    movers+=($!)
done
for pid in "${movers[@]}"; do wait "$pid" || fail "seed $seed: see above"; done
for guest in "${names[@]}"; do
    report=$(lab heartbeat --json -- "$guest")
    [ "$(jq .errors <<<"$report")" -eq 0 ] || fail "seed $seed: $(jq -r '.bugs[]' <<<"$report")"
    echo "$guest: $(wc -l <"$LAB_STATE/$guest.rounds") rounds, $(grep -c '^[04]' "$LAB_STATE/$guest.rounds") moves," \
        "$(jq '.verified_bytes / 1048576 | floor' <<<"$report") MiB verified, nothing differs"
done
no_vmigrate_left
