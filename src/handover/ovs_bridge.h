// SPDX-License-Identifier: GPL-2.0-or-later
//
// One switch during a hand-over: connects when it is needed, and anew when the connection was lost.
// Errors name the host. Thread rule: one thread at a time.
#pragma once

#include <optional>
#include <string>

#include "base/units.h"
#include "handover/ovs_settings.h"
#include "netflow/choreography.h"
#include "netflow/ovsdb.h"
#include "netflow/switch.h"

namespace vmigrate::handover {

/// Flows that match this destination, or this port of the bridge, exactly.
netflow::FlowFilter sent_to(netflow::Mac mac);
netflow::FlowFilter sent_from(netflow::Port port);
/// Flows that output to this port.
netflow::FlowFilter brought_to(netflow::Port port);

class OvsBridge {
  public:
    OvsBridge(OvsHost host, milliseconds timeout) : host_(std::move(host)), timeout_(timeout) {}

    const OvsHost& host() const { return host_; }

    /// All or nothing, but for a step in pieces; one without changes needs no connection.
    Result<void> apply(const netflow::Step& step);
    Result<netflow::FlowList> flows(const netflow::FlowFilter& filter);
    Result<std::vector<netflow::FlowStats>> stats(const netflow::FlowFilter& filter);
    Result<std::vector<netflow::PortDescription>> ports();

    /// The port of the bridge whose interface has this id; nothing as long as there is none.
    Result<std::optional<netflow::Port>> port_of(const std::string& iface_id);
    /// The newest version of a guest's location that was brought to this bridge; 0: none was.
    Result<std::uint64_t> version(netflow::Mac mac);
    /// Packets that whoever is plugged into the port has taken from it.
    Result<std::uint64_t> taken_from(netflow::Port port);
    Result<void> send(const netflow::PacketOut& packet);
    /// Sends a packet that no guest misses to the port of the card `to`.
    Result<void> send_blank(netflow::Port port, netflow::Mac to, netflow::Mac from);
    /// The same, and does not wait: whether it went is not known.
    Result<void> post_blank(netflow::Port port, netflow::Mac to, netflow::Mac from);
    enum class Lock { taken, free };
    /// Brings one there, unless a newer one is: false. `taken`: a move of it is under way. `place`
    /// is the end of the tunnels where the guest is.
    Result<bool> claim(netflow::Mac mac, std::uint64_t version, Lock lock, netflow::Ipv4 place);
    struct Place {
        std::uint64_t version = 0;
        std::optional<netflow::Ipv4> address;  ///< nothing: it is on its way, or nobody said
    };
    Result<Place> place(netflow::Mac mac);
    /// When the move began that is under way as far as this bridge was told; nothing: none is.
    Result<std::optional<WallTime>> locked_since(netflow::Mac mac);

  private:
    /// What a guest's address says in the bridge's external_ids.
    Result<std::string> note(netflow::Mac mac);
    template <class Connection, class Request>
    auto on(std::optional<Connection>& connection, const netflow::Endpoint& endpoint,
            Request request) -> decltype(request(*connection));
    template <class Request>
    auto on_switch(Request request) -> decltype(request(std::declval<netflow::Switch&>()));
    template <class Request>
    auto on_database(Request request) -> decltype(request(std::declval<netflow::Ovsdb&>()));
    Error named(const Error& error) const;

    OvsHost host_;
    milliseconds timeout_;
    std::optional<netflow::Switch> switch_;
    std::optional<netflow::Ovsdb> database_;
};

}  // namespace vmigrate::handover
