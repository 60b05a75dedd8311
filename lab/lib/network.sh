# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The three networks of a lab. Bridges are in a "fabric" namespace, each node has a veth to each
# bridge it takes part in; both ends are born inside namespaces, so names never clash and the
# machine's own network never sees them.
#   mgmt  10.79.0.0/24  libvirt's calls          host I: .10+I, admin .1
#   mig   10.80.0.0/24  the stream of a migration  host I: .10+I
#   guest 10.81.0.0/24  guests                    peer .1, guests from .100
# With the fabric "ovs" (fabric.sh) guests are in VPCs of the same addresses, there is a node
# "gateway" (.2), and instead of "guest" there is
#   phy   10.78.0.0/24  the tunnels between the switches   host I: .10+I, gateway .2

declare -A NETWORK_PREFIX=([mgmt]=10.79.0 [mig]=10.80.0 [guest]=10.81.0 [phy]=10.78.0)

lab_networks() { if on_ovs; then echo mgmt mig phy; else echo mgmt mig guest; fi; }

# All nodes with an anchor, endpoints aside.
lab_nodes() { echo "admin peer$(if on_ovs; then echo " gateway"; fi) $(lab_hosts)"; }

# Makes the namespaces and bridges.
network_up() {
    local node network batch
    for node in fabric $(lab_nodes); do make_namespace "$node"; done
    batch=$(for network in $(lab_networks); do
        echo "link add br-$network type bridge"
        echo "link set br-$network up"
    done)
    ip -n "$(netns fabric)" -batch - <<<"$batch"
    attach admin mgmt 1
    if on_ovs; then
        attach gateway mgmt "$(node_byte gateway)"
        attach_underlay gateway
    else
        attach peer guest 1
    fi
    for node in $(lab_hosts); do
        attach "$node" mgmt "$(node_byte "$node")"
        attach "$node" mig "$(node_byte "$node")"
        if on_ovs; then attach_underlay "$node"; else attach "$node" guest ''; fi
    done
}

make_namespace() {
    ip netns add "$(netns "$1")"
    ip netns exec "$(netns "$1")" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
        net.ipv6.conf.default.disable_ipv6=1 2>/dev/null || true
    ip -n "$(netns "$1")" link set lo up
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

# The port that a node's switch will take for its tunnels; the frames have room for their headers.
attach_underlay() {
    ip link add phy netns "$(netns "$1")" mtu 9000 type veth \
        peer name "$1-phy" mtu 9000 netns "$(netns fabric)" ||
        die "cannot make the phy link of $1"
    ip -n "$(netns fabric)" link set "$1-phy" master br-phy up
    ip -n "$(netns "$1")" link set phy up
}

# /etc/hosts of every node.
network_hosts_file() {
    local node byte
    echo "127.0.0.1 localhost"
    echo "${NETWORK_PREFIX[mgmt]}.1 admin"
    echo "${NETWORK_PREFIX[guest]}.1 peer"
    for node in $(lab_hosts); do
        byte=$(node_byte "$node")
        echo "${NETWORK_PREFIX[mgmt]}.$byte $node"
        echo "${NETWORK_PREFIX[mig]}.$byte $node-mig"
    done
    if on_ovs; then echo "${NETWORK_PREFIX[mgmt]}.$(node_byte gateway) gateway"; fi
}

# Ends every process of a lab and removes its namespaces; whatever a killed run left is found by
# the namespaces' names, which the kernel keeps, not by pid files.
network_down() {
    local ns
    for ns in /run/netns/"vml-$LAB_NAME-"*; do
        [ -e "$ns" ] || continue
        ns=${ns##*/}
        # "lab" must not match the namespaces of "lab-x"
        [[ ${ns#"vml-$LAB_NAME-"} =~ ^(fabric|admin|peer|gateway|host[0-9]+|ep\..+)$ ]] || continue
        namespace_down "$ns"
    done
}

namespace_down() {
    local pids
    pids=$(ip netns pids "$1" 2>/dev/null || true)
    # shellcheck disable=SC2086
    [ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
    wait_for 10 namespace_is_empty "$1" ||
        die "processes in $1 do not end: $(ip netns pids "$1" | xargs)"
    ip netns del "$1" 2>/dev/null || true
}

namespace_is_empty() { [ -z "$(ip netns pids "$1" 2>/dev/null)" ]; }

set_link() {
    need_lab
    [ $# -eq 3 ] || usage_error "needs HOST and NETWORK; see lab cut --help"
    local state=$1 node=$2 network=$3
    [ "$node" = gateway ] && on_ovs || need_host "$node"
    [[ " $(lab_networks) " == *" $network "* ]] ||
        usage_error "unknown network \"$network\" (there are: $(lab_networks))"
    ip -n "$(netns fabric)" link set "$node-$network" "$state"
}

help_cut() {
    cat <<'TEXT'
Usage: lab cut HOST mgmt|mig|guest|phy
Takes down a host's link to one network, as if its cable were pulled. "guest" is there on the plain
fabric only, "phy" (the tunnels) on the fabric "ovs" only.

Example: lab cut host2 mig
TEXT
}
cmd_cut() { set_link down "$@"; }

help_join() {
    cat <<'TEXT'
Usage: lab join HOST mgmt|mig|guest|phy
Brings up a link that "lab cut" took down.
TEXT
}
cmd_join() { set_link up "$@"; }
