#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench/compare makes its tables from raw data alone, goes on after the last whole line of it, and knows the least time.
source "$(dirname "$0")/functions.sh"
requires python3
compare=$SOURCE_DIR/bench/compare

# settings, a bound, three runs that moved the guest, one that was cut, one that failed, and a line that broke off
run_line() { # WAY ROUND OUTCOME SECONDS REASON
    printf '{"kind": "run", "guest": "idle", "way": "%s", "round": %s, "outcome": "%s", "total_s": %s, "stream_s": 1.5, "blackout_s": 0.0464, "lost_s": 0.25, "sent_bytes": 104857600, "network_bytes": 209715200, "cpu_s": 2, "cpu_beside_vcpus_s": null, "reason": "%s"}\n' "$@"
}
mkdir "$work/state"
{
    echo '{"kind": "settings", "date": "2026-01-02", "versions": ["vmigrate 0.1.0", "libvirt 9.0.0"], "machine": "2 cores, 24 GiB", "memory_mib": 128, "bandwidth_mib_per_s": 48}'
    echo '{"kind": "bound", "guest": "idle", "memory_bytes": 100663296, "ratio": 2.0, "disk_bytes": 0, "dirtied_bytes_per_s": 1048576, "written_bytes_per_s": 0, "least_s": 1.02, "cut_s": 20}'
    run_line virsh 1 moved 2 ''
    run_line virsh 2 moved 7 ''
    run_line virsh 3 moved 3.04 ''
    run_line 'virsh, zlib' 1 cut 20 ''
    run_line 'virsh, zlib' 2 failed 1 'ended with 1: error'
    printf '{"kind": "run", "guest": "idle", "way"'
} >"$work/state/raw.jsonl"
python3 "$compare" --state "$work/state" --table >"$work/out" 2>"$work/err" || fail "--table failed"
cat >"$work/expected" <<'TABLE'
2026-01-02; vmigrate 0.1.0, libvirt 9.0.0; 2 cores, 24 GiB. Guests of 128 MiB, bandwidth limit 48 MiB/s. Medians of the runs that moved the guest, in brackets the least and the most.

### idle

Bound: 1.0 s (96 MiB of memory that is not zero, best ratio 2.00, the guest changes 1.0 MiB/s); runs are cut after 20 s.

| way | ended | total, s | QEMU's migration, s | blackout, ms | workload lost, s | sent, MiB | network, MiB | CPU, s | CPU beside vCPUs, s |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| virsh | moved 3 | 3.0 (2.0–7.0) | 1.5 | 46 | 0.25 | 100 | 200 | 2.0 | – |
| virsh, zlib | cut 1, failed 1 | – | – | – | – | – | – | – | – |

- virsh, zlib, failed: ended with 1: error
TABLE
diff "$work/expected" "$work/out" || fail "not the expected tables"
[[ $(wc -l <"$work/state/raw.jsonl") == 7 ]] || fail "the line that broke off is still there"

python3 - "$SOURCE_DIR/bench" "$work/state" >"$work/out" 2>"$work/err" <<'PROGRAM' || fail "goes on at the wrong place, or has a wrong bound"
import importlib.machinery
import importlib.util
import pathlib
import sys
import types

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
loader = importlib.machinery.SourceFileLoader("compare", sys.argv[1] + "/compare")
compare = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare", loader))
loader.exec_module(compare)
from compare_cases import GUESTS, WAYS, chosen
from compare_figures import least_time

# in turn: all ways of a guest, then the next guest, then the next round; what is there already is left out
options = types.SimpleNamespace(rounds=2, guests=chosen(GUESTS, ["idle", "light"]),
                                ways=chosen(WAYS, ["virsh, zlib", "virsh", "virsh, xbzrle"]))
raw = compare.Raw(pathlib.Path(sys.argv[2]))
left = [(number, guest.name, way.name) for number, guest, way in compare.runs_left(options, raw)]
assert left == [(1, "idle", "virsh, xbzrle"), (1, "light", "virsh"), (1, "light", "virsh, zlib"),
                (1, "light", "virsh, xbzrle"), (2, "idle", "virsh, xbzrle"), (2, "light", "virsh"),
                (2, "light", "virsh, zlib"), (2, "light", "virsh, xbzrle")], left
raw.add({"kind": "run", "guest": "light", "way": "virsh", "round": 1})
again = compare.runs_left(options, compare.Raw(pathlib.Path(sys.argv[2])))
assert len(again) == len(left) - 1

# 90 MiB at ratio 3 and 10 MiB/s: 3 s; with 15 MiB/s changed, 5 of which are sent: 3 = t * (10 - 5) / 10
assert abs(least_time(90, 3, 0, 0, 0, 10) - 3) < 1e-6
assert abs(least_time(90, 3, 15, 0, 0, 10) - 6) < 1e-6
# whoever changes all of it meanwhile: twice
assert abs(least_time(90, 3, 1000, 0, 0, 10) - 6) < 1e-6
# disks are not compressed: 60 + 2 t = 10 t
assert abs(least_time(0, 3, 0, 60, 2, 10) - 7.5) < 1e-6
PROGRAM

code=0
python3 "$compare" --state "$work/state" --table --way nonsense >"$work/out" 2>"$work/err" || code=$?
[[ $code == 2 ]] || fail "a way that is none: expected exit code 2"
grep -q '"nonsense" is none of: virsh; virsh, auto-converge' "$work/err" || fail "the ways are not named"
