#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Guests and endpoints on Open vSwitch talk through the controller's flows and lose nothing as long as nothing
# moves; a migration that only the controller follows loses traffic.
. "$(dirname "$0")/lab-common.sh"
command -v ovs-vswitchd >/dev/null || skip "needs openvswitch-switch"
command -v osken-manager >/dev/null || skip "needs python3-os-ken"
command -v jq >/dev/null || skip "needs jq"

lab up 3 --fabric ovs
lab controller stop
lab controller start --gateway-interval 3600
lab endpoint far --host host3 >/dev/null
lab endpoint beside --host host1 >/dev/null
lab endpoint outside --host gateway >/dev/null
lab guest g
if lab exec host1 virsh dumpxml g | grep "<emulator>/usr/bin" >/dev/null &&
    lab exec host1 virsh dumpxml g | grep "type='qemu'" >/dev/null; then
    skip "emulation needs the project's QEMU: run qemu/build"
fi

# flawless FROM: what goes from there to the guest and back arrives once, in order, and TCP has nothing to repair
flawless() {
    local result
    result=$(lab probe --json --seconds 2 --from "$1" g)
    jq -e '[.outward, .back | .sent > 100 and .lost == 0 and .duplicated == 0 and .reordered == 0] | all' \
        <<<"$result" >/dev/null || fail "datagrams between $1 and the guest: $result"
    jq -e '.stream | .whole and (.reset | not) and .timeouts_outward == 0 and .timeouts_back == 0' \
        <<<"$result" >/dev/null || fail "stream between $1 and the guest: $result"
}

for from in far beside outside peer; do flawless "$from"; done

# a count that nothing can raise proves nothing
mac=$(lab location g | cut -d ' ' -f 3)
port=$(lab exec host1 ovs-vsctl --bare --columns=ofport find interface "external_ids:attached-mac=\"$mac\"")
lab exec host1 ovs-ofctl -O OpenFlow14 add-flow br-int \
    "cookie=0x77,priority=60300,in_port=64200,dl_dst=$mac,actions=output:$port,output:$port"
result=$(lab probe --json --no-stream --seconds 1 --from far g)
lab exec host1 ovs-ofctl -O OpenFlow14 del-flows br-int cookie=0x77/-1
jq -e '.outward | .sent > 300 and .duplicated > .sent * 0.9' <<<"$result" >/dev/null ||
    fail "each datagram was sent twice: $result"

# a VPC of its own
lab endpoint stranger --host host1 --vni 200 >/dev/null
! lab probe --patience 2 --from stranger g >/dev/null 2>&1 || fail "another VPC reaches the guest"

# flow_to_guest NODE: where the flows of a node's endpoints lead
flow_to_guest() {
    lab exec "$1" ovs-ofctl -O OpenFlow14 --no-stats dump-flows br-int "dl_dst=$mac" | grep -v in_port=64200
}
leads_to() { flow_to_guest "$1" | grep -F "set_field:$2->tun_dst" >/dev/null; }
outside_leads_to() {
    local port
    port=$(lab exec gateway ovs-vsctl --bare --columns=ofport find interface \
        "external_ids:attached-mac=\"$(lab location outside | cut -d ' ' -f 3)\"")
    flow_to_guest gateway | grep "in_port=$port," | grep -F "set_field:$1->tun_dst" >/dev/null
}

# the controller alone: it hears of the move when virsh is done
"$LAB_TOP/lab/lab" --name "$TEST_LAB" probe --json --seconds 60 --from far g >"$LAB_STATE/before.json" &
probe=$!
sleep 1
lab exec host1 virsh -q migrate --live --p2p --persistent --undefinesource g qemu+tcp://host2/system ||
    fail "the migration failed"
lab location g host2
eventually 10 leads_to host3 10.78.0.12 || fail "the controller did not follow the guest: $(flow_to_guest host3)"
sleep 1
kill -TERM "$probe"
wait "$probe" || fail "the probe of the migration failed"
result=$(cat "$LAB_STATE/before.json")
jq -e '.outward | .lost > 0 and .duplicated == 0' <<<"$result" >/dev/null ||
    fail "the controller alone lost nothing: $result"
echo "the controller alone: $(jq -c '{lost: .outward.lost, sent: .outward.sent, gap_ms: .back.longest_gap_ms}' \
    <<<"$result")"
for from in far beside peer; do flawless "$from"; done

# the gateway is told last
outside_leads_to 10.78.0.11 || fail "the gateway did not wait for its interval: $(flow_to_guest gateway)"
lab controller stop
lab controller start --gateway-interval 1
eventually 10 outside_leads_to 10.78.0.12 || fail "the gateway was never told: $(flow_to_guest gateway)"
flawless outside

# a switch that lost its flows gets them again
lab stop-switch host3
lab start-switch host3
eventually 20 lab probe --patience 1 --seconds 0.1 --no-stream --from far g >/dev/null 2>&1 ||
    fail "nothing goes through a switch that was started again"
flawless far
[ "$(heartbeat_field g errors)" -eq 0 ] || fail "the verifier found errors"
[ "$(heartbeat_field g boots)" -eq 1 ] || fail "the guest was started again"
