#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What verify refuses, before it asks any host; the list of what it combines needs no configuration.
source "$(dirname "$0")/functions.sh"

{
    test_host a guest
    test_host b
} | configure
refused 2 "GUEST is required" verify
refused 2 "GUEST is required" verify --matrix
refused 2 "too many arguments" verify guest other
refused 2 "leave out GUEST" verify --list guest
refused 2 "--state is for --matrix" verify guest --state "$work/state"
refused 2 "--rounds" verify guest --rounds 0
refused 2 "--rounds" verify guest --rounds many
refused 2 "name two hosts" verify guest --between a
refused 2 "name two hosts" verify guest --between a,a
refused 2 "name two hosts" verify guest --between a,b,c
refused 2 "no host 'c'" verify guest --between a,c
refused 2 "--patience: " verify guest --patience 5
refused 2 "unknown option '--to'" verify guest --to b
refused 2 "exclude each other" verify guest --compression lz4 --comp-methods mt
refused 2 "did you mean 'storage'?" verify guest --set storge=copy
refused 2 "no guest 'other'" verify other
echo something >"$work/state"
refused 2 "this is no migration of 'vmigrate verify --matrix'" verify guest --matrix --state "$work/state"
[[ $(<"$work/state") == something ]] || fail "a file of others was changed"
refused 3 "it is no file" verify --list --state "$work"
run 3 verify guest --between b,a
err_has "destination-memory"

rm "$VMIGRATE_CONFIG"
run 0 verify --list
out_has "time-slice=0ms"
out_has "QEMU: Multifd is not compatible with compress"
rows=$(grep -c '^[0-9]' "$work/out")
run 0 verify --list --json
[[ $(grep -c '"event":"row"' "$work/out") == "$rows" ]] || fail "other rows in JSON"
! grep -v '^{.*}$' "$work/out" || fail "something that is no JSON"
