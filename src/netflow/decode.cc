// SPDX-License-Identifier: GPL-2.0-or-later
//
// Octets to messages, from a peer that is not trusted.
#include <fmt/format.h>
#include <algorithm>

#include "netflow/wire.h"

namespace vmigrate::netflow {
namespace {

using wire::Multipart;
using wire::Type;

tl::unexpected<Error> malformed(std::string what) {
    return fail(ErrorKind::network, "malformed OpenFlow message: " + std::move(what));
}

Octets copied(OctetView view) {
    return {view.begin(), view.end()};
}

Port get_port(Reader& in) {
    return Port{in.u32()};
}

TableId get_table(Reader& in) {
    return TableId{in.u8()};
}

std::chrono::nanoseconds get_age(Reader& in) {
    const seconds whole(in.u32());
    constexpr std::uint32_t most = 999'999'999;
    return whole + std::chrono::nanoseconds(std::min(in.u32(), most));
}

/// Match and instructions, which fill what is left.
Result<void> get_match_and_instructions(Reader& in, Flow& flow) {
    auto match = read_match(in);
    if (!match) {
        return fail(match.error());
    }
    auto instructions = Instructions::from_octets(in.rest());
    if (!instructions) {
        return fail(instructions.error());
    }
    flow.match = std::move(*match);
    flow.instructions = std::move(*instructions);
    return {};
}

/// A hello of any version; without a list of versions it is its header's and all below.
Result<Message> get_hello(Reader& in, std::uint8_t version) {
    Hello hello{version >= 31 ? ~0U : (2U << version) - 1};
    while (in.left() > 0) {
        const auto element = in.element(2, 4);
        if (!in.ok()) {
            return malformed("hello");
        }
        if (read_u16(element.data()) == wire::hello_version_bitmap && element.size() >= 8) {
            hello.versions = read_u32(&element[4]);
        }
        in.skip(std::min(padding(element.size()), in.left()));
    }
    return hello;
}

Result<PortDescription> get_port_description(OctetView octets) {
    Reader in(octets);
    PortDescription port;
    port.port = get_port(in);
    in.skip(4);
    if (const auto mac = in.take(port.mac.octets.size()); !mac.empty()) {
        port.mac = field_value<Mac>(mac);
    }
    in.skip(2);
    for (const auto octet : in.take(wire::port_name_size)) {
        if (octet == 0) {
            break;
        }
        port.name += static_cast<char>(octet);
    }
    port.config = in.u32();
    port.state = in.u32();
    port.properties = copied(in.rest());
    if (!in.ok()) {
        return malformed("port");
    }
    return port;
}

Result<PortCounters> get_port_counters(OctetView octets) {
    Reader in(octets);
    in.skip(4);
    PortCounters counters;
    counters.port = get_port(in);
    counters.age_s = in.u32();
    counters.age_ns = in.u32();
    counters.received = in.u64();
    counters.sent = in.u64();
    counters.others = copied(in.rest());
    if (!in.ok()) {
        return malformed("port statistics");
    }
    return counters;
}

Result<Message> get_port_status(Reader& in) {
    PortStatus status;
    status.reason = static_cast<PortStatus::Reason>(in.u8());
    in.skip(7);
    auto port = get_port_description(in.element(4, wire::port_size));
    if (!port || in.left() > 0) {
        return malformed("port status");
    }
    status.port = std::move(*port);
    return status;
}

Result<Message> get_flow_removed(Reader& in) {
    FlowRemoved removed;
    auto& flow = removed.stats.flow;
    flow.cookie.value = in.u64();
    flow.priority = in.u16();
    removed.reason = static_cast<RemovedReason>(in.u8());
    flow.table = get_table(in);
    removed.stats.age = get_age(in);
    flow.idle_timeout = seconds(in.u16());
    flow.hard_timeout = seconds(in.u16());
    removed.stats.packets = in.u64();
    removed.stats.bytes.count = in.u64();
    auto match = read_match(in);
    if (!match) {
        return fail(match.error());
    }
    flow.match = std::move(*match);
    return removed;
}

Result<Message> get_packet_out(Reader& in) {
    PacketOut packet;
    in.skip(4);
    packet.in_port = get_port(in);
    const auto size = in.u16();
    in.skip(6);
    auto actions = Actions::from_octets(in.take(size));
    if (!in.ok() || !actions) {
        return malformed("packet out");
    }
    packet.actions = std::move(*actions);
    packet.packet = copied(in.rest());
    return packet;
}

Result<Message> get_packet_in(Reader& in) {
    PacketIn packet;
    in.skip(4);
    packet.total_size = in.u16();
    packet.reason = in.u8();
    packet.table = get_table(in);
    packet.cookie.value = in.u64();
    auto match = read_match(in);
    if (!match) {
        return fail(match.error());
    }
    packet.match = std::move(*match);
    in.skip(2);
    packet.packet = copied(in.rest());
    return packet;
}

Result<FlowMod> get_flow_mod(Reader& in) {
    FlowMod mod;
    auto& flow = mod.flow;
    const Cookie cookie{in.u64()};
    const auto mask = in.u64();
    flow.table = get_table(in);
    mod.command = static_cast<FlowCommand>(in.u8());
    if (mod.command == FlowCommand::add) {
        flow.cookie = cookie;  // the mask means nothing
    } else {
        mod.cookies = {cookie, mask};
    }
    flow.idle_timeout = seconds(in.u16());
    flow.hard_timeout = seconds(in.u16());
    flow.priority = in.u16();
    in.skip(4);
    mod.out_port = get_port(in);
    in.skip(4);
    flow.flags = in.u16();
    in.skip(2);
    if (auto rest = get_match_and_instructions(in, flow); !rest) {
        return fail(rest.error());
    }
    return mod;
}

Result<Message> get_flow_mod_message(Reader& in) {
    auto mod = get_flow_mod(in);
    if (!mod) {
        return fail(mod.error());
    }
    return std::move(*mod);
}

Result<FlowStats> get_flow_stats(OctetView octets) {
    Reader in(octets);
    FlowStats stats;
    auto& flow = stats.flow;
    in.skip(2);
    flow.table = get_table(in);
    in.skip(1);
    stats.age = get_age(in);
    flow.priority = in.u16();
    flow.idle_timeout = seconds(in.u16());
    flow.hard_timeout = seconds(in.u16());
    flow.flags = in.u16();
    in.skip(4);
    flow.cookie.value = in.u64();
    stats.packets = in.u64();
    stats.bytes.count = in.u64();
    if (auto rest = get_match_and_instructions(in, flow); !rest) {
        return fail(rest.error());
    }
    return stats;
}

Result<FlowUpdate> get_flow_update(OctetView octets) {
    using Event = FlowUpdate::Event;
    Reader in(octets);
    FlowUpdate update;
    in.skip(2);
    update.event = static_cast<Event>(in.u16());
    if (update.event > Event::resumed) {
        return malformed("flow update of an unknown kind");
    }
    if (update.event >= Event::abbreviated) {
        const auto xid = in.u32();
        update.xid = update.event == Event::abbreviated ? xid : 0;
        return update;
    }
    auto& flow = update.flow;
    flow.table = get_table(in);
    update.reason = static_cast<RemovedReason>(in.u8());
    flow.idle_timeout = seconds(in.u16());
    flow.hard_timeout = seconds(in.u16());
    flow.priority = in.u16();
    in.skip(4);
    flow.cookie.value = in.u64();
    if (auto rest = get_match_and_instructions(in, flow); !rest) {
        return fail(rest.error());
    }
    return update;
}

/// The elements of a multipart reply, each of which tells its size at `length_at`.
template <class T>
Result<std::vector<T>> get_list(Reader& in, std::size_t length_at, std::size_t least,
                                Result<T> (*get)(OctetView)) {
    std::vector<T> list;
    while (in.left() > 0) {
        const auto element = in.element(length_at, least);
        if (!in.ok()) {
            return malformed("an element has a wrong size");
        }
        auto value = get(element);
        if (!value) {
            return fail(value.error());
        }
        list.push_back(std::move(*value));
    }
    return list;
}

Result<Message> get_multipart_reply(Reader& in, OctetView body) {
    const auto kind = static_cast<Multipart>(in.u16());
    const bool more = (in.u16() & wire::more_follows) != 0;
    in.skip(4);
    if (!in.ok()) {
        return malformed("multipart reply");
    }
    const auto reply = [more](auto list, auto make) -> Result<Message> {
        if (!list) {
            return fail(list.error());
        }
        return make(std::move(*list), more);
    };
    switch (kind) {
        case Multipart::flow:
            return reply(get_list(in, 0, wire::flow_stats_size, get_flow_stats),
                         [](auto list, bool m) {
                             return FlowStatsReply{std::move(list), m};
                         });
        case Multipart::port_stats:
            return reply(get_list(in, 0, wire::port_counters_size, get_port_counters),
                         [](auto list, bool m) {
                             return PortStatsReply{std::move(list), m};
                         });
        case Multipart::port_desc:
            return reply(get_list(in, 4, wire::port_size, get_port_description),
                         [](auto list, bool m) {
                             return PortDescReply{std::move(list), m};
                         });
        case Multipart::flow_monitor:
            return reply(get_list(in, 0, wire::short_update_size, get_flow_update),
                         [](auto list, bool m) {
                             return FlowMonitorReply{std::move(list), m};
                         });
    }
    return UnknownMessage{static_cast<std::uint8_t>(Type::multipart_reply), copied(body)};
}

Result<Message> get_flow_stats_request(Reader& in) {
    FlowFilter filter;
    filter.table = get_table(in);
    in.skip(3);
    filter.out_port = get_port(in);
    in.skip(8);
    filter.cookies.cookie.value = in.u64();
    filter.cookies.mask = in.u64();
    auto match = read_match(in);
    if (!match) {
        return fail(match.error());
    }
    filter.match = std::move(*match);
    return FlowStatsRequest{std::move(filter)};
}

Result<Message> get_monitor_request(Reader& in) {
    FlowMonitorRequest request;
    request.id = in.u32();
    request.out_port = get_port(in);
    in.skip(4);
    request.flags = in.u16();
    request.table = get_table(in);
    const auto command = in.u8();
    auto match = read_match(in);
    if (!match) {
        return fail(match.error());
    }
    if (command == wire::monitor_delete) {
        return FlowMonitorCancel{request.id};
    }
    request.match = std::move(*match);
    return request;
}

Result<Message> get_multipart_request(Reader& in, OctetView body) {
    const auto kind = static_cast<Multipart>(in.u16());
    in.skip(6);
    if (!in.ok()) {
        return malformed("multipart request");
    }
    switch (kind) {
        case Multipart::flow:
            return get_flow_stats_request(in);
        case Multipart::port_stats:
            return PortStatsRequest{get_port(in)};
        case Multipart::port_desc:
            return PortDescRequest{};
        case Multipart::flow_monitor:
            return get_monitor_request(in);
    }
    return UnknownMessage{static_cast<std::uint8_t>(Type::multipart_request), copied(body)};
}

Result<Message> get_set_async(Reader& in) {
    SetAsync async;
    while (in.left() > 0) {
        Reader property(in.element(2, 8));
        const auto kind = property.u16();
        property.skip(2);
        const auto mask = property.u32();
        if (kind == wire::async_packet_in) {
            async.packet_in = mask;
        } else if (kind == wire::async_port_status) {
            async.port_status = mask;
        } else if (kind == wire::async_flow_removed) {
            async.flow_removed = mask;
        }
    }
    return async;
}

Result<Message> get_experimenter(Reader& in, OctetView body) {
    const auto vendor = in.u32();
    const auto kind = in.u32();
    if (vendor == action::nicira && kind == wire::set_controller_id) {
        in.skip(6);
        return SetControllerId{in.u16()};
    }
    return UnknownMessage{static_cast<std::uint8_t>(Type::experimenter), copied(body)};
}

Result<Message> get_features(Reader& in) {
    FeaturesReply features;
    features.datapath_id = in.u64();
    features.buffers = in.u32();
    features.tables = in.u8();
    features.auxiliary_id = in.u8();
    in.skip(2);
    features.capabilities = in.u32();
    in.skip(4);
    return features;
}

Result<Message> get_bundle_control(Reader& in) {
    BundleControl control;
    control.id = in.u32();
    control.type = static_cast<BundleControl::Type>(in.u16());
    control.flags = in.u16();
    return control;
}

Result<Message> get_bundle_add(Reader& in, OctetView body) {
    BundleAdd add;
    add.id = in.u32();
    in.skip(2);
    add.flags = in.u16();
    Reader inner(in.element(2, header_size));
    inner.skip(1);
    const auto type = inner.u8();
    inner.skip(6);
    if (!in.ok()) {
        return malformed("bundle add");
    }
    if (Type{type} != Type::flow_mod) {
        return UnknownMessage{static_cast<std::uint8_t>(Type::bundle_add), copied(body)};
    }
    auto change = get_flow_mod(inner);
    if (!change) {
        return fail(change.error());
    }
    add.change = std::move(*change);
    return add;
}

Result<Message> get_error(Reader& in) {
    ErrorMessage error;
    error.type = in.u16();
    error.code = in.u16();
    error.data = copied(in.rest());
    return error;
}

Result<Message> get_body(std::uint8_t type, OctetView body) {
    Reader in(body);
    auto message = [&]() -> Result<Message> {
        switch (Type{type}) {
            case Type::hello:
                break;  // of any version: see decode()
            case Type::error:
                return get_error(in);
            case Type::echo_request:
                return EchoRequest{copied(in.rest())};
            case Type::echo_reply:
                return EchoReply{copied(in.rest())};
            case Type::experimenter:
                return get_experimenter(in, body);
            case Type::features_request:
                return FeaturesRequest{};
            case Type::features_reply:
                return get_features(in);
            case Type::set_config: {
                const auto flags = in.u16();
                return SetConfig{flags, in.u16()};
            }
            case Type::packet_in:
                return get_packet_in(in);
            case Type::flow_removed:
                return get_flow_removed(in);
            case Type::port_status:
                return get_port_status(in);
            case Type::packet_out:
                return get_packet_out(in);
            case Type::flow_mod:
                return get_flow_mod_message(in);
            case Type::multipart_request:
                return get_multipart_request(in, body);
            case Type::multipart_reply:
                return get_multipart_reply(in, body);
            case Type::barrier_request:
                return BarrierRequest{};
            case Type::barrier_reply:
                return BarrierReply{};
            case Type::set_async:
                return get_set_async(in);
            case Type::bundle_control:
                return get_bundle_control(in);
            case Type::bundle_add:
                return get_bundle_add(in, body);
        }
        return UnknownMessage{type, copied(body)};
    }();
    if (message && !in.ok()) {
        return malformed(fmt::format("type {} is too short", type));
    }
    return message;
}

}  // namespace

std::optional<std::size_t> message_size(OctetView octets) {
    return octets.size() < header_size ? std::nullopt
                                       : std::optional<std::size_t>(read_u16(&octets[2]));
}

Result<Envelope> decode(OctetView octets) {
    if (message_size(octets) != octets.size()) {
        return malformed("its size is not what its header says");
    }
    const auto version = octets[0];
    const auto type = octets[1];
    const auto body = octets.subspan(header_size);
    Reader hello(body);
    auto message = [&]() -> Result<Message> {
        if (Type{type} == Type::hello) {
            return get_hello(hello, version);
        }
        // a switch that speaks no version of ours says so in its own one
        if (version != openflow14 && Type{type} != Type::error) {
            return malformed(fmt::format("version {}", version));
        }
        return get_body(type, body);
    }();
    if (!message) {
        return fail(message.error());
    }
    return Envelope{read_u32(&octets[4]), std::move(*message)};
}

}  // namespace vmigrate::netflow
