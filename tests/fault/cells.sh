# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# One cell of the fault matrix: a fault at a phase of a migration, and what must hold after it. For tests/fault/matrix
# and tests/lab/fault-matrix.sh. The phase is a line of the journal: vmigrate is stopped by sync_fault.so right after it
# was made durable, the fault is done, vmigrate goes on. "postcopy" is that of "switched", with a part of the memory still
# on the source. A cell begins with one sane guest on $here, and ends with one.
# shellcheck source=tests/lab/vm-common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lab/vm-common.sh"
FAULT=$BUILD/tests/fault/sync_fault.so
[ -e "$FAULT" ] || fail "no $FAULT: build it first"

# shellcheck disable=SC2034  # for who sources this
phases=(planned locked prepared precopy handover postcopy switched draining)
# shellcheck disable=SC2034
faults=(vmigrate source-libvirtd destination-libvirtd source-qemu destination-qemu migration-network management-network
    disk-full switches)

patience=100 # seconds that anything of vmigrate may take
nodes=(host1 host2)
here=host1 there=host2 boots=1

cells_up() { # ovs|bridge
    if [ "$1" = ovs ]; then
        lab up 2 --fabric ovs
        nodes+=(gateway)
    else
        lab up 2
    fi
    # it writes more memory than the link takes, and hardly anything to its disk, which comes first
    make_guest g --memory 128M --disk 8M:local --workload "memory=24M dirty-rate=10M verify-rate=8M transactions=50 \
disk-rate=16K disk-verify-rate=1M"
    before=$(settings_of host1 g)
    xml=$(echo "$LAB_STATE"/guests/*/domain.xml)
    database=$LAB_STATE/history.db
}
on_switches() { [ "${#nodes[@]}" -gt 2 ]; }
guests_network() { on_switches && echo phy || echo guest; }

# One line that says why a cell makes no sense; nothing when it does.
not_applicable() { # PHASE FAULT
    case $1/$2 in
    planned/destination-qemu | locked/destination-qemu) echo "there is none yet" ;;
    draining/source-qemu) echo "it has ended already" ;;
    */switches) on_switches || echo "only with the network part" ;;
    esac
}

# What keeps a migration in that phase until the fault has been done.
options_for() { # PHASE
    case $1 in
    handover) echo --compression off --set auto-converge=off --set downtime-limit=12s --set blackout-ceiling=15s ;;
    switched | draining) echo --set blackout-ceiling=10s ;;
    postcopy) echo --bandwidth 4MiB/s --compression off --set auto-converge=off --set downtime-limit=20ms \
        --set blackout-ceiling=200ms --set timeout=25s --set timeout-action=postcopy --set postcopy=yes --set postcopy-resume=15s ;;
    *) echo --bandwidth 6MiB/s --compression off --set auto-converge=off --set downtime-limit=20ms \
        --set timeout=12s --set blackout-ceiling=10s ;;
    esac
}
# The line of the journal at which it begins.
line_of() { # PHASE
    case $1 in
    postcopy) echo switched ;;
    *) echo "$1" ;;
    esac
}
# QEMU sends what remains at the switchover as fast as the link can.
slow_link() { lab exec "$here" tc qdisc replace dev mig root tbf rate "${1-80mbit}" burst 64kb latency 400ms; }
fast_link() { lab exec "$here" tc qdisc del dev mig root 2>/dev/null || true; }

writes() { lab set g "dirty-rate=$1" 2>/dev/null; }

# What libvirt still carries on shall come to its end.
hurry() {
    writes 0 || true
    ! lab exec "$here" virsh domjobinfo g 2>/dev/null | grep "Job type: *\(Unb\|B\)ounded" >/dev/null ||
        lab exec "$here" virsh qemu-monitor-command g --hmp "migrate_set_parameter max-bandwidth 1G" >/dev/null || true
}

kill_qemu() { lab exec "$1" pkill -9 -x qemu-system-x86 || true; }
restart_libvirtd() {
    lab stop-libvirtd "$1"
    lab start-libvirtd "$1"
}
restart_switch() {
    lab stop-switch "$1"
    lab start-switch "$1"
}
inject() { # FAULT
    case $1 in
    vmigrate) lab exec admin pkill -9 -x vmigrate ;;
    source-libvirtd) restart_libvirtd "$here" ;;
    destination-libvirtd) restart_libvirtd "$there" ;;
    source-qemu) kill_qemu "$here" ;;
    destination-qemu) kill_qemu "$there" ;;
    # What comes for memory that is missing makes QEMU's main loop wait for it, and then it hears nobody.
    migration-network) lab cut "$there" mig && { [ "$phase" != postcopy ] || lab cut "$there" "$(guests_network)"; } ;;
    management-network) lab cut "$there" mgmt ;;
    switches) restart_switch "$here" && restart_switch "$there" ;;
    esac
}
heal() {
    fast_link
    lab join "$there" mig
    lab join "$there" mgmt
    lab join "$there" "$(guests_network)"
}

