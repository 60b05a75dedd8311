#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest that writes its memory moves to and fro ten times: it never misses more than the blackout
# that is reported and what a resumed guest needs anyway, and nothing of it stays behind.
. "$(dirname "$0")/vm-common.sh"
two_hosts
make_guest db --memory 256M --disk 128M:shared --workload "dirty-rate=30M hot=10 disk-rate=1M disk-span=32M"
before=$(settings_of host1 db)
warmup=$(lab warmup --cold db | grep -oE '[0-9.]+' | sed -n 1p)
echo "a guest resumed in a new QEMU is silent for $warmup ms (median of five)"

excesses=()
for round in 1 2 3 4 5 6 7 8 9 10; do
    if [ $((round % 2)) -eq 1 ]; then from=host1 to=host2; else from=host2 to=host1; fi
    since=$(lab clock)
    result=$(vm start db --to "$to" --json 2>/dev/null | tail -n 1) || fail "round $round: $result"
    [ "$(jq -r .outcome <<<"$result")" = moved ] || fail "round $round: $result"
    sleep 0.3
    runs_only_on "$to" db
    [ "$(state_on "$from" db)" = "" ] || fail "$from still defines db"
    gap=$(heartbeat_field db longest_gap_ms --since "$since")
    blackout=$(jq -r '.blackout_us / 1000' <<<"$result")
    excess=$(jq -n "$gap - $blackout")
    excesses+=("$excess")
    echo "round $round: longest gap $gap ms, blackout $blackout ms, more than it: $excess ms"
    [ "$(settings_of "$to" db)" = "$before" ] || fail "round $round: QEMU's settings differ"
    alive db "$since"
done
no_vmigrate_left
median=$(printf '%s\n' "${excesses[@]}" | sort -n | sed -n 5p)
# Heartbeats come every 5 ms; the machine is busy with both hosts and the guest.
jq -en "$median <= $warmup + 50" >/dev/null ||
    fail "median of gap - blackout is $median ms, a plain save and restore takes $warmup ms"
echo "median of gap - blackout: $median ms; warm-up alone: $warmup ms"
