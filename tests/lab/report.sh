#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The page of a migration that needs all means: writes to its disk are limited, hot memory waits, the guest is throttled,
# somebody counts its work and asks it over the network. Each of them has a line in the history and a chart on the page.
#   PICTURE=FILE tests/lab/report.sh    also makes the picture of the page that is in docs
. "$(dirname "$0")/vm-common.sh"
prefix=$("$LAB_TOP/qemu/build" --print-prefix 2>/dev/null) || skip "needs the project's QEMU: run qemu/build"
command -v chromium >/dev/null || skip "needs chromium"
two_hosts
# its disk and then its memory are written faster than the link carries
make_guest shop --emulator "$prefix/bin/qemu-system-x86_64" --memory 192M --disk 24M:local \
    --workload "dirty-rate=24M hot=50 hot-writes=95 zero=10 random=50 transactions=100 verify-rate=1M \
disk-rate=3M disk-block=8K disk-verify-rate=256K"
address=10.81.0.100 # of the lab's first guest
ip link add guest netns "vml-$TEST_LAB-admin" type veth peer name admin-guest netns "vml-$TEST_LAB-fabric"
ip -n "vml-$TEST_LAB-fabric" link set admin-guest master br-guest up
ip -n "vml-$TEST_LAB-admin" addr add 10.81.0.2/24 dev guest
ip -n "vml-$TEST_LAB-admin" link set guest up

# the transactions of the last heartbeat (lab/heartbeat/log.h)
count=$LAB_STATE/transactions
log=$(echo "$LAB_STATE"/heartbeat/*.log) # of the only guest
counted() {
    tail -c 80 "$log" | od -An -tu8 -j32 -N8 >"$count.new"
    mv "$count.new" "$count"
}
counted
while counted; do sleep 0.03; done &
counting=$!

echo nothing >"$LAB_STATE/nothing"
expect_code 2 start shop --to host2 --workload "$LAB_STATE/nothing"
grep -q "does not begin with a whole number; nothing was touched" <<<"$out" || fail "not said: $out"
expect_code 0 start shop --to host2 --json --bandwidth 12MiB/s --compression off --set mig-block-size=64KiB \
    --set io-qos-floor=256KiB/s --set ram-delay-save-percent=50 --set blackout-ceiling=2s --set throttle-hold=8s \
    --set sample-interval=250ms --workload "$count" --probe "$address"
kill "$counting"
wait "$counting" || true
runs_only_on host2 shop
result=$(grep '"event":"result"' <<<"$out")
id=$(jq .id <<<"$result")
vm show "$id" --json --samples >"$LAB_STATE/story"
some() { jq -e "$1" "$LAB_STATE/story" >/dev/null || fail "not in the history: $1: $(vm show "$id" --samples)"; }
some '[.samples[] | select(.write_limit_bytes_per_s != null)] | length > 0'
some '[.samples[] | select(.memory_delayed_bytes > 0)] | length > 0'
some '[.samples[] | select(.throttle_percent > 0)] | length > 0'
some '[.samples[] | select(.process_cpu_us > .vcpus_cpu_us)] | length > 5'
# all that was asked is in a piece of time, and most of what got lost in that of the blackout
some '([.probe_slices[].probe_sent] | add) == .probe_sent and ([.probe_slices[].probe_lost] | add) == .probe_lost'
some '.probe_slices[0].elapsed_ms < 0 or .probe_slices[0].elapsed_ms < 1000'
some '.workload_readings[0].elapsed_ms < 0 and .workload_readings[-1].elapsed_ms > .total_ms'
some '[.workload_readings[].workload_count] | . == sort and .[-1] > .[0]'
# Its speed follows from them. On a busy machine it may be more than before, although the guest is throttled.
some 'def speed($from; $to): ($to.workload_count - $from.workload_count) / ($to.elapsed_ms - $from.elapsed_ms);
    .total_ms as $total | [.workload_readings[] | select(.elapsed_ms <= $total)] as $readings |
    ([$readings[] | select(.elapsed_ms <= 0)] | .[-1]) as $begin |
    speed($begin; $readings[-1]) / speed($readings[0]; $begin) / .workload_speed | . > 0.8 and . < 1.25'
LC_ALL=C.UTF-8 vm show "$id" | sed -n '/^Course/,/^Measures/p'

vm report "$id" -o "$LAB_STATE/page.html"
browser() { # OPTION...
    unshare -n chromium --headless --no-sandbox --disable-gpu --user-data-dir="$LAB_STATE/chromium" \
        --virtual-time-budget=5000 "$@" "file://$LAB_STATE/page.html" 2>"$LAB_STATE/chromium.log"
}
browser --dump-dom | sed -n 's/.*<body[^>]* data-charts="\([^"]*\)".*/\1/p' | sed 's/&quot;/"/g' >"$LAB_STATE/charts"
for line in memory disks "memory that waits" "dirty rate" bandwidth throttle limit "its work" "the guest's own"; do
    jq -e --arg line "$line" 'any(.[]; any(.[1:][]; .[0] == $line and .[1] > 1 and .[2] > 0))' "$LAB_STATE/charts" \
        >/dev/null || fail "no $line in the charts: $(cat "$LAB_STATE/charts")"
done
if [ "${PICTURE-}" ]; then
    browser --hide-scrollbars --window-size="1240,1320" --screenshot="$LAB_STATE/picture.png"
    cp "$LAB_STATE/picture.png" "$PICTURE"
fi
