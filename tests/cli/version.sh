#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Version and help are there in every usual form.
source "$(dirname "$0")/functions.sh"

run 0 version
grep -qE '^vmigrate [0-9]+\.[0-9]+\.[0-9]+$' "$work/out" || fail "version"
run 0 --version
grep -qE '^vmigrate [0-9]' "$work/out" || fail "--version"
for words in --help -h help; do
    run 0 "$words"
    out_has "Commands:"
done
run 0 help start
out_has "--bandwidth"
run 0 start -h
out_has "Examples:"