# What vmigrate says is in said.json and said.err.
begin() { # FAULT_OF_SYNC OPTION...
    local harm=$1
    shift
    rm -f "$LAB_STATE/said.json"
    lab exec admin env LD_PRELOAD="$FAULT" VMIGRATE_FAULT="$harm" "$VMIGRATE" start g --no-measure --json \
        --to "$there" "$@" >"$LAB_STATE/said.json" 2>"$LAB_STATE/said.err" &
    starter=$!
}
said() { tail -qn 2 "$LAB_STATE"/said.{json,err} | cut -c1-300; }
reason_on() { lab exec "$1" virsh domstate --reason g 2>/dev/null | sed -n 1p || true; }
# The guest runs, or stands still, on $there, and lacks memory that is on $here.
is_on_both() { [[ $(reason_on "$here") == "paused (post-copy"* && $(reason_on "$there") == *"(post-copy"* ]]; }
# A limit of QEMU's: its main loop waits for memory, holding what it needs to hear that it is to be resumed.
is_deaf() { # HOST
    local look
    for ((look = 0; look < 10; look++)); do
        # shellcheck disable=SC2016
        lab exec "$1" sh -c 'cat "/proc/$(pgrep -o -x qemu-system-x86)/wchan"' 2>/dev/null | grep -v poll >/dev/null || return 1
        sleep 0.2
    done
}
has_begun_postcopy() { grep -sF '"text":"post-copy: ' "$LAB_STATE/said.json" >/dev/null; }
begins_postcopy() { has_begun_postcopy || has_ended "$starter"; }
is_stopped() { lab exec admin pgrep -x -r T vmigrate >/dev/null; }
stopped_or_ended() { is_stopped || ! kill -0 "$starter" 2>/dev/null; }
has_ended() { ! kill -0 "$1" 2>/dev/null; }
# ends PID WHAT: its exit code in $code
ends() {
    eventually "$patience" has_ended "$1" || {
        lab exec admin pkill -9 -x vmigrate || true
        problem "$2 has no verdict after $patience s: $(said)"
    }
    code=0
    wait "$1" || code=$?
}
recover() { # in $code and $out
    lab exec admin "$VMIGRATE" recover --all >"$LAB_STATE/recovered" 2>&1 &
    ends $! "recover"
    out=$(cat "$LAB_STATE/recovered")
}

# problem TEXT: the cell has failed, and goes on only to leave a sane guest
problem() { problems+=("$*"); }

last() { # JQ-FILTER on the newest migration
    vm history --limit 1 --json | jq -r "$1"
}
went_there() { vm show "$(last .id)" --json | jq -e 'any(.timeline[]; .phase == "switched")' >/dev/null; }
runs_on() { where_is g | xargs; }
is_defined() { lab exec "$1" virsh dominfo g >/dev/null 2>&1; }
is_gone() { ! is_defined "$1"; }
volumes_on() { lab exec "$1" virsh vol-list local 2>/dev/null | grep -c guest || true; }
own_left() { own_flows "${nodes[@]}"; }
no_flow_left() { [ -z "$(own_left)" ]; }
leases() { sqlite3 "$database" "SELECT group_concat(migration_id) FROM leases"; }
unlimited() { # HOST: nothing limits what the guest writes
    lab exec "$1" virsh -q qemu-monitor-command g '{"execute":"query-block"}' |
        jq -e '[.return[].inserted | select(.) | .bps, .iops] | all(. == 0)' >/dev/null
}
no_vmigrate() { ! lab exec admin pgrep -x vmigrate >/dev/null; }
beats() { # since $now
    [ "$(heartbeat_field g packets --since "$now")" -gt 0 ]
}

# The exit code of a command and where the guest is have to agree.
agrees() { # WHAT CODE
    local runs
    runs=$(runs_on)
    case $2 in
    0 | 4) [ "$runs" = "$there" ] || problem "$1 ended with $2, but it runs on: $runs" ;;
    1 | 3 | 130) [ "$runs" = "$here" ] || problem "$1 ended with $2, but it runs on: $runs" ;;
    5) told=1 ;;
    137) [ "$fault" = vmigrate ] || problem "$1 was killed" ;;
    *) problem "$1 ended with $2: $(said)" ;;
    esac
}

# What a person does whom vmigrate has told that it cannot tell. Neither half of a guest is touched that is on both hosts,
# unless it can not be put together any more, and nothing is resumed on $here that has run on $there.
rescue() {
    local host last_seen=$here
    if is_on_both && ! is_deaf "$there"; then
        return
    fi
    ! went_there || last_seen=$there
    if [ "$(runs_on)" = "host1 host2" ]; then
        lab exec "$here" virsh destroy g >/dev/null
        return
    fi
    for host in "$last_seen" "$there"; do
        if [ "$(state_on "$host" g)" = paused ] && [[ $(reason_on "$host") != *post-copy* ]] &&
            [ "$(state_on "$there" g)" != "$(state_on "$here" g)" ]; then
            lab exec "$host" virsh resume g >/dev/null && return
        fi
    done
    [ -z "$(runs_on)" ] || lacks_memory || is_on_both || return 0
    # lost: started again where it was last, with that disk
    host=$last_seen
    end_remains
    is_defined "$host" || lab exec "$host" virsh define "$xml" >/dev/null || true
    lab exec "$host" virsh start g >/dev/null || problem "it does not start on $host"
    boots=$((boots + 1))
    # its port on the switch is another one
    ! on_switches || lab location g "$host"
    now=$(lab clock)
    eventually 60 beats || problem "a guest that was started again is silent"
}
# It runs on $there, and the memory that it lacks is gone.
lacks_memory() { [[ $(reason_on "$there") == *"(post-copy"* ]] && [[ $(reason_on "$here") != "paused (post-copy"* ]]; }
end_remains() {
    local host
    for host in "$here" "$there"; do
        # libvirt may just end it, too
        lab exec "$host" virsh destroy g >/dev/null 2>&1 || [ -z "$(state_on "$host" g)" ] ||
            [ "$(state_on "$host" g)" = "shut off" ] || problem "it is not to be ended on $host"
    done
}

