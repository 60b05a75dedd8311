# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What a guest runs on: kernel and initramfs, KVM or emulation, which QEMU.

STOCK_EMULATOR=/usr/bin/qemu-system-x86_64
# no address randomisation and no self-tests: half a second less until the workload runs
KERNEL_OPTIONS="console=ttyS0 quiet nokaslr mitigations=off cryptomgr.notests=1 random.trust_cpu=on"
# On a busy machine an emulated timer can miss the kernel's test of it, which ends in a panic.
KERNEL_OPTIONS+=" no_timer_check"

# Prints "kvm" or "tcg". A device node proves nothing (it may answer and yet run no kernel), so the
# guest's kernel is booted once; the verdict holds until the machine boots again.
acceleration() {
    local image=$1 verdict file boot
    file=$CACHE_DIR/acceleration
    boot=$(cat /proc/sys/kernel/random/boot_id)
    verdict=$(awk -v boot="$boot" '$1 == boot {print $2}' "$file" 2>/dev/null || true)
    if [ -z "$verdict" ]; then
        verdict=tcg
        if [ -c /dev/kvm ]; then
            say "finding out whether KVM really boots a guest (10 s at most, once per boot) ..."
            if timeout -k 1 10 "$STOCK_EMULATOR" -machine pc,accel=kvm -cpu host -m 128 \
                -nodefaults -display none -serial stdio -no-reboot -kernel "$image/vmlinuz" \
                -initrd "$image/initramfs" -append "$KERNEL_OPTIONS load.probe=1" \
                </dev/null 2>/dev/null | grep 'load: booted' >/dev/null; then
                verdict=kvm
            fi
        fi
        mkdir -p "$CACHE_DIR"
        echo "$boot $verdict" >"$file"
    fi
    printf '%s' "$verdict"
}

# Prints the QEMU for an acceleration. Debian's QEMU 7.2 loses dirty pages under emulation when a
# migration takes several passes; the project's build has the fix. It is also the package vmigrate-qemu.
default_emulator() {
    local build=$LAB_DIR/../qemu/build prefix
    if [ "$1" = tcg ]; then
        [ -x "$build" ] && prefix=$("$build" --print-prefix 2>/dev/null) || prefix=/usr/lib/vmigrate-qemu
        if [ -x "$prefix/bin/qemu-system-x86_64" ]; then
            printf '%s' "$prefix/bin/qemu-system-x86_64"
            return
        fi
        say "note: qemu/build has not run yet, so Debian's QEMU is used; under emulation it loses" \
            "dirty pages in migrations of several passes"
    fi
    printf '%s' "$STOCK_EMULATOR"
}
