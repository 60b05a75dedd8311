# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of bench/compare: a fresh guest, moved from host1 to host2 in one way, and what it took."""
import json
import os
import signal
import subprocess
import time
import zlib

import compare_figures
from compare_cases import BANDWIDTH, MEMORY
from compare_lab import Processor

MIB = 1 << 20
PAGE = 4096
SETTLE_S = 2.5  # after the boot; what it does in the last 1.5 s of it is its normal speed
NORMAL_S = 1.5
AFTERWARDS_S = 2.0  # what it loses then is the move's, too: emulated, it begins slowly
MERCY_S = 20.0  # for a run to end after it was cut


def command_of(lab, way, guest, vmigrate):
    if way.vmigrate:
        return lab.command("exec", "admin", vmigrate, "start", "guest", "--to", "host2", "--json",
                           "--bandwidth", f"{BANDWIDTH}MiB/s", *way.options)
    copy = ["--copy-storage-all"] if guest.disk else []
    return lab.command("exec", "host1", "virsh", "-q", "migrate", "--live", "--p2p", "--persistent", "--undefinesource",
                       "--unsafe", "--bandwidth", str(BANDWIDTH), *copy, *way.options,
                       "--migrateuri", "tcp://host2-mig", "guest", "qemu+tcp://host2/system")


def normal_speed(lab):
    time.sleep(SETTLE_S)
    now = time.monotonic()
    return lab.heartbeat(now - NORMAL_S, now)


def measure_bound(lab, guest, emulator, folder):
    """The `bound` line of a guest, from its memory as it is after the boot."""
    lab.make_guest(guest, MEMORY, emulator, ())
    normal = normal_speed(lab)
    path = os.path.join(folder, "memory")
    ask = {"execute": "pmemsave", "arguments": {"val": 0, "size": MEMORY * MIB, "filename": path}}
    lab.call("exec", "host1", "virsh", "-q", "qemu-monitor-command", "guest", json.dumps(ask))
    with open(path, "rb") as file:
        pages = iter(lambda: file.read(PAGE), b"")
        filled = b"".join(page for page in pages if any(page))
    os.remove(path)
    bandwidth = BANDWIDTH * MIB
    disk = guest.disk * MIB
    ratio = len(filled) / len(zlib.compress(filled, 6))
    dirtied = normal["dirtied_bytes_per_s"]
    written = normal["disk_written_bytes_per_s"] if disk else 0
    return {"kind": "bound", "guest": guest.name, "memory_bytes": len(filled), "ratio": ratio, "disk_bytes": disk,
            "dirtied_bytes_per_s": dirtied, "written_bytes_per_s": written,
            "least_s": compare_figures.least_time(len(filled), ratio, dirtied, disk, written, bandwidth),
            "cut_s": 10 * (len(filled) + disk) / bandwidth}


def sent_by_virsh(lab, host, *options):
    text = lab.virsh(host, "domjobinfo", "guest", "--rawstats", *options)
    values = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    numbers = [int(values[name]) for name in ("memory_processed", "disk_processed") if values.get(name, "").strip().isdigit()]
    return sum(numbers) if numbers else None


def sent_by_vmigrate(result):
    numbers = [result[name] for name in ("memory_sent_bytes", "disk_sent_bytes") if result.get(name) is not None]
    return sum(numbers) if numbers else None


def cut(lab, way, program):
    """Ends a run and leaves the guest where it is. False: it did not end."""
    if way.vmigrate:
        program.send_signal(signal.SIGINT)
    else:
        lab.virsh("host1", "domjobabort", "guest")
    try:
        program.wait(MERCY_S)
        return True
    except subprocess.TimeoutExpired:
        return False


def times_from(events):
    """Of a guest that moved: (when it ran there with all its memory, blackout, QEMU's migration) in seconds."""
    resumed = next((at for at, host, name, _ in events if host == "host2" and name == "RESUME"), None)
    if resumed is None:
        return None, None, None
    stopped = [at for at, host, name, _ in events if host == "host1" and name == "STOP" and at <= resumed]
    active = [at for at, host, name, details in events
              if host == "host1" and name == "MIGRATION" and '"active"' in details]
    completed = [at for at, _, name, details in events if name == "MIGRATION" and '"completed"' in details]
    there = max([resumed, *completed])
    return there, resumed - stopped[-1] if stopped else None, there - active[0] if active else None


