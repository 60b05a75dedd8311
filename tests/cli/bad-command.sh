#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Unknown commands and options: one line with what was probably meant, exit code 2.
source "$(dirname "$0")/functions.sh"

refused 2 "did you mean 'start'?" strat web1
refused 2 "unknown command 'frobnicate'" frobnicate
refused 2 "which command?"
refused 2 "unknown command '-x'" -x
configure </dev/null
refused 2 "did you mean '--bandwidth'?" start --bandwith 5 web1
refused 2 "unknown option '--frobnicate'" plan --frobnicate web1
refused 2 "did you mean '--watch'?" status --wacth=1
refused 2 "GUEST is required" plan
refused 2 "--to" plan web1 --to
refused 2 "too many arguments: 'web2'" plan web1 web2
refused 2 "too many arguments: '--to'" plan -- web1 --to
refused 2 "--limit" history --limit -3
refused 2 "--limit" history --limit many
refused 2 "moved-with-problems" history --outcome gone
refused 2 "excludes" recover 1 --all
