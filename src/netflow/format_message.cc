// SPDX-License-Identifier: GPL-2.0-or-later
//
// Messages for people: logs, and what a switch refuses.
#include <fmt/format.h>

#include "netflow/message.h"

namespace vmigrate::netflow {
namespace {

struct ErrorName {
    std::uint16_t type;
    std::uint16_t code;
    const char* text;
};

/// Those that a client like this one meets; all others are told by their numbers.
constexpr ErrorName error_names[] = {
    {0, 0, "no common OpenFlow version"},
    {1, 0, "bad version"},
    {1, 1, "bad message type"},
    {1, 2, "bad multipart type"},
    {1, 5, "not permitted"},
    {1, 6, "bad length"},
    {1, 9, "bad table"},
    {2, 0, "unknown action"},
    {2, 1, "bad length of an action"},
    {2, 4, "bad output port"},
    {2, 5, "bad argument of an action"},
    {2, 13, "bad field to set"},
    {2, 14, "bad length of a field to set"},
    {2, 15, "bad value of a field to set"},
    {3, 0, "unknown instruction"},
    {3, 2, "bad table to go to"},
    {4, 1, "bad length of a match"},
    {4, 6, "unknown field"},
    {4, 7, "bad value of a field"},
    {4, 8, "bad mask of a field"},
    {4, 9, "a field needs another one first"},
    {4, 10, "a field stands twice"},
    {4, 11, "not permitted"},
    {5, 0, "unknown reason"},
    {5, 1, "the table is full"},
    {5, 2, "no such table"},
    {5, 3, "it overlaps with another flow"},
    {5, 4, "not permitted"},
    {17, 0, "unknown reason"},
    {17, 1, "not permitted"},
    {17, 2, "no such bundle"},
    {17, 3, "the bundle exists"},
    {17, 4, "the bundle is closed"},
    {17, 5, "out of bundles"},
    {17, 10, "a message of a bundle is not supported"},
    {17, 13, "a message of the bundle failed"},
};

const char* type_name(std::uint16_t type) {
    switch (type) {
        case 0:
            return "hello";
        case 1:
            return "request";
        case 2:
            return "action";
        case 3:
            return "instruction";
        case 4:
            return "match";
        case 5:
            return "flow mod";
        case 17:
            return "bundle";
        default:
            return "message";
    }
}

const char* event_name(FlowUpdate::Event event) {
    constexpr const char* names[] = {"INITIAL", "ADDED",  "DELETED", "MODIFIED",
                                     "ABBREV",  "PAUSED", "RESUMED"};
    const auto index = static_cast<std::size_t>(event);
    return index < std::size(names) ? names[index] : "UNKNOWN";
}

std::string with_space(const Match& match) {
    return match.empty() ? "" : " " + format(match);
}

template <class T>
std::string lines(const std::vector<T>& list) {
    std::string text;
    for (const auto& one : list) {
        text += "\n  " + format(one);
    }
    return text;
}

struct Describe {
    std::string operator()(const Hello& m) const {
        return fmt::format("HELLO versions={:#x}", m.versions);
    }
    std::string operator()(const ErrorMessage& m) const { return "ERROR " + format(m); }
    std::string operator()(const EchoRequest& m) const {
        return fmt::format("ECHO_REQUEST {} bytes", m.data.size());
    }
    std::string operator()(const EchoReply& m) const {
        return fmt::format("ECHO_REPLY {} bytes", m.data.size());
    }
    std::string operator()(const FeaturesRequest&) const { return "FEATURES_REQUEST"; }
    std::string operator()(const FeaturesReply& m) const {
        return fmt::format("FEATURES_REPLY dpid={:016x} tables={}", m.datapath_id, m.tables);
    }
    std::string operator()(const SetConfig& m) const {
        return fmt::format("SET_CONFIG miss_send_len={}", m.miss_send_length);
    }
    std::string operator()(const BarrierRequest&) const { return "BARRIER_REQUEST"; }
    std::string operator()(const BarrierReply&) const { return "BARRIER_REPLY"; }
    std::string operator()(const SetAsync& m) const {
        return fmt::format("SET_ASYNC packet_in={:#x} port_status={:#x} flow_removed={:#x}",
                           m.packet_in, m.port_status, m.flow_removed);
    }
    std::string operator()(const SetControllerId& m) const {
        return fmt::format("SET_CONTROLLER_ID {:#x}", m.id);
    }
    std::string operator()(const PortStatus& m) const {
        constexpr const char* reasons[] = {"ADD", "DEL", "MOD"};
        const auto reason = static_cast<std::size_t>(m.reason);
        return fmt::format("PORT_STATUS {} {}", reason < 3 ? reasons[reason] : "UNKNOWN",
                           format(m.port));
    }
    std::string operator()(const FlowRemoved& m) const {
        return fmt::format("FLOW_REMOVED reason={} {}", static_cast<unsigned>(m.reason),
                           format(m.stats));
    }
    std::string operator()(const PacketOut& m) const {
        return fmt::format("PACKET_OUT in_port={} actions={} {} bytes", format(m.in_port),
                           format(m.actions), m.packet.size());
    }
    std::string operator()(const PacketIn& m) const {
        return fmt::format("PACKET_IN table={} cookie={:#x} {} {} bytes",
                           static_cast<unsigned>(m.table), m.cookie.value, format(m.match),
                           m.packet.size());
    }
    std::string operator()(const FlowMod& m) const { return "FLOW_MOD " + format(m); }
    std::string operator()(const FlowStatsRequest& m) const {
        return fmt::format("FLOW request table={} cookie={:#x}/{:#x}{}",
                           static_cast<unsigned>(m.filter.table), m.filter.cookies.cookie.value,
                           m.filter.cookies.mask, with_space(m.filter.match));
    }
    std::string operator()(const FlowStatsReply& m) const { return "FLOW reply" + lines(m.flows); }
    std::string operator()(const PortDescRequest&) const { return "PORT_DESC request"; }
    std::string operator()(const PortDescReply& m) const {
        return "PORT_DESC reply" + lines(m.ports);
    }
    std::string operator()(const PortStatsRequest& m) const {
        return "PORT request " + format(m.port);
    }
    std::string operator()(const PortStatsReply& m) const { return "PORT reply" + lines(m.ports); }
    std::string operator()(const FlowMonitorRequest& m) const {
        return fmt::format("FLOW_MONITOR request id={} flags={:#x}{}", m.id, m.flags,
                           with_space(m.match));
    }
    std::string operator()(const FlowMonitorCancel& m) const {
        return fmt::format("FLOW_MONITOR cancel id={}", m.id);
    }
    std::string operator()(const FlowMonitorReply& m) const {
        return "FLOW_MONITOR reply" + lines(m.updates);
    }
    std::string operator()(const BundleControl& m) const {
        constexpr const char* types[] = {"OPEN_REQUEST",    "OPEN_REPLY",     "CLOSE_REQUEST",
                                         "CLOSE_REPLY",     "COMMIT_REQUEST", "COMMIT_REPLY",
                                         "DISCARD_REQUEST", "DISCARD_REPLY"};
        const auto type = static_cast<std::size_t>(m.type);
        return fmt::format("BUNDLE_CONTROL id={} {} flags={:#x}", m.id,
                           type < std::size(types) ? types[type] : "UNKNOWN", m.flags);
    }
    std::string operator()(const BundleAdd& m) const {
        return fmt::format("BUNDLE_ADD id={} {}", m.id, format(m.change));
    }
    std::string operator()(const UnknownMessage& m) const {
        return fmt::format("type {} {} bytes", m.type, m.body.size());
    }
};

}  // namespace

std::string format(const ErrorMessage& error) {
    for (const auto& name : error_names) {
        if (name.type == error.type && name.code == error.code) {
            return fmt::format("{} refused: {}", type_name(error.type), name.text);
        }
    }
    return fmt::format("{} refused: OpenFlow error type {} code {}", type_name(error.type),
                       error.type, error.code);
}

std::string format(const FlowUpdate& update) {
    auto text = fmt::format("event={}", event_name(update.event));
    if (update.event == FlowUpdate::Event::abbreviated) {
        return text + fmt::format(" xid={:#x}", update.xid);
    }
    if (update.event > FlowUpdate::Event::abbreviated) {
        return text;
    }
    if (update.event == FlowUpdate::Event::removed) {
        text += fmt::format(" reason={}", static_cast<unsigned>(update.reason));
    }
    return text + " " + format(update.flow);
}

std::string format(const Envelope& envelope) {
    return fmt::format("xid={:#x} ", envelope.xid) + std::visit(Describe(), envelope.message);
}

}  // namespace vmigrate::netflow
