// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the back end "ovs" is told: the switches, the guest's cards, and how long things may take.
// Values only; any thread.
#pragma once

#include <string>
#include <vector>

#include "handover/exec.h"
#include "netflow/endpoint.h"
#include "netflow/move.h"

namespace vmigrate::handover {

/// A switch, of a host or of a peer that is no host, such as a gateway.
struct OvsHost {
    std::string name;  ///< key in vmigrate.toml
    netflow::Endpoint openflow;
    netflow::Endpoint ovsdb;
    std::string bridge = "br-int";
    netflow::Ipv4 tunnel_address;
    netflow::Port tunnel_port{64200};

    netflow::BridgeEnd end() const { return {name, tunnel_address, tunnel_port}; }
};

struct OvsNic {
    netflow::Mac mac;
    std::string iface_id;                    ///< external_ids:iface-id of its port
    std::optional<netflow::TunnelId> vni{};  ///< where it is not to be learnt from the flows
};

struct OvsTimes {
    milliseconds request{2000};  ///< for one answer of a switch
    milliseconds port{10'000};   ///< until the destination's port is there
    milliseconds settle{3};      ///< of silence at the guest's ports after a redirect
    seconds redirect{60};        ///< after which a redirect that nobody took back goes by itself
    seconds relay_idle{180};     ///< silence after which a relay goes
    seconds alarm{180};          ///< of relaying, after which stale senders are named
    seconds refresh{10};         ///< in which the controller is to make its flows anew
};

/// Who sees to it that the flows that were replaced are made anew.
enum class RefreshBy {
    nobody,
    controller,  ///< the switches' own, asked by packets
    program      ///< OvsTask::program, with the step "refresh"
};

/// What is done where no QEMU holds the switchover.
enum class StockCutover {
    relay,   ///< redirect at the source's stop: what comes until that is known is lost
    mirror,  ///< both sides get what comes before it: some of it the guest gets twice
    early    ///< redirect before it: what comes until then waits for the guest
};

/// As the kernel makes taps.
inline constexpr std::uint32_t default_tap_queue = 1000;

struct OvsTask {
    std::string guest_uuid;
    std::vector<OvsNic> nics;
    OvsHost source;
    OvsHost destination;
    std::vector<OvsHost> peers;
    std::uint16_t relay_priority = netflow::default_relay_priority;
    OvsTimes times;
    StockCutover stock_cutover = StockCutover::early;
    std::uint32_t tap_queue = default_tap_queue;  ///< packets, on the destination
    RefreshBy refresh = RefreshBy::nobody;
    ExecTask program;  ///< for `refresh`
};

}  // namespace vmigrate::handover
