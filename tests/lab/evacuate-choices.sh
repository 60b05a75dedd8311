#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is chosen for an evacuation holds on real hosts: labels and groups say who may take whom; when a deadline has
# passed, or after --cancel, no other guest moves, and those that stay run; --stop-unmovable shuts down who cannot move
# and heeds its power button, nobody else, and nobody at all after --cancel.
. "$(dirname "$0")/evacuate-common.sh"
hosts_up 3
for number in 2 3; do sed -i "/^\[hosts.host$number\]/a labels = { rack = \"$number\" }" "$config"; done
cat >>"$config" <<'END'
[evacuation]
shutdown-limit = "2s"
[groups.web]
guests = ["web*"]
rule = "apart"
[groups.db]
guests = ["db*"]
rule = "together"
END
movable=(web1 web2 db1 db2)
make_guests "${movable[@]}" bound deaf
since=$(lab clock)
for name in bound deaf; do tie_to_host1 "$name"; done

vm_json() { # CODE ARGUMENT...: what it printed in $out
    expect_code "$1" "${@:2}" --json
    out=$(grep '^{' <<<"$out")
}
# planned GUEST: where a dry run would put it; null: nowhere
planned() { jq -r "select(.event == \"planned\" and .guest == \"$1\") | if .moves then .destination else null end" <<<"$out"; }
reason_of() { jq -r "select(.guest == \"$1\") | .reason" <<<"$out"; }
# are GUEST... STATE: how many of them the evacuation that wrote $log says that of
are() {
    local name state=${*: -1} found=0
    for name in "${@:1:$#-1}"; do
        [[ $(verdict "$name") != "$state "* ]] || found=$((found + 1))
    done
    echo "$found"
}
# whoever has not moved runs where it was, and whoever has where that was said
as_said() {
    local name where
    for name in "${movable[@]}" bound deaf; do
        where=$(verdict "$name")
        case $where in
        "moved "*) where=${where#moved } ;;
        "") where='host[23]' ;;
        *) where=host1 ;;
        esac
        # shellcheck disable=SC2053  # a pattern
        [[ $(host_of "$name") = $where ]] || fail "$name is said to be '$(verdict "$name")': $(host_of "$name")"
    done
}

# who may take whom
vm_json 6 evacuate host1 --dry-run
[[ $(planned web1)$(planned web2) =~ ^(host2host3|host3host2)$ ]] || fail "not apart: $out"
[[ $(planned db1) = host[23] && $(planned db1) = "$(planned db2)" ]] || fail "not together: $out"
vm_json 6 evacuate host1 --dry-run --label rack=3
[ "$(planned db1)$(planned db2)" = host3host3 ] || fail "not into rack 3: $out"
[[ $(planned web1)$(planned web2) =~ ^(host3null|nullhost3)$ ]] || fail "two that are apart in a rack of one: $out"
[[ "$(reason_of web1)$(reason_of web2)" == *"group 'web'"* ]] || fail "the group is not named: $out"
vm_json 3 evacuate host1 --dry-run --label rack=3 --to host2
[[ $(reason_of db1) == *"rack=3"* ]] || fail "the label is not named: $out"

# a deadline that only the first can begin before
slowly=(--max-parallel 1 --bandwidth 12MiB/s)
vm_json 7 evacuate host1 --dry-run "${slowly[@]}" --deadline 2s
[[ $out == *'"0 of 6 guests will make it within 2.0'* ]] || fail "who would make the deadline: $out"
code=0
vm evacuate host1 "${slowly[@]}" --deadline 2s --json >"$log" 2>"$log.err" || code=$?
[ "$code" -eq 6 ] || fail "exit code $code instead of 6: $(cat "$log" "$log.err")"
[[ $(head -n 1 "$log") == *'"0 of 6 guests will make it within 2.0'* ]] || fail "not said before anybody moves: $(cat "$log")"
[ "$(are "${movable[@]}" moved)/$(are "${movable[@]}" late)" = 1/3 ] || fail "who is late: $(cat "$log")"
[ "$(are bound deaf unmovable)" = 2 ] || fail "who cannot move: $(cat "$log")"
as_said

# the next one is under way when it is cancelled
expect_code 0 evacuate host1 "${slowly[@]}" --stop-unmovable --detach
copies() { vm status --json | grep '"phase":"precopy"' >/dev/null; }
eventually 30 copies || fail "nobody copies: $(vm evacuate host1 --status)"
expect_code 0 evacuate host1 --cancel
[[ $out == *"begin no other move"* ]] || fail "cancelled: $out"
has_ended() { vm evacuate host1 --status --json >"$log" && [ "$(jq 'select(.event == "status") | .exit_code' "$log")" != null ]; }
eventually 60 has_ended || fail "it goes on: $(cat "$log")"
[ "$(jq 'select(.event == "status") | .exit_code' "$log")" = 6 ] || fail "not exit code 6: $(cat "$log")"
[ "$(are "${movable[@]}" moved)/$(are "${movable[@]}" cancelled)" = 1/2 ] || fail "who moved: $(cat "$log")"
as_said

# The rest, and those that cannot move are asked to shut down; one heeds that. The lab's guests know no power button, so
# their QEMU is looked at, which tells when it was pressed.
heeds_its_button() { # GUEST
    lab exec host1 virsh -q qemu-monitor-event "$1" --event POWERDOWN --timeout 60 >/dev/null &&
        lab exec host1 virsh -q destroy "$1" >/dev/null
}
heeds_its_button bound &
os=$!
code=0
vm evacuate host1 --stop-unmovable --json >"$log" 2>"$log.err" || code=$?
wait "$os" || fail "nobody pressed bound's power button: $(cat "$log")"
[ "$code" -eq 6 ] || fail "exit code $code instead of 6: $(cat "$log" "$log.err")"
[ "$(are "${movable[@]}" moved)" = 2 ] || fail "not all left: $(cat "$log")"
[ "$(verdict bound)/$(verdict deaf)" = "stopped null/unmovable null" ] || fail "who cannot move: $(cat "$log")"
[[ $(jq -r 'select(.event == "guest" and .guest == "deaf") | .reason' "$log") == *"did not shut down within 2.0"* ]] ||
    fail "why deaf runs is not said: $(cat "$log")"
[ "$(state_on host1 bound)/$(state_on host1 deaf)" = "shut off/running" ] || fail "not as said: $(cat "$log")"
[[ $(host_of web1)$(host_of web2) =~ ^(host2host3|host3host2)$ ]] || fail "not apart: $(host_of web1), $(host_of web2)"
[ "$(host_of db1)" = "$(host_of db2)" ] || fail "not together: $(host_of db1), $(host_of db2)"

# with the last one shut down the host is empty, as was asked for
heeds_its_button deaf &
expect_code 0 evacuate host1 --stop-unmovable
[ -z "$(lab exec host1 virsh -q list --name | xargs)" ] || fail "host1 is not empty: $out"
for name in "${movable[@]}"; do alive "$name" "$since"; done
no_vmigrate_left