def state_after(lab, code, was_cut, ended):
    """(outcome, reason): where the guest is, whatever the command said."""
    states = lab.states()
    running = [host for host, state in states.items() if state == "running"]
    now = time.monotonic()
    beats = lab.heartbeat(now - 1, now)
    if not ended:
        return "lost", "the migration did not end when it was aborted"
    if len(running) != 1:
        return "lost", f"its state is {states['host1'] or 'absent'} there, {states['host2'] or 'absent'} here"
    if beats["transactions_per_s"] == 0 or beats["boots"] > 1:
        return "lost", "it does nothing any more" if beats["boots"] == 1 else "it has booted again"
    if beats["errors"]:
        return "damaged", "its verifier found memory or disks that are not what it wrote"
    if running == ["host2"]:
        return "moved", "" if code in (0, None) else f"moved, but the command ended with {code}"
    if was_cut:
        return "cut", ""
    return "failed", f"ended with {code}"


def words_of(way, output, errors):
    """What the command said last: of vmigrate's result the reason."""
    result = {}
    if way.vmigrate:
        for line in output.splitlines():
            try:
                parsed = json.loads(line)
            except ValueError:
                continue
            if parsed.get("event") == "result":
                result = parsed
    text = result.get("reason") or next((line for line in errors.splitlines() if line.strip()), "")
    return result, text.strip().replace("|", "/")


def run_once(lab, events, folder, guest, way, emulator, vmigrate, cut_s):
    """The fields of a `run` line, without guest, way and round."""
    lab.make_guest(guest, MEMORY, emulator, way.properties)
    normal = normal_speed(lab)["transactions_per_s"]
    # QEMU stamps its events with the real-time clock
    offset = time.time() - time.monotonic()
    network = lab.network_bytes()
    processor = Processor(lab.uuid())
    output, errors = os.path.join(folder, "output"), os.path.join(folder, "errors")
    with open(output, "w", encoding="utf-8") as out, open(errors, "w", encoding="utf-8") as err:
        begin = time.monotonic()
        program = subprocess.Popen(command_of(lab, way, guest, vmigrate), stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        sent, was_cut, ended = None, False, True
        try:
            program.wait(cut_s)
        except subprocess.TimeoutExpired:
            was_cut = True
            sent = None if way.vmigrate else sent_by_virsh(lab, "host1")
            ended = cut(lab, way, program)
        end = time.monotonic()
    processor.stop()
    network = lab.network_bytes() - network
    time.sleep(AFTERWARDS_S)
    with open(output, encoding="utf-8") as out, open(errors, encoding="utf-8") as err:
        result, said = words_of(way, out.read(), err.read())
    outcome, reason = state_after(lab, program.returncode, was_cut, ended)
    if outcome in ("failed", "lost") and said:
        reason = f"{reason}: {said}"
    there, blackout, stream = times_from(events.since(begin + offset)) if outcome == "moved" else (None, None, None)
    if sent is None:
        sent = sent_by_vmigrate(result) if way.vmigrate else \
            sent_by_virsh(lab, "host2", "--completed") if outcome == "moved" else None
    moved_at = there - offset if there else end
    last = end + AFTERWARDS_S
    cpu, beside = processor.until(moved_at)
    if not ended:
        lab.remove_guest()  # which ends the command, too
        program.kill()
        program.wait()
    return {"outcome": outcome, "reason": reason, "code": program.returncode, "command_s": end - begin,
            "total_s": moved_at - begin, "stream_s": stream, "blackout_s": blackout,
            "lost_s": lost(lab, normal, begin, last) if outcome != "lost" else None,
            "normal_transactions_per_s": normal, "sent_bytes": sent, "network_bytes": network,
            "cpu_s": cpu, "cpu_beside_vcpus_s": beside,
            "said": {name: result.get(name) for name in ("outcome", "blackout_us", "total_ms", "throttled_ms", "problems")}
            if result else None}


def lost(lab, normal, begin, end):
    """Seconds of its normal work that the guest did not do."""
    return (end - begin) - lab.transactions(begin, end) / normal if normal else None
