#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# With --json every line is one object, errors stay on stderr.
source "$(dirname "$0")/functions.sh"

requires python3
{
    test_host a web1
    test_host b
} | configure
objects() {
    python3 -c 'import json, sys
lines = [json.loads(line) for line in sys.stdin]
assert lines and all(isinstance(line, dict) for line in lines), lines
print(" ".join(sorted(lines[0])))' <"$work/out" >"$work/names" || fail "not JSON lines"
}
run 0 version --json
objects
run 0 hosts --json
objects
grep -q 'memory_free_bytes' "$work/names" || fail "no free memory"
run 3 doctor --json
objects
run 3 plan web1 --to b --json --no-measure
objects
for name in asked blocked checks guest guest_uuid prediction source destination; do
    grep -qw "$name" "$work/names" || fail "no $name"
done
run 3 --json start web1 --to b --no-measure
objects
refused 2 "no guest" plan nobody --json
