# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Four real switches without libvirt or guests: hosts a, b and c, and a peer p, with tunnels between them, and
# endpoints in namespaces: on each a sender, on each host a card of the guest. Userspace datapath. Everything is in
# namespaces of its own, and ends with the script that sources this: it is run again inside.
#   $dir/NAME   sockets and logs of a switch; tests/netflow/real_switches.h knows the rest
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034
programs=${VMIGRATE_BUILD:-$top/build/release}/tests

skip() { echo "SKIP: $*"; exit 77; }
[ "$(id -u)" -eq 0 ] || skip "needs root"
PATH=$PATH:/usr/sbin:/sbin
for program in ovs-vswitchd ovsdb-server ovs-vsctl ovs-appctl unshare ethtool; do
    command -v "$program" >/dev/null || skip "needs $program"
done
[ "${SWITCHES_INSIDE-}" ] ||
    SWITCHES_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc bash "$0" "$@"
mount -t tmpfs tmpfs /run
mkdir /run/netns
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

hardware_address() { printf '02:78:00:00:00:%02x' "$1"; }

# switch_up NAME NUMBER
switch_up() {
    local name=$1 number=$2 other attempt route
    local -x OVS_RUNDIR=$dir/$name OVS_DBDIR=$dir/$name OVS_LOGDIR=$dir/$name
    mkdir "$dir/$name"
    ip netns add "$name"
    ip link add "lan-$name" master lan type veth peer name phy netns "$name"
    ip link set "lan-$name" mtu 9000 up
    ip -n "$name" link set phy mtu 9000 up
    ip -n "$name" link set lo up
    ovsdb-tool create "$dir/$name/conf.db" /usr/share/openvswitch/vswitch.ovsschema
    ovsdb-server "$dir/$name/conf.db" --remote="punix:$dir/$name/db.sock" --pidfile --detach --no-chdir --log-file \
        -vconsole:off 2>/dev/null
    ovs-vsctl --db="unix:$dir/$name/db.sock" --no-wait init -- set Open_vSwitch . \
        other_config:n-handler-threads=1 other_config:n-revalidator-threads=1
    # its tunnels go by the route that it is told below: those of the kernel it learns anew whenever an interface of the
    # namespace comes or goes, and until then drops what it carries
    ip netns exec "$name" ovs-vswitchd "unix:$dir/$name/db.sock" --disable-system-route --pidfile --detach --no-chdir \
        --log-file -vconsole:off 2>/dev/null
    ovs-vsctl --db="unix:$dir/$name/db.sock" add-br br-phy -- set bridge br-phy datapath_type=netdev \
        fail-mode=standalone "other_config:hwaddr=\"$(hardware_address "$number")\"" -- add-port br-phy phy
    ip -n "$name" addr add "10.78.0.$number/24" dev br-phy
    ip -n "$name" link set br-phy up
    # it may be a moment late to know its own address
    for attempt in {1..50}; do
        if route=$(ovs-appctl ovs/route/add 10.78.0.0/24 br-phy 2>&1); then break; fi
        [ "$attempt" -lt 50 ] || { echo "FAIL: $route" >&2; exit 1; }
        sleep 0.1
    done
    # or the kernel answers for br-phy's address with the hardware address of "phy", too
    ip netns exec "$name" sysctl -qw net.ipv4.conf.phy.arp_ignore=1
    ovs-vsctl --db="unix:$dir/$name/db.sock" add-br "$name" -- set bridge "$name" datapath_type=netdev \
        fail-mode=secure protocols=OpenFlow10,OpenFlow13,OpenFlow14,OpenFlow15 \
        -- add-port "$name" tun0 -- set interface tun0 type=vxlan ofport_request=64200 options:remote_ip=flow \
        options:key=flow
    # the first packet to a neighbour that is not known is dropped
    for other in 1 2 3 4; do
        [ "$other" = "$number" ] ||
            ovs-appctl tnl/neigh/set br-phy "10.78.0.$other" "$(hardware_address "$other")" >/dev/null
    done
}

