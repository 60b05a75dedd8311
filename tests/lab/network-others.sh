#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Networks that are not ours to turn: on learning bridges the guest is announced, a program is run for each step, and
# a migration that virsh has begun is followed from libvirt's hook.
. "$(dirname "$0")/vm-common.sh"
two_hosts
make_guest g
steps=$LAB_STATE/steps
adapter=$LAB_STATE/adapter
broken=$LAB_STATE/broken

# with_network HOST LINE...: the lab's configuration with these lines of [network]; histories of different hosts differ
with_network() {
    local host=$1 file
    shift
    file=$LAB_STATE/network-$host.toml
    sed "s|^path = .*|path = \"$LAB_STATE/history-$host.db\"|" "$LAB_STATE/vmigrate.toml" >"$file"
    printf '[network]\n' >>"$file"
    printf '%s\n' "$@" >>"$file"
    echo "$file"
}
steps_of() { sed 's/ .*//' "$1" 2>/dev/null | xargs; }

config=$(with_network admin 'backend = "bridge"')
expect_code 0 start g --to host2 --config "$config" --set blackout-ceiling=10s
runs_only_on host2 g
echo "bridge: every card was announced"

cat >"$adapter" <<EOT
#!/bin/sh
[ ! -e "$broken" ] || [ "\$1" != begin ] || { echo "no such address" >&2; exit 3; }
read -r told
echo "\$1 \$told" >>"$steps"
EOT
chmod +x "$adapter"
config=$(with_network admin 'backend = "exec"' "program = \"$adapter\"")
expect_code 0 start g --to host1 --config "$config" --set blackout-ceiling=10s
runs_only_on host1 g
[ "$(steps_of "$steps")" = "lock begin redirect commit drain" ] || fail "other steps: $(cat "$steps")"
jq -e '.guest == "g" and .source == "host2" and .destination == "host1" and (.cards | length) == 1' \
    <(sed 's/^[a-z]* //' "$steps") >/dev/null || fail "not what the program has to know: $(cat "$steps")"

rm "$steps"
touch "$broken"
expect_code 1 start g --to host2 --config "$config"
[[ $out == *"begin ended with 3: no such address"* ]] || fail "not the program's own words: $out"
runs_only_on host1 g
[ "$(steps_of "$steps")" = "lock rollback" ] || fail "other steps: $(cat "$steps")"
rm "$broken" "$steps"
echo "exec: its steps in order, and back when one failed"

# what libvirt's hook finds on host2, with another QEMU for the guests that come
ln -s "$(lab exec host1 virsh dumpxml g | sed -n 's|.*<emulator>\(.*\)</emulator>.*|\1|p')" "$LAB_STATE/qemu-here"
config=$(with_network host2 'backend = "exec"' "program = \"$adapter\"" '[hook]' 'host = "host2"' \
    "log = \"$LAB_STATE/follow.log\"" 'tap-queue = 5000')
sed -i "/^\[hosts.host2\]/a emulator = \"$LAB_STATE/qemu-here\"" "$config"
mkdir -p "$LAB_STATE/host2/etc/hooks/qemu.d"
cat >"$LAB_STATE/host2/etc/hooks/qemu.d/vmigrate" <<EOT
#!/bin/sh
exec "$VMIGRATE" hook --config "$config" -- "\$@"
EOT
chmod +x "$LAB_STATE/host2/etc/hooks/qemu.d/vmigrate"
lab stop-libvirtd host2
lab start-libvirtd host2 # looks for hooks

by_virsh() { # OPTION...: from host1 to host2
    lab exec host1 virsh migrate --live --persistent --undefinesource "$@" g qemu+tcp://host2/system tcp://host2-mig
}
done_with() { [[ $(steps_of "$steps") == *"$1" ]]; }
by_virsh --bandwidth 30 # time for the follower to find it
runs_only_on host2 g
eventually 20 done_with drain || fail "not followed: $(cat "$steps" "$LAB_STATE/follow.log")"
[ "$(steps_of "$steps")" = "lock begin redirect commit drain" ] || fail "other steps: $(cat "$steps")"
jq -e '.source == "host1" and .destination == "host2"' <(sed 's/^[a-z]* //' "$steps") >/dev/null ||
    fail "not this migration: $(cat "$steps")"
lab exec host2 virsh dumpxml g | grep -F "<emulator>$LAB_STATE/qemu-here</emulator>" >/dev/null ||
    fail "not the QEMU of host2"
tap=$(lab exec host2 virsh domiflist g | awk '/vnet/ {print $1}')
[ "$(lab exec host2 cat "/sys/class/net/$tap/tx_queue_len")" = 5000 ] || fail "the queue of tap '$tap' was not set"
nobody_follows() { ! lab exec host2 pgrep -x vmigrate >/dev/null; }
eventually 10 nobody_follows || fail "the follower goes on"
echo "hook: virsh's migration was followed, the guest runs with the QEMU of host2"

# virsh's migration fails: everything goes back
expect_code 0 start g --to host1 --emulator "$(readlink "$LAB_STATE/qemu-here")"
rm "$steps"
by_virsh --bandwidth 1 >/dev/null 2>&1 &
migrate=$!
eventually 30 done_with begin || fail "not followed: $(cat "$steps" "$LAB_STATE/follow.log")"
lab exec host1 virsh domjobabort g
wait "$migrate" && fail "virsh's migration was to fail"
eventually 20 done_with rollback || fail "not rolled back: $(cat "$steps" "$LAB_STATE/follow.log")"
[ "$(steps_of "$steps")" = "lock begin rollback" ] || fail "other steps: $(cat "$steps")"
runs_only_on host1 g
eventually 10 nobody_follows || fail "the follower goes on"

# a hook that cannot work fails no migration
sed -i 's/^host = .*/host = "nowhere"/' "$config"
by_virsh
runs_only_on host2 g
no_vmigrate_left
