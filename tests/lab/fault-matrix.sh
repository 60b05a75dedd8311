#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A few cells of the fault matrix (tests/fault/matrix) that no other test has: the guest is lost and that is said, its
# host's libvirt dies while nobody runs it, the network to the copies of its disks goes away, and a host that is silent
# keeps no guest from its verdict.
. "$(dirname "$0")/../fault/cells.sh"
cells_up bridge

check() { # PHASE FAULT VERDICT...
    local phase=$1 fault=$2 start=$SECONDS
    shift 2
    cell "$phase" "$fault"
    [[ " $* " == *" $verdict "* ]] || fail "$phase x $fault: $verdict instead of $*: ${problems[*]-}"
    echo "$phase x $fault: $verdict ($((SECONDS - start)) s)"
}
check precopy source-qemu told
check handover source-libvirtd ok told
check precopy migration-network ok

# its process is dead, and so is the destination: the guest runs on the source, and can be moved elsewhere
begin stop:locked
eventually 30 is_stopped || fail "not stopped: $(said)"
lab cut "$there" mgmt
lab exec admin pkill -9 -x vmigrate
wait "$starter" || true
expect_code 1 recover --all
[[ $out == *": failed-on-source: "* ]] || fail "not what recover has to say: $out"
[ -z "$(leases)" ] || fail "a lease is left: $(leases)"
lab join "$there" mgmt
[ "$(runs_on)" = "$here" ] || fail "it runs on: $(runs_on)"
