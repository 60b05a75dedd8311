#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A browser without any network shows the charts of a report with all the data that is in the history.
source "$(dirname "$0")/functions.sh"
requires sqlite3
requires chromium
requires jq
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
# null where the second argument is not true
known() { if (($2)); then echo "$(($1))"; else echo NULL; fi; }
for sample in {1..30}; do
    sqlite3 "$work/history.db" "INSERT INTO samples (migration_id, sequence, elapsed_ms, progress_percent, job, iteration,
        memory_total_bytes, memory_remaining_bytes, memory_sent_bytes, disk_total_bytes, disk_remaining_bytes,
        disk_sent_bytes, dirty_bytes_per_s, bandwidth_bytes_per_s, throttle_percent, memory_delayed_bytes,
        write_limit_bytes_per_s, process_cpu_us, vcpus_cpu_us) VALUES (1, $sample, 300 * $sample, 1, 'active', 1, 1000,
        (1000 - 10 * $sample) * 1048576, $sample, 0, 0, 0, 7 * 1048576, 9 * 1048576, 10,
        $(known "3 * 1048576" "sample > 4 && sample < 15"), $(known "2 * 1048576" "sample > 10"),
        $(known "sample * 225000" "sample % 2 == 0"), $(known "sample * 150000" "sample % 2 == 0"))"
done
for reading in {0..19}; do
    sqlite3 "$work/history.db" "INSERT INTO workload_readings VALUES (1, $reading, $reading * 100 - 1000, $reading * 50)"
done
sqlite3 "$work/history.db" "INSERT INTO probe_slices VALUES (1, 1, -500, 500, 500, 0), (1, 2, 0, 100, 100, 40),
    (1, 3, 100, 100, 98, 49)"
for row in "0 1790000000 planned" "1 1790000001 precopy" "2 1790000008 handover" "3 1790000009 ended"; do
    read -r sequence at phase <<<"$row"
    sqlite3 "$work/history.db" "INSERT INTO timeline VALUES (1, $sequence, ${at}000000, '$phase', 'a note')"
done

# looked_at FILE: what the page is when its script has run, in a namespace that has no network
looked_at() {
    unshare -n chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/chromium" --virtual-time-budget=5000 \
        --dump-dom "file://$1" >"$work/dom" 2>"$work/chromium.log" || fail "chromium: $(tail -n 3 "$work/chromium.log")"
}
# what it tells in words and in JSON of the same
run 0 show 1
grep -E '^  limit of writes +[^ ].* at most 2.0 MiB/s$' "$work/out" >/dev/null || fail "no limit in the course: $(cat "$work/out")"
grep -E '^  echoes lost .* at most 50 %$' "$work/out" >/dev/null || fail "no loss in the course: $(cat "$work/out")"
run 0 show 1 --samples --json
jq -e '(.samples | length) == 30 and .samples[9].write_limit_bytes_per_s == null and .samples[5].memory_delayed_bytes == 3145728
    and .samples[10].write_limit_bytes_per_s == 2097152 and .samples[1].process_cpu_us == 450000
    and .probe_slices[1] == {elapsed_ms: 0, length_ms: 100, probe_sent: 100, probe_lost: 40}
    and .workload_readings[0] == {elapsed_ms: -1000, workload_count: 0}' "$work/out" >/dev/null || fail "JSON: $(cat "$work/out")"

# charts_are FILE JSON: of each chart its title, of each of its lines the name, how many points, and what they add up to
charts_are() {
    looked_at "$1"
    sed -n 's/.*<body[^>]* data-charts="\([^"]*\)".*/\1/p' "$work/dom" | sed 's/&quot;/"/g; s/&#39;/'"'"'/g' >"$work/charts"
    diff <(jq . <<<"$2") <(jq . "$work/charts") >&2 || fail "other charts in $1: $(cat "$work/charts")"
}
run 0 report 1 -o "$work/one.html"
[[ ! -s $work/out ]] || fail "something on stdout"
charts_are "$work/one.html" '[
    ["What remains", ["memory", 30, 25350], ["memory that waits", 10, 30]],
    ["What the guest writes to memory, and what is sent", ["dirty rate", 30, 210], ["bandwidth", 30, 270]],
    ["Throttle", ["throttle", 30, 300]],
    ["Limit of writes to disks", ["limit", 20, 40]],
    ["What the guest gets done", ["its work", 19, 9500], ["as before it began", 2, 1000]],
    ["Processors in use on the source", ["the guest'"'"'s own", 14, 7], ["QEMU beside them", 14, 3.5]],
    ["Echoes lost on the network", ["lost", 3, 90]]]'
grep -q 'Migration 1: web&lt;1&gt; from a to b' "$work/dom" || fail "no heading"
grep -q 'handover 1.0 s' "$work/dom" || fail "no phases"

run 0 report --since 2026-09-01 --output "$work/fleet.html"
# 9 s each, at the same time
charts_are "$work/fleet.html" '[["When each was moved", ["When each was moved", 3, 27]],
    ["Blackout", ["Blackout", 3, 120.01]], ["Total time", ["Total time", 3, 27]]]'

# an evacuation: its guests, and of these alone the migrations
refused 2 "no evacuation of host 'a'" report --evacuation a
refused 2 "excludes" report --evacuation a --since 7d
sqlite3 "$work/history.db" "UPDATE migrations SET guest_uuid = 'other' WHERE id = 3;
    INSERT INTO evacuations (id, kind, host, options, began_unix_us, ended_unix_us, exit_code, holder_machine, holder_boot,
        holder_pid_namespace, holder_pid, holder_started)
        VALUES (1, 'evacuate', 'a', '{}', 1789999999000000, 1790000019000000, 6, '', '', '', 1, 1);
    INSERT INTO evacuation_guests VALUES (1, 'u', 1, 'web', 'a', 'b', 'moved', 2, '', 2),
        (1, 'v', 2, 'db', 'a', '', 'blocked', 0, 'no host has room', NULL)"
run 0 report --evacuation a -o "$work/host.html"
charts_are "$work/host.html" '[["When each was moved", ["When each was moved", 2, 18]],
    ["Blackout", ["Blackout", 2, 80]], ["Total time", ["Total time", 2, 18]]]'
grep -q '<h1>Evacuation of a</h1>' "$work/dom" || fail "no heading"
grep -q '<td>db</td><td>a</td><td>–</td><td>blocked</td><td>0</td><td>–</td><td>no host has room</td>' "$work/dom" ||
    fail "who stayed, and why, is not there"
grep -q '<td>web</td><td>a</td><td>b</td><td>moved</td><td>1</td><td>2</td>' "$work/dom" || fail "who moved is not there"
refused 3 "cannot write" report 1 -o "$work/nowhere/x.html"
