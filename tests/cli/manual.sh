#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Options of --help, man pages and completion are the same, both ways.
source "$(dirname "$0")/functions.sh"

configure </dev/null
man=$SOURCE_DIR/man
common='--config --help --json'

help_options() {
    run 0 "$1" --help
    sed '/^Examples:/,$d' "$work/out" | grep -oE '^ +(-[a-z],)?--[a-z0-9-]+' | grep -oE '\-\-.*' | sort
}

# Items of a man page, all or of the section "vmigrate COMMAND".
page_options() {
    local file=$1 section=${2:-}
    awk -v section="$section" '
        /^\.S[sh] / { inside = section == "" || index($0, ".Ss vmigrate " section) == 1 }
        inside && /^\.It Fl Fl / { print "--" $4 }' "$file" | sort
}

completed() {
    bash -c 'source "$1/conf/completion/vmigrate.bash"
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _vmigrate
        printf "%s\n" "${COMPREPLY[@]}"' - "$SOURCE_DIR" "$@" | sort
}

same() {
    diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") >"$work/diff" ||
        fail "$1: $(cat "$work/diff")"
}

run 0 --help
commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$work/out")
[[ $(wc -w <<<"$commands") == 19 ]] || fail "expected nineteen commands"
same "completion of commands" "$(sort <<<"$commands"$'\n--config\n--help\n--json\n--version')" \
    "$(completed vmigrate '')"
same "commands in vmigrate(1)" "$(sort <<<"$commands")" \
    "$(sed -n 's/^\.Ss vmigrate \([a-z]*\).*/\1/p' "$man/vmigrate.1" | sort)"
same "common options in vmigrate(1)" "$(tr ' ' '\n' <<<"$common" | grep -v help)" \
    "$(awk '/^\.Ss/ { exit } /^\.It Fl Fl/ { print "--" $4 }' "$man/vmigrate.1" | sort)"

for command in $commands; do
    options=$(help_options "$command")
    out_has "Examples:"
    same "completion of $command" "$options" "$(completed vmigrate "$command" -)"
    own=$(grep -vxF -e "$(tr ' ' '\n' <<<"$common")" <<<"$options" || true)
    case $command in
    metrics) same "vmigrate-metrics(1)" "$own" "$(page_options "$man/vmigrate-metrics.1")" ;;
    recover) same "vmigrate-recover(1)" "$own" "$(page_options "$man/vmigrate-recover.1")" ;;
    start) same "vmigrate-start(1)" "$own" "$(page_options "$man/vmigrate-start.1")" ;;
    plan) same "plan has start's options" "$own" \
        "$(page_options "$man/vmigrate-start.1" | grep -vx -e --detach -e --wait-drain -e --probe -e --workload)" ;;
    verify)
        # what is start's own is there; what says where to, or what becomes of the definition, is not
        page=$(page_options "$man/vmigrate-verify.1")
        same "vmigrate-verify(1)" "$page" "$(comm -23 <(echo "$own") <(page_options "$man/vmigrate-start.1"))"
        for option in --bandwidth --postcopy --tls --parallel --compression --verify-ram --copy-storage-all --set; do
            grep -qxF -e "$option" <<<"$own" || fail "verify lacks $option"
        done
        ! grep -xE -e '--(from|to|detach|dname|offline|suspend|undefinesource)' <<<"$own" || fail "verify has it" ;;
    evacuate | restore | rebalance)
        same "vmigrate-evacuate(1) about $command" "$own" "$(page_options "$man/vmigrate-evacuate.1" "$command")" ;;
    *) same "vmigrate(1) about $command" "$own" "$(page_options "$man/vmigrate.1" "$command")" ;;
    esac
done

# Exit codes: one table, in vmigrate(1).
for number in 0 1 2 3 4 5 6 7 130; do
    grep -q "^\.It $number Ta" "$man/vmigrate.1" || fail "vmigrate(1) lacks exit code $number"
done
