#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Twelve guests leave a host for three others, two at a time; half-way one of the three dies, with all that runs there.
# Whoever can run does, the verdicts are right, and restore brings home who is still there. Takes some minutes, so only
# with LONG=1.
. "$(dirname "$0")/evacuate-common.sh"
[ "${LONG-}" ] || skip "takes minutes; LONG=1 runs it"
hosts_up 4
# two processors carry all of this: a stall of the machine is no problem of a move
printf '[policy.default]\nblackout-ceiling = "10s"\n' >>"$config"
mapfile -t names < <(seq -f 'g%g' 12)
for ((i = 0; i < 12; i += 4)); do make_guests "${names[@]:i:4}"; done
since=$(lab clock)

vm evacuate host1 --max-parallel 2 --bandwidth 40MiB/s --json >"$log" 2>"$log.err" &
manager=$!
settled() { jq -r 'select(.event == "settled" and .outcome == "moved") | .guest' "$log"; }
half() { [ "$(settled | wc -l)" -ge 5 ] && going_there; }
# nobody who is so early is there before the host is cut off
going_there() {
    vm status --json | jq -c 'select(.destination == "host2" and .phase == "precopy" and .progress_percent < 50)' |
        grep . >/dev/null
}
eventually 240 half || fail "not half-way: $(cat "$log" "$log.err")"
for network in mig mgmt guest; do lab cut host2 "$network"; done
mapfile -t lost < <(lab exec host2 virsh -q list --name --state-running | sed '/^$/d')
lab exec host2 pkill -9 -x qemu-system-x86 || true
lab stop-libvirtd host2
echo "host2 died with ${lost[*]:-nobody} on it"
code=0
wait "$manager" || code=$?
jq -c 'select(.event != "begins")' "$log"
[ "$code" -eq 0 ] || fail "exit code $code instead of 0: $(cat "$log.err")"
for name in "${names[@]}"; do
    said=$(verdict "$name")
    if [[ " ${lost[*]} " == *" $name "* ]]; then
        [ "$said" = "moved host2" ] || fail "$name went down with host2: $said"
        continue
    fi
    where=$(host_of "$name")
    [[ $where = host[34] ]] || fail "$name runs on '$where'"
    [ "$said" = "moved $where" ] || fail "$name runs on $where, but: $said"
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
