#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is chosen before the start: lz4 for memory that shrinks on a slow link, and nothing for memory that does not, for
# a QEMU that does not know it, or without measuring; the block size of a disk in the stream by the guest's own writes.
# What was chosen is what the source's QEMU gets, and is taken back.
. "$(dirname "$0")/vm-common.sh"
prefix=$("$LAB_TOP/qemu/build" --print-prefix 2>/dev/null) || skip "needs the project's QEMU: run qemu/build"
patched=$prefix/bin/qemu-system-x86_64
slow=(--bandwidth 25MiB/s)
plan() { # GUEST OPTION...: in $out
    expect_code 0 plan "$1" --to host2 --json "${@:2}"
}
parameter() { jq -r --arg name "$1" '.call.qemu_parameters[$name]' <<<"$out"; }
packs() { jq -e '.call.qemu_capabilities.lz4 == true' <<<"$out" >/dev/null; }
noted() { jq -e --arg text "$1" '.notes | any(contains($text))' <<<"$out" >/dev/null || fail "no note \"$1\": $out"; }

two_hosts
make_guest g --emulator "$patched" --memory 256M --disk 64M:local \
    --workload "dirty-rate=1M zero=0 random=0 transactions=20 verify-rate=1M disk-rate=1M disk-block=16K disk-span=32M"
before=$(settings_of host1 g)
since=$(lab clock)
# while something else keeps all processors busy it is right to compress nothing, and said
busy() { jq -e '.notes | any(contains(" idle processors make "))' <<<"$out" >/dev/null; }
packs_now() { plan g "${slow[@]}" && packs; }
if ! eventually 60 packs_now; then
    busy || fail "memory that shrinks is not compressed: $out"
    skip "needs idle processors: $(jq -r '.notes[]' <<<"$out" | grep "compression off")"
fi
noted "compression lz4, acceleration "
[ "$(jq '.zero_share < 1 and .compressed_share < 0.8' <<<"$out")" = true ] || fail "the memory: $out"
plan g "${slow[@]}" --no-measure
! packs || fail "compressed without knowing what: $out"
noted "compression off: "
plan g "${slow[@]}" --compression off
! packs || fail "compressed against the word: $out"
plan g "${slow[@]}" --set storage=copy-in-stream
[ "$(parameter mig-block-size)" = 16384 ] || fail "a guest that writes 16 KiB gets blocks of $(parameter mig-block-size): $out"
noted "mig-block-size 16.0 KiB: "
expect_code 0 start g --to host2 "${slow[@]}" --json
result=$(grep '"event":"result"' <<<"$out")
out=$(grep '"event":"plan"' <<<"$out")
packs || busy || fail "start chose otherwise: $out"
sent=$(jq .memory_sent_bytes <<<"$result")
predicted=$(jq '.prediction.memory_sent_bytes' <<<"$out")
if [ "$sent" -gt $((predicted * 3 / 2)) ] || [ "$sent" -lt $((predicted * 2 / 3)) ]; then
    fail "sent $sent, predicted $predicted: $out"
fi
runs_only_on host2 g
[ "$(settings_of host2 g)" = "$before" ] || fail "other settings in QEMU on the destination"
alive g "$since"
lab guest --remove g

# as much of it as there is: what the boot left behind does shrink
make_guest r --emulator "$patched" --memory 256M \
    --workload "memory=160M dirty-rate=1M zero=0 random=100 transactions=20 verify-rate=1M"
plan r "${slow[@]}"
! packs || fail "memory that does not shrink is compressed: $(jq -c '[.zero_share, .compressed_share, .notes]' <<<"$out")"
noted "compression off: pages shrink to "
lab guest --remove r

if stock=$("$LAB_TOP/qemu/build" --series "$LAB_TOP/qemu/bench/stock.series" --print-prefix 2>/dev/null); then
    make_guest s --emulator "$stock/bin/qemu-system-x86_64" --memory 256M \
        --workload "dirty-rate=1M zero=0 random=0 transactions=20 verify-rate=1M"
    plan s "${slow[@]}"
    ! packs || fail "lz4 for a stock QEMU: $out"
    noted "QEMU does not know lz4 on both hosts"
fi
no_vmigrate_left
