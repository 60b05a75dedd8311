#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A migration is changed from another terminal while it runs, and what cannot be changed is refused; and one that is only
# observed says what its policies would do, and sets nothing.
. "$(dirname "$0")/vm-common.sh"
two_hosts
make_guest g --memory 192M --workload "memory=64M dirty-rate=40M hot=100 hot-writes=100 change=8 zero=0 random=0"
before=$(settings_of host1 g)
since=$(lab clock)
parameter() { lab exec host1 virsh qemu-monitor-command g '{"execute":"query-migrate-parameters"}' | jq ".return[\"$1\"]"; }
copying() { vm status --json | jq -c 'select(.phase == "precopy" and .progress_percent > 2)' | grep . >/dev/null; }

expect_code 0 start g --to host2 --detach --bandwidth 8MiB/s --compression off --set auto-converge=off --no-measure
eventually 30 copying || fail "it does not copy"
expect_code 2 tune g timeout-action=postcopy
grep -q "set postcopy to yes" <<<"$out" || fail "no reason: $out"
expect_code 2 tune g compression=lz4
expect_code 0 tune g bandwidth=9MiB/s downtime-limit=120ms --json
[ "$(jq -r .fate <<<"$out")" = applied ] || fail "its answer: $out"
[ "$(parameter max-bandwidth)" -eq $((9 << 20)) ] || fail "the bandwidth: $(parameter max-bandwidth)"
[ "$(parameter downtime-limit)" -eq 120 ] || fail "the downtime limit: $(parameter downtime-limit)"
begin=$SECONDS
expect_code 0 tune g timeout=1s
eventually 20 eval '! vm status g --json | grep process_alive >/dev/null' || fail "the new timeout does not end it"
echo "ended $((SECONDS - begin)) s after its timeout was set to 1 s"
expect_code 2 tune g timeout=1h
grep -q "has ended (failed-on-source)" <<<"$out" || fail "not told that it ended: $out"
runs_only_on host1 g
[ "$(settings_of host1 g)" = "$before" ] || fail "settings are not restored"
expect_code 0 show g
grep -q "tuned: bandwidth=9MiB/s downtime-limit=120ms" <<<"$out" || fail "not in the timeline: $out"

# what would be throttled, and forced over in the end, runs as before and stays
expect_code 1 start g --to host2 --bandwidth 20MiB/s --compression off --observe-only --no-measure --timeout 25 --timeout-suspend --json
grep -E '"text":"throttle [0-9]+ %: ' <<<"$out" >/dev/null || fail "it would not have been throttled: $out"
grep -q '"text":"forced switchover: ' <<<"$out" || fail "it would not have been forced: $out"
[ "$(sed -n 's/.*"throttle_percent_max":\([0-9]*\).*/\1/p' <<<"$out" | tail -n 1)" -le 1 ] || fail "it was throttled: $out"
runs_only_on host1 g
[ "$(settings_of host1 g)" = "$before" ] || fail "settings are not restored after observing"
alive g "$since"
no_vmigrate_left
