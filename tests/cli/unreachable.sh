#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A host that does not answer: one line, exit code 3; the others are still shown.
source "$(dirname "$0")/functions.sh"

{
    test_host a web1
    printf '[hosts.gone]\nuri = "qemu+tcp://127.0.0.1:1/system"\n'
} | configure
refused 3 "'gone'" plan web1 --to gone
refused 3 "'gone'" start web1 --to gone
refused 3 "on no host that answers" plan web2
run 3 hosts
out_has "unreachable"
out_has "up"
run 3 hosts --json
grep -q '"reachable":false' "$work/out" || fail "no JSON of the silent host"
run 3 doctor
out_has "FAILED  gone: answer"
out_has "fix: 'virsh -c qemu+tcp://127.0.0.1:1/system version'"
