#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An interrupted "lab up" cleans up; what a killed one leaves, the next one clears.
. "$(dirname "$0")/lab-common.sh"

left() { ip netns | grep "^vml-$TEST_LAB-" || true; }

lab up 1 && lab down # compiles what is not compiled yet
for delay in 0.1 0.4 0.8; do
    "$LAB_TOP/lab/lab" --name "$TEST_LAB" up 4 2>/dev/null &
    pid=$!
    sleep "$delay"
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" && fail "\"up\" ended well after SIGTERM at $delay s"
    [ -z "$(left)" ] || fail "namespaces are left after SIGTERM at $delay s: $(left | xargs)"
    [ ! -e "$LAB_STATE" ] || fail "state is left after SIGTERM at $delay s"
done

for delay in 0.2 0.6; do
    "$LAB_TOP/lab/lab" --name "$TEST_LAB" up 4 2>/dev/null &
    pid=$!
    sleep "$delay"
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
    [ -n "$(left)" ] || fail "nothing was left after $delay s, the test proves nothing"
    lab up 2
    [ "$(lab exec host2 hostname)" = host2 ] || fail "the lab does not work"
    ! left | grep host4 >/dev/null || fail "host4 of the killed run is left"
    lab down
done
