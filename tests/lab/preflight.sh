#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What plan refuses on real hosts, each with its exit code and one line that says how to fix it,
# and what it predicts. Nothing is touched.
. "$(dirname "$0")/vm-common.sh"
two_hosts
make_guest g --memory 192M --disk 32M:shared
before=$(settings_of host1 g)

refused() { # CODE PATTERN ARGUMENT...
    local wanted=$1 pattern=$2
    shift 2
    expect_code "$wanted" "$@"
    grep -qiE -- "$pattern" <<<"$out" || fail "vmigrate $*: no /$pattern/ in: $out"
    [ "$(state_on host1 g)" = running ] || fail "vmigrate $*: the guest is touched"
}
expect_code 0 plan g
refused 2 "no-such-guest" start no-such-guest
refused 2 "host7" start g --to host7
refused 3 "host1" start g --to host1
refused 3 "no such disk" start g --to host2 --migrate-disks vdz
refused 3 "emulator" start g --to host2 --emulator /no/such/qemu

# will not converge: said before anything is touched
lab set g dirty-rate=200M hot=100 >/dev/null
sleep 1
refused 7 "will not converge" start g --to host2 --bandwidth 10MiB/s --set auto-converge=off
refused 7 "converge" plan g --to host2 --bandwidth 10MiB/s --set auto-converge=off
lab set g dirty-rate=1M >/dev/null

# a guest of that name on the other host
lab exec host2 virsh -q define <(sed "s#<uuid>.*</uuid>##" <(lab exec host1 virsh dumpxml --inactive g)) >/dev/null 2>&1 ||
    { lab exec host1 virsh dumpxml --inactive g | sed '/<uuid>/d' >"$LAB_STATE/twin.xml"; lab exec host2 virsh -q define "$LAB_STATE/twin.xml"; }
refused 3 "dname" start g --to host2
lab exec host2 virsh -q undefine g

# clear text is refused unless the configuration says so in words
sed '/clear-text/d' "$LAB_STATE/vmigrate.toml" >"$LAB_STATE/strict.toml"
refused 3 "clear text" start g --to host2 --config "$LAB_STATE/strict.toml"

# an address that does not answer is said within the patience, not for ever
lab cut host2 mgmt
begin=$SECONDS
refused 3 "host2" start g --to host2
[ $((SECONDS - begin)) -le 20 ] || fail "an unreachable host takes $((SECONDS - begin)) s"
lab join host2 mgmt

[ "$(settings_of host1 g)" = "$before" ] || fail "settings changed"
[ -z "$(state_on host2 g)" ] || fail "something is left on host2"
[ "$(vm history --json | wc -l)" -eq 0 ] || fail "refused migrations are in the history"
