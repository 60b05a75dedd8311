#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Twelve guests leave a host for three others, two at a time; half-way one of the three dies, with all that runs there.
# Whoever can run does, the verdicts are right, and restore brings home who is still there. Takes some minutes, so only
# with LONG=1.
. "$(dirname "$0")/vm-common.sh"
[ "${LONG-}" ] || skip "takes minutes; LONG=1 runs it"
lab up 4
sed -i '/^migration-host/a migrations-out = 2' "$LAB_STATE/vmigrate.toml"
# two processors carry all of this: a stall of the machine is no problem of a move
printf '[policy.default]\nblackout-ceiling = "10s"\n' >>"$LAB_STATE/vmigrate.toml"
names=()
for number in {1..12}; do
    make_guest "g$number" --memory 128M --workload "dirty-rate=256K memory=16M verify-rate=1M transactions=10"
    names+=("g$number")
done
since=$(lab clock)
host_of() { # NAME
    local host
    for host in host1 host2 host3 host4; do
        [ "$(state_on "$host" "$1")" != running ] || echo "$host"
    done
}

log=$LAB_STATE/evacuate.json
vm evacuate host1 --max-parallel 2 --bandwidth 40MiB/s --json >"$log" 2>"$log.err" &
manager=$!
settled() { jq -r 'select(.event == "settled" and .outcome == "moved") | .guest' "$log"; }
half() { [ "$(settled | wc -l)" -ge 5 ] && going_there; }
going_there() { vm status --json | jq -c 'select(.destination == "host2" and .phase == "precopy")' | grep . >/dev/null; }
eventually 240 half || fail "not half-way: $(cat "$log" "$log.err")"
lost=()
for name in $(settled); do
    [ "$(host_of "$name")" != host2 ] || lost+=("$name")
done
lab exec host2 pkill -9 -f qemu-system || true
lab stop-libvirtd host2
for network in mgmt mig guest; do lab cut host2 "$network"; done
echo "host2 died with ${lost[*]:-nobody} on it"
code=0
wait "$manager" || code=$?
jq -c 'select(.event != "begins")' "$log"
[ "$code" -eq 0 ] || fail "exit code $code instead of 0: $(cat "$log.err")"
for name in "${names[@]}"; do
    verdict=$(jq -r "select(.event == \"guest\" and .guest == \"$name\") | \"\(.outcome) \(.destination)\"" "$log")
    if [[ " ${lost[*]} " == *" $name "* ]]; then
        [ "$verdict" = "moved host2" ] || fail "$name went down with host2: $verdict"
        continue
    fi
    where=$(host_of "$name")
    [[ $where = host[34] ]] || fail "$name runs on '$where'"
    [ "$verdict" = "moved $where" ] || fail "$name runs on $where, but: $verdict"
    alive "$name" "$since"
done
[ -z "$(lab exec host1 virsh -q list --name | xargs)" ] || fail "host1 is not empty"

# who went down with host2 cannot be brought home as long as that is silent
expect_code "$((${#lost[@]} > 0 ? 6 : 0))" restore host1 --max-parallel 2
for name in "${names[@]}"; do
    [[ " ${lost[*]} " == *" $name "* ]] && continue
    [ "$(host_of "$name")" = host1 ] || fail "$name did not come home: $out"
    alive "$name" "$since"
done
for name in "${lost[@]}"; do
    grep -q "'$name': it was put on host2, which does not answer" <<<"$out" || fail "$name is not named: $out"
done
eventually 10 no_vmigrate_left
