#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What history chooses, counts and forgets, from a history with one blocked attempt and none.
source "$(dirname "$0")/functions.sh"

configure </dev/null
run 0 history --statistics
out_has "no migrations"
run 0 history --csv
[[ $(wc -l <"$work/out") == 1 ]] || fail "a heading, and nothing else"
out_has "id,guest,guest_uuid,source,destination,policy,started,ended,phase,outcome,reason,problems,drain"
run 0 history --from a --to b --policy default --since 7d --until 2026-11-27 --outcome moved
out_has "no migrations"
refused 2 "--since 'soon'" history --since soon
refused 2 "--until '2026-02-30'" history --until 2026-02-30
refused 2 "--prune 'all'" history --prune all
refused 2 "excludes" history --csv --statistics
refused 2 "excludes" history --prune 7d --csv
refused 2 "not both" history --csv --json
run 0 history --prune 7d
out_has "0 migrations that ended before"
