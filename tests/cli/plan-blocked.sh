#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A plan that cannot be: every check is listed, each failure with its fix, exit code 3.
source "$(dirname "$0")/functions.sh"

{
    test_host a web1
    test_host b
} | configure
run 3 plan web1 --to b --no-measure
out_has "FAILED  destination-memory"
out_has "fix: "
out_has "nothing was touched"
[[ ! -s $work/err ]] || fail "nothing belongs on stderr"
run 3 start web1 --to b --no-measure
err_has "destination-memory"
run 3 start web1 --to b --no-measure --detach
err_has "destination-memory"
# Without --to: no host fits, said in one line.
refused 3 "no host can take the guest" plan web1 --no-measure
run 0 history
out_has "no migrations"
