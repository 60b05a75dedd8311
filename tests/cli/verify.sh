#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What verify refuses, before it asks any host; the list of what it combines needs no configuration.
source "$(dirname "$0")/functions.sh"

{
    test_host a guest
    test_host b
} | configure
refused 2 "GUEST is required" verify
refused 2 "GUEST is required" verify --matrix
refused 2 "too many arguments" verify guest other
refused 2 "leave out GUEST" verify --list guest
refused 2 "--state is for --matrix" verify guest --state "$work/state"
refused 2 "--only is for --matrix" verify guest --only throttle=off
refused 2 "expected FACTOR=VALUE, with one of compression, " verify guest --matrix --only throttle
refused 2 "expected FACTOR=VALUE, with one of compression, " verify guest --matrix --only throtle=off
refused 2 "throttle is one of off, value, auto-converge" verify guest --matrix --only throttle=off --only throttle=on
refused 2 "--rounds" verify guest --rounds 0
refused 2 "--rounds" verify guest --rounds many
refused 2 "name two hosts" verify guest --between a
refused 2 "name two hosts" verify guest --between a,a
refused 2 "name two hosts" verify guest --between a,b,c
refused 2 "no host 'c'" verify guest --between a,c
refused 2 "--patience: " verify guest --patience 5
refused 2 "unknown option '--to'" verify guest --to b
refused 2 "exclude each other" verify guest --compression lz4 --comp-methods mt
refused 2 "did you mean 'storage'?" verify guest --set storge=copy
refused 2 "no guest 'other'" verify other
echo something >"$work/state"
refused 2 "this is no migration of 'vmigrate verify --matrix'" verify guest --matrix --state "$work/state"
[[ $(<"$work/state") == something ]] || fail "a file of others was changed"
refused 3 "it is no file" verify --list --state "$work"
run 3 verify guest --between b,a
err_has "destination-memory"

refused 2 "leave out everything else" verify guest --make-image "$work/image"
refused 2 "are for --make-image" verify guest --kernel "$work/kernel"
refused 2 "No such file" verify --make-image "$work/image" --kernel "$work/kernel"
echo kernel >"$work/kernel"
refused 2 "has no drivers/virtio/virtio_ring.ko" verify --make-image "$work/image" --kernel "$work/kernel" --modules "$work"
[[ ! -e $work/image ]] || fail "something was made"

rm "$VMIGRATE_CONFIG"
# one module is a file, the others are built in
mkdir -p "$work/modules/kernel/drivers/block"
echo module >"$work/modules/kernel/drivers/block/virtio_blk.ko"
for name in virtio/virtio_ring virtio/virtio virtio/virtio_pci_modern_dev virtio/virtio_pci_legacy_dev \
    virtio/virtio_pci net/net_failover net/virtio_net virtio/virtio_balloon; do
    echo "kernel/drivers/$name.ko"
done >"$work/modules/modules.builtin"
echo "kernel/net/core/failover.ko" >>"$work/modules/modules.builtin"
run 0 verify --make-image "$work/image" --kernel "$work/kernel" --modules "$work/modules"
[[ $(<"$work/image/vmlinuz") == kernel ]] || fail "another kernel"
grep -q "<initrd>$work/image/initramfs</initrd>" "$work/image/guest.xml" || fail "guest.xml"
if command -v cpio >/dev/null; then
    [[ $(cpio -it <"$work/image/initramfs" 2>/dev/null | xargs) == \
        "dev dev/console modules init modules/18-virtio_blk.ko" ]] || fail "$(cpio -it <"$work/image/initramfs")"
    (cd "$work" && cpio -i --quiet init 'modules/*' <"$work/image/initramfs")
    [[ -x $work/init && $(<"$work/modules/18-virtio_blk.ko") == module ]] || fail "what is in it"
fi
run 0 verify --list
out_has "time-slice=0ms"
out_has "QEMU: Multifd is not compatible with compress"
rows=$(grep -c '^[0-9]' "$work/out")
run 0 verify --list --json
[[ $(grep -c '"event":"row"' "$work/out") == "$rows" ]] || fail "other rows in JSON"
! grep -v '^{.*}$' "$work/out" || fail "something that is no JSON"
