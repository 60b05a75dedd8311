# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For the scripts beside this one: each runs the built vmigrate ($VMIGRATE) and looks at exit code,
# output and errors. libvirt's test driver serves as host where a libvirt is needed.
set -euo pipefail

: "${VMIGRATE:?the binary under test}" "${SOURCE_DIR:?the root of the sources}"
work=$(mktemp -d)
cleanups=("rm -rf '$work'")

cleanup() {
    local i
    for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
        eval "${cleanups[i]}" || true
    done
}
trap cleanup EXIT

# Nothing of this machine's own configuration or terminal plays a part.
export VMIGRATE_CONFIG="$work/vmigrate.toml" TERM=dumb
unset NO_COLOR

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    printf -- '--- exit code %s\n--- stdout\n' "${code:-?}" >&2
    head -c 4000 "$work/out" >&2
    printf -- '--- stderr\n' >&2
    head -c 4000 "$work/err" >&2
    exit 1
}

# Exit 77 = skipped, with the reason.
requires() {
    command -v "$1" >/dev/null || {
        printf 'skipped: no %s\n' "$1"
        exit 77
    }
}

# run CODE WORD...: runs vmigrate; its exit code must be CODE.
run() {
    local expected=$1
    shift
    code=0
    "$VMIGRATE" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    [[ $code == "$expected" ]] || fail "vmigrate $*: expected exit code $expected"
}

# refused CODE TEXT WORD...: exactly one line of error that has TEXT, nothing on stdout.
refused() {
    local expected=$1 text=$2
    shift 2
    run "$expected" "$@"
    [[ $(wc -l <"$work/err") == 1 ]] || fail "vmigrate $*: expected one line of error"
    grep -q '^vmigrate: ' "$work/err" || fail "vmigrate $*: the error has no name before it"
    grep -qF -e "$text" "$work/err" || fail "vmigrate $*: expected an error with: $text"
    [[ ! -s $work/out ]] || fail "vmigrate $*: something on stdout"
}

out_has() {
    grep -qF -e "$1" "$work/out" || fail "expected on stdout: $1"
}

err_has() {
    grep -qF -e "$1" "$work/err" || fail "expected on stderr: $1"
}

# test_host NAME GUEST...: prints the table of a host of libvirt's test driver with these guests.
test_host() {
    local name=$1 guest node
    shift
    node="$work/$name.xml"
    {
        printf '<node>\n'
        for guest in "$@"; do
            # Names may hold what XML takes for itself.
            guest=${guest//&/&amp;}
            guest=${guest//</&lt;}
            printf '<domain type="test"><name>%s</name><memory>65536</memory>' "$guest"
            printf '<os><type>hvm</type></os></domain>\n'
        done
        printf '</node>\n'
    } >"$node"
    printf '[hosts.%s]\nuri = "test://%s"\n' "$name" "$node"
}

# Writes the configuration: standard input, and a history of the script's own.
configure() {
    {
        cat
        printf '[history]\npath = "%s/history.db"\n' "$work"
    } >"$VMIGRATE_CONFIG"
}
