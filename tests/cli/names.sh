#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Guests with quotes, spaces, other scripts and leading dashes are found by their names.
source "$(dirname "$0")/functions.sh"

# shellcheck disable=SC2016
names=("it's" 'two words' 'Zürich-東京' '-dash' '--help' 'a"b' 'x;rm -rf $HOME' 'start' '17' '*')
{
    test_host a "${names[@]}"
    test_host b
} | configure
for name in "${names[@]}"; do
    run 3 plan --no-measure --to b --json -- "$name"
    grep -q '"blocked":true' "$work/out" || fail "no plan for $name"
    run 3 start --no-measure --to b -- "$name"
    err_has "destination-memory"
    refused 2 "no migration" show -- "$name"
    run 0 history -- "$name"
done
run 0 hosts a --guests
for name in 'two words' 'Zürich-東京' '-dash'; do
    out_has "'$name'"
done
# What a name may not do: break the line or drive the terminal.
refused 2 'no guest' plan -- $'bell\a and\nnewline'
