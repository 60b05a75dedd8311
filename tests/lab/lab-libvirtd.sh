#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A killed libvirtd leaves its guests alone and finds them again.
. "$(dirname "$0")/lab-common.sh"
lab up 1
lab guest g
since=$(lab clock)
lab stop-libvirtd host1
! lab exec host1 virsh uri >/dev/null 2>&1 || fail "libvirtd still answers"
sleep 1
lab start-libvirtd host1
[ "$(lab exec host1 virsh domstate g | sed -n 1p)" = running ] || fail "the guest is not running"
[ "$(heartbeat_field g lost --since "$since")" -eq 0 ] || fail "the guest was disturbed"
