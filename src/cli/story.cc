// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/story.h"

#include "cli/follow.h"

namespace vmigrate::cli {
namespace {

std::int64_t elapsed_ms(TimePoint at) {
    return std::chrono::floor<milliseconds>(at.time_since_epoch()).count();
}

Json watched_json(const Observations& watched) {
    Json slices = Json::array();
    for (const auto& slice : watched.probe) {
        slices.push_back({{"elapsed_ms", elapsed_ms(slice.at)},
                          {"length_ms", slice.length.count()},
                          {"probe_sent", slice.sent},
                          {"probe_lost", slice.lost}});
    }
    Json readings = Json::array();
    for (const auto& reading : watched.workload) {
        readings.push_back(
            {{"elapsed_ms", elapsed_ms(reading.at)}, {"workload_count", reading.count}});
    }
    return {{"probe_slices", std::move(slices)}, {"workload_readings", std::move(readings)}};
}

}  // namespace

Json plan_of(const history::Story& story) {
    auto plan = Json::parse(story.plan_json, nullptr, false);
    return plan.is_object() ? plan : Json::object();
}

Json story_json(const history::Story& story, bool samples) {
    auto json = entry_json(story.entry);
    json["plan"] = plan_of(story);
    json["timeline"] = Json::array();
    for (const auto& row : story.timeline) {
        json["timeline"].push_back(
            {{"at", format_wall(row.at)}, {"phase", name_of(row.phase)}, {"note", row.note}});
    }
    json["steps"] = Json::array();
    for (const auto& row : story.steps) {
        json["steps"].push_back(
            {{"step", name_of(row.step)}, {"done", row.done}, {"detail", row.detail}});
    }
    if (samples) {
        json["samples"] = Json::array();
        for (const auto& row : story.samples) {
            Json sample = {{"elapsed_ms", row.elapsed.count()},
                           {"progress_percent", row.progress_percent}};
            sample.update(to_json(row.sample));
            sample.update(to_json(row.forecast));
            json["samples"].push_back(std::move(sample));
        }
        json.update(watched_json(story.watched));
    }
    return json;
}

}  // namespace vmigrate::cli
