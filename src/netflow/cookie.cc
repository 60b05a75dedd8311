// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/cookie.h"

#include <fmt/format.h>

namespace vmigrate::netflow {
namespace {

constexpr std::uint64_t magic = 0x766d;
constexpr unsigned magic_shift = 48;
constexpr unsigned kind_shift = 44;
constexpr unsigned migration_shift = 16;

constexpr std::uint64_t magic_bits = std::uint64_t{0xffff} << magic_shift;
constexpr std::uint64_t kind_bits = std::uint64_t{0xf} << kind_shift;
constexpr std::uint64_t migration_bits = std::uint64_t{OwnCookie::max_migration} << migration_shift;

}  // namespace

Result<Cookie> OwnCookie::encode() const {
    if (migration > max_migration) {
        return fail(ErrorKind::usage,
                    fmt::format("migration {} has no room in a flow's cookie", migration));
    }
    return Cookie{magic << magic_shift |
                  std::uint64_t{static_cast<std::uint8_t>(kind)} << kind_shift |
                  std::uint64_t{migration} << migration_shift | version};
}

std::optional<OwnCookie> OwnCookie::decode(Cookie cookie) {
    const auto kind = (cookie.value & kind_bits) >> kind_shift;
    if (cookie.value >> magic_shift != magic || kind < 1 ||
        kind > static_cast<std::uint64_t>(FlowKind::watch)) {
        return std::nullopt;
    }
    return OwnCookie{static_cast<FlowKind>(kind),
                     static_cast<std::uint32_t>((cookie.value & migration_bits) >> migration_shift),
                     static_cast<std::uint16_t>(cookie.value)};
}

CookieFilter own_flows() {
    return {{magic << magic_shift}, magic_bits};
}

CookieFilter flows_of(std::uint32_t migration) {
    const auto number = std::uint64_t{migration} << migration_shift;
    return {{magic << magic_shift | number}, magic_bits | migration_bits};
}

CookieFilter flows_of(std::uint32_t migration, FlowKind kind) {
    auto filter = flows_of(migration);
    filter.cookie.value |= std::uint64_t{static_cast<std::uint8_t>(kind)} << kind_shift;
    filter.mask |= kind_bits;
    return filter;
}

std::string name_of(FlowKind kind) {
    switch (kind) {
        case FlowKind::relay:
            return "relay";
        case FlowKind::redirect:
            return "redirect";
        case FlowKind::mirror:
            return "mirror";
        case FlowKind::synced:
            return "synced";
        case FlowKind::guard:
            return "guard";
        case FlowKind::replaced:
            return "replaced";
        case FlowKind::watch:
            return "watch";
    }
    return "unknown";
}

std::string describe(Cookie cookie) {
    const auto own = OwnCookie::decode(cookie);
    if (!own) {
        return fmt::format("{:#x}", cookie.value);
    }
    return fmt::format("{} of migration {}, version {}", name_of(own->kind), own->migration,
                       own->version);
}

}  // namespace vmigrate::netflow
