#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest that writes 8 KiB here and there, faster than its disk is copied: it never ends; with io-qos its writes are
# limited and it ends, by libvirt's mirror and in the stream. Limits that the guest has of itself hold all the time, and
# they alone are left at every end: of a move, of one that was cancelled, and of one whose vmigrate was killed.
. "$(dirname "$0")/vm-common.sh"
prefix=$("$LAB_TOP/qemu/build" --print-prefix 2>/dev/null) || skip "needs the project's QEMU: run qemu/build"
two_hosts
make_guest g --emulator "$prefix/bin/qemu-system-x86_64" --memory 128M --disk 16M:local \
    --workload "memory=8M dirty-rate=512K transactions=0 disk-rate=2500K disk-block=8K disk-verify-rate=256K"
since=$(lab clock)
# one of both directions, which QEMU does not take beside one of writes; iops are left as they are
lab exec host1 virsh -q blkdeviotune g vda --total-bytes-sec 60000000 --total-iops-sec 9000 --live --config
limits_on() {
    lab exec "$1" virsh qemu-monitor-command g '{"execute":"query-block"}' 2>/dev/null |
        jq -cS '.return[] | select(.qdev) | .inserted | with_entries(select(.key | test("^(bps|iops|group)")))'
}
own=$(limits_on host1)
[ "$(jq .bps <<<"$own")" = 60000000 ] || fail "the guest's own limits are not in force: $own"
settings=$(settings_of host1 g)
as_before() { # HOST WHEN
    [ "$(limits_on "$1")" = "$own" ] || fail "limits after $2: $(limits_on "$1") instead of $own"
    [ "$(settings_of "$1" g)" = "$settings" ] || fail "other settings in QEMU after $2"
}
# limited HOST: what may be read and written there is no more than the guest's own limit
limited() { [ "$(limits_on "$1" | jq '.bps == 0 and .bps_wr > 0 and .bps_rd + .bps_wr == 60000000 and .iops == 9000')" = true ]; }
field() { sed -n "s/.*\"$1\":\\([0-9.]*\\).*/\\1/p" <<<"$result"; }
# Each write of 8 KiB makes 64 KiB to be sent again, by the mirror and so in the stream, too. The link carries 128 of
# these a second, the guest writes 312: so few that it can on any machine, so many that the copy never ends.
slow=(--set bandwidth=8MiB/s --compression lz4 --set mig-block-size=64KiB --set io-qos-floor=256KiB/s --no-measure
    --set io-qos-step=50 --set io-qos-stall=30 --set blackout-ceiling=2s)
plain=2 # seconds to copy 16 MiB, at that rate

expect_code 0 plan g --to host2 "${slow[@]}"
grep -q "what the guest writes to vda is limited, to no less than 256.0 KiB/s" <<<"$out" || fail "plan does not say it: $out"
expect_code 0 plan g --to host2 "${slow[@]}" --set io-qos=off
! grep "is limited" <<<"$out" || fail "plan says it in spite of io-qos=off"

# without: not done after five times as long, and then it is given up
expect_code 0 start g --to host2 --detach "${slow[@]}" --set io-qos=off
sleep $((5 * plain))
[ "$(vm status g --json | jq -r .phase)" = prepared ] || fail "without io-qos it is in another phase: $(vm status g)"
[ "$(limits_on host1)" = "$own" ] || fail "limited in spite of io-qos=off"
expect_code 0 abort g
ended() { [ "$(vm history --json --limit 1 | jq -r .outcome)" = failed-on-source ]; }
eventually 20 ended || fail "the aborted migration does not end"
runs_only_on host1 g

# moved FROM TO OPTION...: it is limited, moves, and has its own limits there
moved() {
    local from=$1 to=$2 begin
    shift 2
    begin=$(lab clock)
    expect_code 0 start g --to "$to" "${slow[@]}" "$@" --json
    echo "from $from $*: $((($(lab clock) - begin) / 1000000000)) s"
    grep -E '"text":"writes to vda limited to [0-9.]+ [KM]iB/s: ' <<<"$out" >/dev/null || fail "$*: no limit: $out"
    ! grep -E "not limited to [0-9.]+ [KM]iB/s: " <<<"$out" || fail "$*: a limit was not taken"
    vm show "$(vm history --json --limit 1 | jq -r .id)" | grep -E 'precopy|handover|switched|limited' | cut -c1-100
    result=$(grep '"event":"result"' <<<"$out")
    [[ $(field write_limit_min_bytes_per_s) -ge 262144 && $(field write_limited_ms) -gt 0 ]] ||
        fail "$*: the limit is not in the result: $result"
    runs_only_on "$to" g
    as_before "$to" "$*"
    lab exec "$to" virsh -q dumpxml g | grep '<total_bytes_sec>60000000<' >/dev/null || fail "$*: other limits in the description"
    alive g "$since"
}
moved host1 host2
moved host2 host1 --set storage=copy-in-stream

# killed with a limit on, one that does not do yet: recover puts the guest's own back
lab exec admin "$VMIGRATE" start g --to host2 "${slow[@]}" --set bandwidth=4MiB/s --set io-qos-step=10 \
    >"$LAB_STATE/start.log" 2>&1 &
eventually 40 limited host1 || fail "not limited: $(cat "$LAB_STATE/start.log") $(limits_on host1)"
lab exec admin pkill -9 -x vmigrate
limited host1 || fail "the limit went with vmigrate, so recover has nothing to show"
vm_code recover --abort
runs_only_on host1 g
as_before host1 recover
lab set g disk-rate=0 disk-verify-rate=8M
verified() { [ "$(heartbeat_field g disk_passes --since "$since")" -gt 0 ]; }
eventually 60 verified || fail "the disk verifier has not read the disk"
alive g "$since"
no_vmigrate_left
