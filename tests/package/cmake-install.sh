#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# `cmake --install` puts everything where it belongs, what it installs works, and a configuration that is there stays.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
fail() { echo "FAILED: $*"; exit 1; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

install() { DESTDIR=$root cmake --install "$top/build/release" --prefix /usr/local >"$root/log" 2>&1 || fail "$(cat "$root/log")"; }
install
for file in etc/vmigrate/vmigrate.toml usr/local/share/doc/vmigrate/{README,operators-guide}.md \
    usr/local/share/vmigrate/hooks/qemu.d/vmigrate usr/local/libexec/vmigrate/vmigrate-verifier \
    usr/local/share/bash-completion/completions/vmigrate usr/local/lib/systemd/system/vmigrate-recover.service \
    usr/local/share/man/man{1/vmigrate.1,5/vmigrate.toml.5,7/vmigrate-phases.7}; do
    [[ -s $root/$file ]] || fail "no $file"
done
# All pages, but the one of the lab, which is in its package only.
pages() { (cd "$1" && find . -type f ! -name '*-lab.8' -printf '%f\n' | LC_ALL=C sort); }
diff <(pages "$top/man") <(pages "$root/usr/local/share/man") ||
    fail "other manual pages than in man/"
[[ ! -e $root/etc/libvirt ]] || fail "the hook is active without being asked for"
"$root/usr/local/bin/vmigrate" version >/dev/null || fail "vmigrate does not run"

echo "# mine" >>"$root/etc/vmigrate/vmigrate.toml"
install
grep -qx "# mine" "$root/etc/vmigrate/vmigrate.toml" || fail "a second installation took the configuration away"
