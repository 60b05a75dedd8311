#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A plan names what QEMU knows and what of the policy is used; what was asked for and cannot be used
# is a failed check, what is only a default is not.
source "$(dirname "$0")/functions.sh"

hosts=$(test_host a web1; test_host b)
configure <<<"$hosts"
run 3 plan web1 --to b --no-measure
out_has "source: does not answer"
out_has "destination: not asked, nothing depends on it"
out_has "ram-delay-save-percent=30: "
grep -q "ok *qemu-settings" "$work/out" || fail "a default blocks the plan"

# what is left to vmigrate is refused by nobody, and its choice is said
run 3 plan web1 --to b --no-measure --compression auto --mig-block-size auto --bandwidth 10
out_has "compression off: the content of the memory was not sampled"
grep -q "ok *qemu-settings" "$work/out" || fail "compression=auto is refused"
run 3 plan web1 --to b --no-measure --compression off --bandwidth 10
if grep -q "compression off: " "$work/out"; then fail "a choice that somebody else made"; fi

# what somebody has measured before
run 3 plan web1 --to b --measured '{"dirty_bytes_per_s": 1048576}' --bandwidth 100
out_has "downtime limit 20 ms: the guest dirties 1.0 MiB/s and 100.0 MiB/s can be sent"
run 3 plan web1 --to b --measured '{"dirty_bytes_per_s": 31457280}' --bandwidth 100
if grep -q "downtime limit" "$work/out"; then fail "a short downtime limit for a guest that dirties much"; fi
refused 2 "--measured: write the members of 'vmigrate plan --json'" plan web1 --to b --measured much
refused 2 "--measured: zero_share is a number from 0 to 1" \
    plan web1 --to b --measured '{"pages_sampled": 9, "zero_share": 30}'
refused 2 "--measured: dirty_bytes_per_s is a number, 0 or more" \
    plan web1 --to b --measured '{"dirty_bytes_per_s": "1M"}'
run 3 plan web1 --to b --json --measured '{"pages_sampled": 768, "zero_share": 0.25, "compressed_share": 0.5,
    "idle_cpus": {"a": 1.5, "b": 2}, "guest": "ignored"}'
[ "$(jq -c '[.pages_sampled, .zero_share, .compressed_share, .idle_cpus.a]' "$work/out")" = "[768,0.25,0.5,1.5]" ] ||
    fail "what was measured is not in the plan: $(cat "$work/out")"

run 3 plan web1 --to b --no-measure --compression lz4 --parallel
out_has "compression=lz4: "
grep -q "FAILED *qemu-settings" "$work/out" || fail "compression=lz4 is not refused"
out_has "leave out compression"
run 3 start web1 --to b --no-measure --verify-ram
err_has "qemu-settings: verify-ram=yes: "

# the same from the configuration
configure <<<"$hosts"$'\n[policy.default]\nverify-ram = true\n[policy.plain]\nverify-ram = false\n'
run 3 plan web1 --to b --no-measure
grep -q "FAILED *qemu-settings" "$work/out" || fail "verify-ram of the policy is not refused"
run 3 plan web1 --to b --no-measure --policy plain
grep -q "ok *qemu-settings" "$work/out" || fail "verify-ram = false is refused"

# a definition has no QEMU
run 3 plan web1 --to b --no-measure --offline
if grep -q "^QEMU" "$work/out"; then fail "a definition has no QEMU"; fi

run 3 plan web1 --to b --no-measure --json
for name in source_qemu destination_qemu qemu_settings; do out_has "\"$name\":"; done
out_has '"key":"ram-delay-save-percent","value":"30","asked":false,"fate":"unknown-to-source"'
