// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>

#include "orchestrator/plan.h"
#include "orchestrator/simulation.h"
#include "orchestrator/storage_plan.h"
#include "orchestrator/to_send.h"

namespace vmigrate {
namespace {

/// Setting up the destination (process start, connection), when no earlier migration tells.
constexpr milliseconds kSetup{500};
/// Between the two QEMUs, beside what is sent: the daemons of both hosts have to hand the guest
/// over.
constexpr milliseconds kSwitchover{30};
/// Fewer earlier migrations tell nothing.
constexpr std::uint32_t kTellingMigrations = 3;
/// What libvirt needs to end a copy of disks while the guest stands still.
constexpr milliseconds kCopyEnd{75};
/// Used when neither link nor history says anything.
constexpr BytesPerSecond kAssumedBandwidth{125'000'000};
/// What a link carries whose speed is not known, but to whose use a limit was set.
constexpr BytesPerSecond kAssumedLink{1'250'000'000};
constexpr std::uint64_t kMostBandwidth = std::uint64_t{1} << 40U;

/// Smallest value in [low, high] for which `good` holds; `good` is monotone.
template <class Predicate>
std::uint64_t least(std::uint64_t low, std::uint64_t high, Predicate good) {
    while (low < high) {
        const auto middle = low + (high - low) / 2;
        if (good(middle)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

unsigned delay_percent(const MigrationCall& call) {
    const auto found = call.qemu.parameters.find("ram-delay-save-percent");
    return found == call.qemu.parameters.end()
               ? 0
               : static_cast<unsigned>(std::stoul("0" + found->second));
}

Scene scene_of(const Plan& plan, const ToSend& sending, const BandwidthChoice& bandwidth,
               BytesPerSecond expected) {
    Scene scene;
    scene.memory = plan.guest.memory;
    scene.writes = sending.writes;
    scene.wire_share = sending.wire_share;
    scene.bandwidth = expected;
    scene.limited = bandwidth.limit.count > 0 && bandwidth.limit <= expected;
    scene.full_bandwidth =
        scene.limited ? std::max(expected, bandwidth.full.value_or(kAssumedLink)) : expected;
    scene.throttle = plan.call.throttle;
    scene.auto_converge = plan.call.auto_converge;
    scene.delay_percent = delay_percent(plan.call);
    return scene;
}

/// What the two daemons take beside QEMU's own work.
struct Around {
    milliseconds setup{};
    milliseconds switchover{};
};

Around typical(const PairHistory& history) {
    if (history.migrations < kTellingMigrations) {
        return {kSetup, kSwitchover};
    }
    return {history.setup.value_or(kSetup), history.overhead.value_or(kSwitchover)};
}

std::string confidence_of(const MemoryFacts& memory) {
    if (!memory.dirty_rate) {
        return "the dirty rate is not known: these are the figures of an idle guest, a lower bound";
    }
    if (!memory.pieces.empty()) {
        return fmt::format(
            "dirty rate from {} of {} and from {} pieces of memory read twice, {} apart; what is "
            "written seldom, or in bursts, may be missed",
            format_time(memory.dirty_window), memory.dirty_method, memory.pieces.size(),
            format_time(memory.piece_window));
    }
    return fmt::format(
        "dirty rate from {} of {}; it counts a page once however often it is written and leaves "
        "out memory blocks under 128 MiB, so hot pages and short bursts may be missed",
        format_time(memory.dirty_window), memory.dirty_method);
}

void explain_memory(std::vector<std::string>& reasons, const Plan& plan, const Scene& scene) {
    const auto& memory = plan.memory;
    if (memory.pages_sampled > 0) {
        reasons.push_back(fmt::format(
            "{} of memory, {:.0f} % of {} sampled pages are zero, the others would shrink to "
            "{:.0f} % with lz4",
            format_bytes(plan.guest.memory), memory.zero_share * 100, memory.pages_sampled,
            memory.compressed_share * 100));
    } else {
        reasons.push_back(
            fmt::format("{} of memory, content not sampled", format_bytes(plan.guest.memory)));
    }
    const Bytes full{static_cast<std::uint64_t>(scene.writes.bytes() * scene.wire_share)};
    reasons.push_back(fmt::format("the full copy sends {}{} at {}: {}", format_bytes(full),
                                  scene.wire_share < 1 ? ", compressed," : "",
                                  format_rate(scene.bandwidth),
                                  format_time(time_to_send(full, scene.bandwidth))));
    if (memory.dirty_rate) {
        reasons.push_back(fmt::format(
            "the guest dirties {}, {:.0f} % of the bandwidth", format_rate(*memory.dirty_rate),
            100.0 * static_cast<double>(memory.dirty_rate->count) /
                static_cast<double>(std::max<std::uint64_t>(1, scene.bandwidth.count))));
    }
    if (scene.writes.split) {
        reasons.push_back(
            fmt::format("{:.0f} % of its writes go to {:.0f} % of its memory",
                        scene.writes.first_share_of_writes() * 100,
                        100.0 * scene.writes.parts.front().bytes /
                            static_cast<double>(std::max<std::uint64_t>(1, scene.memory.count))));
    }
}

void explain_end(Prediction& prediction, const Options& options, const Course& plain,
                 const Course& course) {
    auto& reasons = prediction.reasons;
    if (plain.fits()) {
        reasons.push_back(
            fmt::format("what remains fits into the blackout ceiling ({}) after {} iteration(s)",
                        format_time(options.blackout_ceiling), plain.iterations));
        return;
    }
    reasons.push_back(fmt::format(
        "what remains never fits into the blackout ceiling ({}): it takes at least {} or a ceiling "
        "of {}",
        format_time(options.blackout_ceiling), format_rate(prediction.bandwidth_needed),
        format_time(prediction.ceiling_needed)));
    if (course.throttle_percent_max > 0) {
        reasons.push_back(fmt::format("throttled for {}, up to {} %, it {}",
                                      format_time(course.throttled), course.throttle_percent_max,
                                      course.fits() ? "fits" : "does not fit either"));
    }
    if (course.end == Course::End::postcopy) {
        reasons.push_back(fmt::format("post-copy then sends the rest in {}, while it runs there",
                                      format_time(course.after)));
    } else if (course.end == Course::End::forced) {
        reasons.emplace_back("it is forced over then, whatever the blackout");
    }
}

/// A prediction of time is not sure enough to refuse a migration that converges but for its
/// timeout: that is said, and decided by the clock.
Options without_abort(const Options& options) {
    auto untimed = options;
    if (options.timeout_action == TimeoutAction::abort) {
        untimed.timeout = milliseconds(0);
    }
    return untimed;
}

/// Below which bandwidth, and under which ceiling, it does not converge by itself.
void find_needs(Prediction& prediction, const Options& options, const Scene& scene) {
    prediction.bandwidth_needed = {
        least(scene.bandwidth.count, kMostBandwidth, [&](std::uint64_t rate) {
            auto faster = scene;
            faster.bandwidth = {rate};
            return play(options, faster).fits();
        })};
    prediction.ceiling_needed = milliseconds(static_cast<std::int64_t>(
        least(static_cast<std::uint64_t>(options.blackout_ceiling.count()), 3'600'000,
              [&](std::uint64_t ceiling) {
                  auto wider = options;
                  wider.blackout_ceiling = milliseconds(static_cast<std::int64_t>(ceiling));
                  return play(wider, scene).fits();
              })));
}

}  // namespace

Prediction predict(const Plan& plan, const BandwidthChoice& bandwidth, const PairHistory& history) {
    Prediction prediction;
    const auto& options = plan.request.options;
    if (plan.guest.state == GuestState::shut_off) {
        prediction.reasons.emplace_back("only the definition moves");
        prediction.confidence = "certain";
        return prediction;
    }
    const bool running = plan.guest.state == GuestState::running;
    prediction.assumed = (running && !plan.memory.dirty_rate) || bandwidth.expected.count == 0;
    prediction.bandwidth = bandwidth.expected.count == 0 ? kAssumedBandwidth : bandwidth.expected;
    prediction.confidence =
        running ? confidence_of(plan.memory) : "the guest is paused: nothing changes on the way";
    for (const auto& volume : plan.call.volumes) {
        prediction.disk_sent += volume.capacity;
    }
    if (bandwidth.expected.count == 0) {
        prediction.reasons.push_back(
            fmt::format("neither link nor history tells the bandwidth; {} is assumed",
                        format_rate(kAssumedBandwidth)));
    }

    const auto sending = to_send(plan);
    const auto scene = scene_of(plan, sending, bandwidth, prediction.bandwidth);
    auto unaided = scene;
    unaided.throttle = ThrottleMeans::none;
    unaided.auto_converge = false;
    const auto untimed = without_abort(options);
    const auto plain = play(untimed, unaided);
    const auto course = plain.fits() ? plain : play(untimed, scene);
    const auto disks = disk_time(sending, prediction.bandwidth);
    prediction.converges = course.end != Course::End::gave_up;
    prediction.unaided = plain.fits();
    prediction.iterations = course.iterations;
    prediction.memory_sent = course.sent;
    prediction.throttled = course.throttled;
    prediction.throttle_percent_max = course.throttle_percent_max;
    const auto around = typical(history);
    const auto switchover =
        around.switchover + (copied_by_libvirt(plan) ? kCopyEnd : milliseconds(0));
    prediction.pause = running ? course.pause : milliseconds(0);
    const auto compared =
        plan.call.verify_disks ? comparison_time(plan.call.volumes, plan.guest) : milliseconds(0);
    prediction.blackout = running ? course.pause + switchover + compared : milliseconds(0);
    prediction.total =
        around.setup + disks + course.flow + course.pause + switchover + compared + course.after;
    if (!plain.fits()) {
        find_needs(prediction, untimed, unaided);
    }
    explain_memory(prediction.reasons, plan, scene);
    if (disks.count() > 0) {
        prediction.reasons.push_back(fmt::format(
            "{} of disks are copied {}: {}", format_bytes(prediction.disk_sent),
            plan.call.storage == StorageMode::copy_in_stream ? "first in the stream" : "before",
            format_time(disks)));
    }
    if (plan.call.verify_disks) {
        prediction.reasons.push_back(
            fmt::format("the copies are compared before it runs there: {} more of blackout",
                        format_time(compared)));
    }
    explain_end(prediction, options, plain, course);
    if (options.timeout > untimed.timeout && course.flow > options.timeout) {
        prediction.reasons.push_back(
            fmt::format("memory takes {}, longer than the timeout ({}): it would be aborted then",
                        format_time(course.flow), format_time(options.timeout)));
    }
    return prediction;
}

}  // namespace vmigrate
