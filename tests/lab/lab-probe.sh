#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The guest counts exactly what is lost, duplicated and reordered, and "lab probe" works on the plain fabric, too.
. "$(dirname "$0")/lab-common.sh"
command -v jq >/dev/null || skip "needs jq"
command -v python3 >/dev/null || skip "needs python3"
lab up 1
lab guest g
lab probe --json --seconds 2 g | jq -e '(.outward, .back | .sent > 500 and .lost == 0 and .duplicated == 0) and
    .stream.whole and .stream.bytes > 10000' >/dev/null || fail "a probe of a guest that nothing disturbs"

# who stands still takes nothing from its tap, and the longest gap is the first
lab probe --json --no-stream --seconds 4 g >"$LAB_STATE/probe.json" &
probe=$!
sleep 1.5
lab exec host1 virsh suspend g >/dev/null
sleep 0.5
lab exec host1 virsh resume g >/dev/null
wait "$probe" || fail "a probe of a guest that stands still"
jq -e '.taps | length == 5 and .[0].gap_ms > 500 and .[1].gap_ms < 500 and (map(-.gap_ms) | . == sort)' \
    "$LAB_STATE/probe.json" >/dev/null || fail "gaps at the tap: $(jq -c .taps "$LAB_STATE/probe.json")"

# eight datagrams by hand, in this order: 5 and 6 never come
tally=$(lab exec peer python3 - <<'PY'
import socket, struct
MAGIC, START, STARTED, PROBE, STOP, STOPPED = 0x564d5052, 1, 2, 3, 4, 5
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("10.81.0.100", 7082))
s.settimeout(1)

def head(kind, sequence):
    return struct.pack("=IIQQ", MAGIC, kind, 4711, sequence)

def ask(packet, kind):
    for _ in range(20):
        s.send(packet)
        try:
            while True:
                answer = s.recv(200)
                if struct.unpack_from("=II", answer) == (MAGIC, kind):
                    return answer
        except TimeoutError:
            pass
    raise SystemExit("no answer")

ask(head(START, 0) + struct.pack("=QQ", 10**6, 0), STARTED)
for sequence in (0, 1, 3, 2, 4, 4, 7, 3):
    s.send(head(PROBE, sequence))
for size in (0, 1, 23, 25, 200):  # what is no datagram of ours changes nothing
    s.send(b"\x52" * size)
answer = ask(head(STOP, 8), STOPPED)
print(*struct.unpack_from("=8Q", answer, 24))
PY
)
# received, lost, duplicated, reordered, the first and last of those, longest loss, where it began
[ "$tally" = "6 2 2 1 2 2 2 5" ] || fail "the guest counted: $tally"
