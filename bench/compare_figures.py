# SPDX-License-Identifier: GPL-2.0-or-later
"""From the raw data of bench/compare to its tables. Pure: reads and writes nothing."""
from statistics import median

MIB = 1 << 20

# Of runs that moved the guest: heading, field, factor, decimals.
COLUMNS = [
    ("total, s", "total_s", 1, 1),
    ("QEMU's migration, s", "stream_s", 1, 1),
    ("blackout, ms", "blackout_s", 1000, 0),
    ("workload lost, s", "lost_s", 1, 2),
    ("sent, MiB", "sent_bytes", 1 / MIB, 0),
    ("network, MiB", "network_bytes", 1 / MIB, 0),
    ("CPU, s", "cpu_s", 1, 1),
    ("CPU beside vCPUs, s", "cpu_beside_vcpus_s", 1, 2),
]


def least_time(memory, ratio, dirtied_per_s, disk, written_per_s, bandwidth):
    """Seconds that a move cannot fall short of while the guest keeps its speed: all that is not zero has to go, and
    once more what the guest changes meanwhile, at most all of it, compressed at `ratio`; disks are not compressed."""
    seconds = 0.0
    for _ in range(1000):  # rises towards its end, as more time means more that has changed
        again = min(dirtied_per_s * seconds, memory)
        disk_again = min(written_per_s * seconds, disk)
        seconds = ((memory + again) / ratio + disk + disk_again) / bandwidth
    return seconds


def spread(values, factor, decimals):
    """"MEDIAN (LEAST–MOST)", or "–" when nothing was measured."""
    values = [value * factor for value in values if value is not None]
    if not values:
        return "–"
    middle, least, most = (f"{value:.{decimals}f}" for value in (median(values), min(values), max(values)))
    return middle if least == most else f"{middle} ({least}–{most})"


def ends(runs):
    """How runs ended, the most frequent first: "moved 3, cut 2"."""
    outcomes = [run["outcome"] for run in runs]
    counts = sorted({outcome: outcomes.count(outcome) for outcome in outcomes}.items(), key=lambda item: -item[1])
    return ", ".join(f"{outcome} {count}" for outcome, count in counts)


def reasons(runs):
    """Why runs did not move their guests, each reason once."""
    seen = {}
    for run in runs:
        if run.get("reason"):
            seen.setdefault((run["outcome"], run["reason"]), None)
    return list(seen)


def in_order(items):
    return list(dict.fromkeys(items))


def tables(lines):
    """Markdown of raw data: what `settings`, `bound` and `run` lines say."""
    settings = next(line for line in lines if line["kind"] == "settings")
    runs = [line for line in lines if line["kind"] == "run"]
    bounds = {line["guest"]: line for line in lines if line["kind"] == "bound"}
    out = [f"{settings['date']}; {', '.join(settings['versions'])}; {settings['machine']}. Guests of "
           f"{settings['memory_mib']} MiB, bandwidth limit {settings['bandwidth_mib_per_s']} MiB/s. Medians of the runs that "
           "moved the guest, in brackets the least and the most."]
    for guest in in_order(run["guest"] for run in runs):
        out += ["", f"### {guest}", ""]
        if guest in bounds:
            bound = bounds[guest]
            disk = f", a disk of {bound['disk_bytes'] / MIB:.0f} MiB" if bound["disk_bytes"] else ""
            written = f" and {bound['written_bytes_per_s'] / MIB:.1f} MiB/s of its disk" if disk else ""
            out += [f"Bound: {bound['least_s']:.1f} s ({bound['memory_bytes'] / MIB:.0f} MiB of memory that is not zero, "
                    f"best ratio {bound['ratio']:.2f}{disk}, the guest changes {bound['dirtied_bytes_per_s'] / MIB:.1f} "
                    f"MiB/s{written}); runs are cut after {bound['cut_s']:.0f} s.", ""]
        out += [f"| way | ended | {' | '.join(heading for heading, *_ in COLUMNS)} |",
                f"| --- | --- | {' | '.join('---:' for _ in COLUMNS)} |"]
        notes = []
        for way in in_order(run["way"] for run in runs if run["guest"] == guest):
            of_way = [run for run in runs if run["guest"] == guest and run["way"] == way]
            moved = [run for run in of_way if run["outcome"] == "moved"]
            cells = [spread([run.get(field) for run in moved], factor, decimals)
                     for _, field, factor, decimals in COLUMNS]
            out.append(f"| {way} | {ends(of_way)} | {' | '.join(cells)} |")
            notes += [f"- {way}, {outcome}: {reason}" for outcome, reason in reasons(of_way)]
        out += [""] * bool(notes) + notes
    return "\n".join(out)
