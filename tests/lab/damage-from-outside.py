#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Damages a lab guest's memory or disk behind its back, as a bad migration would.

usage: damage-from-outside.py memory PID MIB KIND      the QEMU that runs it, and the size of its memory
       damage-from-outside.py arriving PID MIB         the QEMU that it moves to: one byte of a page that has arrived
       damage-from-outside.py disk FILE BEFORE KIND    a raw file at rest, and a copy of when it was older
KIND is flip (one byte), old (what was there a moment ago), swap (two pages or blocks), or torn (the half of what was
there a moment ago).
"""

import os
import signal
import struct
import sys
import time

BLOCK = 4096
STAMP = struct.Struct("<8sQQ")  # magic, address, sequence: lab/guest/stamp.h


class Memory:
    """A guest's RAM, by way of its QEMU, which stands still inside a `with`."""

    def __init__(self, pid, mib):
        self.pid, self.size = pid, mib << 20
        with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
            for line in maps:
                start, end = (int(part, 16) for part in line.split()[0].split("-"))
                if line.split()[1] == "rw-p" and 0 <= end - start - self.size < 4 << 20:
                    self.start = start
        self.file = os.open(f"/proc/{pid}/mem", os.O_RDWR)

    def blocks(self):
        return blocks(self.file, self.start, self.size)

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)
        while open(f"/proc/{self.pid}/stat", encoding="utf-8").read().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.001)

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGCONT)


def blocks(file, start, size):
    """The stamped blocks: offset -> content."""
    found = {}
    for base in range(start, start + size, 1 << 20):
        chunk = os.pread(file, 1 << 20, base)
        for at in range(0, len(chunk), BLOCK):
            if chunk[at:at + 8] == b"LOadPage" or chunk[at:at + 5] == b"Disk-":
                found[base + at] = chunk[at:at + BLOCK]
    return found


def renewed(before, after):
    """The blocks that were written meanwhile, so that they are in use."""
    def newer(old, new):
        _, address, sequence = STAMP.unpack_from(old)
        _, address_now, sequence_now = STAMP.unpack_from(new)
        return address == address_now and sequence < sequence_now
    return [at for at in after if at in before and newer(before[at], after[at])]


def damage(file, before, after, kind):
    one, other, *_ = renewed(before, after)
    changed = bytearray(after[one])
    if kind == "flip":
        changed[1000] ^= 4
    elif kind == "old":
        changed = before[one]
    elif kind == "torn":
        changed[BLOCK // 2:] = before[one][BLOCK // 2:]
    elif kind == "swap":
        changed = after[other]
        os.pwrite(file, after[one], other)
    os.pwrite(file, changed, one)


def damage_memory(pid, mib, kind):
    memory = Memory(pid, mib)
    with memory:
        before = memory.blocks()
    # a guest of a busy machine may write nothing for a while
    for _ in range(20):
        time.sleep(0.5)
        with memory:
            after = memory.blocks()
            if len(renewed(before, after)) >= 2:
                damage(memory.file, before, after, kind)
                return
    sys.exit("the guest does not write its memory")


def damage_arriving(pid, mib):
    memory = Memory(pid, mib)
    before = {}
    for _ in range(200):
        with memory:
            now = memory.blocks()
            # one that was there before is not just being received
            whole = [at for at in now if before.get(at) == now[at]]
            if whole:
                changed = bytearray(now[whole[0]])
                changed[1000] ^= 4
                os.pwrite(memory.file, changed, whole[0])
                return
        before = now
        time.sleep(0.05)
    sys.exit("no page arrives")


def damage_disk(path, path_before, kind):
    size = os.path.getsize(path)
    file, file_before = os.open(path, os.O_RDWR), os.open(path_before, os.O_RDONLY)
    damage(file, blocks(file_before, 0, size), blocks(file, 0, size), kind)
    os.fsync(file)


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "memory":
        damage_memory(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    elif len(sys.argv) == 4 and sys.argv[1] == "arriving":
        damage_arriving(int(sys.argv[2]), int(sys.argv[3]))
    elif len(sys.argv) == 5 and sys.argv[1] == "disk":
        damage_disk(*sys.argv[2:])
    else:
        sys.exit(__doc__)


main()
