// SPDX-License-Identifier: GPL-2.0-or-later
//
// Ovs: the beginning of a move, with what has to be known for it.
#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <random>
#include <thread>

#include "base/text.h"
#include "handover/ovs.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;

constexpr milliseconds between_looks{20};

TimePoint now() {
    return std::chrono::steady_clock::now();
}

/// Numbers of different machines' migrations must not meet in a switch; so they are drawn.
std::uint32_t drawn_number() {
    std::random_device device;
    return std::uniform_int_distribution<std::uint32_t>(1, OwnCookie::max_migration)(device);
}

}  // namespace

Result<void> Ovs::lock() {
    if (locked_) {
        return {};
    }
    if (auto taken = take_version(); !taken) {
        return taken;
    }
    if (auto good = check(); !good) {
        return good;
    }
    if (auto found = find_cards(); !found) {
        return found;
    }
    move_.migration = drawn_number();
    auto locked = claim_both();
    if (locked) {
        locked = remember(task_.source.name, true);
    }
    locked_ = locked.has_value();
    if (!locked_) {
        free_both();  // what does not answer now is free in a while, see moved_by_another()
        problems_.clear();
    }
    if (locked_) {
        follow();
    }
    return locked;
}

/// The next version after the newest that anybody knows. A peer that does not answer now is named
/// when it should have been told.
Result<void> Ovs::take_version() {
    const auto known = registry_.find(task_.guest_uuid);
    if (!known) {
        return fail(known.error());
    }
    version_ = *known ? (*known)->version : 0;
    std::vector<std::future<Result<std::uint64_t>>> asked;
    const auto ask = [&](OvsBridge& bridge) {
        asked.push_back(std::async(std::launch::async, [this, &bridge]() -> Result<std::uint64_t> {
            std::uint64_t newest = 0;
            for (const auto& nic : move_.nics) {
                const auto version = bridge.version(nic.mac);
                if (!version) {
                    return fail(version.error());
                }
                newest = std::max(newest, *version);
            }
            return newest;
        }));
    };
    ask(source_);
    ask(destination_);
    std::ranges::for_each(peers_, ask);
    Result<void> result;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        const auto newest = asked[i].get();
        if (newest) {
            version_ = std::max(version_, *newest);
        } else if (i < 2 && result) {
            result = fail(newest.error());
        }
    }
    ++version_;
    move_.version = static_cast<std::uint16_t>(version_);
    return result;
}

/// Who still drains an earlier move sees by it that this one has taken over, and who might move the
/// guest as well that it is being moved.
Result<void> Ovs::claim_both() {
    for (auto* bridge : {&source_, &destination_}) {
        for (const auto& nic : move_.nics) {
            const auto claimed = bridge->claim(nic.mac, version_, OvsBridge::Lock::taken, {});
            if (!claimed) {
                return fail(claimed.error());
            }
            if (!*claimed) {
                return fail(ErrorKind::busy, fmt::format("switch of {}: it knows of a later move "
                                                         "of {}",
                                                         bridge->host().name, format(nic.mac)));
            }
        }
    }
    return {};
}

/// Not when a later move has it.
void Ovs::free_both() {
    const auto place = committed_ ? move_.destination.address : move_.source.address;
    for (auto* bridge : {&source_, &destination_}) {
        for (const auto& nic : move_.nics) {
            const auto freed = bridge->claim(nic.mac, version_, OvsBridge::Lock::free, place);
            if (!freed) {
                problems_.push_back(freed.error().message);
            }
        }
    }
}

Result<bool> Ovs::moved_by_another() {
    constexpr auto recent = std::chrono::minutes(5);  // older ones are of somebody who died
    for (auto* bridge : {&source_, &destination_}) {
        for (const auto& nic : move_.nics) {
            const auto since = bridge->locked_since(nic.mac);
            if (!since) {
                return fail(since.error());
            }
            if (*since && std::chrono::system_clock::now() - **since < recent) {
                return true;
            }
        }
    }
    return false;
}

bool Ovs::overtaken() {
    return std::ranges::any_of(move_.nics, [this](const GuestNic& nic) {
        return source_.version(nic.mac).value_or(0) > version_ ||
               destination_.version(nic.mac).value_or(0) > version_;
    });
}

Result<void> Ovs::find_cards() {
    if (auto found = await_ports(source_, &GuestNic::at_source, milliseconds(0)); !found) {
        return found;
    }
    for (auto& nic : move_.nics) {
        if (!nic.vni) {
            nic.vni = learn_vni(nic);
        }
    }
    for (const auto& nic : std::vector(move_.nics)) {
        learn_addresses(move_, source_.flows(brought_to(nic.at_source)).value_or(FlowList{}));
    }
    find_former_places();
    return {};
}

std::optional<TunnelId> Ovs::learn_vni(const GuestNic& nic) {
    auto at_home = source_.flows(sent_to(nic.mac)).value_or(FlowList{});
    std::ranges::move(source_.flows(sent_from(nic.at_source)).value_or(FlowList{}),
                      std::back_inserter(at_home));
    auto vni = vni_at_home(nic.mac, at_home, move_.source.tunnel, nic.at_source);
    const auto ask = [&](OvsBridge& bridge) {
        vni =
            vni ? vni : vni_from_afar(nic.mac, bridge.flows(sent_to(nic.mac)).value_or(FlowList{}));
    };
    ask(destination_);
    std::ranges::for_each(peers_, ask);
    return vni;
}

Result<void> Ovs::await_ports(OvsBridge& bridge, Port GuestNic::*port, milliseconds patience) {
    const auto until = now() + patience;
    for (std::size_t i = 0; i < move_.nics.size(); ++i) {
        auto& nic = move_.nics[i];
        while (nic.*port == Port::any) {
            const auto found = bridge.port_of(task_.nics[i].iface_id);
            if (!found) {
                return fail(found.error());
            }
            nic.*port = found->value_or(Port::any);
            if (nic.*port == Port::any) {
                if (now() >= until) {
                    return fail(ErrorKind::not_found,
                                fmt::format("switch of {}: no port for the guest's card {} "
                                            "(iface-id {})",
                                            bridge.host().name, format(nic.mac),
                                            quoted(task_.nics[i].iface_id)));
                }
                std::this_thread::sleep_for(between_looks);
            }
        }
    }
    return {};
}

}  // namespace vmigrate::handover
