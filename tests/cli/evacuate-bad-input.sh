#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# evacuate, restore and rebalance: what is wrong with the words is said in one line, and nothing is written.
source "$(dirname "$0")/functions.sh"

{
    test_host a web1
    test_host b
} | configure
refused 2 "HOST is required" evacuate
refused 2 "no host 'c'" evacuate c
refused 2 "no host 'c'" restore c
refused 2 "no host 'c'" evacuate a --to b,c
refused 2 "'a' is to be emptied" evacuate a --to a
refused 2 "no policy 'nihgt'" evacuate a --policy nihgt
refused 2 "--label 'rack': write KEY=VALUE" evacuate a --label rack
refused 2 "--deadline 'soon'" evacuate a --deadline soon
refused 2 "--deadline '5'" evacuate a --deadline 5
refused 2 "--bandwidth: " evacuate a --bandwidth fast
refused 2 "--max-parallel" evacuate a --max-parallel 0
refused 2 "--order" evacuate a --order big-first
refused 2 "unknown option '--stop-unmoveable'; did you mean '--stop-unmovable'" evacuate a --stop-unmoveable
refused 2 "unknown option '--to'" restore a --to b
refused 2 "too many arguments" evacuate a b
refused 2 "" evacuate a --status --cancel
refused 2 "add --dry-run" rebalance
refused 2 "no policy 'nihgt'" rebalance --dry-run --policy nihgt

# nothing was ever begun
for what in --status --cancel --resume; do
    refused 2 "no evacuation of host 'a'" evacuate a "$what"
    refused 2 "no restoration of host 'a'" restore a "$what"
done
configure </dev/null
refused 2 "names no hosts" evacuate a
refused 2 "names no hosts" rebalance --dry-run
