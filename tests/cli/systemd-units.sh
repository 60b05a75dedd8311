#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# systemd takes the units as they are, and what they run is a command with options that it has.
source "$(dirname "$0")/functions.sh"

requires systemd-analyze
configure </dev/null
: >"$work/out"
for unit in "$SOURCE_DIR"/conf/systemd/*; do
    # where it is installed is not known here
    sed "s,^ExecStart=vmigrate ,ExecStart=$VMIGRATE ," "$unit" >"$work/$(basename "$unit")"
done
code=0
SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$work"/*.service 2>"$work/err" || code=$?
[[ $code == 0 && ! -s $work/err ]] || fail "systemd-analyze verify"

# With an empty history there is nothing to do.
read -ra words < <(sed -n 's/^ExecStart=vmigrate //p' "$SOURCE_DIR/conf/systemd/vmigrate-recover.service")
run 0 "${words[@]}"
err_has "no migration needs recovery"
