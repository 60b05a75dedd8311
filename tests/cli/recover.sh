#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# recover: nothing to do, what cannot be, and what was said already.
source "$(dirname "$0")/functions.sh"

requires python3
{
    test_host a web1
    test_host b
    printf '[policy.default]\nmeasure = false\n'
} | configure
for all in "" --all; do
    # shellcheck disable=SC2086
    run 0 recover $all
    err_has "no migration needs recovery"
    [[ ! -s $work/out ]] || fail "something on stdout"
done
refused 2 "no migration 'web1'" recover web1
refused 2 "no migration '7'" recover 7
run 2 recover --all 7
run 2 recover --all --nothing

# an evacuation whose process died is named, with the way on, and not touched
run 3 evacuate a
python3 - "$work/history.db" <<'END'
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    database.execute("UPDATE evacuations SET ended_unix_us = NULL, exit_code = NULL")
END
for all in "" --all; do
    # shellcheck disable=SC2086
    run 0 recover $all
    out_has "evacuation 1 of host 'a': its process is gone; to go on: vmigrate evacuate a --resume; to end it:"
    # shellcheck disable=SC2086
    run 0 recover $all --json
    python3 - "$work/out" <<'END'
import json, sys
with open(sys.argv[1]) as lines:
    [said] = [json.loads(line) for line in lines]
assert (said["event"], said["id"], said["kind"], said["host"]) == ("broken-evacuation", 1, "evacuate", "a"), said
assert said["go_on"] == "vmigrate evacuate a --resume" and said["end"] == "vmigrate evacuate a --cancel", said
END
done
run 0 evacuate a --status
out_has "its process is gone"
# one whose process is alive needs nobody; that process is this test
held_by() { # PID STARTED
    python3 - "$work/history.db" "$@" <<'END'
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    database.execute("UPDATE evacuations SET holder_pid = ?, holder_started = ?", sys.argv[2:])
END
}
held_by $$ "$(cut -d ' ' -f 22 /proc/$$/stat)"
run 0 recover
[[ ! -s $work/out ]] || fail "one that is alive is named: $(<"$work/out")"
held_by $$ 1
run 0 recover
out_has "its process is gone"
run 3 evacuate a --cancel
run 0 recover
[[ ! -s $work/out ]] || fail "one that has ended is named: $(<"$work/out")"
