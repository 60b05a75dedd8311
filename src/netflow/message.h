// SPDX-License-Identifier: GPL-2.0-or-later
//
// The OpenFlow 1.4 messages that we speak, as values. encode() and decode() are pure; the decoder
// takes bytes from anybody: what is truncated or inconsistent is an Error (network), and nothing is
// read outside of the message. Any thread.
#pragma once

#include <variant>

#include "netflow/flow.h"

namespace vmigrate::netflow {

inline constexpr std::uint8_t openflow14 = 5;  ///< the version number on the wire
inline constexpr std::size_t header_size = 8;

/// What ties an answer to its request.
using Xid = std::uint32_t;

struct Hello {
    std::uint32_t versions = 1U << openflow14;  ///< bit N: version N
    friend bool operator==(const Hello&, const Hello&) = default;
};
struct ErrorMessage {
    std::uint16_t type = 0;
    std::uint16_t code = 0;
    Octets data;  ///< the beginning of what was refused
    friend bool operator==(const ErrorMessage&, const ErrorMessage&) = default;
};
struct EchoRequest {
    Octets data;
    friend bool operator==(const EchoRequest&, const EchoRequest&) = default;
};
struct EchoReply {
    Octets data;
    friend bool operator==(const EchoReply&, const EchoReply&) = default;
};
struct FeaturesRequest {
    friend bool operator==(const FeaturesRequest&, const FeaturesRequest&) = default;
};
struct FeaturesReply {
    std::uint64_t datapath_id = 0;
    std::uint32_t buffers = 0;
    std::uint8_t tables = 0;
    std::uint8_t auxiliary_id = 0;
    std::uint32_t capabilities = 0;
    friend bool operator==(const FeaturesReply&, const FeaturesReply&) = default;
};
struct SetConfig {
    std::uint16_t flags = 0;
    std::uint16_t miss_send_length = 0xffff;  ///< packets come whole; 0: none come
    friend bool operator==(const SetConfig&, const SetConfig&) = default;
};
struct BarrierRequest {
    friend bool operator==(const BarrierRequest&, const BarrierRequest&) = default;
};
struct BarrierReply {
    friend bool operator==(const BarrierReply&, const BarrierReply&) = default;
};

/// Which messages come unasked, one bit for each reason. A connection to a bridge's own socket gets
/// none before it says so.
struct SetAsync {
    std::uint32_t packet_in = 0;
    std::uint32_t port_status = 0;
    std::uint32_t flow_removed = 0;
    friend bool operator==(const SetAsync&, const SetAsync&) = default;
};

/// Which number the connection has for actions that tell a controller; 0 before it says so.
struct SetControllerId {
    std::uint16_t id = 0;
    friend bool operator==(const SetControllerId&, const SetControllerId&) = default;
};

struct PortDescription {
    Port port = Port::any;
    Mac mac;
    std::string name;
    std::uint32_t config = 0;
    std::uint32_t state = 0;
    Octets properties;  ///< as they came
    friend bool operator==(const PortDescription&, const PortDescription&) = default;
};
struct PortStatus {
    enum class Reason : std::uint8_t { added = 0, removed = 1, modified = 2 };
    Reason reason = Reason::added;
    PortDescription port;
    friend bool operator==(const PortStatus&, const PortStatus&) = default;
};

enum class RemovedReason : std::uint8_t {
    idle = 0,
    hard = 1,
    deleted = 2,
    group_deleted = 3,
    meter_deleted = 4,
    evicted = 5
};
struct FlowRemoved {
    FlowStats stats;  ///< without instructions and flags
    RemovedReason reason = RemovedReason::idle;
    friend bool operator==(const FlowRemoved&, const FlowRemoved&) = default;
};

struct PacketOut {
    Port in_port = Port::controller;  ///< what the actions take it for
    Actions actions;
    Octets packet;
    friend bool operator==(const PacketOut&, const PacketOut&) = default;
};
struct PacketIn {
    std::uint16_t total_size = 0;
    std::uint8_t reason = 0;
    TableId table{0};
    Cookie cookie;
    Match match;  ///< in_port and the tunnel's fields
    Octets packet;
    friend bool operator==(const PacketIn&, const PacketIn&) = default;
};

struct FlowStatsRequest {
    FlowFilter filter;
    friend bool operator==(const FlowStatsRequest&, const FlowStatsRequest&) = default;
};
struct FlowStatsReply {
    std::vector<FlowStats> flows;
    bool more = false;  ///< another part follows
    friend bool operator==(const FlowStatsReply&, const FlowStatsReply&) = default;
};
struct PortDescRequest {
    friend bool operator==(const PortDescRequest&, const PortDescRequest&) = default;
};
struct PortDescReply {
    std::vector<PortDescription> ports;
    bool more = false;
    friend bool operator==(const PortDescReply&, const PortDescReply&) = default;
};

struct PortCounters {
    Port port = Port::any;
    std::uint32_t age_s = 0;  ///< how long the port has been there
    std::uint32_t age_ns = 0;
    std::uint64_t received = 0;  ///< packets, from whatever is plugged in
    std::uint64_t sent = 0;      ///< packets; of a guest's tap, those that its QEMU has read
    Octets others;               ///< as they came
    friend bool operator==(const PortCounters&, const PortCounters&) = default;
};
struct PortStatsRequest {
    Port port = Port::any;
    friend bool operator==(const PortStatsRequest&, const PortStatsRequest&) = default;
};
struct PortStatsReply {
    std::vector<PortCounters> ports;
    bool more = false;
    friend bool operator==(const PortStatsReply&, const PortStatsReply&) = default;
};

/// Asks for the flows that are there, and for every change from now on. Never set a flag 0x20
/// (NO_ABBREV): Open vSwitch 3.1 refuses it and cannot say so.
struct FlowMonitorRequest {
    std::uint32_t id = 1;
    std::uint16_t flags = 0x1 | 0x2 | 0x4 | 0x8 | 0x10;  ///< initial, add, removed, modify, actions
    TableId table = TableId::all;
    Port out_port = Port::any;
    Match match;
    friend bool operator==(const FlowMonitorRequest&, const FlowMonitorRequest&) = default;
};
struct FlowMonitorCancel {
    std::uint32_t id = 1;
    friend bool operator==(const FlowMonitorCancel&, const FlowMonitorCancel&) = default;
};
/// A flow monitor does not tell a flow's flags.
struct FlowUpdate {
    enum class Event : std::uint16_t {
        initial = 0,
        added = 1,
        removed = 2,  ///< its instructions need not be told
        modified = 3,
        abbreviated = 4,  ///< a change that this connection made with request `xid`
        paused = 5,       ///< changes other than removals are collected until `resumed`
        resumed = 6
    };
    Event event = Event::added;
    Flow flow;
    RemovedReason reason = RemovedReason::idle;  ///< of `removed`
    Xid xid = 0;                                 ///< of `abbreviated`
    friend bool operator==(const FlowUpdate&, const FlowUpdate&) = default;
};
struct FlowMonitorReply {
    std::vector<FlowUpdate> updates;
    bool more = false;
    friend bool operator==(const FlowMonitorReply&, const FlowMonitorReply&) = default;
};

/// Collects changes and makes them at once.
struct BundleControl {
    enum class Type : std::uint16_t {
        open_request = 0,
        open_reply = 1,
        close_request = 2,
        close_reply = 3,
        commit_request = 4,
        commit_reply = 5,
        discard_request = 6,
        discard_reply = 7
    };
    std::uint32_t id = 0;
    Type type = Type::open_request;
    std::uint16_t flags = 3;  ///< atomic and in order
    friend bool operator==(const BundleControl&, const BundleControl&) = default;
};
struct BundleAdd {
    std::uint32_t id = 0;
    std::uint16_t flags = 3;
    FlowMod change;
    friend bool operator==(const BundleAdd&, const BundleAdd&) = default;
};

/// A message of another type, or of another version before the versions are agreed.
struct UnknownMessage {
    std::uint8_t type = 0;
    Octets body;
    friend bool operator==(const UnknownMessage&, const UnknownMessage&) = default;
};

using Message =
    std::variant<Hello, ErrorMessage, EchoRequest, EchoReply, FeaturesRequest, FeaturesReply,
                 SetConfig, BarrierRequest, BarrierReply, SetAsync, SetControllerId, PortStatus,
                 FlowRemoved, PacketOut, PacketIn, FlowMod, FlowStatsRequest, FlowStatsReply,
                 PortDescRequest, PortDescReply, PortStatsRequest, PortStatsReply,
                 FlowMonitorRequest, FlowMonitorCancel, FlowMonitorReply, BundleControl, BundleAdd,
                 UnknownMessage>;

struct Envelope {
    Xid xid = 0;
    Message message;
    friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// Appends the message to `out`. Error (usage): it has no room in one message of 65535 bytes; `out`
/// is then as before.
Result<void> encode(Octets& out, const Message& message, Xid xid);

/// Exactly one message. A message is as long as its header says: see message_size.
Result<Envelope> decode(OctetView octets);

/// The size in a message's header; nothing while fewer than header_size octets are there. A size
/// below header_size is no message.
std::optional<std::size_t> message_size(OctetView octets);

/// What a switch refuses, in words: "flow mod refused: the table is full".
std::string format(const ErrorMessage& error);
std::string format(const PortDescription& port);
std::string format(const PortCounters& counters);
std::string format(const FlowUpdate& update);
/// One line for small messages; a list's elements follow in lines of their own.
std::string format(const Envelope& envelope);

}  // namespace vmigrate::netflow
