# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Sourced by the scripts of this repository: how they speak, and which Debian packages a list still lacks.
# Speech goes to stderr, so that stdout is free for what a caller wants to read.

say() { printf '%s\n' "$*" >&2; }

# die MESSAGE...: one line that says what, where and how to fix it; then exit with $die_status (1).
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit "${die_status:-1}"
}

usage_error() { die_status=2 die "$* (see ${0##*/} --help)"; }

# print_help SCRIPT: its head comment, from the third line to the first line that is no comment.
print_help() { sed -n '3,${/^#/!q;s/^# \{0,1\}//;p}' "$1"; }

# packages_in FILE...: the package names of lists with one name per line and # comments.
packages_in() { sed 's/#.*//' -- "$@" | tr -s '[:space:]' '\n' | sed '/^$/d' | sort -u; }

# missing_packages FILE...: those of them that dpkg does not have installed.
missing_packages() {
    local names
    names=$(packages_in "$@")
    # shellcheck disable=SC2086 # one word per package
    comm -23 <(printf '%s\n' "$names") \
        <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $names 2>/dev/null |
            sed -n 's/^installed //p' | sort -u)
}

# clear_dead_labs PREFIX: ends the labs PREFIX-PID of processes that were killed before they could do it.
clear_dead_labs() {
    local lab
    for lab in "${VMIGRATE_LAB_BASE:-/var/tmp/vmigrate-lab}/$1"-*; do
        [[ -d $lab && ! -d /proc/${lab##*-} ]] || continue
        lab/lab --name "${lab##*/}" down </dev/null >/dev/null 2>&1 || say "cannot end the dead lab ${lab##*/}"
    done
}

# debian_mirrors RELEASE: lines "URL SUITE", the mirrors that apt already uses for it, or else Debian's own.
debian_mirrors() {
    local mirrors
    mirrors=$(apt-get indextargets --format "\$(REPO_URI) \$(RELEASE)" 'Created-By: Packages' 'Origin: Debian' |
        grep -E " $1(-security|-updates)?\$" | sort -u || true)
    printf '%s\n' "${mirrors:-http://deb.debian.org/debian $1
http://deb.debian.org/debian-security $1-security}"
}
