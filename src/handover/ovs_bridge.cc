// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/ovs_bridge.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "handover/pieces.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;

std::string version_key(Mac mac) {
    return "vmigrate-" + format(mac);
}

/// "VERSION at ADDRESS", while a move is under way "VERSION locked SECONDS" of the clock of whoever
/// moves it.
constexpr std::string_view locked_word = " locked ";
constexpr std::string_view place_word = " at ";

std::string note_of(std::uint64_t version, OvsBridge::Lock lock, Ipv4 place) {
    if (lock == OvsBridge::Lock::free) {
        return fmt::format("{}{}{}", version, place_word, format(place));
    }
    const auto since = std::chrono::floor<seconds>(std::chrono::system_clock::now());
    return fmt::format("{}{}{}", version, locked_word, since.time_since_epoch().count());
}

/// 0 where there is none.
std::uint64_t number_at(std::string_view text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::string value_of(const ExternalIds& ids, const std::string& key) {
    const auto found = ids.find(key);
    return found != ids.end() ? found->second : "";
}

PacketOut blank(Port port, Mac to, Mac from) {
    constexpr std::array<std::uint8_t, 2> type{0x88, 0xb5};  // for local experiments, IEEE 802
    constexpr std::size_t shortest = 60;
    PacketOut out;
    out.actions.output(port);
    out.packet.assign(to.octets.begin(), to.octets.end());
    out.packet.insert(out.packet.end(), from.octets.begin(), from.octets.end());
    out.packet.insert(out.packet.end(), type.begin(), type.end());
    out.packet.resize(shortest);
    return out;
}

}  // namespace

FlowFilter sent_to(Mac mac) {
    FlowFilter filter;
    filter.match.set(field::eth_dst, mac);
    return filter;
}

FlowFilter sent_from(Port port) {
    FlowFilter filter;
    filter.match.set(field::in_port, port);
    return filter;
}

FlowFilter brought_to(Port port) {
    FlowFilter filter;
    filter.out_port = port;
    return filter;
}

Error OvsBridge::named(const Error& error) const {
    return {error.kind, "switch of " + host_.name + ": " + error.message};
}

/// A connection that was idle may have been lost long ago; so a lost one is tried anew, once. All
/// our requests may be repeated.
template <class Connection, class Request>
auto OvsBridge::on(std::optional<Connection>& connection, const Endpoint& endpoint, Request request)
    -> decltype(request(*connection)) {
    for (bool again = connection.has_value();; again = false) {
        if (!connection) {
            auto connected = Connection::connect(endpoint, timeout_);
            if (!connected) {
                return fail(named(connected.error()));
            }
            connection.emplace(std::move(*connected));
        }
        auto result = request(*connection);
        if (result) {
            return result;
        }
        if (result.error().kind == ErrorKind::unreachable) {
            connection.reset();
            if (again) {
                continue;
            }
        }
        return fail(named(result.error()));
    }
}

template <class Request>
auto OvsBridge::on_switch(Request request) -> decltype(request(std::declval<Switch&>())) {
    return on(switch_, host_.openflow, std::move(request));
}

template <class Request>
auto OvsBridge::on_database(Request request) -> decltype(request(std::declval<Ovsdb&>())) {
    return on(database_, host_.ovsdb, std::move(request));
}

Result<void> OvsBridge::apply(const Step& step) {
    if (step.changes.empty()) {
        return {};
    }
    return on_switch([&](Switch& it) {
        if (step.changes.size() == 1) {  // all or nothing by itself, and told with one answer less
            return it.change(step.changes.front());
        }
        return step.in_pieces ? change_in_pieces(it, step.changes) : it.change_all(step.changes);
    });
}

Result<std::vector<FlowStats>> OvsBridge::stats(const FlowFilter& filter) {
    return on_switch([&](Switch& it) { return it.dump_flows(filter); });
}

