#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two labs of different names do not see each other, also if one name begins with the other.
. "$(dirname "$0")/lab-common.sh"
other() { "$LAB_TOP/lab/lab" --name "$TEST_LAB-host1" "$@"; }
trap 'lab down; other down' EXIT

lab up 1
other up 2
lab exec host1 virsh pool-info shared >/dev/null
other exec host1 touch /srv/vmigrate-lab/shared/mine
! lab exec host1 test -e /srv/vmigrate-lab/shared/mine || fail "the labs share storage"
lab down
other exec host2 virsh -c qemu+tcp://host1/system pool-info shared >/dev/null ||
    fail "the end of one lab broke the other"
other down
[ -z "$(ip netns | grep "^vml-$TEST_LAB" || true)" ] || fail "namespaces are left"
