#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Moves of a guest one after the other, on real switches and with traffic from everywhere, but nobody runs the guest:
# a chain and back to where it came from, replaces that come late, a card that is known by its IPv4 and IPv6 addresses
# only, senders that were not told, what a flow collector deletes.
. "$(dirname "$0")/moves-common.sh"
[ -x "$programs/moves_check" ] || { echo "FAIL: no $programs/moves_check: build it first" >&2; exit 1; }
switches_up
second_card_up
for what in chain late addresses senders guard; do checked "$programs/moves_check" "$dir" "$what"; done
