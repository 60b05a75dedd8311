#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# "lab cut" takes down one link of one host and nothing else; "lab join" brings it back.
. "$(dirname "$0")/lab-common.sh"
lab up 2
reach() { lab exec "$1" timeout 1 bash -c "echo >/dev/tcp/$2/16509" 2>/dev/null; }

reach host1 host2 || fail "host1 does not reach host2"
lab cut host2 mgmt
! reach host1 host2 || fail "the management link is not cut"
reach admin host1 || fail "another host is cut, too"
lab join host2 mgmt
eventually 5 reach host1 host2 || fail "the link does not come back"

lab guest g
lab cut host1 guest
sleep 1
since=$(lab clock)
sleep 1
[ "$(heartbeat_field g packets --since "$since")" -eq 0 ] || fail "the guest link is not cut"
lab join host1 guest
sleep 1
[ "$(heartbeat_field g packets --since "$since")" -gt 0 ] ||
    fail "the guest link does not come back"
! lab cut host1 moon 2>/dev/null || fail "an unknown network is accepted"
