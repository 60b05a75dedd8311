#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A history on a read-only or full disk, or that is none: one line, exit code 3.
source "$(dirname "$0")/functions.sh"

requires unshare
requires setpriv
[[ $(id -u) == 0 ]] || {
    echo "skipped: needs root"
    exit 77
}
{
    test_host a web1
    test_host b
} | configure
printf 'this is no database, but it is long enough to be looked at\n%.0s' {1..200} \
    >"$work/history.db"
refused 3 "$work/history.db" history
refused 3 "$work/history.db" start web1 --to b
rm "$work/history.db"

# As somebody else: the folder is not theirs.
chmod 755 "$work"
as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
code=0
"${as_nobody[@]}" "$VMIGRATE" start web1 --to b >"$work/out" 2>"$work/err" </dev/null || code=$?
[[ $code == 3 && $(wc -l <"$work/err") == 1 ]] || fail "start as nobody"
err_has "history.db"

# Read-only and full disks, in a mount namespace of their own.
in_namespace() {
    local options=$1
    shift
    code=0
    # shellcheck disable=SC2016
    unshare -m bash -c 'mount --make-rprivate / && mkdir -p "$1/disk" &&
        mount -t tmpfs -o size=64k none "$1/disk" &&
        { [[ $2 != full ]] || head -c 64k /dev/zero >"$1/disk/filler"; } &&
        { [[ $2 != ro ]] || mount -o remount,ro "$1/disk"; } || exit 99
        shift 2; exec "$@"' - "$work" "$options" "$@" >"$work/out" 2>"$work/err" </dev/null ||
        code=$?
    [[ $code != 99 ]] || {
        echo "skipped: no mount namespaces here"
        exit 77
    }
}
sed -i "s,$work/history.db,$work/disk/history.db," "$VMIGRATE_CONFIG"
for kind in ro full; do
    in_namespace "$kind" "$VMIGRATE" start web1 --to b
    [[ $code == 3 ]] || fail "$kind disk: expected exit code 3"
    [[ $(wc -l <"$work/err") == 1 ]] || fail "$kind disk: expected one line"
    err_has "$work/disk"
done
