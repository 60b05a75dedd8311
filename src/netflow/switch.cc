// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/switch.h"

namespace vmigrate::netflow {
namespace {

constexpr std::size_t sent_at_once = 256;

tl::unexpected<Error> unexpected_answer() {
    return fail(ErrorKind::network, "the switch gave an answer of another kind");
}

/// Collects a reply that comes in parts.
template <class Reply, class T>
Result<bool> collect(Envelope& envelope, std::vector<T> Reply::*part, std::vector<T>& all) {
    auto* reply = std::get_if<Reply>(&envelope.message);
    if (reply == nullptr) {
        return unexpected_answer();
    }
    auto& more = reply->*part;
    all.insert(all.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
    return reply->more;
}

}  // namespace

Result<Switch> Switch::connect(const Endpoint& endpoint, milliseconds timeout) {
    auto session = Session::open(endpoint, timeout);
    if (!session) {
        return fail(session.error());
    }
    return Switch(std::move(*session), timeout);
}

void Switch::keep(Envelope envelope) {
    const auto& message = envelope.message;
    if (std::holds_alternative<PortStatus>(message) ||
        std::holds_alternative<FlowRemoved>(message) || std::holds_alternative<PacketIn>(message)) {
        events_.push_back(std::move(envelope));
    }
}

Result<Envelope> Switch::answer(Xid first, Xid last, TimePoint until) {
    auto alive = session_.pump();
    for (;;) {
        while (auto envelope = session_.next()) {
            // also right when the numbers begin anew in between
            if (envelope->xid - first <= last - first) {
                return std::move(*envelope);
            }
            keep(std::move(*envelope));
        }
        // after what was received before the end
        if (!alive) {
            return fail(alive.error());
        }
        alive = session_.wait(until);
    }
}

Result<Envelope> Switch::ask(const Message& request) {
    const auto xid = session_.send(request);
    if (!xid) {
        return fail(xid.error());
    }
    auto envelope = answer(*xid, *xid, until());
    if (envelope) {
        if (const auto* error = std::get_if<ErrorMessage>(&envelope->message)) {
            return fail(ErrorKind::network, format(*error));
        }
    }
    return envelope;
}

Result<void> Switch::settle(Xid first, TimePoint until) {
    const auto barrier = session_.send(BarrierRequest{});
    return barrier ? settle(first, *barrier, until) : fail(barrier.error());
}

Result<void> Switch::settle(Xid first, Xid last, TimePoint until) {
    Result<void> result;
    for (;;) {
        const auto envelope = answer(first, last, until);
        if (!envelope) {
            return fail(envelope.error());
        }
        const auto* error = std::get_if<ErrorMessage>(&envelope->message);
        if (error != nullptr && result) {
            result = fail(ErrorKind::network, format(*error));
        }
        if (envelope->xid == last) {
            return result;
        }
    }
}

Result<std::vector<FlowStats>> Switch::dump_flows(const FlowFilter& filter) {
    const auto end = until();
    std::vector<FlowStats> flows;
    auto envelope = ask(FlowStatsRequest{filter});
    while (envelope) {
        const auto more = collect(*envelope, &FlowStatsReply::flows, flows);
        if (!more) {
            return fail(more.error());
        }
        if (!*more) {
            return flows;
        }
        envelope = answer(envelope->xid, envelope->xid, end);
    }
    return fail(envelope.error());
}

Result<std::vector<PortDescription>> Switch::ports() {
    const auto end = until();
    std::vector<PortDescription> ports;
    auto envelope = ask(PortDescRequest{});
    while (envelope) {
        const auto more = collect(*envelope, &PortDescReply::ports, ports);
        if (!more) {
            return fail(more.error());
        }
        if (!*more) {
            return ports;
        }
        envelope = answer(envelope->xid, envelope->xid, end);
    }
    return fail(envelope.error());
}

Result<PortCounters> Switch::counters(Port port) {
    const auto envelope = ask(PortStatsRequest{port});
    if (!envelope) {
        return fail(envelope.error());
    }
    const auto* reply = std::get_if<PortStatsReply>(&envelope->message);
    if (reply != nullptr && reply->ports.empty()) {
        return fail(ErrorKind::not_found, "it has no port " + format(port));
    }
    if (reply == nullptr || reply->ports.size() != 1 || reply->more) {
        return unexpected_answer();
    }
    return reply->ports.front();
}

Result<FeaturesReply> Switch::features() {
    auto envelope = ask(FeaturesRequest{});
    if (!envelope) {
        return fail(envelope.error());
    }
    const auto* reply = std::get_if<FeaturesReply>(&envelope->message);
    if (reply == nullptr) {
        return unexpected_answer();
    }
    return *reply;
}

Result<void> Switch::change(const FlowMod& mod) {
    const auto xid = session_.send(mod);
    return xid ? settle(*xid, until()) : fail(xid.error());
}

Result<void> Switch::post(std::span<const FlowMod> mods) {
    for (const auto& mod : mods) {
        if (const auto xid = session_.send(mod); !xid) {
            return fail(xid.error());
        }
    }
    return on_ready();
}

Result<void> Switch::post(const PacketOut& packet) {
    const auto xid = session_.send(packet);
    return xid ? on_ready() : fail(xid.error());
}

Result<void> Switch::packet_out(const PacketOut& packet) {
    const auto xid = session_.send(packet);
    return xid ? settle(*xid, until()) : fail(xid.error());
}

Result<void> Switch::barrier() {
    const auto envelope = ask(BarrierRequest{});
    return envelope ? Result<void>() : fail(envelope.error());
}

Result<void> Switch::control(std::uint32_t bundle, BundleControl::Type type, TimePoint until) {
    const auto xid = session_.send(BundleControl{.id = bundle, .type = type});
    if (!xid) {
        return fail(xid.error());
    }
    const auto envelope = answer(*xid, *xid, until);
    if (!envelope) {
        return fail(envelope.error());
    }
    if (const auto* error = std::get_if<ErrorMessage>(&envelope->message)) {
        return fail(ErrorKind::network, format(*error));
    }
    return {};
}

Result<void> Switch::change_all(std::span<const FlowMod> mods) {
    using Type = BundleControl::Type;
    const auto end = until();
    const auto bundle = next_bundle_++;
    const auto opened = session_.send(BundleControl{.id = bundle, .type = Type::open_request});
    if (!opened) {
        return fail(opened.error());
    }
    Result<void> taken;
    std::size_t sent = 0;
    for (const auto& mod : mods) {
        if (const auto xid = session_.send(BundleAdd{.id = bundle, .change = mod}); !xid) {
            taken = fail(xid.error());
            break;
        }
        if (++sent % sent_at_once == 0) {
            // the switch has something to do while we go on; a failure comes again below
            static_cast<void>(session_.pump());
        }
    }
    // OVS leaves out a change that it refuses and would commit the rest: so all answers come first
    if (auto settled = settle(*opened, end); !settled) {
        taken = settled;
    }
    if (!taken) {
        if (taken.error().kind != ErrorKind::unreachable) {
            // it may not even be open; what was wrong has been said
            static_cast<void>(control(bundle, Type::discard_request, end));
        }
        return taken;
    }
    // a change that does not go in is named by an answer of its own, before that of the commit
    const auto committed = session_.send(BundleControl{.id = bundle, .type = Type::commit_request});
    return committed ? settle(*opened, *committed, end) : fail(committed.error());
}

Result<void> Switch::subscribe(const SetAsync& which, std::uint16_t controller) {
    const auto first = session_.send(which);
    if (!first) {
        return fail(first.error());
    }
    if (const auto xid = session_.send(SetControllerId{controller}); !xid) {
        return fail(xid.error());
    }
    // without it no packet comes to a bridge's own socket
    if (const auto xid = session_.send(SetConfig{}); !xid) {
        return fail(xid.error());
    }
    return settle(*first, until());
}

Result<void> Switch::on_ready() {
    auto alive = session_.pump();
    while (auto envelope = session_.next()) {
        keep(std::move(*envelope));
    }
    return alive;
}

std::optional<Envelope> Switch::next_event() {
    // what came together with the answer to the last request
    while (auto envelope = session_.next()) {
        keep(std::move(*envelope));
    }
    if (events_.empty()) {
        return std::nullopt;
    }
    auto envelope = std::move(events_.front());
    events_.pop_front();
    return envelope;
}

}  // namespace vmigrate::netflow
