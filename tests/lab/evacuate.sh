#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A host is emptied, two guests at a time. One cannot leave: it stays, runs and is named. The process is killed half-way,
# another one goes on. A guest that comes meanwhile leaves, too. restore brings all home.
. "$(dirname "$0")/evacuate-common.sh"
hosts_up 3
make_guests g1 g2 g3 bound late@host2
since=$(lab clock)
tie_to_host1 bound
all=(g1 g2 g3 late)

expect_code 6 evacuate host1 --dry-run
grep -q "'bound'.*stays" <<<"$out" || fail "who cannot leave is not in the plan: $out"
grep -q "'bound': .*bridge br-own" <<<"$out" || fail "why it cannot is not said: $out"
[ -z "$(vm history --json)" ] || fail "a dry run has moved somebody"

vm evacuate host1 --bandwidth 12MiB/s --json >"$log" 2>"$log.err" &
manager=$!
begun() { [ "$(grep -c '"begins"' "$log")" -ge "$1" ]; }
eventually 30 begun 2 || fail "no two moves have begun: $(cat "$log" "$log.err")"
copies() { vm status --json | jq -c 'select(.phase == "precopy" and .progress_percent > 0)' | grep . >/dev/null; }
eventually 30 copies || fail "nobody copies: $(cat "$log")"
expect_code 3 evacuate host1
grep -q "is under way" <<<"$out" || fail "a second evacuation: $out"
lab exec admin pkill -9 -f 'vmigrate evacuate'
wait "$manager" || true
expect_code 0 evacuate host1 --status
grep -q "its process is gone" <<<"$out" || fail "status after the death: $out"
expect_code 3 evacuate host1
grep -q -- "--resume" <<<"$out" || fail "the way out is not named: $out"

vm evacuate host1 --resume --json >"$log" 2>"$log.err" &
manager=$!
lab exec host2 virsh -q migrate --live --p2p --unsafe --undefinesource --persistent \
    --migrateuri tcp://host1-mig late qemu+tcp://host1/system
code=0
wait "$manager" || code=$?
[ "$code" -eq 6 ] || fail "exit code $code instead of 6: $(cat "$log" "$log.err")"
for name in "${all[@]}"; do
    where=$(host_of "$name")
    [[ $where = host[23] ]] || fail "$name is on '$where': $(cat "$log")"
    [ "$(verdict "$name")" = "moved $where" ] || fail "$name is on $where, but: $(verdict "$name")"
done
[ "$(host_of bound)" = host1 ] || fail "bound is not where it was"
[ "$(verdict bound)" = "unmovable null" ] || fail "bound stays, but: $(verdict bound)"
# nobody was moved twice by the two processes
[ "$(vm history --limit 0 --json | jq -r 'select(.outcome == "moved") | .guest' | sort | uniq -d)" = "" ] ||
    fail "moved twice: $(vm history)"

expect_code 0 restore host1
for name in "${all[@]}"; do
    [ "$(host_of "$name")" = host1 ] || fail "$name did not come home: $out"
    alive "$name" "$since"
done
alive bound "$since"
eventually 10 no_vmigrate_left
expect_code 0 restore host1
grep -q "no guests to move" <<<"$out" || fail "it is all at home: $out"
