#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the patched QEMU knows is used between two of them, is off again afterwards however the
# migration ends, and neither asked of a stock QEMU nor in its way.
. "$(dirname "$0")/vm-common.sh"
prefix=$("$LAB_TOP/qemu/build" --print-prefix 2>/dev/null) || skip "needs the project's QEMU: run qemu/build"
grep -qi lz4 "$LAB_TOP/qemu/patches/7.2/series" || skip "the queue has no LZ4"
patched=$prefix/bin/qemu-system-x86_64
stock=/usr/bin/qemu-system-x86_64
two_hosts
make_guest g --emulator "$patched" --memory 256M --disk 32M:shared --workload "dirty-rate=10M hot=10 disk-rate=1M disk-span=16M"
before=$(settings_of host1 g)
since=$(lab clock)
slow=(--no-measure --bandwidth 30MiB/s)

guest=g # that is looked at
qmp() { # HOST COMMAND: its answer
    lab exec "$1" virsh qemu-monitor-command "$guest" "{\"execute\":\"$2\"}" | jq -c .return
}
guests_on() { lab exec "$1" virsh list --all --name | xargs; }
as_before() {
    [ "$(settings_of "$1" "$guest")" = "$before" ] ||
        fail "$2: other settings in QEMU: $(diff <(echo "$before") <(settings_of "$1" "$guest") || true)"
}
# watched ARGUMENT...: a migration whose source QEMU is looked at on the way; what was seen last while memory flowed
# is in $info, $capabilities and $parameters
watched() {
    local from=$1 to=$2 now pid
    shift 2
    info='' capabilities='' parameters=''
    vm start "$guest" --to "$to" "$@" >"$LAB_STATE/start.log" 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        now=$(qmp "$from" query-migrate 2>/dev/null) || continue
        if [ "$(jq -r '.status // ""' <<<"$now")" = active ]; then
            info=$now
            capabilities=${capabilities:-$(settings_of "$from" "$guest" 2>/dev/null | sed -n 1p)}
            parameters=${parameters:-$(settings_of "$from" "$guest" 2>/dev/null | sed -n 2p)}
        fi
    done
    wait "$pid" || fail "start $*: $(cat "$LAB_STATE/start.log")"
    runs_only_on "$to" "$guest"
    [ -n "$parameters" ] || fail "start $*: QEMU was not seen migrating"
    sleep 1
    alive "$guest" "$since"
}
is_on() { jq -e --arg name "$1" 'map(select(.capability == $name and .state)) | length == 1' <<<"$capabilities" >/dev/null; }
parameter() { jq -r --arg name "$1" '.[$name]' <<<"$parameters"; }

# between two patched QEMUs: everything
all=(--compression lz4 --lz4-acceleration 4 --bypass-compression no --ram-delay-save-percent 50 --verify-ram)
expect_code 0 plan g --to host2 "${all[@]}"
for line in "compression=lz4: used" "lz4-acceleration=4: used" "bypass-compression=no: used" \
    "ram-delay-save-percent=50: used" "verify-ram=yes: used" "destination: QEMU 7.2"; do
    grep -qF "$line" <<<"$out" || fail "plan does not say \"$line\": $out"
done
[ -z "$(guests_on host2)" ] || fail "plan left a guest: $(guests_on host2)"
as_before host1 plan
watched host1 host2 "${all[@]}" "${slow[@]}"
is_on lz4 || fail "lz4 was off: $capabilities"
is_on verify-ram || fail "verify-ram was off: $capabilities"
[ "$(parameter lz4-acceleration)/$(parameter bypass-compression)/$(parameter ram-delay-save-percent)" = 4/false/50 ] ||
    fail "other parameters than asked for: $parameters"
[ "$(jq '.lz4."compressed-pages" // 0' <<<"$info")" -gt 0 ] || fail "nothing was compressed: $info"
[ "$(qmp host2 query-migrate | jq '."verify-ram".bytes // 0')" -gt 0 ] || fail "no memory was compared: $(qmp host2 query-migrate)"
as_before host2 "lz4 and verify-ram"

# on parallel connections it is another setting
watched host2 host1 --compression lz4 --parallel "${slow[@]}"
if is_on lz4; then fail "lz4 was on beside multifd"; fi
is_on multifd || fail "multifd was off"
[ "$(parameter multifd-compression)" = lz4 ] || fail "parallel connections without lz4: $parameters"
[ "$(jq '.lz4."compressed-pages" // 0' <<<"$info")" -gt 0 ] || fail "nothing was compressed on parallel connections: $info"
as_before host1 "parallel connections"

