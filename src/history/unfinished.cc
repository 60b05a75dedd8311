// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/unfinished.h"

#include <sstream>

#include "orchestrator/json.h"

namespace vmigrate::history {
namespace {

/// A member of that type, else what it would be by default: a stored plan may be damaged.
bool flag(const Json& object, const char* key, bool otherwise) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

Json part(const Json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() ? *found : Json();
}

GuestState state_before(const Json& plan) {
    const auto state = part(plan, "guest_state");
    for (const auto known : {GuestState::paused, GuestState::shut_off}) {
        if (state == name_of(known)) {
            return known;
        }
    }
    return GuestState::running;
}

std::vector<VolumeMove> volumes_in(const Json& call) {
    std::vector<VolumeMove> result;
    if (const auto volumes = part(call, "volumes"); volumes.is_array()) {
        for (const auto& entry : volumes) {
            if (auto volume = volume_from_json(entry.dump())) {
                result.push_back(std::move(*volume));
            }
        }
    }
    return result;
}

/// What the plan meant to leave, or not, on the source.
SourceRemains remains_in(const Json& call) {
    SourceRemains remains;
    remains.keeps_definition = !flag(call, "undefine_source", true);
    remains.copied = volumes_in(call);
    if (flag(call, "remove_source_disks", false)) {
        remains.volumes = remains.copied;
    }
    return remains;
}

/// What the disks are to be compared of, and what was found already.
ArrivalRules arrival_in(const Story& story, const Json& call) {
    ArrivalRules rules;
    rules.source = story.entry.source;
    rules.destination = story.entry.destination;
    rules.volumes = volumes_in(call);
    for (const auto& row : story.steps) {
        if (row.step == Step::compare_disks && row.done) {
            rules.known = disk_check_from(row.detail);
        }
    }
    return rules;
}

}  // namespace

Result<Unfinished> unfinished_from(const Story& story) {
    const auto plan = Json::parse(story.plan_json, nullptr, false);
    const auto call = part(plan, "call");
    Unfinished unfinished;
    unfinished.id = story.entry.id;
    unfinished.phase = story.entry.phase;
    unfinished.before = state_before(plan);
    unfinished.paused_on_purpose = flag(plan, "paused_on_purpose", false);
    unfinished.remains = remains_in(call);
    unfinished.resumable = resumable_from_json(call);
    if (flag(call, "verify_disks", false)) {
        unfinished.arrival = arrival_in(story, call);
    }
    if (const auto resuming = part(part(plan, "asked"), "postcopy_resume_ms");
        resuming.is_number_integer()) {
        unfinished.resuming = milliseconds(resuming.get<std::int64_t>());
    }
    for (const auto& row : story.steps) {
        if (row.step == Step::save_originals && row.done) {
            unfinished.leftovers.originals = row.detail;
        } else if (row.step == Step::make_volume) {
            auto volume = volume_from_json(row.detail);
            if (!volume) {
                return fail(volume.error());
            }
            auto& list = row.done ? unfinished.leftovers.volumes : unfinished.leftovers.intended;
            list.push_back(std::move(*volume));
        } else if (row.step == Step::clear_source && !row.done) {
            std::istringstream lines(row.detail);
            for (std::string line; std::getline(lines, line);) {
                unfinished.not_cleared.push_back(line);
            }
        }
    }
    return unfinished;
}

}  // namespace vmigrate::history
