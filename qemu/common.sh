# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# Sourced by the scripts of qemu/: where things are, and what a build is made of.

qemu_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$qemu_dir/../tools/common.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/vmigrate/qemu
default_series=$qemu_dir/patches/7.2/series

# The tools see Debian's programs only, and nobody's private git set-up changes what they write.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C.UTF-8
unset "${!GIT_@}"
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null

# uncommented FILE...: without comments and empty lines.
uncommented() { sed 's/#.*//; s/[[:space:]]*$//; /^$/d' -- "$@"; }

# source_field NAME: the rest of the lines of qemu/source that start with NAME.
source_field() { uncommented "$qemu_dir/source" | sed -n "s/^$1 *//p"; }

# configure_options SOURCE: what that source tree's configure is told, one option per line.
configure_options() {
    local option
    uncommented "$qemu_dir/configure-options" | while read -r option; do
        [[ $option != \?* ]] || grep -F -- "${option#?})" "$1/scripts/meson-buildoptions.sh" >/dev/null || continue
        printf '%s\n' "${option#\?}"
    done
}

# series_patches SERIES: the paths of its patches, in order.
series_patches() {
    local name
    uncommented "$1" | while read -r name; do printf '%s/%s\n' "$(dirname "$1")" "$name"; done
}

# patch_field NAME PATCH: the field of the patch's message, on one line; empty when there is none.
patch_field() {
    sed '/^---$/,$d' "$2" | git interpret-trailers --parse --unfold | sed -n "s/^$1: *//p"
}

kind_meaning() {
    case $1 in
    extra) echo "corrected upstream since, expected to vanish with a newer base" ;;
    fix) echo "a bug of the base that upstream still has, or no longer has the code of" ;;
    feature) echo "what vmigrate adds" ;;
    esac
}

# upstream_table PATCH...: the patches and their state upstream, from what their messages say.
upstream_table() {
    local patch subject
    printf 'The patches of the queue and their state upstream. Written by qemu/export.\n'
    printf '\n| patch | kind | what | upstream |\n| --- | --- | --- | --- |\n'
    for patch in "$@"; do
        subject=$(sed -n '/^Subject: /{s/^Subject: \[PATCH\] //; :more; N; /\n /{s/\n / /; b more}; s/\n.*//p; q}' "$patch")
        printf '| %s | %s | %s | %s |\n' "$(basename "$patch" | cut -c1-4)" "$(patch_field Kind "$patch")" \
            "$subject" "$(patch_field Upstream "$patch")"
    done
}

# content_hash SERIES [TARBALL]: 16 hex digits for all that decides what a build is.
content_hash() {
    local patches
    mapfile -t patches < <(series_patches "$1")
    {
        uncommented "$qemu_dir/configure-options"
        if [[ ${2-} ]]; then sha256sum <"$2"; else uncommented "$qemu_dir/source"; fi
        ((${#patches[@]} == 0)) || cat -- "${patches[@]}"
    } | sha256sum | cut -c1-16
}

# parse_options ARGUMENT...: the options that apply, build and check have in common. Sets series, tarball, and
# rest (what it does not know).
parse_options() {
    series=$default_series tarball='' rest=()
    while (($#)); do
        case $1 in
        --help) print_help "$0"; exit ;;
        --series | --tarball)
            (($# > 1)) || usage_error "$1 needs a file"
            [[ -r $2 && ! -d $2 ]] || die_status=2 die "cannot read $2"
            printf -v "${1#--}" %s "$(realpath -- "$2")"
            shift ;;
        *) rest+=("$1") ;;
        esac
        shift
    done
}
