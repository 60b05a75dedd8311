#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The destination's QEMU dies when the guest has stopped on the source and its traffic has been turned: the source
# resumes it, and its traffic is back at once. The time is from QEMU's own stamp of RESUME to the next packet that the
# guest's card on the source is given.
#   ROUNDS=N     failures (1)
#   MOST_MS=N    how late it may be. A few milliseconds are usual; two processors carry all of this.
. "$(dirname "$0")/vm-common.sh"
command -v ovs-vswitchd >/dev/null || skip "needs openvswitch-switch"
command -v osken-manager >/dev/null || skip "needs python3-os-ken"
rounds=${ROUNDS:-1}
most_ms=${MOST_MS:-500}

lab up 3 --fabric ovs
lab endpoint far --host host3 >/dev/null
# what is left at the stop takes a while to send
make_guest g --memory 128M --workload "dirty-rate=20M hot=8"

# kill_at_stop: tells the events of the guest on host1, and ends the QEMU of host2 at a stop
kill_at_stop() {
    # shellcheck disable=SC2016  # for the inner shell
    lab exec host1 stdbuf -oL virsh qemu-monitor-event --loop g |
        lab exec host2 bash -c 'while read -r _ name _ at _; do
            [ "$name" != STOP ] || kill -9 "$(</run/libvirt/qemu/g.pid)"
            echo "$name ${at%:}"
        done' >"$LAB_STATE/events"
}
# times of what is sent to the guest's card on host1
packets() {
    lab exec host1 python3 -c '
import signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
card = sys.argv[1]
inlet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
inlet.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
inlet.bind((card, 0))
while True:
    frame, extra, _, where = inlet.recvmsg(2048, 128)
    if where[2] != socket.PACKET_OUTGOING or len(frame) < 38 or frame[36:38] != (7082).to_bytes(2, "big"):
        continue
    for level, kind, data in extra:
        if kind == 35:
            print("%d.%09d" % (int.from_bytes(data[:8], "little"), int.from_bytes(data[8:16], "little")), flush=True)
' "$(lab exec host1 virsh domiflist g | awk '/bridge/ {print $1}')" >"$LAB_STATE/packets"
}

for ((round = 1; round <= rounds; round++)); do
    # not the function: the signal is for the program
    "$LAB_TOP/lab/lab" --name "$TEST_LAB" probe --json --seconds 300 --from far g >"$LAB_STATE/probe.json" &
    probe=$!
    kill_at_stop &
    events=$!
    packets &
    sniffer=$!
    sleep 1.5
    expect_code 1 start g --to host2 --bandwidth 30MiB/s --set downtime-limit=300ms
    eventually 5 grep RESUME "$LAB_STATE/events" >/dev/null || fail "the source did not resume: $(cat "$LAB_STATE/events")"
    sleep 0.5
    lab exec host1 pkill -INT -x virsh
    lab exec host1 pkill -x python3
    wait "$events" "$sniffer"
    kill -TERM "$probe"
    wait "$probe" || true
    awk -v most="$most_ms" -v round="$round" '
        FNR == NR { if ($1 == "STOP") stop = $2; if ($1 == "RESUME") resume = $2; next }
        $1 < stop { before++ }
        $1 > resume && !back { back = $1 }
        END {
            printf "round %d: stood still for %.1f ms; traffic is back after %.1f ms\n", round,
                (resume - stop) * 1e3, (back - resume) * 1e3
            exit !(before > 100 && back && (back - resume) * 1e3 <= most)
        }' "$LAB_STATE/events" "$LAB_STATE/packets" ||
        fail "not back in time: $(cat "$LAB_STATE/events"; tail -n 3 "$LAB_STATE/packets")"
    runs_only_on host1 g
    [ -z "$(own_flows)" ] || fail "left on the switches: $(own_flows)"
done
no_vmigrate_left
