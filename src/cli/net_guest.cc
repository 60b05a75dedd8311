// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/net_guest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/text.h"

namespace vmigrate::cli {
namespace {

struct Card {
    netflow::Mac mac;
    std::string interface_id;
    std::optional<netflow::TunnelId> vni;
};

Result<netflow::TunnelId> parse_vni(std::string_view text) {
    constexpr std::uint32_t largest = 0xffffff;
    std::uint32_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || rest != text.data() + text.size() || number > largest) {
        return fail(ErrorKind::usage,
                    fmt::format("{} is no VNI, a number from 0 to {}", quoted(text), largest));
    }
    return netflow::TunnelId{number};
}

Result<Card> parse_card(const std::string& text) {
    const auto first = text.find(',');
    const auto second = first == std::string::npos ? first : text.find(',', first + 1);
    Card card;
    if (first != std::string::npos) {
        card.interface_id = text.substr(first + 1, second - first - 1);
    }
    if (card.interface_id.empty()) {
        return fail(
            ErrorKind::usage,
            fmt::format("--card {}: write MAC,INTERFACE-ID or MAC,INTERFACE-ID,VNI", quoted(text)));
    }
    const auto mac = netflow::parse_mac(text.substr(0, first));
    if (!mac || !is_unicast(*mac)) {
        return fail(ErrorKind::usage, fmt::format("--card {}: {} is no MAC address of a card",
                                                  quoted(text), quoted(text.substr(0, first))));
    }
    card.mac = *mac;
    if (second != std::string::npos) {
        const auto vni = parse_vni(std::string_view(text).substr(second + 1));
        if (!vni) {
            return fail(ErrorKind::usage,
                        fmt::format("--card {}: {}", quoted(text), vni.error().message));
        }
        card.vni = *vni;
    }
    return card;
}

}  // namespace

Result<GuestFacts> described_guest(const NetGuestWords& words) {
    if (words.uuid.empty() || words.cards.empty()) {
        return fail(ErrorKind::usage, "--uuid and --card describe a guest together");
    }
    if (!is_uuid(words.uuid)) {
        return fail(ErrorKind::usage, fmt::format("--uuid {} is no UUID", quoted(words.uuid)));
    }
    GuestFacts guest;
    std::ranges::transform(words.uuid, std::back_inserter(guest.ref.uuid),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    guest.ref.name = guest.ref.uuid;
    guest.state = GuestState::running;
    for (const auto& text : words.cards) {
        const auto card = parse_card(text);
        if (!card) {
            return fail(card.error());
        }
        NicFacts nic;
        nic.mac = format(card->mac);
        nic.interface_id = card->interface_id;
        if (std::ranges::find(guest.nics, nic.mac, &NicFacts::mac) != guest.nics.end()) {
            return fail(ErrorKind::usage,
                        fmt::format("--card {}: a card has this address already", quoted(text)));
        }
        guest.nics.push_back(std::move(nic));
    }
    return guest;
}

Result<std::map<std::string, netflow::TunnelId>> described_networks(const NetGuestWords& words,
                                                                    const GuestFacts& guest) {
    std::map<std::string, netflow::TunnelId> networks;
    for (const auto& text : words.cards) {
        const auto card = parse_card(text);
        if (!card) {
            return fail(card.error());
        }
        if (card->vni) {
            networks[format(card->mac)] = *card->vni;
        }
    }
    if (words.vni) {
        const auto vni = parse_vni(*words.vni);
        if (!vni) {
            return fail(ErrorKind::usage, "--vni: " + vni.error().message);
        }
        for (const auto& nic : guest.nics) {
            networks.try_emplace(nic.mac, *vni);
        }
    }
    return networks;
}

}  // namespace vmigrate::cli
