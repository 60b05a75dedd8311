# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The peer's side of the guests' workload: the receiver of heartbeats, its evaluation, control.

heartbeat_program() {
    build_cached heartbeat "-O2 -s" "$LAB_DIR"/heartbeat/*.cc "$LAB_DIR"/heartbeat/*.h \
        "$LAB_DIR"/guest/settings.{cc,h} "$LAB_DIR"/guest/{pattern,pace}.h "$LAB_DIR"/probe/period.h
}

start_receiver() {
    spawn "$STATE/peer/receiver.log" "$(cat "$STATE/tools")/enter" "$(anchor_pid peer)" \
        "$(cat "$STATE/receiver")/heartbeat" receive "$STATE/heartbeat"
}

# Whether the workload of guest number $1 runs. The receiver makes this file.
heartbeat_ready() { [ -e "$STATE/heartbeat/$(cat "$STATE/guests/$1/hash").ready" ]; }

help_set() {
    cat <<'TEXT'
Usage: lab set GUEST KEY=VALUE...
Changes the workload of a running guest. Sizes and rates take K, M or G.

  memory=SIZE            working memory (0: half of what is free)
  dirty-rate=SIZE        page writes per second             (default 8M)
  pattern=PATTERN        random, sequential, stripes (each 16th page), or mixed (1 to 256 pages
                         at once)                           (random)
  change=BYTES           how much of a page a write changes (256)
  hot=%                  share of the memory that is the hot set   (10)
  hot-writes=%           share of the random writes that go there  (90)
  clear=%                share of the writes that leave the page all zero (0)
  zero=%  random=%       shares of pages that are zero for ever, or do not compress; the rest is
                         like the rows of a table                  (20, 20)
  verify-rate=SIZE       memory checked per second          (32M)
  disk-rate=SIZE         written to each disk per second    (1M)
  disk-pattern=PATTERN   as pattern, in blocks              (random)
  disk-block=SIZE        size of a block, a power of two    (4K)
  disk-span=SIZE         part of the disk in use, 0: all    (64M)
  disk-fill=1            all of it is written before the guest is ready
  disk-zero=% disk-trim=% shares of the writes that are "write zeroes", or discards (0, 0)
  disk-verify-rate=SIZE  read back and checked per second   (2M)
  read-back=%            share of the writes, of memory and disks, that are checked before and
                         after                              (5)
  damage=KIND            damages a page, for the verifier to find: flip, old, swap or torn
  disk-damage=KIND       the same on each disk; old: the last write never got there
  restart=N              loads that stopped at a BUG begin anew whenever it changes
  transactions=N|max     units of CPU and memory work per second (200)
  report=N               a line on the console each N seconds, for vmigrate verify (0: none)

Example: lab set db dirty-rate=100M hot=5
TEXT
}

cmd_set() {
    [ $# -ge 2 ] || usage_error "set needs GUEST and KEY=VALUE; see lab set --help"
    need_lab
    local number
    number=$(need_guest "$1")
    shift
    exec_in peer "$(cat "$STATE/receiver")/heartbeat" set "$(guest_address "$number")" "$*"
}

help_heartbeat() {
    cat <<'TEXT'
Usage: lab heartbeat GUEST [--since NS] [--until NS] [--json]
Says what the guest's heartbeats (one per 5 ms, stamped by the receiver) tell: the longest gap, lost
and duplicated ones, transactions per second, what the verifier found. NS is a time of "lab clock".
A gap that overlaps the time counts in full; one that is still open counts until now.
TEXT
}

cmd_heartbeat() {
    local name='' arguments=()
    while [ $# -gt 0 ]; do
        case $1 in
            --since | --until)
                [[ ${2-} =~ ^[0-9]+$ ]] || usage_error "$1 needs a time in nanoseconds"
                arguments+=("$1" "$2"); shift 2 ;;
            --json) arguments+=("$1"); shift ;;
            --) shift; name=${1-}; shift || true ;;
            -*) usage_error "unknown option \"$1\"; see lab heartbeat --help" ;;
            *) [ -z "$name" ] || usage_error "one guest only"; name=$1; shift ;;
        esac
    done
    [ -n "$name" ] || usage_error "heartbeat needs a GUEST; see lab heartbeat --help"
    need_lab
    local number hash
    number=$(need_guest "$name")
    hash=$(cat "$STATE/guests/$number/hash")
    "$(cat "$STATE/receiver")/heartbeat" report "$STATE/heartbeat/$hash" \
        ${arguments[@]+"${arguments[@]}"}
}

help_clock() {
    cat <<'TEXT'
Usage: lab clock
Prints CLOCK_MONOTONIC in nanoseconds, for "lab heartbeat --since" and "--until".
TEXT
}

cmd_clock() { "$(heartbeat_program)/heartbeat" clock; }

help_warmup() {
    cat <<'TEXT'
Usage: lab warmup [--cold] GUEST
Measures how long the guest needs from being resumed to its first heartbeat, five times, median in
milliseconds: stop and continue, or with --cold saved and restored, paused, into a new QEMU. Under
emulation a new QEMU has no translated code yet, as on another host, so --cold is what a migration costs
beside its blackout.
TEXT
}

cmd_warmup() {
    local number uuid host on='' hash times=() cold=''
    if [ "${1:-}" = --cold ]; then
        cold=1
        shift
    fi
    [ $# -eq 1 ] || usage_error "warmup needs a GUEST"
    need_lab
    number=$(need_guest "$1")
    uuid=$(cat "$STATE/guests/$number/uuid")
    hash=$(cat "$STATE/guests/$number/hash")
    for host in $(lab_hosts); do
        if [ "$(virsh_on "$host" domstate "$uuid" 2>/dev/null)" = running ]; then on=$host; fi
    done
    [ -n "$on" ] || die "guest \"$1\" does not run"
    for _ in 1 2 3 4 5; do
        if [ "$cold" ]; then
            virsh_on "$on" save "$uuid" "$STATE/warmup.save" >/dev/null
            virsh_on "$on" restore --paused "$STATE/warmup.save" >/dev/null
            rm -f "$STATE/warmup.save"
        else
            virsh_on "$on" suspend "$uuid" >/dev/null
        fi
        sleep 0.3
        times+=("$(resume_and_time "$on" "$uuid" "$STATE/heartbeat/$hash")")
    done
    printf '%s\n' "${times[@]}" | sort -n | sed -n 3p
}

# Resumes a guest and prints the milliseconds from QEMU's RESUME event to the next heartbeat.
resume_and_time() {
    local events=$STATE/warmup.$$ watcher
    virsh_on "$1" qemu-monitor-event "$2" --event RESUME --timeout 10 >"$events" &
    watcher=$!
    sleep 0.5
    virsh_on "$1" resume "$2" >/dev/null
    wait "$watcher" || true
    sleep 0.5
    "$(cat "$STATE/receiver")/heartbeat" after "$3" \
        "$(sed -n 's/^event RESUME at \([0-9]*\)\.\([0-9]*\) .*/\1\2000/p' "$events")"
    rm -f "$events"
}
