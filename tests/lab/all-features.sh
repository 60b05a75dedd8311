#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Everything that the patched QEMU can do at once, to and fro: LZ4 (in threads and on parallel connections in turn), hot
# memory late, all memory compared, its disk in the stream in small blocks. The guest's own verifiers of memory and disk
# stay silent.
#   ROUNDS=N    migrations (4)
. "$(dirname "$0")/vm-common.sh"
two_hosts
make_guest g --memory 256M --disk 64M:local \
    --workload "dirty-rate=30M hot=10 disk-rate=1M disk-span=32M disk-block=4096 disk-verify-rate=8M"
since=$(lab clock)
here=host1 there=host2
for round in $(seq "${ROUNDS:-4}"); do
    options=(--compression lz4 --bypass-compression yes --ram-delay-save-percent 30 --verify-ram
        --set storage=copy-in-stream --mig-block-size 64KiB)
    [ $((round % 2)) -eq 1 ] || options+=(--parallel)
    expect_code 0 start g --to "$there" "${options[@]}"
    runs_only_on "$there" g
    alive g "$since"
    read -r here there <<<"$there $here"
done
sleep 2
alive g "$since"
passes=$(heartbeat_field g disk_passes)
echo "$round migrations, nothing differs; the disk was read $passes times"
no_vmigrate_left
