// SPDX-License-Identifier: GPL-2.0-or-later
//
// Messages to octets.
#include <algorithm>

#include "netflow/wire.h"

namespace vmigrate::netflow {
namespace {

using wire::Multipart;
using wire::Type;

constexpr std::size_t largest = 0xffff;

std::uint16_t wire_timeout(seconds timeout) {
    return static_cast<std::uint16_t>(std::clamp<seconds::rep>(timeout.count(), 0, 0xffff));
}

void put_port(Writer& out, Port port) {
    out.u32(static_cast<std::uint32_t>(port));
}

void put_table(Writer& out, TableId table) {
    out.u8(static_cast<std::uint8_t>(table));
}

void put_port_counters(Writer& out, const PortCounters& counters) {
    const auto from = out.size();
    out.u16(0);
    out.zeros(2);
    put_port(out, counters.port);
    out.u32(counters.age_s);
    out.u32(counters.age_ns);
    out.u64(counters.received);
    out.u64(counters.sent);
    out.octets(counters.others);
    out.set_length(from, from);
}

void put_port_description(Writer& out, const PortDescription& port) {
    const auto from = out.size();
    put_port(out, port.port);
    out.u16(0);
    out.zeros(2);
    out.octets(port.mac.octets);
    out.zeros(2);
    const auto size = std::min(port.name.size(), wire::port_name_size);
    for (std::size_t i = 0; i < size; ++i) {
        out.u8(static_cast<std::uint8_t>(port.name[i]));
    }
    out.zeros(wire::port_name_size - size);
    out.u32(port.config);
    out.u32(port.state);
    out.octets(port.properties);
    out.set_length(from + 4, from);
}

void put_age(Writer& out, std::chrono::nanoseconds age) {
    const auto whole = std::chrono::floor<seconds>(age);
    out.u32(static_cast<std::uint32_t>(whole.count()));
    out.u32(static_cast<std::uint32_t>((age - whole).count()));
}

void put_flow_stats(Writer& out, const FlowStats& stats) {
    const auto& flow = stats.flow;
    const auto from = out.size();
    out.u16(0);
    put_table(out, flow.table);
    out.zeros(1);
    put_age(out, stats.age);
    out.u16(flow.priority);
    out.u16(wire_timeout(flow.idle_timeout));
    out.u16(wire_timeout(flow.hard_timeout));
    out.u16(flow.flags);
    out.zeros(4);
    out.u64(flow.cookie.value);
    out.u64(stats.packets);
    out.u64(stats.bytes.count);
    write_match(out, flow.match);
    out.octets(flow.instructions.octets());
    out.set_length(from, from);
}

void put_flow_update(Writer& out, const FlowUpdate& update) {
    using Event = FlowUpdate::Event;
    const auto from = out.size();
    out.u16(0);
    out.u16(static_cast<std::uint16_t>(update.event));
    if (update.event >= Event::abbreviated) {
        out.u32(update.event == Event::abbreviated ? update.xid : 0);
    } else {
        const auto& flow = update.flow;
        put_table(out, flow.table);
        out.u8(static_cast<std::uint8_t>(update.reason));
        out.u16(wire_timeout(flow.idle_timeout));
        out.u16(wire_timeout(flow.hard_timeout));
        out.u16(flow.priority);
        out.zeros(4);
        out.u64(flow.cookie.value);
        write_match(out, flow.match);
        out.octets(flow.instructions.octets());
    }
    out.set_length(from, from);
}

void put_async(Writer& out, std::uint16_t property, std::uint32_t mask) {
    out.u16(property);
    out.u16(8);
    out.u32(mask);
}

/// Writes one message's body, and says of which type it is.
class Body {
  public:
    Body(Writer& out, Xid xid) : out_(out), xid_(xid) {}

