# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The guests' network as clouds have it ("lab up --fabric ovs"): an Open vSwitch of its own in each
# host and in the node "gateway", VXLAN between them, guests and endpoints in VPCs.
#   $STATE/fabric     "bridge" or "ovs"
#   $STATE/realtime-switches  is there if they get a processor before all others
#   $STATE/switches   "NODE LAST_BYTE" of each node with a switch
#   $STATE/locations  "OWNER MAC VNI ADDRESS NODE IFACE_ID" of each interface: what the controller
#                     knows. OWNER is a guest's number, an endpoint's node or "peer"; VNI "*" is
#                     every VPC.

VPC_MTU=1450
# shellcheck disable=SC2034
DEFAULT_VNI=100

fabric() { cat "$STATE/fabric"; }
on_ovs() { [ "$(fabric)" = ovs ]; }
need_ovs() { on_ovs || die "lab \"$LAB_NAME\" has no Open vSwitch; try: lab up --fabric ovs"; }

# Last byte of a node's addresses.
node_byte() {
    case $1 in
        admin | peer) echo 1 ;;
        gateway) echo 2 ;;
        host*) echo $((10 + ${1#host})) ;;
    esac
}

switch_nodes() { awk '{print $1}' "$STATE/switches"; }

need_switch() {
    need_ovs
    grep "^$1 " "$STATE/switches" >/dev/null ||
        die "\"$1\" has no switch (there are: $(switch_nodes | xargs))"
}

# Starts all switches and attaches the peer, to the gateway.
fabric_up() {
    local node pids=()
    : >"$STATE/locations"
    for node in $(switch_nodes); do
        switch_up "$node" &
        pids+=($!)
    done
    wait_all "${pids[@]}" || die "cannot start the switches"
    attach_to_switch peer peer gateway '*' 1
}

switch_up() {
    local neighbours realtime=''
    [ ! -e "$STATE/realtime-switches" ] || realtime=yes
    neighbours=$(awk -v node="$1" '$1 != node {print $2}' "$STATE/switches" | xargs)
    # without this shell's lock, which the daemons would hold for ever
    # shellcheck disable=SC2086
    run_in "$1" env REALTIME=$realtime "$LAB_DIR/lib/switch" "$(node_byte "$1")" $neighbours 9>&- \
        </dev/null >"$STATE/$1/switch.log" 2>&1 ||
        die "Open vSwitch of $1 does not start: $(tail -n 1 "$STATE/$1/switch.log")"
}

# Gives a node an interface in a VPC: attach_to_switch OWNER NODE SWITCH_NODE VNI LAST_BYTE
attach_to_switch() {
    local owner=$1 node=$2 host=$3 vni=$4 mac address port iface
    mac=$(guest_mac "$5") address=${NETWORK_PREFIX[guest]}.$5 port=vpc$5
    iface=$(cat /proc/sys/kernel/random/uuid)
    ip link add eth0 netns "$(netns "$node")" address "$mac" mtu $VPC_MTU type veth \
        peer name "$port" mtu $VPC_MTU netns "$(netns "$host")" ||
        die "cannot make the interface of $node"
    # Open vSwitch reads raw frames here, which must not lack their checksums
    run_in "$node" ethtool -K eth0 tx off tso off gso off >/dev/null
    ip -n "$(netns "$node")" addr add "$address/24" dev eth0
    ip -n "$(netns "$node")" link set eth0 up
    ip -n "$(netns "$host")" link set "$port" up
    run_in "$host" ovs-vsctl add-port br-int "$port" -- set interface "$port" \
        external_ids:iface-id="$iface" external_ids:attached-mac="\"$mac\""
    add_location "$owner" "$mac" "$vni" "$address" "$host" "$iface"
}

# The file is replaced in one step: the controller reads it whenever it changes.
edit_locations() {
    exec 8<"$STATE/fabric"
    flock 8
    awk "$@" "$STATE/locations" >"$STATE/locations.new"
    mv "$STATE/locations.new" "$STATE/locations"
    exec 8<&-
}

add_location() { edit_locations -v line="$*" '{print} END {print line}'; }
drop_location() { edit_locations -v owner="$1" '$1 != owner'; }

# The <interface> of a guest: interface_xml MAC FILE_WITH_INTERFACE_ID
interface_xml() {
    if ! on_ovs; then
        cat <<EOT
    <interface type='bridge'>
      <mac address='$1'/>
      <source bridge='br-guest'/>
      <model type='virtio'/>
    </interface>
EOT
        return
    fi
    local off="csum='off' tso4='off' tso6='off' ecn='off' ufo='off'"
    cat <<EOT
    <interface type='bridge'>
      <mac address='$1'/>
      <source bridge='br-int'/>
      <virtualport type='openvswitch'>
        <parameters interfaceid='$(cat "$2")'/>
      </virtualport>
      <model type='virtio'/>
      <driver name='qemu'>
        <host gso='off' $off/>
        <guest $off/>
      </driver>
      <mtu size='$VPC_MTU'/>
    </interface>
EOT
}

help_stop_switch() {
    cat <<'TEXT'
Usage: lab stop-switch NODE
Kills the ovs-vswitchd of a host or of "gateway" with signal 9, as a crash would. Its flows are gone.
TEXT
}

cmd_stop_switch() {
    [ $# -eq 1 ] || usage_error "stop-switch needs NODE"
    need_lab
    need_switch "$1"
    # shellcheck disable=SC2016
    run_in "$1" bash -c 'pid=$(cat /run/openvswitch/ovs-vswitchd.pid) && kill -9 "$pid" &&
        while [ -d "/proc/$pid" ]; do sleep 0.02; done
        rm /run/openvswitch/ovs-vswitchd.pid' 2>/dev/null || die "the switch of $1 does not run"
}

help_start_switch() {
    cat <<'TEXT'
Usage: lab start-switch NODE
Starts the ovs-vswitchd that "lab stop-switch" killed.
TEXT
}

cmd_start_switch() {
    [ $# -eq 1 ] || usage_error "start-switch needs NODE"
    need_lab
    need_switch "$1"
    if run_in "$1" ovs-appctl version >/dev/null 2>&1; then die "the switch of $1 runs"; fi
    switch_up "$1"
}
