# SPDX-License-Identifier: GPL-2.0-or-later
"""Pairs of QEMUs with the lab's guest, migrated and measured. For the benchmarks of the patch queue."""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests"))

from machine import Failure, Machine, wait_until  # noqa: E402 (its folder is named above)

MIB = 1 << 20
# init_on_free: what booting has left in free memory is not to be sent
KERNEL_OPTIONS = ("console=ttyS0 quiet nokaslr mitigations=off cryptomgr.notests=1 random.trust_cpu=on no_timer_check "
                  "panic=1 init_on_free=1")


def build(*options):
    """The emulator of qemu/build with these options, built when it is not there yet."""
    prefix = subprocess.run([os.path.join(HERE, "..", "build"), *options], stdout=subprocess.PIPE, text=True, check=True)
    return os.path.join(prefix.stdout.strip(), "bin", "qemu-system-x86_64")


def parser(description):
    """What all benchmarks are told: how often, and which programs; see emulators()."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--qemu", help="the program with the patches (default: that of qemu/build)")
    arguments.add_argument("--stock", help="the one to compare with (default: Debian's, with the correction of the "
                                           "dirty log under TCG, which no comparison can do without)")
    return arguments


def emulators(options):
    return options.qemu or build(), options.stock or build("--series", os.path.join(HERE, "stock.series"))


def image():
    """The folder with kernel and initramfs of the lab's guest."""
    program = os.path.join(HERE, "..", "..", "lab", "guest", "build")
    return subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def cpu_seconds(machine):
    with open(f"/proc/{machine.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(machine):
    with open(f"/proc/{machine.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Pair:
    """A source that runs the workload, and destinations for it, each with a disk of its own if there is a size for it.

    Use as a context manager."""

    def __init__(self, binary, memory_mib, workload, disk_mib=0):
        self.binary = binary
        self._memory_mib = memory_mib
        folder = image()
        load = " ".join("load." + word for word in workload.split())
        self._arguments = ["-m", str(memory_mib), "-cpu", "qemu64", "-kernel", folder + "/vmlinuz",
                           "-initrd", folder + "/initramfs", "-append", f"{KERNEL_OPTIONS} {load}"]
        self._disk_mib = disk_mib
        self._devices = ["-drive", "if=none,id=disk,format=raw,file=@.disk",
                         "-device", "virtio-blk-pci,drive=disk"] if disk_mib else []
        self._stack = contextlib.ExitStack()
        self._folder = None
        self._count = 0

    def __enter__(self):
        self._folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        self.source = self._start("source", [])
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _start(self, name, arguments):
        devices = [word.replace("@", os.path.join(self._folder, name)) for word in self._devices]
        if self._disk_mib:
            with open(os.path.join(self._folder, name + ".disk"), "wb") as file:
                file.truncate(self._disk_mib * MIB)
        return self._stack.enter_context(
            Machine(self.binary, self._folder, name, self._arguments + devices + arguments))

    def destination(self, binary=None, populated=False):
        """A fresh destination; returns it and the address it listens on.

        populated: it has all its memory from the start, so that the kernel's work for it is not measured."""
        self._count += 1
        address = f"unix:{self._folder}/stream{self._count}"
        mine, self.binary = self.binary, binary or self.binary
        memory = ["-machine", "memory-backend=pc.ram", "-object",
                  f"memory-backend-ram,id=pc.ram,size={self._memory_mib}M,prealloc=on"] if populated else []
        machine = self._start(f"destination{self._count}", ["-incoming", "defer", *memory])
        self.binary = mine
        return machine, address

    def wait_for_workload(self, mib):
        """Until the guest has touched so much memory, and no more for a second."""
        wait_until("the guest to boot", lambda: "load: started" in self.source.serial_text(), 120)
        wait_until("the guest to fill its memory", lambda: resident_bytes(self.source) > mib * MIB, 120)
        before = 0
        while resident_bytes(self.source) > before + MIB:
            before = resident_bytes(self.source)
            time.sleep(1)


def status(machine):
    info = machine.qmp("query-migrate")
    if info.get("status") == "failed":
        raise Failure("the migration failed: " + info.get("error-desc", "no reason given"))
    return info


def migrate(source, destination, address, until=None, timeout=120, look_every=0.005):
    """Migrates; returns the last answer of query-migrate before `until` says so, or that of the end.

    QEMU's answers take processor time, too: `look_every` is seconds between two."""
    destination.qmp("migrate-incoming", uri=address)
    source.qmp("migrate", uri=address)
    end = time.monotonic() + timeout
    while True:
        info = status(source)
        if info["status"] == "completed" or (until and until(info)):
            return info
        if time.monotonic() > end:
            return info
        time.sleep(look_every)


def cancel(source):
    source.qmp("migrate_cancel")
    wait_until("the cancel", lambda: source.qmp("query-migrate")["status"] in ("cancelled", "completed"))


def capabilities(machine, **values):
    machine.qmp("migrate-set-capabilities",
                capabilities=[{"capability": name.replace("_", "-"), "state": state} for name, state in values.items()])


def median(values):
    return statistics.median(values)


def figures(name, values, unit, digits=2):
    print(f"  {name}: median {median(values):.{digits}f} {unit}"
          f" ({min(values):.{digits}f} to {max(values):.{digits}f}, {len(values)} runs)", flush=True)
