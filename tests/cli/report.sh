#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A browser without any network shows the charts of a report with all the data that is in the history.
source "$(dirname "$0")/functions.sh"
requires sqlite3
requires chromium
requires unshare

configure </dev/null
refused 2 "of which" report
refused 2 "no migration 'web1'" report web1
refused 2 "--since 'soon'" report --since soon
refused 2 "excludes" report 1 --since 7d
refused 2 "page for people" report 1 --json
run 0 report --since 7d # makes no history
[[ ! -e $work/history.db ]] || fail "reading made a history"

# a history of three migrations; the first has samples
{
    test_host a web1
    test_host b
} | configure
run 3 start web1 --to b --no-measure
for id in 1 2 3; do
    sqlite3 "$work/history.db" "INSERT INTO migrations (id, guest_uuid, guest_name, source, destination, policy,
        started_unix_us, ended_unix_us, phase, outcome, downtime_limit_ms, blackout_ceiling_ms, predicted_converges,
        predicted_memory_sent_bytes, predicted_disk_sent_bytes, total_ms, blackout_us, memory_sent_bytes)
        VALUES ($id, 'u', 'web<$id>', 'a', 'b', 'default', 1790000000000000, 1790000009000000, 'ended', 'moved', 300, 3000,
        1, 0, 0, 9000, 40000 + $id, 1048576)"
done
for sample in {1..30}; do
    sqlite3 "$work/history.db" "INSERT INTO samples (migration_id, sequence, elapsed_ms, progress_percent, job, iteration,
        memory_total_bytes, memory_remaining_bytes, memory_sent_bytes, disk_total_bytes, disk_remaining_bytes,
        disk_sent_bytes, dirty_bytes_per_s, bandwidth_bytes_per_s, throttle_percent) VALUES (1, $sample, 300 * $sample, 1,
        'active', 1, 1000, 1000 - $sample, $sample, 0, 0, 0, 7, 9, 10)"
done
for row in "0 1790000000 planned" "1 1790000001 precopy" "2 1790000008 handover" "3 1790000009 ended"; do
    read -r sequence at phase <<<"$row"
    sqlite3 "$work/history.db" "INSERT INTO timeline VALUES (1, $sequence, ${at}000000, '$phase', 'a note')"
done

# looked_at FILE: what the page is when its script has run, in a namespace that has no network
looked_at() {
    unshare -n chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/chromium" --virtual-time-budget=5000 \
        --dump-dom "file://$1" >"$work/dom" 2>"$work/chromium.log" || fail "chromium: $(tail -n 3 "$work/chromium.log")"
}
run 0 report 1 -o "$work/one.html"
[[ ! -s $work/out ]] || fail "something on stdout"
looked_at "$work/one.html"
# remaining; dirty rate and bandwidth; throttle
grep -q 'data-charts="3"' "$work/dom" || fail "not three charts: $(grep -o '<body[^>]*>' "$work/dom")"
grep -q 'data-points="120"' "$work/dom" || fail "not all samples: $(grep -o '<body[^>]*>' "$work/dom")"
grep -q 'Migration 1: web&lt;1&gt; from a to b' "$work/dom" || fail "no heading"
grep -q 'handover 1.0 s' "$work/dom" || fail "no phases"

run 0 report --since 2026-09-01 --output "$work/fleet.html"
looked_at "$work/fleet.html"
grep -q 'data-charts="2"' "$work/dom" || fail "not two charts: $(grep -o '<body[^>]*>' "$work/dom")"
grep -q 'data-points="6"' "$work/dom" || fail "not all migrations: $(grep -o '<body[^>]*>' "$work/dom")"
refused 3 "cannot write" report 1 -o "$work/nowhere/x.html"
