# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU under test: its process, its QMP, its serial output. For the tests of the patch queue."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time


class Failure(Exception):
    """The test failed; the message says how."""


def wait_until(what, condition, timeout=60):
    """Polls condition() until it returns something true, and returns that."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {timeout} s")
        time.sleep(0.01)


def default_binary():
    """The QEMU of qemu/build; without it the test is skipped."""
    build = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build")
    prefix = subprocess.run([build, "--print-prefix"], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    if not prefix:
        sys.exit(77)
    return prefix + "/bin/qemu-system-x86_64"


def assemble(folder):
    """Makes the image of a guest that knows what its memory must hold (stamp.S), and returns its path."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stamp.S")
    image = os.path.join(folder, "stamp")
    subprocess.run(["gcc", "-m32", "-nostdlib", "-static", "-no-pie", "-o", image, source,
                    "-Wl,--build-id=none,-m,elf_i386,-Ttext=0x7c00,--oformat=binary"], check=True)
    with open(image, "ab") as file:
        file.truncate(1 << 20)
    return image


class Machine:
    """Use as a context manager: the process is gone, and reaped, when the block is left."""

    def __init__(self, binary, folder, name, arguments, machine="pc", accel="tcg"):
        self.name = name
        self.serial = os.path.join(folder, name + ".serial")
        self._log = open(os.path.join(folder, name + ".log"), "w+", encoding="utf-8", errors="replace")
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [binary, "-nodefaults", "-display", "none", "-machine", machine, "-accel", accel,
                 "-chardev", f"socket,id=qmp,fd={theirs.fileno()}", "-mon", "chardev=qmp,mode=control",
                 "-serial", "file:" + self.serial] + arguments,
                stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, pass_fds=[theirs.fileno()])
        ours.settimeout(60)
        self._socket = ours
        self._file = ours.makefile("rw", encoding="utf-8")
        self.events = []

    def __enter__(self):
        try:
            self._receive("QMP")
            self.qmp("qmp_capabilities")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            self._file.close()
        self._socket.close()
        self._log.close()

    def _receive(self, *keys):
        while True:
            try:
                line = self._file.readline()
            except ConnectionError:
                line = ""
            if not line:
                self.process.wait()
                self._log.seek(0)
                raise Failure(f"{self.name}: QEMU ended with {self.process.returncode}: {self._log.read().strip()}")
            message = json.loads(line)
            if "event" in message:
                self.events.append(message)
            for key in keys:
                if key in message:
                    return message

    def qmp(self, command, **arguments):
        """Runs a command (underscores in argument names become dashes) and returns its answer."""
        arguments = {name.replace("_", "-"): value for name, value in arguments.items()}
        self._file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._file.flush()
        answer = self._receive("return", "error")
        if "error" in answer:
            raise Failure(f"{self.name}: {command}: {answer['error']['desc']}")
        return answer["return"]

    def serial_text(self):
        with open(self.serial, encoding="ascii", errors="replace") as file:
            return file.read()
