// SPDX-License-Identifier: GPL-2.0-or-later
//
// Ovs: before a stop that nobody can tell exactly, both sides get what arrives, or the destination
// does.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "handover/ovs.h"
#include "handover/tap_queue.h"

namespace vmigrate::handover {

using namespace netflow;

namespace {

/// In which packets are counted where nobody has counted before.
constexpr milliseconds counting{50};

TimePoint now() {
    return std::chrono::steady_clock::now();
}

}  // namespace

/// What an earlier process has begun, or this one.
Result<void> Ovs::ready_to_lead() {
    if (begun()) {
        return follower_->wait_for_copies(now() + task_.times.settle);
    }
    auto ready = pick_up();
    if (ready && !locked_) {
        ready = fail(ErrorKind::usage, "the guest's location is not locked");
    }
    ready = ready ? find_cards() : ready;
    return ready ? await_ports(destination_, &GuestNic::at_destination, milliseconds(0)) : ready;
}

Result<Ovs::Taken> Ovs::taken_so_far() {
    Taken taken{now(), {}};
    for (const auto& nic : move_.nics) {
        const auto packets = source_.taken_from(nic.at_source);
        if (!packets) {
            return fail(packets.error());
        }
        taken.packets.push_back(*packets);
    }
    return taken;
}

Result<double> Ovs::busiest_card() {
    auto before = taken_before_ ? Result<Taken>(*taken_before_) : taken_so_far();
    if (!before) {
        return fail(before.error());
    }
    if (now() - before->at < counting) {
        std::this_thread::sleep_for(counting);
    }
    const auto after = taken_so_far();
    if (!after) {
        return fail(after.error());
    }
    const std::chrono::duration<double> time = after->at - before->at;
    double most = 0;
    for (std::size_t i = 0; i < move_.nics.size(); ++i) {
        const auto packets = after->packets[i] - std::min(before->packets[i], after->packets[i]);
        most = std::max(most, static_cast<double>(packets) / time.count());
    }
    return most;
}

Result<milliseconds> Ovs::lead() {
    if (redirected_ || committed_) {
        return milliseconds(0);
    }
    if (const auto ready = ready_to_lead(); !ready) {
        return fail(ready.error());
    }
    const auto rate = busiest_card();
    if (!rate) {
        return fail(rate.error());
    }
    const auto longest = longest_lead(*rate, task_.tap_queue);
    if (!longest) {
        return fail(ErrorKind::network,
                    fmt::format("{:.0f} packets a second would soon fill the queue of {} of the "
                                "guest's tap on {}",
                                *rate, task_.tap_queue, task_.destination.name));
    }
    const auto begun = now();
    const auto done = task_.stock_cutover == StockCutover::early ? turn_flows() : mirror();
    if (!done) {
        return fail(done.error());
    }
    return *longest - std::chrono::ceil<milliseconds>(now() - begun);
}

Result<void> Ovs::mirror() {
    const auto mirrored = vmigrate::netflow::mirror(look());
    if (mirrored.steps.empty()) {
        return fail(ErrorKind::network, mirrored.uncovered.empty() ? "no flow serves the guest"
                                                                   : mirrored.uncovered.front());
    }
    for (const auto& step : mirrored.steps) {
        if (auto done = apply(step); !done) {
            return done;
        }
    }
    mirrored_ = true;
    // the switch may be late to send by its new flows
    std::this_thread::sleep_for(task_.times.settle);
    return {};
}

}  // namespace vmigrate::handover
