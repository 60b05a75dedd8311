#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that is described to vmigrate net: each mistake is one line, before any switch is asked. What the switches
# themselves know better is in tests/lab/network-bad-input.sh.
source "$(dirname "$0")/functions.sh"

configure <<EOT
[hosts.a]
uri = "test:///default"
openflow = "unix:$work/a.mgmt"
ovsdb = "unix:$work/a.sock"
tunnel-address = "10.0.0.1"
[hosts.b]
uri = "test://$work/b.xml"
openflow = "unix:$work/b.mgmt"
ovsdb = "unix:$work/b.sock"
tunnel-address = "10.0.0.2"
[network]
backend = "ovs"
EOT
uuid=2c7e5a4e-7d0b-4c0e-9a4f-6f1f3a1b2c3d
card=52:54:00:00:00:01,port-1
lock() { # WORD...: what is wrong with it comes first
    refused 2 "$1" net lock --from a --to b "${@:2}"
}
lock "write vmigrate net lock GUEST"
lock "write vmigrate net lock GUEST" web1 --uuid $uuid --card $card
lock "describe a guest together" --uuid $uuid
lock "describe a guest together" --card $card
lock "'2c7e5a4e' is no UUID" --uuid 2c7e5a4e --card $card
lock "is no UUID" --uuid 2c7e5a4e-7d0b-4c0e-9a4f-6f1f3a1b2c3g --card $card
lock "write MAC,INTERFACE-ID" --uuid $uuid --card 52:54:00:00:00:01
lock "write MAC,INTERFACE-ID" --uuid $uuid --card 52:54:00:00:00:01,
lock "write MAC,INTERFACE-ID" --uuid $uuid --card 52:54:00:00:00:01,,7
for mac in 52:54:00:00:00 52:54:00:00:00:1 52-54-00-00-00-01 zz:54:00:00:00:01 01:00:5e:00:00:01 ff:ff:ff:ff:ff:ff \
    00:00:00:00:00:00 ''; do
    lock "'$mac' is no MAC address of a card" --uuid $uuid --card "$mac,port-1"
done
for vni in 16777216 -1 0x10 5,5 99999999999999999999 ''; do
    lock "'$vni' is no VNI, a number from 0 to 16777215" --uuid $uuid "--card=$card,$vni"
done
lock "--vni: '16777216' is no VNI" --uuid $uuid --card $card --vni 16777216
lock "a card has this address already" --uuid $uuid --card $card --card 52:54:00:00:00:01,port-2
refused 2 "--from and --to are both a" net lock --from a --to a --uuid $uuid --card $card
refused 2 "'c'" net lock --from a --to c --uuid $uuid --card $card
refused 3 "switch of a: " net lock --from a --to b --uuid $uuid --card $card
for step in unlock-begin unlock-commit rollback; do
    refused 2 "is no VNI" net $step --from a --to b --uuid $uuid --card $card --vni x
done