    Type operator()(const Hello& hello) {
        out_.u16(wire::hello_version_bitmap);
        out_.u16(8);
        out_.u32(hello.versions);
        return Type::hello;
    }
    Type operator()(const ErrorMessage& error) {
        out_.u16(error.type);
        out_.u16(error.code);
        out_.octets(error.data);
        return Type::error;
    }
    Type operator()(const EchoRequest& echo) {
        out_.octets(echo.data);
        return Type::echo_request;
    }
    Type operator()(const EchoReply& echo) {
        out_.octets(echo.data);
        return Type::echo_reply;
    }
    Type operator()(const FeaturesRequest&) { return Type::features_request; }
    Type operator()(const FeaturesReply& features) {
        out_.u64(features.datapath_id);
        out_.u32(features.buffers);
        out_.u8(features.tables);
        out_.u8(features.auxiliary_id);
        out_.zeros(2);
        out_.u32(features.capabilities);
        out_.zeros(4);
        return Type::features_reply;
    }
    Type operator()(const SetConfig& config) {
        out_.u16(config.flags);
        out_.u16(config.miss_send_length);
        return Type::set_config;
    }
    Type operator()(const BarrierRequest&) { return Type::barrier_request; }
    Type operator()(const BarrierReply&) { return Type::barrier_reply; }
    Type operator()(const SetAsync& async) {
        put_async(out_, wire::async_packet_in, async.packet_in);
        put_async(out_, wire::async_port_status, async.port_status);
        put_async(out_, wire::async_flow_removed, async.flow_removed);
        return Type::set_async;
    }
    Type operator()(const SetControllerId& controller) {
        out_.u32(action::nicira);
        out_.u32(wire::set_controller_id);
        out_.zeros(6);
        out_.u16(controller.id);
        return Type::experimenter;
    }
    Type operator()(const PortStatus& status) {
        out_.u8(static_cast<std::uint8_t>(status.reason));
        out_.zeros(7);
        put_port_description(out_, status.port);
        return Type::port_status;
    }
    Type operator()(const FlowRemoved& removed) {
        const auto& flow = removed.stats.flow;
        out_.u64(flow.cookie.value);
        out_.u16(flow.priority);
        out_.u8(static_cast<std::uint8_t>(removed.reason));
        put_table(out_, flow.table);
        put_age(out_, removed.stats.age);
        out_.u16(wire_timeout(flow.idle_timeout));
        out_.u16(wire_timeout(flow.hard_timeout));
        out_.u64(removed.stats.packets);
        out_.u64(removed.stats.bytes.count);
        write_match(out_, flow.match);
        return Type::flow_removed;
    }
    Type operator()(const PacketOut& packet) {
        out_.u32(wire::no_buffer);
        put_port(out_, packet.in_port);
        out_.u16(static_cast<std::uint16_t>(packet.actions.octets().size()));
        out_.zeros(6);
        out_.octets(packet.actions.octets());
        out_.octets(packet.packet);
        return Type::packet_out;
    }
    Type operator()(const PacketIn& packet) {
        out_.u32(wire::no_buffer);
        out_.u16(packet.total_size);
        out_.u8(packet.reason);
        put_table(out_, packet.table);
        out_.u64(packet.cookie.value);
        write_match(out_, packet.match);
        out_.zeros(2);
        out_.octets(packet.packet);
        return Type::packet_in;
    }
    Type operator()(const FlowMod& mod) {
        const auto& flow = mod.flow;
        const bool adds = mod.command == FlowCommand::add;
        out_.u64(adds ? flow.cookie.value : mod.cookies.cookie.value);
        out_.u64(adds ? 0 : mod.cookies.mask);
        put_table(out_, flow.table);
        out_.u8(static_cast<std::uint8_t>(mod.command));
        out_.u16(wire_timeout(flow.idle_timeout));
        out_.u16(wire_timeout(flow.hard_timeout));
        out_.u16(flow.priority);
        out_.u32(wire::no_buffer);
        put_port(out_, mod.out_port);
        out_.u32(wire::any_group);
        out_.u16(flow.flags);
        out_.u16(0);  // importance
        write_match(out_, flow.match);
        out_.octets(flow.instructions.octets());
        return Type::flow_mod;
    }
    Type operator()(const FlowStatsRequest& request) {
        const auto& filter = request.filter;
        multipart(Multipart::flow, false);
        put_table(out_, filter.table);
        out_.zeros(3);
        put_port(out_, filter.out_port);
        out_.u32(wire::any_group);
        out_.zeros(4);
        out_.u64(filter.cookies.cookie.value);
        out_.u64(filter.cookies.mask);
        write_match(out_, filter.match);
        return Type::multipart_request;
    }
    Type operator()(const FlowStatsReply& reply) {
        multipart(Multipart::flow, reply.more);
        std::ranges::for_each(reply.flows, [this](auto& one) { put_flow_stats(out_, one); });
        return Type::multipart_reply;
    }
    Type operator()(const PortDescRequest&) {
        multipart(Multipart::port_desc, false);
        return Type::multipart_request;
    }
    Type operator()(const PortDescReply& reply) {
        multipart(Multipart::port_desc, reply.more);
        std::ranges::for_each(reply.ports, [this](auto& one) { put_port_description(out_, one); });
        return Type::multipart_reply;
    }
    Type operator()(const PortStatsRequest& request) {
        multipart(Multipart::port_stats, false);
        put_port(out_, request.port);
        out_.zeros(4);
        return Type::multipart_request;
    }
    Type operator()(const PortStatsReply& reply) {
        multipart(Multipart::port_stats, reply.more);
        std::ranges::for_each(reply.ports, [this](auto& one) { put_port_counters(out_, one); });
        return Type::multipart_reply;
    }
    Type operator()(const FlowMonitorRequest& request) {
        monitor(request, wire::monitor_add);
        return Type::multipart_request;
    }
    Type operator()(const FlowMonitorCancel& cancel) {
        monitor({.id = cancel.id, .flags = 0}, wire::monitor_delete);
        return Type::multipart_request;
    }
    Type operator()(const FlowMonitorReply& reply) {
        multipart(Multipart::flow_monitor, reply.more);
        std::ranges::for_each(reply.updates, [this](auto& one) { put_flow_update(out_, one); });
        return Type::multipart_reply;
    }
    Type operator()(const BundleControl& control) {
        out_.u32(control.id);
        out_.u16(static_cast<std::uint16_t>(control.type));
        out_.u16(control.flags);
        return Type::bundle_control;
    }
    Type operator()(const BundleAdd& add) {
        out_.u32(add.id);
        out_.zeros(2);
        out_.u16(add.flags);
        message(add.change);
        return Type::bundle_add;
    }
    Type operator()(const UnknownMessage& unknown) {
        out_.octets(unknown.body);
        return Type{unknown.type};
    }

