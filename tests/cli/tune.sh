#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What tune refuses: keys and values before anything is looked up, migrations that it cannot reach.
source "$(dirname "$0")/functions.sh"

configure </dev/null
refused 2 "SETTING is required" tune 1
refused 2 "write KEY=VALUE" tune 1 bandwidth
refused 2 "did you mean 'bandwidth'?" tune 1 bandwith=1MiB/s
refused 2 "storage cannot be changed while the guest moves; what can: bandwidth, " tune 1 storage=copy
refused 2 "bandwidth: " tune 1 bandwidth=fast
refused 2 "timeout: " tune 1 timeout=5m timeout=-1s
refused 2 "timeout-action: " tune 1 timeout-action=explode
refused 2 "unknown option" tune 1 --now timeout=5m
refused 2 "no migration '1'" tune 1 timeout=5m
refused 2 "no migration 'web1'" tune web1 timeout=5m

requires sqlite3
run 0 history
migration() { # ID OUTCOME
    sqlite3 "$work/history.db" "INSERT INTO migrations (id, guest_uuid, guest_name, source, destination, policy,
        started_unix_us, phase, outcome, downtime_limit_ms, blackout_ceiling_ms, predicted_converges,
        predicted_memory_sent_bytes, predicted_disk_sent_bytes)
        VALUES ($1, 'u$1', 'web$1', 'a', 'b', 'default', 0, 'precopy', $2, 300, 1000, 1, 0, 0)"
}
[[ -s $work/history.db ]] || run 2 abort 1 # whoever writes creates it
migration 1 "'moved'"
migration 2 NULL
refused 2 "migration 1 has ended (moved)" tune 1 timeout=5m
refused 2 "run 'vmigrate recover 2'" tune web2 timeout=5m
