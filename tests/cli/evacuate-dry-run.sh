#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A dry run names every guest and why it stays; nothing is written. When nobody can take guests, or somebody is at it
# already, that is one line.
source "$(dirname "$0")/functions.sh"

requires python3
{
    test_host a web1 web2
    test_host b
    printf '[hosts.gone]\nuri = "test:///%s/no-such-file.xml"\n' "$work"
    test_host empty
    printf '[policy.default]\nmeasure = false\n'
} | configure

# the hosts of libvirt's test driver have too little memory for anybody
run 3 evacuate a --dry-run
out_has "'web1'"
out_has "'web2'"
out_has "stays"
err_has "cannot connect to host 'gone'"
run 3 evacuate a --dry-run --json
python3 -c 'import json, sys
lines = [json.loads(line) for line in sys.stdin]
planned = [line for line in lines if line["event"] == "planned"]
assert sorted(line["guest"] for line in planned) == ["web1", "web2"], lines
assert all(not line["moves"] and line["reason"] and line["begins_ms"] is None for line in planned), lines
assert [line["event"] for line in lines].count("forecast") == 1, lines' <"$work/out" ||
    fail "the JSON of a dry run"
[[ ! -e $work/history.db ]] || fail "a dry run has written the history"

refused() { # as in functions.sh, but with what silent hosts have to say
    run "$1" "${@:3}"
    err_has "$2"
}
refused 3 "no host is left to take guests: b was not named, empty was not named, gone does not answer" \
    evacuate a --dry-run --to gone
refused 3 "no host is left to take guests" evacuate a --to gone
# the one that was refused is not under way
run 3 evacuate a
out_has "unmovable"
run 0 evacuate a --status
out_has "ended, exit code 3"
out_has "'web2'"
run 0 evacuate empty
out_has "no guests to move"
refused 3 "cannot connect to host 'gone'" evacuate gone
run 0 restore a
out_has "no guests to move"
run 3 evacuate a --detach --to gone
run 3 rebalance --dry-run
out_has "no move would help"