    /// Header and body.
    template <class M>
    void message(const M& message) {
        const auto from = out_.size();
        out_.u8(openflow14);
        out_.u8(0);
        out_.u16(0);
        out_.u32(xid_);
        out_.set_type(from + 1, static_cast<std::uint8_t>((*this)(message)));
        out_.set_length(from + 2, from);
    }

  private:
    void multipart(Multipart kind, bool more) {
        out_.u16(static_cast<std::uint16_t>(kind));
        out_.u16(more ? wire::more_follows : std::uint16_t{0});
        out_.zeros(4);
    }
    void monitor(const FlowMonitorRequest& request, std::uint8_t command) {
        multipart(Multipart::flow_monitor, false);
        out_.u32(request.id);
        put_port(out_, request.out_port);
        out_.u32(wire::any_group);
        out_.u16(request.flags);
        put_table(out_, request.table);
        out_.u8(command);
        write_match(out_, request.match);
    }

    Writer& out_;
    Xid xid_;
};

}  // namespace

Result<void> encode(Octets& out, const Message& message, Xid xid) {
    const auto before = out.size();
    Writer writer(out);
    Body body(writer, xid);
    std::visit([&body](const auto& one) { body.message(one); }, message);
    if (out.size() - before > largest) {
        out.resize(before);
        return fail(ErrorKind::usage, "too large for one OpenFlow message");
    }
    return {};
}

}  // namespace vmigrate::netflow
