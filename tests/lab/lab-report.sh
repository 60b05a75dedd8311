#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What "lab heartbeat" makes of a log is right: a made-up log with known gaps and losses.
. "$(dirname "$0")/lab-common.sh"
command -v perl >/dev/null || skip "needs perl"
# shellcheck disable=SC2034 # for build_cached
LAB_DIR=$LAB_TOP/lab
# shellcheck source=lab/lib/common.sh
. "$LAB_TOP/lab/lib/common.sh"
# shellcheck source=lab/lib/heartbeat.sh
. "$LAB_TOP/lab/lib/heartbeat.sh"
program=$(heartbeat_program)/heartbeat
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

# 1000 heartbeats from 10 s on, 5 ms apart, one transaction each; number 500 is lost, number 600
# comes twice, and before number 700 there is a pause of 300 ms. 2 errors at number 800.
perl -e '
    my $time = 10_000_000_000;
    for my $n (1 .. 1000) {
        $time += $n == 700 ? 300_000_000 : 5_000_000;
        my $record = pack("Q7L2Q2", $time, $time, 7, $n, $n, $n * 4096, 0, 0, 0, $n < 800 ? 0 : 2,
            $n * 8192);
        print $record unless $n == 500;
        print $record if $n == 600;
    }' >"$log/g.log"

# expect FIELD VALUE [OPTION...]
expect() {
    local field=$1 value=$2 got
    shift 2
    got=$("$program" report "$log/g" --json "$@" | sed -n "s/.*\"$field\": \\([0-9.]*\\).*/\\1/p")
    [ "$got" = "$value" ] || fail "$field is $got instead of $value with \"$*\""
}

end=$((10000000000 + 1000 * 5000000 + 295000000))
expect packets 1000 --until "$end"
expect lost 1 --until "$end"
expect duplicated 1 --until "$end"
expect boots 1 --until "$end"
expect errors 2 --until "$end"
expect verified_bytes $((999 * 8192)) --until "$end"
expect longest_gap_ms 300.000 --until "$end"
expect longest_gap_start_monotonic_ns 13495000000 --until "$end"
expect lowest_transactions_per_s 3.333 --until "$end"
# the lost one leaves a hole of 10 ms
expect longest_gap_ms 10.000 --until 13490000000
# a gap counts in full from either side
expect longest_gap_ms 300.000 --since 13700000000 --until "$end"
expect longest_gap_ms 300.000 --since 12000000000 --until 13600000000
expect packets 0 --since 13500000000 --until 13600000000
# and one that nothing ends counts until the given time
expect longest_gap_ms 1000.000 --until $((end + 1000000000))
