#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest that writes faster than the link carries: it is throttled for as short as it takes, moves under the ceiling,
# and runs as before; and one whose vmigrate was killed does not stay throttled.
. "$(dirname "$0")/vm-common.sh"
prefix=$("$LAB_TOP/qemu/build" --print-prefix 2>/dev/null) || skip "needs the project's QEMU: run qemu/build"
two_hosts
make_guest g --emulator "$prefix/bin/qemu-system-x86_64" --memory 256M \
    --workload "dirty-rate=80M hot=100 hot-writes=100 change=8 zero=0 random=0 verify-rate=1M"
before=$(settings_of host1 g)
since=$(lab clock)
# a busy machine needs longer than the policy gives: how long is not what is tested here
busy=(--bandwidth 30MiB/s --compression off --set throttle-hold=8s)
field() { sed -n "s/.*\"$1\":\\([0-9.]*\\).*/\\1/p" <<<"$result"; }
speed() { heartbeat_field g transactions_per_s --since "$1" --until "$2"; }
slowly() { [ "$(awk -v now="$1" -v normal="$normal" 'BEGIN {print now < normal / 2}')" = 1 ]; }
sleep 2
normal=$(speed "$since" "$(lab clock)")

expect_code 0 plan g --to host2 "${busy[@]}"
grep -q "throttled, by cpu-throttle-value" <<<"$out" || fail "plan does not say how it will converge: $out"

expect_code 0 start g --to host2 "${busy[@]}" --json
grep -E '"text":"throttle [0-9]+ %: ' <<<"$out" >/dev/null || fail "it was not throttled: $out"
result=$(grep '"event":"result"' <<<"$out")
[ "$(field throttle_percent_max)" -ge 80 ] || fail "the throttle is not in the result: $result"
[ "$(field blackout_us)" -le 1000000 ] || fail "the blackout: $result"
runs_only_on host2 g
[ "$(settings_of host2 g)" = "$before" ] || fail "other settings in QEMU on the destination"
begin=$(lab clock)
sleep 2
! slowly "$(speed "$begin" "$(lab clock)")" || fail "the guest runs slowly on the destination"
alive g "$since"

# a stock QEMU takes it through its own auto-converge (with the correction of its dirty log, or emulation loses pages)
if stock=$("$LAB_TOP/qemu/build" --series "$LAB_TOP/qemu/bench/stock.series" --print-prefix 2>/dev/null); then
    make_guest s --emulator "$stock/bin/qemu-system-x86_64" --memory 256M \
        --workload "dirty-rate=80M hot=100 hot-writes=100 change=8 zero=0 random=0 verify-rate=1M"
    plain=$(settings_of host1 s)
    expect_code 0 start s --to host2 "${busy[@]}" --json
    grep -E '"text":"throttle [0-9]+ %: ' <<<"$out" >/dev/null || fail "it was not throttled: $out"
    ! grep "not set" <<<"$out" || fail "QEMU did not take it"
    result=$(grep '"event":"result"' <<<"$out")
    [ "$(field throttle_percent_max)" -ge 80 ] || fail "the throttle is not in the result: $result"
    runs_only_on host2 s
    [ "$(settings_of host2 s)" = "$plain" ] || fail "other settings in the stock QEMU on the destination"
    alive s "$since"
    lab guest --remove s
fi

# killed while it throttles: QEMU lets go by itself, and recover finds the guest
lab exec admin "$VMIGRATE" start g --to host1 "${busy[@]}" --set throttle-direct-within=0s --set blackout-ceiling=100ms \
    --set throttle-hold=1m >"$LAB_STATE/start.log" 2>&1 &
throttled() { lab exec host2 virsh qemu-monitor-command g '{"execute":"query-migrate"}' | grep '"cpu-throttle-percentage"' >/dev/null; }
eventually 60 throttled || fail "it was not throttled: $(cat "$LAB_STATE/start.log")"
lab exec admin pkill -9 -x vmigrate
killed=$(lab clock)
free() { ! where_is g | grep host2 >/dev/null || ! throttled; }
eventually 10 free || fail "it is still throttled $((($(lab clock) - killed) / 1000000000)) s after vmigrate was killed"
lab exec host2 virsh domjobabort g >/dev/null 2>&1 || true
vm_code recover
expect_code 0 recover
where=$(where_is g)
[[ $where = host1 || $where = host2 ]] || fail "it runs on: $where"
runs_only_on "$where" g
[ "$(settings_of "$where" g)" = "$before" ] || fail "other settings in QEMU after recover"
begin=$(lab clock)
sleep 2
! slowly "$(speed "$begin" "$(lab clock)")" || fail "the guest runs slowly afterwards"
alive g "$since"
no_vmigrate_left
