// SPDX-License-Identifier: GPL-2.0-or-later
//
// Ovs: between a redirect and the stop of the guest.
#include <algorithm>
#include <random>
#include <thread>

#include "handover/ovs.h"

namespace vmigrate::handover {
namespace {

constexpr std::chrono::nanoseconds between_looks = milliseconds(1);
/// A guest to which nothing comes cannot show that its flows are in force.
constexpr milliseconds longest_look{10};
/// Times the silence that is waited for; a busy machine may need it.
constexpr int patience = 20;

TimePoint now() {
    return std::chrono::steady_clock::now();
}

/// Of nobody: locally administered.
netflow::Mac any_mac() {
    std::random_device device;
    netflow::Mac mac;
    for (auto& octet : mac.octets) {
        octet = static_cast<std::uint8_t>(device());
    }
    mac.octets[0] = 0x02;
    return mac;
}

}  // namespace

/// A switch forwards by what it remembers of its flows, and brings that in line after a change of
/// them: a moment later, or much later where it gets no processor. What came until then is counted
/// as caught by the new flows as soon as that is done, so that these then have caught something.
void Ovs::await_redirects() {
    netflow::FlowFilter ours;
    ours.cookies = netflow::CookieFilter::exactly(cookie_of(move_, netflow::FlowKind::redirect));
    const auto until = now() + longest_look;
    do {
        const auto found = source_.stats(ours);
        if (!found ||
            std::ranges::any_of(*found, [](const auto& one) { return one.packets > 0; })) {
            return;
        }
        std::this_thread::sleep_for(between_looks / 4);
    } while (now() < until);
}

/// One that is not sent proves nothing, and none is waited for: while the switch tells that it has
/// sent them, nothing reaches the guest.
void Ovs::post_blanks() {
    for (const auto& nic : move_.nics) {
        static_cast<void>(source_.post_blank(nic.at_source, nic.mac, blanks_from_));
    }
}

std::optional<LastPacket> Ovs::last_packet() {
    blanks_from_ = any_mac();  // and one that is still on its way from an earlier turn is none
    return LastPacket{format(blanks_from_), task_.times.settle};
}

Result<void> Ovs::turn(const std::function<bool()>& answered) {
    if (committed_) {
        return {};
    }
    if (!redirected_) {
        if (auto turned = turn_flows(); !turned) {
            return turned;
        }
        await_redirects();
    }
    do {
        post_blanks();
    } while (!answered());
    return {};
}

/// The switch may be late to send by its new flows, and QEMU to take what came before. Silence
/// alone does not tell: a QEMU that gets no processor takes nothing either, and loses what it did
/// not take. So each card is sent packets that nobody misses, and it is over when for a while the
/// cards took all of these and nothing else.
void Ovs::settle() {
    const auto until = now() + patience * task_.times.settle;
    std::vector<std::uint64_t> expected(move_.nics.size());
    auto silent_since = now();
    while (now() < until) {
        bool heard = false;
        bool waiting = false;
        for (std::size_t i = 0; i < move_.nics.size(); ++i) {
            const auto taken = source_.taken_from(move_.nics[i].at_source);
            heard = heard || !taken || *taken > expected[i];
            waiting = waiting || (taken && *taken < expected[i]);
            expected[i] = std::max(expected[i], taken.value_or(0));
        }
        if (heard) {
            silent_since = now();
        } else if (!waiting && now() - silent_since >= task_.times.settle) {
            return;
        }
        if (!waiting) {
            for (std::size_t i = 0; i < move_.nics.size(); ++i) {
                if (source_.send_blank(move_.nics[i].at_source, move_.nics[i].mac, blanks_from_)) {
                    ++expected[i];
                }
            }
        }
        // not longer than needed: what comes now waits for the guest
        const std::chrono::nanoseconds left = silent_since + task_.times.settle - now();
        std::this_thread::sleep_for(waiting ? between_looks : std::min(left, between_looks));
    }
}

}  // namespace vmigrate::handover
