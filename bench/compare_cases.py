# SPDX-License-Identifier: GPL-2.0-or-later
"""The guests that bench/compare moves, and the ways to move them."""
from typing import NamedTuple

MEMORY = 128  # MiB, of each guest
BANDWIDTH = 48  # MiB/s, the limit for all ways
CONNECTIONS = 2  # of the ways with several


class Guest(NamedTuple):
    name: str
    workload: str
    disk: int = 0  # MiB, on storage that is not shared, so it has to be copied


class Way(NamedTuple):
    name: str
    patched: bool = False  # the QEMU with the patch set, else Debian's with its TCG correction
    vmigrate: bool = False  # else virsh
    options: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()  # of the guest's QEMU on both hosts, as libvirt cannot set them


# Rows of a table unless said otherwise; 64 MiB of the memory are the load's.
GUESTS = [
    Guest("idle", "memory=64M dirty-rate=0 verify-rate=0 read-back=0"),
    Guest("light", "memory=64M dirty-rate=4M verify-rate=1M"),
    Guest("hot set", "memory=64M dirty-rate=40M hot=10 hot-writes=90 change=8 zero=0 random=0 verify-rate=1M"),
    Guest("write-heavy", f"memory=64M dirty-rate={BANDWIDTH * 3 // 2}M hot=100 hot-writes=100 change=8 zero=0 random=0 "
                         "verify-rate=1M"),
    Guest("random", "memory=64M dirty-rate=8M zero=0 random=100 verify-rate=1M"),
    Guest("disk", "memory=64M dirty-rate=1M verify-rate=1M disk-rate=2M disk-block=8K disk-verify-rate=0 disk-fill=1",
          disk=64),
]

PARALLEL = ("--parallel", "--parallel-connections", str(CONNECTIONS))
WAYS = [
    Way("virsh"),
    Way("virsh, auto-converge", options=("--auto-converge",)),
    Way("virsh, zlib", options=("--compressed", "--comp-methods", "mt")),
    Way("virsh, xbzrle", options=("--compressed", "--comp-methods", "xbzrle")),
    Way("virsh, multifd", options=PARALLEL),
    Way("virsh, multifd zstd", options=PARALLEL, properties=("migration.multifd-compression=zstd",)),
    Way("virsh, post-copy", options=("--postcopy", "--postcopy-after-precopy", "--postcopy-bandwidth", str(BANDWIDTH))),
    Way("vmigrate on stock", vmigrate=True),
    Way("vmigrate on patched", vmigrate=True, patched=True),
]


def chosen(cases, names):
    """Those whose names are given, in their own order; all without names. LookupError: no such name."""
    known = [case.name for case in cases]
    for name in names:
        if name not in known:
            raise LookupError(f'"{name}" is none of: {"; ".join(known)}')
    return [case for case in cases if not names or case.name in names]
