# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# Messages, paths and small helpers that every part of the lab uses.

CACHE_DIR=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vmigrate
SHARED_POOL=/srv/vmigrate-lab/shared
LOCAL_POOL=/srv/vmigrate-lab/local

say() { printf '%s\n' "$*" >&2; }
die() { say "lab: $*"; exit 1; }
usage_error() { say "lab: $*"; exit 2; }

# Sets the paths of the lab LAB_NAME. The base is on a disk, since guests' disks use O_DIRECT.
lab_paths() {
    LAB_BASE=${VMIGRATE_LAB_BASE:-/var/tmp/vmigrate-lab}
    STATE=$LAB_BASE/$LAB_NAME
}

netns() { printf 'vml-%s-%s' "$LAB_NAME" "$1"; }

need_lab() {
    [ -f "$STATE/up" ] || die "lab \"$LAB_NAME\" is not up; try: lab --name $LAB_NAME up"
}

# "host1 host2 ..." of this lab
lab_hosts() { cat "$STATE/hosts"; }

need_host() {
    [[ " $(lab_hosts) " == *" $1 "* ]] || die "unknown host \"$1\" (there are: $(lab_hosts))"
}

# Prints the pid of the anchor of a node. Fails when it is gone; a reused pid does not fool it.
anchor_pid() {
    local pid
    pid=$(cat "$STATE/$1/anchor.pid" 2>/dev/null) || return 1
    [ "$(stat -Lc %i "/proc/$pid/ns/net" 2>/dev/null)" = \
        "$(stat -Lc %i "/run/netns/$(netns "$1")" 2>/dev/null)" ] || return 1
    printf '%s' "$pid"
}

# Replaces this shell by a command in the namespaces of a node, in the caller's directory.
exec_in() {
    local node=$1 pid
    shift
    pid=$(anchor_pid "$node") || die "\"$node\" does not run; try: lab --name $LAB_NAME up"
    exec "$(cat "$STATE/tools")/enter" "$pid" "$@"
}

# Runs a command in the namespaces of a node.
run_in() { (exec_in "$@"); }

# Starts a command that outlives this shell and holds none of its file descriptors; the log gets
# its output. Sets SPAWNED to its pid.
spawn() {
    local log=$1
    shift
    (
        for fd in /proc/self/fd/*; do
            fd=${fd##*/}
            if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi
        done 2>/dev/null
        exec setsid "$@"
    ) </dev/null >"$log" 2>&1 &
    SPAWNED=$!
    disown
}

# Waits until a command succeeds: wait_for SECONDS COMMAND...
wait_for() {
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@"; do
        [ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
        sleep 0.02
    done
}

# Waits for background jobs; fails if one of them failed.
wait_all() {
    local pid failed=0
    for pid; do wait "$pid" || failed=1; done
    return "$failed"
}

xml_escape() {
    local s=$1
    s=${s//&/\&amp;}
    s=${s//</\&lt;}
    s=${s//>/\&gt;}
    s=${s//\"/\&quot;}
    printf '%s' "${s//\'/\&apos;}"
}

# Takes an exclusive lock on a directory until this shell ends. Fails when there is none.
lock_dir() {
    { exec 9<"$1"; } 2>/dev/null || return 1
    flock -w 60 9 || die "another lab command has held $1 for a minute; try again later"
}

# Compiles small C++ programs once per content: build_cached NAME FLAGS SOURCE... prints the folder
# that holds the program NAME.
build_cached() {
    local name=$1 flags=$2 hash out
    shift 2
    hash=$({ echo "$name $flags"; g++ -dumpfullversion; cat "$@"; } | sha256sum | cut -c1-16)
    out=$CACHE_DIR/lab/$hash
    if [ ! -x "$out/$name" ]; then
        mkdir -p "$out"
        local sources=()
        for f in "$@"; do [[ $f == *.cc ]] && sources+=("$f"); done
        # shellcheck disable=SC2086
        g++ -std=c++20 -Wall -Wextra $flags -I"$LAB_DIR" -o "$out/$name.$$" "${sources[@]}" \
            || die "cannot build $name"
        mv "$out/$name.$$" "$out/$name"
    fi
    printf '%s' "$out"
}
