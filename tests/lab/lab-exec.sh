#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# "lab exec" behaves like the command it runs: directory, input, exit code, signals.
. "$(dirname "$0")/lab-common.sh"
lab up 1

cd /tmp
[ "$(lab exec host1 pwd)" = /tmp ] || fail "working directory"
[ "$(echo hello | lab exec admin cat)" = hello ] || fail "standard input"
rc=0; lab exec peer sh -c 'exit 42' || rc=$?
[ "$rc" -eq 42 ] || fail "exit code $rc instead of 42"
rc=0; lab exec host1 /nowhere 2>/dev/null || rc=$?
[ "$rc" -eq 127 ] || fail "exit code $rc instead of 127"
rc=0; lab exec host9 true 2>/dev/null || rc=$?
[ "$rc" -eq 1 ] || fail "unknown host: exit code $rc instead of 1"

out=$(mktemp)
lab exec host1 bash -c 'trap "echo got TERM; exit 3" TERM; while :; do sleep 0.1; done' >"$out" &
pid=$!
eventually 5 eval 'lab exec host1 pgrep -f "got TERM" >/dev/null'
# the background job is a shell of this script, the command's "lab exec" its child
target=$(pgrep -P "$pid" || echo "$pid")
kill -TERM "$target"
rc=0; wait "$pid" || rc=$?
grep -q 'got TERM' "$out" || fail "the signal did not arrive"
rm "$out"
[ "$rc" -eq 3 ] || fail "exit code $rc instead of 3"

"$LAB_TOP/lab/lab" --name "$TEST_LAB" exec host1 sleep 4711 &
pid=$!
eventually 5 eval 'lab exec host1 pgrep -f "sleep 4711" >/dev/null'
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
eventually 5 eval '! lab exec host1 pgrep -f "sleep 4711" >/dev/null' ||
    fail "the command outlived kill -9"