# endpoint NODE SWITCH PORT MAC LAST_BYTE [IFACE_ID]: 10.81.0.LAST_BYTE, which knows the guest's card
endpoint() {
    local node=$1 name=$2 port=$3 mac=$4 byte=$5
    ip netns add "$node"
    ip link add eth0 netns "$node" address "$mac" mtu 1450 type veth peer name "v$port" mtu 1450 netns "$name"
    ip netns exec "$node" ethtool -K eth0 tx off tso off gso off >/dev/null
    ip netns exec "$node" sysctl -q net.ipv6.conf.all.disable_ipv6=1
    ip -n "$node" addr add "10.81.0.$byte/24" dev eth0
    ip -n "$node" link set lo up
    ip -n "$node" link set eth0 up
    ip -n "$name" link set "v$port" up
    ovs-vsctl --db="unix:$dir/$name/db.sock" add-port "$name" "v$port" -- set interface "v$port" \
        "ofport_request=$port" ${6:+"external_ids:iface-id=$6"}
}

# as port numbers in tests/netflow/real_switches.h
switches_up() {
    local name number=0 port
    local -A guest=([a]=5 [b]=9 [c]=7)
    ip link add lan type bridge
    ip link set lan mtu 9000 up
    for name in a b c p; do
        number=$((number + 1))
        switch_up "$name" "$number"
        endpoint "s$name" "$name" 2 "52:54:00:00:00:2$number" "$((0x20 + number))"
        ip -n "s$name" neigh add 10.81.0.1 lladdr 52:54:00:00:00:01 dev eth0
        port=${guest[$name]-}
        [ "$port" ] || continue
        endpoint "g$name" "$name" "$port" 52:54:00:00:00:01 1 guest-card
        for other in 1 2 3 4; do
            ip -n "g$name" neigh add "10.81.0.$((0x20 + other))" lladdr "52:54:00:00:00:2$other" dev eth0
        done
    done
}

# second_card_up: another card of the guest on a and b, in a network of IPv4 and IPv6 where nobody knows who has which
# hardware address, and a sender on a and p
second_card_up() {
    local node number
    endpoint ha a 6 52:54:00:00:00:0b 1 second-card
    endpoint hb b 10 52:54:00:00:00:0b 1 second-card
    endpoint ta a 3 52:54:00:00:00:31 49
    endpoint tp p 3 52:54:00:00:00:34 52
    for node in ha hb ta tp; do ip netns exec "$node" sysctl -q net.ipv6.conf.all.disable_ipv6=0; done
    for number in 1 4; do
        for node in ha hb; do
            ip -n "$node" neigh add "10.81.0.$((48 + number))" lladdr "52:54:00:00:00:3$number" dev eth0
            ip -n "$node" neigh add "fd00::3$number" lladdr "52:54:00:00:00:3$number" dev eth0
        done
    done
    for node in ha hb; do ip -n "$node" addr add fd00::1/64 dev eth0 nodad; done
    ip -n ta addr add fd00::31/64 dev eth0 nodad
    ip -n tp addr add fd00::34/64 dev eth0 nodad
}

# what the switches dropped, and why
drops() {
    for name in a b c p; do
        OVS_RUNDIR=$dir/$name ovs-appctl -t ovs-vswitchd coverage/show |
            sed -nE "s/^(datapath_)?(drop_[a-z_]*) .*total: /$name \2 /p"
    done
}

# checked PROGRAM ARGUMENT...: at most a minute; when it fails, with what the switches dropped meanwhile and said last
checked() {
    drops >"$dir/drops"
    timeout 60 "$@" && return
    drops | diff "$dir/drops" - >&2 || true
    grep -h '|WARN|\||ERR|' "$dir"/*/ovs-vswitchd.log | tail -n 20 >&2
    exit 1
}
