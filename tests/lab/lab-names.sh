#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Guests may have any name that libvirt allows.
. "$(dirname "$0")/lab-common.sh"
lab up 1
for name in "two words" "it's \"q\" <&>" "Grüße 日本" "-dash"; do
    lab guest --no-start -- "$name"
    lab exec host1 virsh list --all --name | grep -xF -- "$name" >/dev/null || fail "\"$name\" is not defined"
    ! lab guest --no-start -- "$name" 2>/dev/null || fail "\"$name\" was made twice"
    lab guest --remove -- "$name"
done
[ -z "$(lab exec host1 virsh list --all --name | xargs)" ] || fail "guests are left"
lab guest "it's alive"
lab guest --remove "it's alive"
lab guest "it's alive" # a second guest of that name is no mix of both
[ "$(heartbeat_field "it's alive" boots)" -eq 1 ] || fail "heartbeats of two guests are mixed"
lab set "it's alive" dirty-rate=1M
[ "$(heartbeat_field "it's alive" packets)" -gt 0 ] || fail "no heartbeats"
