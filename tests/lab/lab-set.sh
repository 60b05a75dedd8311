#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# "lab set" changes a running workload, and refuses what it does not know.
. "$(dirname "$0")/lab-common.sh"
lab up 1
lab guest g --workload "dirty-rate=2M transactions=50"
rate() { heartbeat_field g dirtied_bytes_per_s --since "$1" | cut -d. -f1; }
sleep 1
since=$(lab clock)
sleep 2
slow=$(rate "$since")
lab set g dirty-rate=20M transactions=100
sleep 1
since=$(lab clock)
sleep 2
fast=$(rate "$since")
[ "$fast" -gt $((slow * 3)) ] || fail "the dirty rate went from $slow to $fast only"
lab set g memory=32M disk-block=8K
sleep 1
[ "$(heartbeat_field g errors)" -eq 0 ] || fail "errors after the working memory changed"
for bad in dirty=1 dirty-rate=-1 dirty-rate=1X hot=200 disk-block=1000 pattern=zigzag "zero=60 random=60"; do
    # shellcheck disable=SC2086
    ! lab set g $bad 2>/dev/null || fail "\"$bad\" is accepted"
    ! lab guest h --workload "$bad" 2>/dev/null || fail "\"$bad\" is accepted for a new guest"
done
