#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest that no throttle makes small enough (none is held for long enough): whoever sits at the terminal is asked
# whether it may be switched over nevertheless, and the answer is done; without one the guest stays where it is.
. "$(dirname "$0")/vm-common.sh"
prefix=$("$LAB_TOP/qemu/build" --print-prefix 2>/dev/null) || skip "needs the project's QEMU: run qemu/build"
command -v python3 >/dev/null || skip "needs python3"
two_hosts
make_guest g --emulator "$prefix/bin/qemu-system-x86_64" --memory 256M \
    --workload "dirty-rate=120M hot=100 hot-writes=100 change=8 zero=0 random=0 verify-rate=1M"
since=$(lab clock)

# at_terminal ANSWER: vmigrate at a terminal of its own, which answers the first question; what it shows is in $out
at_terminal() {
    code=0
    # shellcheck disable=SC2016 # it is Python's
    out=$(lab exec admin python3 -c '
import os, pty, sys
answer, command = sys.argv[1], sys.argv[2:]
seen, answered = b"", False
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
while True:
    try:
        got = os.read(terminal, 4096)
    except OSError:
        break
    if not got:
        break
    seen += got
    if b"switch over now" in seen and answer and not answered:
        answered = True
        os.write(terminal, answer.encode() + b"\n")
sys.stdout.write(seen.decode(errors="replace"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))' \
        "$1" "$VMIGRATE" start g --to host2 --no-measure --bandwidth 20MiB/s --compression off \
        --set blackout-ceiling=500ms --set throttle-direct-within=1m --set throttle-hold=200ms) || code=$?
}

at_terminal n
[ "$code" -eq 1 ] || fail "after a no: exit code $code: $out"
grep "switch over now with a predicted blackout of" <<<"$out" >/dev/null || fail "nobody was asked: $out"
runs_only_on host1 g

at_terminal y
[ "$code" -eq 4 ] || [ "$code" -eq 0 ] || fail "after a yes: exit code $code: $out"
grep "forced switchover: somebody at the terminal said yes" <<<"$out" >/dev/null || fail "it was not forced: $out"
runs_only_on host2 g
alive g "$since"
no_vmigrate_left
