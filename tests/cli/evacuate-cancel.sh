#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An evacuation whose process died can be cancelled where it could not be gone on with, since no host is left: else its
# host would be one that is being emptied for ever.
source "$(dirname "$0")/functions.sh"

requires python3
{
    test_host a web1
    test_host b
    printf '[policy.default]\nmeasure = false\n'
} | configure

run 3 evacuate a
# as if it had been killed at its beginning, with hosts that have gone since
python3 - "$work/history.db" <<'END'
import json, sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    options = json.loads(database.execute("SELECT options FROM evacuations").fetchone()[0])
    options["to"] = ["nobody"]
    database.execute("UPDATE evacuations SET ended_unix_us = NULL, exit_code = NULL, options = ?", [json.dumps(options)])
    database.execute("DELETE FROM evacuation_guests")
END
run 0 evacuate a --status
out_has "its process is gone"
run 3 evacuate a --resume
err_has "no host is left to take guests"
run 3 evacuate a --cancel
out_has "'web1'"
out_has "cancelled"
run 0 evacuate a --status
out_has "ended"

# Who cannot move is shut down when that was asked for, and then is nobody who stayed; not after a cancel.
run 3 evacuate a
python3 - "$work/history.db" <<'END'
import json, sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    id, text = database.execute("SELECT id, options FROM evacuations ORDER BY id DESC LIMIT 1").fetchone()
    options = json.dumps({**json.loads(text), "stop_unmovable": True})
    database.execute("UPDATE evacuations SET ended_unix_us = NULL, exit_code = NULL, options = ? WHERE id = ?", [options, id])
END
run 3 evacuate a --cancel
out_has "unmovable"
run 0 evacuate a --stop-unmovable
out_has "stopped"
err_has "'web1': has shut down"
