# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Settings of the whole machine that a guest asks for: huge pages, and KSM. What a lab took is in its state, and put
# back when the lab ends, also by the next "lab up" of its name if it was killed. With several labs, each gives back its
# own huge pages, and the last one puts KSM back. Whoever changes something here holds the lock on $LAB_BASE.

NR_HUGEPAGES=/proc/sys/vm/nr_hugepages
HUGE_PAGE_MIB=2
KSM=/sys/kernel/mm/ksm
KSM_SETTINGS=(run pages_to_scan sleep_millisecs)

# take_huge_pages MIB: room for a guest of this size on two hosts, which a migration needs
take_huge_pages() {
    local pages=$((2 * $1 / HUGE_PAGE_MIB)) taken had
    [ -d /sys/kernel/mm/hugepages/hugepages-2048kB ] || die "this machine has no huge pages of 2 MiB"
    (
        lock_dir "$LAB_BASE"
        taken=$(cat "$STATE/huge-pages" 2>/dev/null || echo 0)
        had=$(cat "$NR_HUGEPAGES")
        echo $((taken + pages)) >"$STATE/huge-pages"
        echo $((had + pages)) >"$NR_HUGEPAGES"
        if [ "$(cat "$NR_HUGEPAGES")" -lt $((had + pages)) ]; then
            echo "$had" >"$NR_HUGEPAGES"
            echo "$taken" >"$STATE/huge-pages"
            die "the machine has no room for $pages huge pages more; end some guests, or take a smaller one"
        fi
    )
}

turn_on_ksm() {
    local setting
    [ -w "$KSM/run" ] || die "this machine's kernel has no KSM"
    (
        lock_dir "$LAB_BASE"
        if [ ! -e "$LAB_BASE/ksm.before" ]; then
            for setting in "${KSM_SETTINGS[@]}"; do cat "$KSM/$setting"; done | xargs >"$LAB_BASE/ksm.before.new"
            mv "$LAB_BASE/ksm.before.new" "$LAB_BASE/ksm.before"
        fi
        touch "$STATE/ksm"
        # 100 MB/s, so that a test need not wait
        echo 2500 >"$KSM/pages_to_scan"
        echo 100 >"$KSM/sleep_millisecs"
        echo 1 >"$KSM/run"
    )
}

# With the lock held, and no guest left.
give_back_machine() {
    local taken now values i
    taken=$(cat "$STATE/huge-pages" 2>/dev/null || echo 0)
    if [ "$taken" -gt 0 ]; then
        now=$(cat "$NR_HUGEPAGES") # less than taken, when the machine was started again
        echo $((now > taken ? now - taken : 0)) >"$NR_HUGEPAGES"
        rm -f "$STATE/huge-pages"
    fi
    rm -f "$STATE/ksm"
    if [ -e "$LAB_BASE/ksm.before" ] && ! compgen -G "$LAB_BASE/*/ksm" >/dev/null; then
        read -ra values <"$LAB_BASE/ksm.before"
        # a KSM that just stops counts the pages of guests that are gone as shared for ever
        echo 2 >"$KSM/run"
        for i in "${!KSM_SETTINGS[@]}"; do echo "${values[i]}" >"$KSM/${KSM_SETTINGS[i]}"; done
        rm -f "$LAB_BASE/ksm.before"
    fi
}
