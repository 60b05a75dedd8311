#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Negative, absurd and contradictory values are refused before any host is asked.
source "$(dirname "$0")/functions.sh"

configure <<'END'
[hosts.a]
uri = "qemu+tcp://127.0.0.1:1/system"
[hosts.b]
uri = "qemu+tcp://127.0.0.1:2/system"
END
refused 2 "--bandwidth: " start web1 --bandwidth -5
refused 2 "--bandwidth: " start web1 --bandwidth 99999999999999999999999
refused 2 "--bandwidth: " start web1 --bandwidth 5furlongs
refused 2 "--timeout: " start web1 --timeout never
refused 2 "--timeout: " start web1 --timeout -1
refused 2 "--parallel-connections: " start web1 --parallel-connections 1000000
refused 2 "--comp-methods: " start web1 --comp-methods zip
refused 2 "--lz4-acceleration: " start web1 --lz4-acceleration 65538
refused 2 "--compression: " start web1 --compression automatic
refused 2 "--bypass-compression: " start web1 --bypass-compression perhaps
refused 2 "ram-save-max-wait must be at most" start web1 --ram-save-max-wait 1025
refused 2 "--ram-delay-save-percent: " plan web1 --ram-delay-save-percent 91
refused 2 "--mig-block-size: " start web1 --mig-block-size 3KiB
refused 2 "--set: verify-ram: " start web1 --set verify-ram=often
refused 2 "--compression (lz4) and --compressed (xbzrle)" start web1 --compression lz4 --compressed
refused 2 "tunnelled and verify-ram" plan web1 --tunnelled --verify-ram
refused 2 "postcopy" plan web1 --postcopy --verify-ram
refused 2 "verify-disks and postcopy" plan web1 --postcopy --verify-disks
refused 2 "did you mean 'downtime-limit'?" start web1 --set downtime-limt=1s
refused 2 "--set: downtime-limit: " start web1 --set downtime-limit=300
refused 2 "write KEY=VALUE" start web1 --set downtime-limit
refused 2 "throttle-hold must be at least 100ms" start web1 --set throttle-hold=0s
refused 2 "--set: throttle-stall: " start web1 --set throttle-stall=101
refused 2 "which ceiling-action keep forbids" plan web1 --timeout-suspend --set ceiling-action=keep
refused 2 "two answers" start web1 --postcopy --timeout-postcopy --set ceiling-action=exceed
refused 2 "--set: ceiling-action: " start web1 --set ceiling-action=raise
refused 2 "io-qos-floor (8.0 MiB/s) is above io-qos-start (4.0 MiB/s)" plan web1 --set io-qos-start=4MiB/s --set io-qos-floor=8MiB/s
refused 2 "io-qos-floor must be at least" start web1 --set io-qos-floor=0
refused 2 "--set: io-qos-step: " start web1 --set io-qos-step=0
refused 2 "--set: io-qos: " start web1 --set io-qos=on
refused 2 "leaves nothing" start web1 --set blackout-ceiling=40ms
refused 2 "no direct migration" start web1 --direct
refused 2 "excludes" start web1 --p2p --managed
refused 2 "from the root" start web1 --emulator qemu
refused 2 "No such file" start web1 --xml "$work/none.xml"
refused 2 "empty" plan ""
