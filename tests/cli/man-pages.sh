#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The man pages are well-formed.
source "$(dirname "$0")/functions.sh"

requires groff
for page in "$SOURCE_DIR"/man/*.[157]; do
    : >"$work/out"
    groff -mdoc -Tutf8 -ww -z "$page" 2>"$work/err" || fail "$page"
    [[ ! -s $work/err ]] || fail "$page"
done
