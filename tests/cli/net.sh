#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vmigrate net: what is wrong is one line, and a switch that does not answer is named.
source "$(dirname "$0")/functions.sh"

configure </dev/null
refused 2 "which action?" net
refused 2 "did you mean 'relay list'?" net relay lst
refused 2 'no host has the network back end "ovs"' net status
refused 2 "too many arguments: 'web2'" net lock web1 web2

configure <<EOT
[hosts.a]
uri = "test:///default"
openflow = "unix:$work/a.mgmt"
ovsdb = "unix:$work/db.sock"
tunnel-address = "10.0.0.1"
[network]
backend = "ovs"
EOT
refused 2 "write vmigrate net drain MIGRATION" net drain
refused 2 "no migration '17'" net drain 17
refused 2 "write vmigrate net lock GUEST" net lock web1 --to a
refused 2 "write vmigrate net mirror GUEST" net mirror web1
refused 2 "say which, --migration NUMBER or --all" net relay clean
refused 2 "say which, --migration NUMBER or --all" net relay clean --all --migration 3
refused 3 "switch of a: " net relay clean --all
refused 3 "switch of a: " net status
refused 3 "switch of a: " net relay list --json
refused 3 "switch of a: " net relay watch
