#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion knows the hosts and policies of the configuration.
source "$(dirname "$0")/functions.sh"

configure <<'END'
[hosts.alpha]
uri = "test:///default"
[hosts."two words"]
uri = "test:///else"
[policy.night]
timeout = "1m"
END
complete_words() {
    bash -c 'source "$1/conf/completion/vmigrate.bash"
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _vmigrate
        printf "%s\n" "${COMPREPLY[@]}"' - "$SOURCE_DIR" "$@"
}
: >"$work/out"
: >"$work/err"
[[ $(complete_words vmigrate start web1 --to al) == alpha ]] || fail "hosts"
[[ $(complete_words vmigrate plan --policy n) == night ]] || fail "policies"
[[ $(complete_words vmigrate plan --set downtime-l) == downtime-limit= ]] || fail "keys"
[[ $(complete_words vmigrate --config "$VMIGRATE_CONFIG" st) == $'start\nstatus' ||
    $(complete_words vmigrate --config "$VMIGRATE_CONFIG" st) == $'status\nstart' ]] ||
    fail "commands after --config"