nothing_left() {
    local outcome runs other
    outcome=$(last '"\(.outcome) \(.ended)"')
    runs=$(runs_on)
    case $outcome in
    null* | *null | unknown*) problem "the history has no end: $outcome" ;;
    moved*) [ "$runs" = "$there" ] || problem "history: ${outcome% *}, but it runs on: $runs" ;;
    failed*) [ "$runs" = "$here" ] || problem "history: ${outcome% *}, but it runs on: $runs" ;;
    esac
    other=$there
    [ "$runs" != "$there" ] || other=$here
    eventually 20 is_gone "$other" || problem "$other still has it: $(state_on "$other" g)"
    [ "$runs" = host1 ] || [ "$runs" = host2 ] || { problem "it runs on: $runs"; return; }
    [ "$(settings_of "$runs" g)" = "$before" ] || problem "other settings in its QEMU"
    unlimited "$runs" || problem "what it writes is limited"
    [ "$(volumes_on "$runs")" -eq 1 ] || problem "its volume is missing on $runs"
    [ "$(volumes_on "$other")" -eq 0 ] || problem "a volume is left on $other"
    [ -z "$(leases)" ] || problem "a lease is left: $(leases)"
    if on_switches; then
        [ "$runs" = "$here" ] || lab location g "$runs"
        eventually 20 no_flow_left || problem "flows are left: $(own_left | sed -n 1,3p)"
    fi
    eventually 20 no_vmigrate || problem "a process is left"
    now=$(lab clock)
    eventually 10 beats || problem "it is silent"
    lab heartbeat --json g >"$LAB_STATE/beats" || return
    [ "$(jq .errors "$LAB_STATE/beats")" -eq 0 ] || problem "its verifier found errors"
    [ "$(jq .boots "$LAB_STATE/beats")" -eq "$boots" ] || problem "it was started again"
}

# cell PHASE FAULT: one of ok, told, n.a. and FAIL in $verdict, in $problems what differed
# shellcheck disable=SC2034  # for who sources this
cell() {
    local phase=$1 rate=10M
    fault=$2 problems=() told='' verdict=ok
    [ -z "$(not_applicable "$phase" "$fault")" ] || { verdict=n.a.; return; }
    # shellcheck disable=SC2046  # options are words
    set -- $(options_for "$phase")
    [ "$phase" != postcopy ] || rate=40M # so that enough of its memory remains
    eventually 30 writes "$rate" || problem "the guest does not answer"
    [ "$phase" != handover ] || slow_link
    if [ "$fault" = disk-full ]; then
        begin "full:$(line_of "$phase")" "$@"
    else
        begin "stop:$(line_of "$phase")" "$@"
        if [ "$phase" = postcopy ]; then
            eventually 60 begins_postcopy || problem "no post-copy: $(said)"
            slow_link 4mbit
        fi
        eventually 60 stopped_or_ended || problem "neither stopped nor ended"
        if is_stopped; then
            if [ "$phase" = postcopy ]; then
                is_on_both || problem "no post-copy: $(reason_on "$here") and $(reason_on "$there"); $(said)"
            fi
            inject "$fault"
            [ "$phase" != postcopy ] || fast_link
            lab exec admin pkill -CONT -x vmigrate || true
        else
            problem "it did not come to $phase: $(said)"
        fi
    fi
    ends "$starter" "start"
    first=$code
    [ "$phase" != postcopy ] || has_begun_postcopy || problem "not by post-copy: $(said)"
    heal
    hurry
    [ "$fault" = disk-full ] || agrees start "$first"
    recover
    case $code in
    5)
        told=1
        [[ $out == *source:* || $out == *daemons* || $out == *paused* || $out == *"end neither"* ]] ||
            problem "it does not say where to look: $out"
        rescue
        recover
        ;;
    esac
    second=$code
    case $second in
    0 | 1 | 4) ;;
    *) problem "recover ended with $second: $out" ;;
    esac
    nothing_left
    recover
    [ "$code" -eq 0 ] || problem "recover a second time: $code: $out"
    [ -n "$(runs_on)" ] || rescue
    [ "$(runs_on)" != "$there" ] || { local other=$here; here=$there there=$other; }
    [ -z "$told" ] || verdict=told
    [ ${#problems[@]} -eq 0 ] || verdict=FAIL
}
