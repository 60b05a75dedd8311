// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/story.h"

#include "cli/follow.h"

namespace vmigrate::cli {

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
    }
    return json;
}

}  // namespace vmigrate::cli
