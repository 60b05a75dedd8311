// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/standstill.h"

#include <fmt/format.h>

#include <tuple>

namespace vmigrate {
namespace {

/// Answers of a QEMU that is merely busy take a part of a second.
constexpr milliseconds kSilence{std::chrono::seconds(5)};

auto figures(const Sample& sample) {
    return std::tuple(sample.iteration, sample.memory_remaining.count, sample.memory_sent.count,
                      sample.disk_remaining.count, sample.disk_sent.count);
}

}  // namespace

bool Standstill::moved(const std::optional<Sample>& sample) {
    if (!sample) {
        return false;
    }
    const bool moved = last_ && figures(*last_) != figures(*sample);
    last_ = sample;
    return moved;
}

void Standstill::saw(Side side, bool owes, TimePoint now) {
    auto& since = owing_since_.at(static_cast<std::size_t>(side));
    since = owes ? since.value_or(now) : std::optional<TimePoint>();
}

std::string Standstill::silent(TimePoint now) const {
    std::string text;
    for (const auto side : {Side::source, Side::destination}) {
        const auto since = owing_since_.at(static_cast<std::size_t>(side));
        if (since && now - *since >= kSilence) {
            text += fmt::format(
                "{}QEMU on the {} has not answered libvirt for {}", text.empty() ? "" : ", ",
                name_of(side), format_time(std::chrono::duration_cast<milliseconds>(now - *since)));
        }
    }
    return text;
}

}  // namespace vmigrate
