#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Where nobody holds the switchover, the network goes ahead of the guest by a moment: next to nothing is lost. With a
# mirror a little comes twice, without one nothing, and no mirror stays. Without a port on the destination there is none.
#   ROUNDS=N                    migrations of each kind (1)
#   STOCK_CUTOVER="KIND ..."    of "early mirror relay" (the first two)
. "$(dirname "$0")/vm-common.sh"
command -v ovs-vswitchd >/dev/null || skip "needs openvswitch-switch"
command -v osken-manager >/dev/null || skip "needs python3-os-ken"
rounds=${ROUNDS:-1}
read -ra cutovers <<<"${STOCK_CUTOVER:-mirror early}"
# what a busy machine may cost; a guest whose network is not turned loses hundreds
most_lost=${MOST_LOST:-20}
# of 200 a second: the tap keeps five seconds of them, a mirror is half a second at most
rate=200
declare -A least_twice=([mirror]=1 [early]=0 [relay]=0) most_twice=([mirror]=150 [early]=0 [relay]=0)

lab up 2 --fabric ovs
lab controller stop
lab controller start --gateway-interval 1
lab endpoint outside --host gateway >/dev/null
# more than can be sent in a millisecond
make_guest g --workload "dirty-rate=20M"
for cutover in "${cutovers[@]}"; do
    # so long that a guest which gets little of a busy machine takes something of it
    sed "s/^\[network\]/&\nstock-cutover = \"$cutover\"\nsettle = \"50ms\"/" "$LAB_STATE/vmigrate.toml" \
        >"$LAB_STATE/$cutover.toml"
done

expect_code 0 net lock g --from host1 --to host2
vm_code net mirror g --from host1 --to host2
[[ $code -ne 0 && $out == *"switch of host2: no port for the guest's card"* ]] || fail "exit code $code: $out"
none_own host1 host2 gateway || fail "a mirror to nowhere: $(own_flows)"
expect_code 0 net rollback g --from host1 --to host2

# Whose migration ends at once, since it got little to do, has next to no time in which anything comes twice.
said_little() { # MS that the network was ahead
    [ "${least_twice[$cutover]}" -gt 0 ] && jq -en --arg ahead "${1:-0}" '($ahead | tonumber) < 25' >/dev/null
}

here=host1
tries=0
todo=()
for ((round = 1; round <= rounds; round++)); do todo+=("${cutovers[@]}"); done
while [ ${#todo[@]} -gt 0 ]; do
    cutover=${todo[0]}
    there=host2
    [ "$here" = host1 ] || there=host1
    "$LAB_TOP/lab/lab" --name "$TEST_LAB" probe --json --no-stream --rate "$rate" --seconds 300 \
        --from outside g >"$LAB_STATE/probe.json" &
    probe=$!
    sleep 1.5
    expect_code 0 start g --to "$there" --set switchover-hold=0 --bandwidth 60MiB/s --config "$LAB_STATE/$cutover.toml"
    sleep 1
    kill -TERM "$probe"
    wait "$probe" || fail "the probe failed: $(cat "$LAB_STATE/probe.json")"
    echo "$cutover, $here to $there: $(jq -c '{outward, back, taps}' "$LAB_STATE/probe.json"), $(grep -o 'the network was.*' <<<"$out" || true)"
    [[ $cutover = relay || $out == *"ms ahead of the guest"* ]] || fail "$cutover: the network did not go ahead: $out"
    ahead=$(sed -n 's/.*the network was \([0-9.]*\) ms ahead of the guest.*/\1/p' <<<"$out")
    least=${least_twice[$cutover]}
    if said_little "$ahead"; then
        tries=$((tries + 1))
        [ "$tries" -lt 6 ] || fail "never was the network ahead of the guest for long: $out"
        least=0
    else
        todo=("${todo[@]:1}")
    fi
    jq -e --argjson lost "$most_lost" --argjson least "$least" --argjson most "${most_twice[$cutover]}" \
        '(.outward | .sent > 200 and .lost <= $lost and .duplicated >= $least and .duplicated <= $most) and
         .back.duplicated == 0' "$LAB_STATE/probe.json" >/dev/null ||
        fail "too much was lost, or nothing or too much came twice: $out"
    runs_only_on "$there" g
    eventually 10 none_own host1 host2 gateway || fail "left on the switches: $(own_flows)"
    here=$there
    lab location g "$here" --wait
    sleep 2
done
