#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# QEMU's switchover-hold under libvirt: the event comes, the guest runs while it is held, a release stops it at once,
# the time ends it too; a cancel or a dead destination while it is held leaves a running guest.
#   ROUNDS=N    migrations, half of them released, half timed out (6)
. "$(dirname "$0")/vm-common.sh"
rounds=${ROUNDS:-6}
two_hosts
make_guest g --memory 256M --workload "dirty-rate=20M hot=10"
begun=$(lab clock)
events=$LAB_STATE/events
mkdir "$events"

other() { if [ "$1" = host1 ]; then echo host2; else echo host1; fi; }
on() { lab exec "$1" virsh -q -c qemu:///system "${@:2}"; }
qmp() { on "$1" qemu-monitor-command g "$2"; }
parameter() { qmp "$1" "{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"switchover-hold\":$2}}" >/dev/null; }
# QEMU's own stamp of an event, in microseconds; nothing while it has not come
stamp() { sed -n "s/^event $2 at \\([0-9]*\\)\\.\\([0-9]*\\) .*/\\1\\2/p" "$events/$1"; }
seen() { [ "$(stamp "$1" "$2")" ]; }
absent() { [ "$(state_on "$1" g)" = "" ]; }
running() { [ "$(state_on "$1" g)" = running ]; }

# begin SOURCE MILLISECONDS: returns when the migration is held
begin() {
    local there
    there=$(other "$1")
    : >"$events/$1"
    parameter "$1" "$2"
    on "$1" migrate --live --p2p --persistent --undefinesource --unsafe g "qemu+tcp://$there/system" \
        >"$events/migrate" 2>&1 &
    migration=$!
    eventually 60 seen "$1" MIGRATION_SWITCHOVER_HOLD || fail "no hold: $(cat "$events/migrate")"
}

held() {
    local since
    running "$1" || fail "it is $(state_on "$1" g) while it is held"
    [ "$(qmp "$1" '{"execute":"query-migrate"}' | jq -r '.return."switchover-hold".state')" = holding ] ||
        fail "query-migrate says it is not held"
    since=$(lab clock)
    sleep 0.3
    alive g "$since"
    ! seen "$1" STOP || fail "stopped while it is held"
}

# ended SOURCE moved|failed: what libvirt made of it; and the parameter does not stay
ended() {
    local there code=0
    there=$(other "$1")
    wait "$migration" || code=$?
    if [ "$2" = moved ]; then
        [ "$code" -eq 0 ] || fail "virsh migrate: $(cat "$events/migrate")"
        runs_only_on "$there" g
    else
        [ "$code" -ne 0 ] || fail "the migration was to fail"
        eventually 10 running "$1" || fail "it is $(state_on "$1" g) on the source"
        eventually 10 absent "$there" || fail "something is left on the destination"
        ! seen "$1" STOP || fail "it was stopped"
        parameter "$1" 0
    fi
}

# release SOURCE: adds the microseconds from the release to the stop, as QEMU tells them, to $latencies. One virsh for
# both questions: the source is soon gone.
release() {
    local command=qemu-monitor-command answer took
    for _ in $(seq 50); do
        answer=$(printf '%s\n' "$command g '{\"execute\":\"migrate-switchover-release\",\"arguments\":{\"max-remaining\":16777216}}'" \
            "$command g '{\"execute\":\"query-migrate\"}'" | on "$1" 2>&1 || true)
        took=$(sed -n 's/.*"release-to-stop":\([0-9]*\).*/\1/p' <<<"$answer")
        [ -z "$took" ] || { latencies+=" $took"; return 0; }
    done
    fail "not released: $answer"
}

for host in host1 host2; do
    lab exec "$host" stdbuf -oL virsh -q -c qemu:///system qemu-monitor-event --loop >>"$events/$host" &
done
sleep 0.5

here=host1 latencies=''
for round in $(seq "$rounds"); do
    if [ $((round % 2)) -eq 1 ]; then
        begin "$here" 20000
        held "$here"
        release "$here"
        ended "$here" moved
        seen "$here" STOP || fail "no STOP"
    else
        begin "$here" 1500
        held "$here"
        ended "$here" moved
        time=$((($(stamp "$here" STOP) - $(stamp "$here" MIGRATION_SWITCHOVER_HOLD)) / 1000))
        [ "$time" -ge 1500 ] || fail "held for $time ms instead of 1500"
        echo "timed out after $time ms"
    fi
    here=$(other "$here")
done
echo "from the release to STOP, microseconds:$latencies"

begin "$here" 20000
held "$here"
on "$here" domjobabort g
ended "$here" failed
echo "cancelled: it runs on the source"

begin "$here" 20000
held "$here"
lab exec "$(other "$here")" bash -c 'kill -9 "$(cat /run/libvirt/qemu/g.pid)"'
ended "$here" failed
echo "destination killed: it runs on the source"

alive g "$begun"
trap - ERR
# shellcheck disable=SC2046
kill $(jobs -p) && wait || true
