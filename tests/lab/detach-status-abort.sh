#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --detach, status, abort from another terminal; a second start of the same guest is refused.
. "$(dirname "$0")/vm-common.sh"
two_hosts
make_guest g --memory 256M --disk 64M:local --workload "dirty-rate=5M"
before=$(settings_of host1 g)
slow=(--no-measure --bandwidth 10MiB/s --compression off --set auto-converge=off --set timeout-action=force)

id=$(vm start g --to host2 --detach --json "${slow[@]}" | tail -n 1 | jq -r .id)
[ "$id" -gt 0 ] || fail "no id"
running() { vm status --json | jq -c "select(.id == $id and .progress_percent > 0)" | grep . >/dev/null; }
eventually 20 running || fail "status does not show it: $(vm status --json)"
expect_code 3 start g --to host2
grep -q "migration $id" <<<"$out" || fail "who holds it is not said: $out"
[ "$(wc -l <<<"$out")" -eq 1 ] || fail "more than one line: $out"
expect_code 0 abort "$id"
ended() { [ "$(vm show "$id" --json | sed -n 1p | jq -r .outcome)" = failed-on-source ]; }
eventually 20 ended || fail "not aborted: $(vm show "$id")"
runs_only_on host1 g
[ "$(settings_of host1 g)" = "$before" ] || fail "settings are not restored"
! lab exec host2 virsh vol-list local | grep guest >/dev/null || fail "a volume is left on host2"
eventually 5 no_vmigrate_left

# status --watch ends with the migration's own code
id=$(vm start g --to host2 --detach --json "${slow[@]}" | tail -n 1 | jq -r .id)
eventually 20 running
(sleep 1; vm abort "$id" >/dev/null) &
expect_code 1 status "$id" --watch
wait
# on a busy machine the blackout may be longer than is asked for: another code, which is not what is tested here
id=$(vm start g --to host2 --detach --json --set blackout-ceiling=10s | tail -n 1 | jq -r .id)
expect_code 0 status "$id" --watch
runs_only_on host2 g
alive g 0

# the progress never goes back
for migration in $(vm history --json | jq -r .id); do
    vm show "$migration" --samples --json | jq -r 'select(.progress_percent != null) | .progress_percent' |
        sort -n -C || fail "progress of migration $migration goes back"
done
