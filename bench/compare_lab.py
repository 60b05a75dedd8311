# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab as bench/compare uses it, and what is measured in it from outside.

Times are the machine's monotonic clock in seconds, those of `lab clock`, except in Events.
"""
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")


class Lab:
    """A lab of two hosts. Down at the end of the `with`."""

    def __init__(self, name):
        self.name = name
        self.state = Path(os.environ.get("VMIGRATE_LAB_BASE", "/var/tmp/vmigrate-lab")) / name

    def __enter__(self):
        self.call("up", "2")
        return self

    def __exit__(self, *_):
        self.call("down")

    def command(self, *words):
        return [str(TOP / "lab/lab"), "--name", self.name, *words]

    def call(self, *words):
        """What it printed; subprocess.CalledProcessError if it failed."""
        return subprocess.run(self.command(*words), check=True, stdout=subprocess.PIPE, text=True).stdout

    def ask(self, *words):
        """What it printed, or "" if it failed."""
        done = subprocess.run(self.command(*words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return done.stdout if done.returncode == 0 else ""

    def virsh(self, host, *words):
        return self.ask("exec", host, "virsh", "-q", *words)

    def make_guest(self, guest, memory, emulator, properties):
        self.remove_guest()
        words = ["guest", "guest", "--memory", f"{memory}M", "--emulator", emulator, "--workload", guest.workload]
        for text in properties:
            words += ["--global", text]
        if guest.disk:
            words += ["--disk", f"{guest.disk}M:local"]
        self.call(*words)

    def remove_guest(self):
        subprocess.run(self.command("guest", "--remove", "guest"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def uuid(self):
        return next(self.state.glob("guests/*/uuid")).read_text().strip()

    def states(self):
        return {host: self.virsh(host, "domstate", "guest").strip() for host in ("host1", "host2")}

    def heartbeat(self, since, until):
        return json.loads(self.call("heartbeat", "guest", "--json", "--since", str(int(since * 1e9)),
                                    "--until", str(int(until * 1e9))))

    def transactions(self, since, until):
        return self.heartbeat(since, until)["transactions_per_s"] * (until - since)

    def network_bytes(self):
        """What the source has sent and got: libvirt's calls, memory and disks, not the guest's own traffic."""
        text = self.call("exec", "host1", "cat", "/proc/net/dev")
        total = 0
        for network, counters in re.findall(r"^\s*(mgmt|mig):(.*)$", text, re.MULTILINE):
            counters = counters.split()
            total += int(counters[0]) + int(counters[8])
        return total


class Events:
    """QEMU's own events of the guest on both hosts, with QEMU's timestamps (the machine's real-time clock)."""

    def __init__(self, lab, folder):
        self.files = {host: Path(folder) / f"events-{host}" for host in ("host1", "host2")}
        self.programs = []
        for host, path in self.files.items():
            with open(path, "w", encoding="utf-8") as file:
                self.programs.append(subprocess.Popen(
                    lab.command("exec", host, "stdbuf", "-oL", "virsh", "qemu-monitor-event", "--loop"),
                    stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.DEVNULL, start_new_session=True))

    def close(self):
        for program in self.programs:
            program.send_signal(signal.SIGTERM)
        for program in self.programs:
            program.wait()

    def since(self, begin):
        """[(time, host, name, details)] in the order of time."""
        found = []
        for host, path in self.files.items():
            for name, at, details in re.findall(r"^event (\S+) at (\d+\.\d+) for domain 'guest':? ?(.*)$",
                                                path.read_text(encoding="utf-8"), re.MULTILINE):
                if float(at) >= begin:
                    found.append((float(at), host, name, details))
        return sorted(found)


class Processor:
    """Reads the processor time of both QEMUs of a guest from /proc every 20 ms: the source's is gone when it is."""

    def __init__(self, uuid):
        self.uuid = uuid
        self.readings = {}  # by process: [(time, all, vCPUs alone)], in seconds
        self.ended = threading.Event()
        self.look()
        self.read()
        self.first = {pid: series[0] for pid, series in self.readings.items()}  # of the source
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def look(self):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if b"qemu-system" in words[0] and self.uuid.encode() in words:
                self.readings.setdefault(int(path.parent.name), [])

    def read(self):
        for pid, series in self.readings.items():
            try:
                used = used_s(f"/proc/{pid}/stat")
                vcpus = sum(used_s(task / "stat") for task in Path(f"/proc/{pid}/task").iterdir()
                            if (task / "comm").read_text().startswith("CPU "))
            except (OSError, IndexError):
                continue
            series.append((time.monotonic(), used, vcpus))

    def follow(self):
        while not self.ended.wait(0.02):
            if len(self.readings) < 2:
                self.look()
            self.read()

    def stop(self):
        self.ended.set()
        self.thread.join()

    def until(self, end):
        """Seconds of both since the beginning: in all, and beside the vCPUs."""
        total = vcpus = 0.0
        for pid, series in self.readings.items():
            before = [reading for reading in series if reading[0] <= end]
            if before:
                first = self.first.get(pid, (0, 0.0, 0.0))
                total += before[-1][1] - first[1]
                vcpus += before[-1][2] - first[2]
        return total, total - vcpus


def used_s(path):
    words = Path(path).read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS
