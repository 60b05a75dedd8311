#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# recover: nothing to do, what cannot be, and what was said already.
source "$(dirname "$0")/functions.sh"

{
    test_host a web1
    test_host b
} | configure
for all in "" --all; do
    # shellcheck disable=SC2086
    run 0 recover $all
    err_has "no migration needs recovery"
    [[ ! -s $work/out ]] || fail "something on stdout"
done
refused 2 "no migration 'web1'" recover web1
refused 2 "no migration '7'" recover 7
run 2 recover --all 7
run 2 recover --all --nothing
