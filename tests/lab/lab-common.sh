# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For the tests of the lab itself: a lab of their own, gone when the test ends.
set -euo pipefail
LAB_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TEST_LAB=test-$$
# shellcheck disable=SC2034 # for the tests
LAB_STATE=${VMIGRATE_LAB_BASE:-/var/tmp/vmigrate-lab}/$TEST_LAB

skip() { echo "SKIP: $*"; exit 77; }
fail() { echo "FAIL: $*" >&2; exit 1; }

[ "$(id -u)" -eq 0 ] || skip "needs root"
command -v libvirtd >/dev/null || PATH=$PATH:/usr/sbin:/sbin
for program in libvirtd virsh ip openssl g++ qemu-img qemu-system-x86_64; do
    command -v "$program" >/dev/null || skip "needs $program"
done

lab() { "$LAB_TOP/lab/lab" --name "$TEST_LAB" "$@"; }
trap 'lab down' EXIT
trap 'exit 130' INT TERM

# heartbeat_field GUEST FIELD [OPTION...]
heartbeat_field() {
    local guest=$1 field=$2
    shift 2
    lab heartbeat --json "$@" -- "$guest" | sed -n "s/.*\"$field\": \\([0-9.]*\\).*/\\1/p"
}

# eventually SECONDS COMMAND...
eventually() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}
