// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/ovs_remains.h"

#include <fmt/format.h>

#include <charconv>

#include "orchestrator/json.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;

std::string hex_of(OctetView octets) {
    std::string text;
    for (const auto octet : octets) {
        text += fmt::format("{:02x}", octet);
    }
    return text;
}

Octets octets_of(std::string_view hex) {
    Octets octets;
    for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
        unsigned value = 0;
        std::from_chars(hex.data() + at, hex.data() + at + 2, value, 16);
        octets.push_back(static_cast<std::uint8_t>(value));
    }
    return octets;
}

/// A list, for there may be many: table, priority, match; cookie, idle, hard, flags.
Json to_json(const HandedOver& one) {
    return Json::array({static_cast<unsigned>(one.copy.table), one.copy.priority,
                        hex_of(one.copy.match.entries()), one.original.cookie.value,
                        one.original.idle_timeout.count(), one.original.hard_timeout.count(),
                        one.original.flags});
}

Json to_json(const std::vector<HandedOver>& all) {
    auto list = Json::array();
    for (const auto& one : all) {
        list.push_back(to_json(one));
    }
    return list;
}

// at() and get() throw where something is missing or of another type; parse_remains() catches.

std::vector<HandedOver> handed_over(const Json& list) {
    std::vector<HandedOver> all;
    for (const auto& from : list) {
        HandedOver one;
        one.copy.table = static_cast<TableId>(from.at(0).get<unsigned>());
        one.copy.priority = from.at(1).get<std::uint16_t>();
        const auto match = Match::from_entries(octets_of(from.at(2).get<std::string>()));
        if (!match) {
            continue;  // then the controller has to answer
        }
        one.copy.match = *match;
        one.original.cookie = {from.at(3).get<std::uint64_t>()};
        one.original.idle_timeout = seconds(from.at(4).get<std::int64_t>());
        one.original.hard_timeout = seconds(from.at(5).get<std::int64_t>());
        one.original.flags = from.at(6).get<std::uint16_t>();
        all.push_back(std::move(one));
    }
    return all;
}

}  // namespace

std::string to_text(const OvsRemains& remains) {
    Json json = {{"version", remains.version}, {"mark", remains.migration}};
    json["cards"] = Json::array();
    for (const auto& nic : remains.nics) {
        json["cards"].push_back(
            {{"mac", format(nic.mac)},
             {"vni", nic.vni ? Json(static_cast<std::uint64_t>(*nic.vni)) : Json(nullptr)},
             {"port_at_source", static_cast<std::uint32_t>(nic.at_source)},
             {"port_at_destination", static_cast<std::uint32_t>(nic.at_destination)}});
    }
    json["copies"] = to_json(remains.copies);
    json["ways_back"] = to_json(remains.ways_back);
    return line(json);
}

Result<OvsRemains> parse_remains(const std::string& text) {
    const auto unreadable = fail(ErrorKind::storage, "what the move has left cannot be read");
    try {
        const auto json = Json::parse(text);
        OvsRemains remains;
        remains.version = json.at("version").get<std::uint64_t>();
        remains.migration = json.at("mark").get<std::uint32_t>();
        for (const auto& one : json.at("cards")) {
            const auto mac = parse_mac(one.at("mac").get<std::string>());
            if (!mac) {
                return unreadable;
            }
            GuestNic nic;
            nic.mac = *mac;
            if (const auto& vni = one.at("vni"); !vni.is_null()) {
                nic.vni = TunnelId{vni.get<std::uint64_t>()};
            }
            nic.at_source = Port{one.at("port_at_source").get<std::uint32_t>()};
            nic.at_destination = Port{one.at("port_at_destination").get<std::uint32_t>()};
            remains.nics.push_back(nic);
        }
        remains.copies = handed_over(json.at("copies"));
        remains.ways_back = handed_over(json.at("ways_back"));
        return remains;
    } catch (const Json::exception&) {
        return unreadable;
    }
}

std::vector<HandedOver> found_again(const std::vector<HandedOver>& known, const FlowList& there) {
    std::unordered_map<FlowKey, const Flow*, FlowKeyHash> by_key;
    for (const auto& flow : there) {
        by_key.emplace(FlowKey::of(flow), &flow);
    }
    std::vector<HandedOver> found;
    for (const auto& one : known) {
        const auto at = by_key.find(FlowKey::of(one.copy));
        if (at != by_key.end()) {
            found.push_back({*at->second, one.original});
        }
    }
    return found;
}

}  // namespace vmigrate::handover
