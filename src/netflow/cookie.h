// SPDX-License-Identifier: GPL-2.0-or-later
//
// Cookies: every flow of ours names what it is for and the migration that made it, so that the
// truth can be read back from a switch, and removed with one masked delete. Values only.
//
//   0x766d K MMMMMMM VVVV    magic, kind (4 bits), migration (28 bits), version (16 bits)
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace vmigrate::netflow {

/// Any flow's cookie.
struct Cookie {
    std::uint64_t value = 0;
    friend auto operator<=>(const Cookie&, const Cookie&) = default;
};

/// Flows whose cookie equals `cookie` in the bits of `mask`; the default takes all flows. A mask of
/// all ones is looked up in the switch's index, any other mask visits every flow.
struct CookieFilter {
    Cookie cookie;
    std::uint64_t mask = 0;

    static CookieFilter exactly(Cookie cookie) { return {cookie, ~std::uint64_t{0}}; }
    bool takes(Cookie other) const { return ((other.value ^ cookie.value) & mask) == 0; }
    friend bool operator==(const CookieFilter&, const CookieFilter&) = default;
};

/// What a flow of ours is for. The numbers are in switches out there: never reuse one.
enum class FlowKind : std::uint8_t {
    relay = 1,     ///< forwards what still arrives at the old host
    redirect = 2,  ///< takes traffic to the destination during the cutover
    mirror = 3,    ///< copies traffic to the destination
    synced = 4,    ///< a copy of the source's flow
    guard = 5,     ///< stops loops and strays
    replaced = 6,  ///< leads to the guest's new place until its controller makes it anew
    watch = 7      ///< tells who still sends to the old host
};

struct OwnCookie {
    FlowKind kind = FlowKind::relay;
    std::uint32_t migration = 0;  ///< below max_migration
    std::uint16_t version = 0;    ///< of the guest's location; a higher one is newer

    static constexpr std::uint32_t max_migration = (1U << 28U) - 1;

    /// Error (usage): the migration's number is too large.
    Result<Cookie> encode() const;
    /// Nothing for a cookie that is not ours, or of a kind that this version does not know.
    static std::optional<OwnCookie> decode(Cookie cookie);

    friend bool operator==(const OwnCookie&, const OwnCookie&) = default;
};

/// All flows of ours, whoever made them; of one migration; of one kind in a migration.
/// REQUIRES: migration <= OwnCookie::max_migration.
CookieFilter own_flows();
CookieFilter flows_of(std::uint32_t migration);
CookieFilter flows_of(std::uint32_t migration, FlowKind kind);

std::string name_of(FlowKind kind);
/// "relay of migration 7, version 2", or "0x12ab" where it is not ours.
std::string describe(Cookie cookie);

}  // namespace vmigrate::netflow
