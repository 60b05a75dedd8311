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
refused 2 "did you mean 'downtime-limit'?" start web1 --set downtime-limt=1s
refused 2 "--set: downtime-limit: " start web1 --set downtime-limit=300
refused 2 "write KEY=VALUE" start web1 --set downtime-limit
refused 2 "leaves nothing" start web1 --set blackout-ceiling=40ms
refused 2 "no direct migration" start web1 --direct
refused 2 "excludes" start web1 --p2p --managed
refused 2 "from the root" start web1 --emulator qemu
refused 2 "No such file" start web1 --xml "$work/none.xml"
refused 2 "empty" plan ""