Result<FlowList> OvsBridge::flows(const FlowFilter& filter) {
    const auto found = stats(filter);
    if (!found) {
        return fail(found.error());
    }
    FlowList flows;
    for (const auto& one : *found) {
        flows.push_back(one.flow);
    }
    return flows;
}

Result<std::vector<PortDescription>> OvsBridge::ports() {
    return on_switch([](Switch& it) { return it.ports(); });
}

Result<std::optional<Port>> OvsBridge::port_of(const std::string& iface_id) {
    const auto found = on_database([&](Ovsdb& it) { return it.interfaces_of(iface_id); });
    if (!found) {
        return fail(found.error());
    }
    for (const auto& interface : *found) {
        if (interface.port) {
            return interface.port;
        }
    }
    return std::optional<Port>();
}

Result<std::uint64_t> OvsBridge::taken_from(Port port) {
    const auto counters = on_switch([&](Switch& it) { return it.counters(port); });
    if (!counters) {
        return fail(counters.error());
    }
    return counters->sent;
}

Result<void> OvsBridge::send(const PacketOut& packet) {
    return on_switch([&](Switch& it) { return it.packet_out(packet); });
}

Result<void> OvsBridge::send_blank(Port port, Mac to, Mac from) {
    return send(blank(port, to, from));
}

Result<void> OvsBridge::post_blank(Port port, Mac to, Mac from) {
    return on_switch([&](Switch& it) { return it.post(blank(port, to, from)); });
}

Result<std::string> OvsBridge::note(Mac mac) {
    const auto ids =
        on_database([&](Ovsdb& it) { return it.external_ids(Ovsdb::Table::bridge, host_.bridge); });
    if (!ids) {
        return fail(ids.error());
    }
    return value_of(*ids, version_key(mac));
}

Result<std::uint64_t> OvsBridge::version(Mac mac) {
    const auto text = note(mac);
    if (!text) {
        return fail(text.error());
    }
    return number_at(*text);
}

Result<std::optional<WallTime>> OvsBridge::locked_since(Mac mac) {
    const auto text = note(mac);
    if (!text) {
        return fail(text.error());
    }
    const auto word = text->find(locked_word);
    if (word == std::string::npos) {
        return std::optional<WallTime>();
    }
    const auto since = number_at(std::string_view(*text).substr(word + locked_word.size()));
    return std::optional(WallTime(seconds(since)));
}

Result<OvsBridge::Place> OvsBridge::place(Mac mac) {
    const auto text = note(mac);
    if (!text) {
        return fail(text.error());
    }
    Place place{number_at(*text), std::nullopt};
    if (const auto word = text->find(place_word); word != std::string::npos) {
        if (const auto address = parse_ipv4(text->substr(word + place_word.size()))) {
            place.address = *address;
        }
    }
    return place;
}

Result<bool> OvsBridge::claim(Mac mac, std::uint64_t version, Lock lock, Ipv4 place) {
    const auto key = version_key(mac);
    constexpr int attempts = 5;  // somebody else may come between reading and writing
    for (int attempt = 0; attempt < attempts; ++attempt) {
        const auto ids = on_database(
            [&](Ovsdb& it) { return it.external_ids(Ovsdb::Table::bridge, host_.bridge); });
        if (!ids) {
            return fail(ids.error());
        }
        const auto known = value_of(*ids, key);
        if (number_at(known) > version) {
            return false;
        }
        const auto wanted = note_of(version, lock, place);
        if (known == wanted) {
            return true;  // a switch looks at all of its configuration when it is written to
        }
        const auto done = on_database([&](Ovsdb& it) {
            return it.set_external_ids_if(Ovsdb::Table::bridge, host_.bridge, *ids,
                                          {{key, wanted}});
        });
        if (!done) {
            return fail(done.error());
        }
        if (*done) {
            return true;
        }
    }
    return fail(named({ErrorKind::busy, "others keep changing the guest's version"}));
}

}  // namespace vmigrate::handover
