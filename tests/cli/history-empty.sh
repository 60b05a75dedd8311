#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Commands that read the history work before there is one, and make none.
source "$(dirname "$0")/functions.sh"

configure </dev/null
run 0 status
out_has "no migration is under way"
run 0 status --watch
run 0 history
out_has "no migrations"
run 0 history --accuracy
out_has "no migration has both a prediction and measures"
run 0 history --json
[[ ! -s $work/out ]] || fail "JSON of nothing is nothing"
refused 2 "no migration '17'" show 17
refused 2 "no migration 'web1'" status web1
[[ ! -e $work/history.db ]] || fail "reading made a history"
refused 2 "no migration '17'" abort 17
run 0 recover
err_has "no migration needs recovery"
refused 2 "no migration '17'" recover 17
