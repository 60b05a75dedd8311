#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest on Open vSwitch moves to and fro under a probe in both directions, from a third host, from both its hosts
# and through the gateway: nothing is duplicated, and next to nothing lost; a migration that fails leaves the network as
# it was; nothing of ours stays on any switch.
#   ROUNDS=N       migrations for each place that is probed from (1)
#   MOST_LOST=N    in each direction. None should be; but where two processors carry three switches and the guest, a
#                  switch may be late by ten milliseconds. A guest whose network was not turned loses hundreds.
#   EMULATOR=stock with Debian's QEMU
. "$(dirname "$0")/vm-common.sh"
command -v ovs-vswitchd >/dev/null || skip "needs openvswitch-switch"
command -v osken-manager >/dev/null || skip "needs python3-os-ken"
rounds=${ROUNDS:-1}
emulator=${EMULATOR:-}
most_lost=${MOST_LOST:-20}

lab up 3 --fabric ovs
# it hears of a move only after its end here; then the gateway must know before the next one
lab controller stop
lab controller start --gateway-interval 1
lab endpoint far --host host3 >/dev/null
lab endpoint one --host host1 >/dev/null
lab endpoint two --host host2 >/dev/null
lab endpoint outside --host gateway >/dev/null
make_guest g ${emulator:+--emulator "$emulator"}

# relays go by themselves, after two seconds of silence here
nothing_left() { eventually 10 none_own || fail "left on the switches after $1: $(own_flows)"; }

# probe FROM: until probed is called
probe() {
    "$LAB_TOP/lab/lab" --name "$TEST_LAB" probe --json --seconds 300 --from "$1" g >"$LAB_STATE/probe.json" &
    probe=$!
    sleep 1.5
    kill -0 "$probe" 2>/dev/null || fail "the probe from $1 ended at once"
}
probed() {
    sleep 1
    kill -TERM "$probe"
    wait "$probe" || fail "the probe failed: $(cat "$LAB_STATE/probe.json")"
}
within() { # MOST WHAT
    jq -e --argjson most "$1" '[.outward, .back | .sent > 1000 and .lost <= $most and .duplicated == 0] | all' \
        "$LAB_STATE/probe.json" >/dev/null || fail "$2: $(cat "$LAB_STATE/probe.json")"
    jq -e '.stream | .whole and (.reset | not)' "$LAB_STATE/probe.json" >/dev/null ||
        fail "$2: $(cat "$LAB_STATE/probe.json")"
    echo "$2: $(jq -c '{outward, back, taps, timeouts: [.stream.timeouts_outward, .stream.timeouts_back]}' \
        "$LAB_STATE/probe.json")"
}

here=host1
other() { if [ "$here" = host1 ]; then echo host2; else echo host1; fi; }
for ((round = 1; round <= rounds; round++)); do
    for from in outside far one two; do
        there=$(other)
        options=(--set blackout-ceiling=10s)
        [ "$from" != two ] || options+=(--wait-drain)
        probe "$from"
        expect_code 0 start g --to "$there" "${options[@]}" --json
        [[ $out != *"No packet from"* ]] || fail "QEMU waited for a packet in vain: $out"
        blackout=$(jq 'select(.event == "result") | .blackout_us / 1000' <<<"$out")
        probed
        within "$most_lost" "$here to $there, from $from, blackout $blackout ms"
        runs_only_on "$there" g
        nothing_left "a move"
        here=$there
        # as a cloud does when it hears of the move
        lab location g "$here" --wait
        sleep 2
    done
done

# the destination dies in mid-copy
probe far
vm start g --to "$(other)" --bandwidth 2MiB/s >"$LAB_STATE/failed" 2>&1 &
move=$!
eventually 30 lab exec "$(other)" virsh domid g >/dev/null 2>&1 || fail "no guest on the destination"
sleep 1
# shellcheck disable=SC2016
lab exec "$(other)" bash -c 'kill -9 "$(cat /run/libvirt/qemu/g.pid)"'
code=0
wait "$move" || code=$?
[ "$code" -eq 1 ] || fail "exit code $code of a migration that was to fail: $(cat "$LAB_STATE/failed")"
probed
within 0 "failed from $here"
runs_only_on "$here" g
nothing_left "a failed move"
