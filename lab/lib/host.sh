# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Hosts: their folders and configuration, their start and end.

help_up() {
    cat <<'TEXT'
Usage: lab up [N] [--fabric bridge|ovs] [--realtime-switches]
Makes N libvirt hosts (default 2), an admin namespace, where vmigrate runs, and a peer in the
guests' network, which receives their heartbeats. First clears what an earlier lab of this name
left.

  --fabric bridge   guests are on plain bridges that learn addresses (default)
  --fabric ovs      guests are in VPCs on Open vSwitch, with a node "gateway" and an SDN controller
  --realtime-switches  their packets do not wait for a processor that guests have, as in a kernel
                    or on processors of a switch's own; needs --fabric ovs

Example: lab --name mine up 3
TEXT
}

cmd_up() {
    local count='' fabric=bridge realtime='' node
    while [ $# -gt 0 ]; do
        case $1 in
            --fabric) [ $# -ge 2 ] || usage_error "--fabric needs a value"; fabric=$2; shift 2 ;;
            --realtime-switches) realtime=$1; shift ;;
            -*) usage_error "unknown option \"$1\"; see lab up --help" ;;
            *) [ -z "$count" ] || usage_error "up takes one number; see lab up --help"
                count=$1; shift ;;
        esac
    done
    count=${count:-2}
    [[ $fabric =~ ^(bridge|ovs)$ ]] || usage_error "unknown fabric \"$fabric\" (bridge or ovs)"
    [ -z "$realtime" ] || [ "$fabric" = ovs ] || usage_error "$realtime needs --fabric ovs"
    [[ $count =~ ^[1-9][0-9]?$ ]] && [ "$count" -le 80 ] ||
        usage_error "bad number of hosts \"$count\": 1 to 80"
    need_programs "$fabric"
    local enter receiver
    enter=$(build_cached enter "-O2 -static" "$LAB_DIR"/enter/*.cc)
    receiver=$(heartbeat_program)
    lock_base
    clear_lab
    trap 'trap - INT TERM HUP EXIT; say "lab: interrupted, cleaning up"; clear_lab; exit 130' \
        INT TERM HUP
    trap 'clear_lab' EXIT

    mkdir -m 0700 "$STATE"
    dd if=/dev/zero of="$STATE/direct" bs=4096 count=1 oflag=direct status=none 2>/dev/null ||
        die "the file system of $LAB_BASE does not know O_DIRECT; set VMIGRATE_LAB_BASE"
    rm "$STATE/direct"
    echo "$enter" >"$STATE/tools"
    echo "$receiver" >"$STATE/receiver"
    for ((i = 1; i <= count; i++)); do printf 'host%d ' "$i"; done | sed 's/ $//' >"$STATE/hosts"
    echo "$fabric" >"$STATE/fabric"
    [ -z "$realtime" ] || touch "$STATE/realtime-switches"
    if on_ovs; then
        for node in gateway $(lab_hosts); do echo "$node $(node_byte "$node")"; done >"$STATE/switches"
    fi
    network_up
    network_hosts_file >"$STATE/etc-hosts"
    mkdir "$STATE/shared" "$STATE/guests" "$STATE/heartbeat"
    make_authority
    for node in $(lab_hosts); do make_host "$node" "${node#host}"; done
    for node in $(lab_nodes); do start_anchor "$node"; done
    write_config
    for node in $(lab_nodes); do
        wait_for 20 anchor_is_ready "$node" ||
            die "$node did not start: $(tail -n 3 "$STATE/$node/anchor.log")"
    done
    if on_ovs; then
        fabric_up
        controller_start
    fi
    start_receiver
    for node in $(lab_hosts); do
        wait_for 20 libvirtd_answers "$node" ||
            die "libvirtd of $node does not answer: $(tail -n 3 "$STATE/$node/log/libvirtd.log")"
    done
    local pids=()
    for node in $(lab_hosts); do
        make_pools "$node" &
        pids+=($!)
    done
    wait_all "${pids[@]}" || die "cannot make the storage pools"
    touch "$STATE/up"
    trap - INT TERM HUP EXIT
    say "lab \"$LAB_NAME\" is up: $(lab_hosts)"
}

need_programs() {
    local p missing=() programs=(g++ ip libvirtd virsh openssl qemu-img unshare setsid cpio)
    if [ "$1" = ovs ]; then programs+=(ovs-vsctl ovs-vswitchd ovsdb-server ethtool osken-manager); fi
    for p in "${programs[@]}"; do
        command -v "$p" >/dev/null || missing+=("$p")
    done
    [ -x /usr/bin/qemu-system-x86_64 ] || missing+=(qemu-system-x86_64)
    [ ${#missing[@]} -eq 0 ] ||
        die "missing: ${missing[*]}; install the packages of $LAB_DIR/packages"
}

clear_lab() {
    network_down
    give_back_machine
    [ ! -d "$STATE" ] || rm -rf --one-file-system "$STATE"
}

# A certificate authority for the encrypted migration stream.
make_authority() {
    mkdir "$STATE/pki"
    {
        openssl ecparam -name prime256v1 -genkey -noout -out "$STATE/pki/ca-key.pem"
        openssl req -x509 -new -key "$STATE/pki/ca-key.pem" -days 365 \
            -subj "/CN=vmigrate lab $LAB_NAME" -addext keyUsage=critical,keyCertSign \
            -out "$STATE/pki/ca-cert.pem"
    } 2>"$STATE/pki/log" ||
        die "cannot make the certificate authority: $(tail -n 1 "$STATE/pki/log")"
}

# One certificate serves as server and client: the source of a migration is QEMU's TLS client.
make_certificate() {
    local node=$1 i=$2 dir=$3 mgmt mig
    mgmt=${NETWORK_PREFIX[mgmt]}.$((10 + i)) mig=${NETWORK_PREFIX[mig]}.$((10 + i))
    mkdir -p "$dir"
    cat >"$dir/ext" <<EOT
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=DNS:$node,DNS:$node-mig,IP:$mgmt,IP:$mig
EOT
    {
        openssl ecparam -name prime256v1 -genkey -noout -out "$dir/server-key.pem"
        openssl req -new -key "$dir/server-key.pem" -subj "/CN=$node" |
            openssl x509 -req -CA "$STATE/pki/ca-cert.pem" -CAkey "$STATE/pki/ca-key.pem" \
                -set_serial "$((i + 1))" -days 365 -extfile "$dir/ext" -out "$dir/server-cert.pem"
    } 2>"$STATE/pki/log" ||
        die "cannot make the certificate of $node: $(tail -n 1 "$STATE/pki/log")"
    cp "$STATE/pki/ca-cert.pem" "$dir/ca-cert.pem"
    ln -s server-cert.pem "$dir/client-cert.pem"
    ln -s server-key.pem "$dir/client-key.pem"
    rm "$dir/ext"
}

# Folders and configuration of a host: make_host NODE NUMBER
make_host() {
    local dir=$STATE/$1 mgmt mig
    mgmt=${NETWORK_PREFIX[mgmt]}.$((10 + $2)) mig=${NETWORK_PREFIX[mig]}.$((10 + $2))
    mkdir "$dir" "$dir/etc" "$dir/run" "$dir/lib" "$dir/log" "$dir/cache" "$dir/local"
    make_certificate "$1" "$2" "$dir/etc/pki"
    # what libvirt found out about an emulator takes a second each time; libvirt checks if it holds
    mkdir -p "$dir/cache/qemu/capabilities" "$CACHE_DIR/libvirt"
    cp "$CACHE_DIR"/libvirt/*.xml "$dir/cache/qemu/capabilities/" 2>/dev/null || true
    cat >"$dir/etc/libvirtd.conf" <<EOT
listen_tls = 0
listen_tcp = 1
listen_addr = "$mgmt"
auth_tcp = "none"
auth_unix_ro = "none"
auth_unix_rw = "none"
host_uuid = "$(cat /proc/sys/kernel/random/uuid)"
keepalive_interval = 3
keepalive_count = 4
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
EOT
    cat >"$dir/etc/qemu.conf" <<EOT
user = "root"
group = "root"
security_driver = "none"
stdio_handler = "file"
cgroup_controllers = []
namespaces = []
remember_owner = 0
vnc_listen = "$mgmt"
migration_address = "$mig"
migration_host = "$1-mig"
keepalive_interval = 3
keepalive_count = 4
default_tls_x509_cert_dir = "/etc/libvirt/pki"
default_tls_x509_verify = 1
hugetlbfs_mount = $(grep hugetlbfs /proc/filesystems >/dev/null && echo '"/srv/vmigrate-lab/huge"' || echo '""')
EOT
}

start_anchor() {
    local node=$1
    mkdir -p "$STATE/$node"
    spawn "$STATE/$node/anchor.log" nsenter --net="/run/netns/$(netns "$node")" \
        unshare --mount --uts --pid --fork --kill-child --mount-proc \
        "$LAB_DIR/lib/anchor" "$STATE" "$node"
    wait_for 10 first_child "$SPAWNED" >"$STATE/$node/anchor.pid" ||
        die "$node did not start: $(tail -n 1 "$STATE/$node/anchor.log")"
}

# Prints the first child of a process; fails as long as there is none.
first_child() {
    local child=
    read -r child _ 2>/dev/null <"/proc/$1/task/$1/children" || true  # the file has no newline
    [ -n "$child" ] && printf '%s' "$child"
}

anchor_is_ready() { [ -e "$STATE/$1/ready" ]; }

libvirtd_answers() { run_in "$1" virsh -c qemu:///system uri >/dev/null 2>&1; }

make_pools() {
    run_in "$1" bash -e -c '
        for pool in shared local; do
            virsh -q pool-define-as "$pool" dir --target "/srv/vmigrate-lab/$pool"
            virsh -q pool-autostart "$pool"
            virsh -q pool-start "$pool"
        done' >/dev/null
}

switch_config() { # NODE: how vmigrate reaches its Open vSwitch
    cat <<EOT
openflow = "tcp:$1:6653"
ovsdb = "tcp:$1:6640"
tunnel-address = "${NETWORK_PREFIX[phy]}.$(node_byte "$1")"
EOT
}

write_config() {
    local node
    {
        for node in $(lab_hosts); do
            cat <<EOT
[hosts.$node]
uri = "qemu+tcp://$node/system"
migration-host = "$node-mig"
shared-storage = ["$SHARED_POOL"]
graphics-listen = "${NETWORK_PREFIX[mgmt]}.$((10 + ${node#host}))"
EOT
            if on_ovs; then switch_config "$node"; fi
            echo
        done
        if on_ovs; then
            echo "[peers.gateway]"
            switch_config gateway
            cat <<'EOT'

[network]
backend = "ovs"
clear-text = "allow"   # as below
relay-idle = "2s"
relay-alarm = "6s"

EOT
        fi
        cat <<EOT
[transport]
clear-text = "allow"   # lab only: everything stays in namespaces of this machine

[history]
path = "$STATE/history.db"
EOT
    } >"$STATE/vmigrate.toml"
}

# Makes and locks the base. Another lab that ends may remove it at any time until it is locked.
lock_base() {
    local owner
    until [ /proc/self/fd/9 -ef "$LAB_BASE" ]; do
        (umask 022 && mkdir -p "$LAB_BASE")
        owner=$(stat -c %u "$LAB_BASE" 2>/dev/null) || continue
        [ "$owner" = "$EUID" ] || die "$LAB_BASE belongs to someone else; set VMIGRATE_LAB_BASE"
        lock_dir "$LAB_BASE" || continue
    done
}

help_down() {
    cat <<'TEXT'
Usage: lab down
Ends all processes of the lab and removes its namespaces, disks and logs. Does nothing if there
is no such lab.
TEXT
}

cmd_down() {
    [ $# -eq 0 ] || usage_error "down takes no argument; see lab down --help"
    lock_dir "$LAB_BASE" || true # there is none
    clear_lab
    rmdir "$LAB_BASE" 2>/dev/null || true
}

help_status() {
    cat <<'TEXT'
Usage: lab status
Shows each host: whether its libvirtd runs, its guests and the memory they use.
TEXT
}

cmd_status() {
    [ $# -eq 0 ] || usage_error "status takes no argument; see lab status --help"
    need_lab
    local node state
    for node in $(lab_hosts); do
        if ! anchor_pid "$node" >/dev/null; then
            echo "$node: gone"
            continue
        fi
        state=down
        if libvirtd_answers "$node"; then state=up; fi
        echo "$node: libvirtd $state, QEMU processes use $(qemu_memory_mib "$node") MiB"
        if [ "$state" = up ]; then run_in "$node" virsh -q list --all; fi
    done
    awk '/^MemAvailable/ {printf "machine: %d MiB of memory available\n", $2 / 1024}' /proc/meminfo
}

qemu_memory_mib() {
    run_in "$1" ps -C qemu-system-x86_64,qemu-system-x86 -o rss= |
        awk '{s += $1} END {print int(s / 1024)}'
}

help_exec() {
    cat <<'TEXT'
Usage: lab exec HOST COMMAND [ARGUMENT...]
Runs a command on a host (host1, ...), on "admin", "peer" or "gateway", or at an endpoint. Working
directory, standard input and output and the exit code are the caller's; signals are passed on.
VMIGRATE_CONFIG is set.

Example: lab exec host1 virsh list
TEXT
}

cmd_exec() {
    [ $# -ge 2 ] || usage_error "exec needs HOST and COMMAND; see lab exec --help"
    need_lab
    local node=$1
    shift
    if is_endpoint "$node"; then
        node=ep.$node
    else
        [[ " $(lab_nodes) " == *" $node "* ]] || need_host "$node"
    fi
    export VMIGRATE_CONFIG=$STATE/vmigrate.toml VMIGRATE_LAB=$LAB_NAME
    exec_in "$node" "$@"
}

help_stop_libvirtd() {
    cat <<'TEXT'
Usage: lab stop-libvirtd HOST
Kills the host's libvirtd with signal 9, as a crash would. Its guests go on.
TEXT
}

cmd_stop_libvirtd() {
    [ $# -eq 1 ] || usage_error "stop-libvirtd needs HOST"
    need_lab
    need_host "$1"
    # libvirtd removes its pid file only when it ends by itself
    # shellcheck disable=SC2016
    run_in "$1" bash -c 'pid=$(cat /run/libvirt/libvirtd.pid) && kill -9 "$pid" 2>/dev/null' ||
        die "libvirtd of $1 does not run"
    rm -f "$STATE/$1/run/libvirtd.pid"
}

help_start_libvirtd() {
    cat <<'TEXT'
Usage: lab start-libvirtd HOST
Starts the host's libvirtd again and waits until it answers.
TEXT
}

cmd_start_libvirtd() {
    [ $# -eq 1 ] || usage_error "start-libvirtd needs HOST"
    need_lab
    need_host "$1"
    if libvirtd_answers "$1"; then die "libvirtd of $1 already runs"; fi
    run_in "$1" libvirtd -d -l -p /run/libvirt/libvirtd.pid \
        </dev/null >/dev/null 2>"$STATE/$1/start.log" ||
        die "libvirtd of $1 does not start: $(tail -n 1 "$STATE/$1/start.log")"
    wait_for 20 libvirtd_answers "$1" || die "libvirtd of $1 does not answer"
}
