#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmigrate verify: a guest moves to and fro and is whole; the rows of the matrix that fit it are gone through, and are
# not done again; a page that is damaged from outside is found and named, and the guest stays where it is. What the
# matrix says that QEMU refuses, QEMU refuses in these words.
. "$(dirname "$0")/vm-common.sh"
command -v python3 >/dev/null || skip "needs python3"
prefix=$("$LAB_TOP/qemu/build" --print-prefix 2>/dev/null) || skip "needs the project's QEMU: run qemu/build"
two_hosts

# booted from what --make-image writes, with the lab's kernel
kernel=$("$LAB_TOP/lab/guest/build")/vmlinuz
vm verify --make-image "$LAB_STATE/image" --kernel "$kernel" --modules "$(dirname "$(readlink -f "$kernel")")/modules"
# a guest without the verifier's voice is refused, and stays
make_guest g --image "$LAB_STATE/image" --emulator "$prefix/bin/qemu-system-x86_64" --memory 128M --disk 8M:local --workload "memory=32M \
    verify-rate=400M dirty-rate=8M disk-rate=512K disk-span=4M disk-fill=1 disk-verify-rate=32M"
since=$(lab clock)
expect_code 3 verify g
grep -F "says nothing on its serial console" <<<"$out" >/dev/null || fail "why it is refused is not said: $out"
runs_only_on host1 g
lab set g report=1

# jq FILTER of what the last vmigrate printed on standard output, which expect_code mixes with standard error
told() { grep '^{' <<<"$out" | jq -r "$1"; }
moved() { told 'select(.event == "result") | .migrations'; }
expect_code 0 verify g --rounds 2 --between host2,host1 --compression lz4 --verify-ram --json
[ "$(told 'select(.event == "round") | "\(.source) \(.destination) \(.outcome) \(.mismatches)"' | xargs)" = \
    "host1 host2 moved 0 host2 host1 moved 0" ] || fail "not to and fro: $out"
[ "$(told 'select(.event == "round" and .verified_bytes > (36 * 1048576)) | .round' | xargs)" = "1 2" ] ||
    fail "not everything was checked after each: $out"
runs_only_on host1 g

# what QEMU refuses, by the one that runs the guest
while IFS=$'\t' read -r one other words; do
    answer=$(lab exec host1 virsh qemu-monitor-command g "{\"execute\": \"migrate-set-capabilities\", \"arguments\":
        {\"capabilities\": [{\"capability\": \"$one\", \"state\": true}, {\"capability\": \"$other\", \"state\": true}]}}")
    [ "$(jq -r .error.desc <<<"$answer")" = "$words" ] || fail "$one and $other: $answer"
done < <(vm verify --list --json | jq -r 'select(.by == "QEMU") | [.one, .other, .reason] | @tsv')

# the matrix, twice: what was done is not done again
state=$LAB_STATE/matrix.json
vm_code verify g --matrix --rounds 1 --state "$state" --json --no-measure
[[ $code = 0 || $code = 4 ]] || fail "the matrix: exit code $code: $out"
rows=$(told 'select(.event == "result") | .rows')
[ "$rows" -ge 5 ] || fail "only $rows rows fit: $out"
[ "$(moved)" = "$rows" ] || fail "$rows rows, $(moved) migrations: $out"
[ "$(jq -rs 'map(.mismatches) | add' "$state")" = 0 ] || fail "mismatches: $out"
[ "$(jq -r .combination "$state" | sort -u | wc -l)" = "$rows" ] || fail "a row was done twice"
echo "$rows rows, $(jq -rs 'map(.verified_bytes) | add / 1048576 | floor' "$state") MiB verified"
expect_code 0 verify g --matrix --rounds 1 --state "$state" --json
[ "$(moved)" = 0 ] || fail "done again: $out"
[ "$(vm verify --list --json --state "$state" | jq -r 'select(.event == "row") | select(.done > 0) | .row' | wc -l)" = "$rows" ] ||
    fail "--list does not show what is done"

# a wrong page
vm verify g --rounds 100 --json >"$LAB_STATE/verify.json" 2>"$LAB_STATE/verify.err" &
verifier=$!
rounds_done() { [ "$(grep -c '"event":"round"' "$LAB_STATE/verify.json")" -ge "$1" ]; }
eventually 60 rounds_done 1 || fail "no round: $(cat "$LAB_STATE/verify.err")"
found=
for _ in 1 2 3 4 5; do # a page that the guest writes again before the verifier comes by is no longer damaged
    # while it moves there are two: the older one runs the guest
    pid=$(pgrep -o -f "uuid $(cat "$LAB_STATE/guests/100/uuid")")
    "$LAB_TOP/tests/lab/damage-from-outside.py" memory "$pid" 128 old || true
    if eventually 8 grep -F '"bugs":["old: memory page' "$LAB_STATE/verify.json" >/dev/null; then found=1 && break; fi
done
[ "$found" ] || fail "the wrong page was not found: $(cat "$LAB_STATE/verify.json")"
code=0
wait "$verifier" || code=$?
[ "$code" -eq 1 ] || fail "a wrong page: exit code $code: $(cat "$LAB_STATE/verify.err")"
grep -F "is not what it was: its verifier has found a mismatch" "$LAB_STATE/verify.err" >/dev/null || fail "not said on stderr"
here=$(tail -n 1 "$LAB_STATE/verify.json" | jq -r .host)
runs_only_on "$here" g
[ "$(heartbeat_field g packets --since "$since")" -gt 0 ] || fail "the guest is gone"
expect_code 3 verify g
grep -F "has found something before the first migration: old: memory page" <<<"$out" >/dev/null || fail "not said: $out"
no_vmigrate_left
