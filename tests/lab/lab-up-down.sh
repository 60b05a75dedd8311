#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# "lab up" makes hosts that know each other; "lab down" leaves nothing; the machine is not touched.
. "$(dirname "$0")/lab-common.sh"

machine() {
    ip -o link
    ip -o addr
    ls -d /etc/libvirt /run/libvirt /var/lib/libvirt /srv/* 2>/dev/null || true
    cat /etc/hosts
}

before=$(machine)
lab up 3
[ "$(lab exec host2 hostname)" = host2 ] || fail "hostname"
uuids=$(for h in host1 host2 host3; do
    lab exec "$h" virsh capabilities | grep '<uuid>'
done | sort -u | wc -l)
[ "$uuids" -eq 3 ] || fail "host UUIDs are not distinct"
for h in host1 host3; do
    lab exec admin virsh -c "qemu+tcp://$h/system" pool-list --autostart --name | sort | xargs |
        grep -qx 'local shared' || fail "pools of $h"
done
lab exec host1 touch /srv/vmigrate-lab/shared/a /srv/vmigrate-lab/local/b
lab exec host2 test -e /srv/vmigrate-lab/shared/a || fail "shared is not shared"
! lab exec host2 test -e /srv/vmigrate-lab/local/b || fail "local is shared"
lab exec host1 getent hosts host3-mig | grep '^10\.80\.0\.13 ' >/dev/null ||
    fail "host3-mig does not resolve"
# shellcheck disable=SC2016
lab exec admin bash -c 'grep -q "migration-host = \"host2-mig\"" "$VMIGRATE_CONFIG"' ||
    fail "configuration"
[ "$(machine)" = "$before" ] || fail "the machine changed while the lab was up"

lab down
[ "$(machine)" = "$before" ] || fail "the machine changed"
! ip netns | grep "^vml-$TEST_LAB-" >/dev/null || fail "namespaces are left"
[ ! -e "$LAB_STATE" ] || fail "state is left"
! pgrep -f "$LAB_STATE" >/dev/null || fail "processes are left"
lab down || fail "a second down fails"