# cancelled, and killed in mid-copy
lz4_on() { settings_of host1 "$guest" 2>/dev/null | grep -F '"capability":"lz4","state":true' >/dev/null; }
copies() { [ "$(qmp host1 query-migrate 2>/dev/null | jq -r .status)" = active ] && lz4_on; }
ended() { [ "$(vm history --json --limit 1 | jq -r .outcome)" = failed-on-source ]; }
crawl=(--no-measure --bandwidth 2MiB/s)
expect_code 0 start g --to host2 --detach "${all[@]}" "${crawl[@]}"
eventually 20 copies || fail "the migration to be cancelled does not copy"
expect_code 0 abort g
eventually 20 ended || fail "the aborted migration does not end: $(vm status g)"
runs_only_on host1 g
as_before host1 abort
vm start g --to host2 "${all[@]}" "${crawl[@]}" >"$LAB_STATE/start.log" 2>&1 &
eventually 20 copies || fail "the migration to be killed does not copy: $(cat "$LAB_STATE/start.log")"
lab exec admin pkill -9 -x vmigrate
wait $! || true
vm_code recover --abort
runs_only_on host1 g
as_before host1 recover

# a probe ends with who asked for it
probed() { [[ $(guests_on host2) == vmigrate-probe-* ]]; }
none_there() { [ -z "$(guests_on host2)" ]; }
for round in 1 2 3; do
    vm plan g --to host2 --compression lz4 --no-measure >/dev/null 2>&1 &
    eventually 10 probed || echo "round $round: the probe was not seen"
    lab exec admin pkill -9 -x vmigrate || true
    wait $! || true
    eventually 10 none_there || fail "round $round: left by a killed plan: $(guests_on host2)"
done

# a stock destination: what was asked for is refused, the defaults go there
expect_code 3 start g --to host2 --emulator "$stock" --compression lz4 --parallel
grep -qF "compression=lz4: the destination's QEMU does not know lz4: pages are sent as they are" <<<"$out" || fail "lz4 to stock: $out"
expect_code 3 plan g --to host2 --emulator "$stock" --verify-ram
runs_only_on host1 g
expect_code 0 start g --to host2 --emulator "$stock"
grep -qF "ram-delay-save-percent=30: used" <<<"$out" || fail "the default is not used: $out"
runs_only_on host2 g
alive g "$since"

# back from stock to patched; paused, as a stock QEMU loses pages under emulation
expect_code 3 plan g --to host1 --emulator "$patched" --compression lz4
grep -qF "source's QEMU does not know lz4" <<<"$out" || fail "lz4 from stock: $out"
lab exec host2 virsh -q suspend g
expect_code 0 start g --to host1 --emulator "$patched"
grep -qF "ram-delay-save-percent=30: the source's QEMU does not know it" <<<"$out" || fail "the left out default is not said: $out"
lab exec host1 virsh -q resume g
runs_only_on host1 g
alive g "$since"
as_before host1 "by way of stock"

# nothing is left that would get into a saved guest
lab exec host1 virsh -q save g "$LAB_STATE/g.save"
lab exec host1 virsh -q restore "$LAB_STATE/g.save"
sleep 1
alive g "$since"
as_before host1 "save and restore"
lab guest --remove g

# disks in the stream, and all the rest with them
make_guest d --emulator "$patched" --memory 192M --disk 64M:local --disk 32M:shared \
    --workload "dirty-rate=5M hot=10 disk-rate=500K disk-span=16M"
guest=d
before=$(settings_of host1 d)
since=$(lab clock)
expect_code 3 plan d --to host2 --set storage=copy-in-stream --emulator "$stock"
grep -qF "storage=copy-in-stream: the destination's QEMU does not know" <<<"$out" || fail "disks to stock: $out"
expect_code 0 start d --to host2 --detach --set storage=copy-in-stream "${all[@]}" "${crawl[@]}"
eventually 20 copies || fail "the disks to be left behind are not copied"
expect_code 0 abort d
eventually 20 ended || fail "the aborted copy of disks does not end: $(vm status d)"
runs_only_on host1 d
lab exec host1 virsh -q qemu-monitor-command d '{"execute":"query-migrate-parameters"}' |
    jq -e '.return | del(."block-devices") == $before' --argjson before "$(sed -n 2p <<<"$before")" >/dev/null ||
    fail "after an aborted copy of disks: $(settings_of host1 d)"
[ "$(settings_of host1 d | sed -n 1p)" = "$(sed -n 1p <<<"$before")" ] || fail "capabilities after an aborted copy of disks"
watched host1 host2 --set storage=copy-in-stream --mig-block-size 64KiB "${all[@]}" "${slow[@]}"
is_on block || fail "disks were not copied in the stream"
[ "$(parameter mig-block-size)/$(jq -c '."block-devices" | length' <<<"$parameters")" = 65536/1 ] || fail "blocks: $parameters"
[ "$(jq '.disk.total // 0' <<<"$info")" -eq $((64 << 20)) ] || fail "other disks than the local one were copied: $info"
as_before host2 "disks in the stream"
verified() { [ "$(heartbeat_field d disk_passes --since "$since")" -gt 0 ]; }
eventually 60 verified || fail "the disk verifier of d has not read its disks"
alive d "$since"
no_vmigrate_left
