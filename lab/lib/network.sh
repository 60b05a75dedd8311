# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The three networks of a lab. Bridges are in a "fabric" namespace, each node has a veth to each
# bridge it takes part in; both ends are born inside namespaces, so names never clash and the
# machine's own network never sees them.
#   mgmt  10.79.0.0/24  libvirt's calls          host I: .10+I, admin .1
#   mig   10.80.0.0/24  the stream of a migration  host I: .10+I
#   guest 10.81.0.0/24  guests                    peer .1, guests from .100

declare -A NETWORK_PREFIX=([mgmt]=10.79.0 [mig]=10.80.0 [guest]=10.81.0)

# Makes the namespaces and bridges: network_up HOST_COUNT
network_up() {
    local i node network batch
    for node in fabric admin peer $(lab_hosts); do
        ip netns add "$(netns "$node")"
        ip netns exec "$(netns "$node")" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
            net.ipv6.conf.default.disable_ipv6=1 2>/dev/null || true
        ip -n "$(netns "$node")" link set lo up
    done
    batch=$(for network in mgmt mig guest; do
        echo "link add br-$network type bridge"
        echo "link set br-$network up"
    done)
    ip -n "$(netns fabric)" -batch - <<<"$batch"
    attach admin mgmt 1
    attach peer guest 1
    for i in $(seq "$1"); do
        attach "host$i" mgmt $((10 + i))
        attach "host$i" mig $((10 + i))
        attach "host$i" guest ''
    done
}

# Joins a node to a network: attach NODE NETWORK LAST_BYTE. Without an address the link becomes a
# port of the node's own bridge br-guest, to which libvirt adds the guests.
attach() {
    local ns
    ns=$(netns "$1")
    ip link add "$2" netns "$ns" type veth peer name "$1-$2" netns "$(netns fabric)" ||
        die "cannot make the $2 link of $1"
    ip -n "$(netns fabric)" link set "$1-$2" master "br-$2" up
    if [ -n "$3" ]; then
        ip -n "$ns" addr add "${NETWORK_PREFIX[$2]}.$3/24" dev "$2"
        ip -n "$ns" link set "$2" up
    else
        ip -n "$ns" -batch - <<EOB
link add br-$2 type bridge
link set br-$2 up
link set $2 master br-$2 up
EOB
    fi
}

# /etc/hosts of every node: network_hosts_file HOST_COUNT
network_hosts_file() {
    local i
    echo "127.0.0.1 localhost"
    echo "${NETWORK_PREFIX[mgmt]}.1 admin"
    echo "${NETWORK_PREFIX[guest]}.1 peer"
    for i in $(seq "$1"); do
        echo "${NETWORK_PREFIX[mgmt]}.$((10 + i)) host$i"
        echo "${NETWORK_PREFIX[mig]}.$((10 + i)) host$i-mig"
    done
}

# Ends every process of a lab and removes its namespaces; whatever a killed run left is found by
# the namespaces' names, which the kernel keeps, not by pid files.
network_down() {
    local ns pids
    for ns in /run/netns/"vml-$LAB_NAME-"*; do
        [ -e "$ns" ] || continue
        ns=${ns##*/}
        # "lab" must not match the namespaces of "lab-x"
        [[ ${ns#"vml-$LAB_NAME-"} =~ ^(fabric|admin|peer|host[0-9]+)$ ]] || continue
        pids=$(ip netns pids "$ns" 2>/dev/null || true)
        # shellcheck disable=SC2086
        [ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
        wait_for 10 namespace_is_empty "$ns" ||
            die "processes in $ns do not end: $(ip netns pids "$ns" | xargs)"
        ip netns del "$ns" 2>/dev/null || true
    done
}

namespace_is_empty() { [ -z "$(ip netns pids "$1" 2>/dev/null)" ]; }

set_link() {
    need_lab
    [ $# -eq 3 ] || usage_error "needs HOST and NETWORK; see lab cut --help"
    local state=$1 node=$2 network=$3
    need_host "$node"
    [ -n "${NETWORK_PREFIX[$network]-}" ] ||
        usage_error "unknown network \"$network\" (mgmt, mig or guest)"
    ip -n "$(netns fabric)" link set "$node-$network" "$state"
}

help_cut() {
    cat <<'TEXT'
Usage: lab cut HOST mgmt|mig|guest
Takes down a host's link to one network, as if its cable were pulled.

Example: lab cut host2 mig
TEXT
}
cmd_cut() { set_link down "$@"; }

help_join() {
    cat <<'TEXT'
Usage: lab join HOST mgmt|mig|guest
Brings up a link that "lab cut" took down.
TEXT
}
cmd_join() { set_link up "$@"; }
