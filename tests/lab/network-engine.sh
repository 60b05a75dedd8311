#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The network back end "ovs" against three real switches: a move and what is left of it, rollback, recovery after a
# death, peers that do not answer, older moves, a return; and a controller that makes its flows anew.
set -euo pipefail
# shellcheck source=tests/lab/switches-common.sh
. "$(dirname "${BASH_SOURCE[0]}")/switches-common.sh"
for check in handover_check refresh_check; do
    [ -x "$build/tests/$check" ] || fail "no $build/tests/$check: build it first"
done

start a 2 5:guest-card
start b 4 9:guest-card
start c 3
for check in handover_check refresh_check; do
    timeout 120 "$build/tests/$check" "$dir" || { tail -n 20 "$dir"/*/ovs-vswitchd.log >&2; exit 1; }
done
