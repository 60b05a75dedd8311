// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/evacuation_options.h"

#include <fmt/format.h>

#include "base/text.h"

namespace vmigrate::cli {

EvacuationOptions default_options(const Config& config) {
    const auto& said = config.fleet.evacuation;
    EvacuationOptions options;
    options.max_parallel = said.max_parallel;
    options.bandwidth = said.bandwidth;
    options.order = fleet::order_named(said.order).value_or(options.order);
    options.attempts = said.attempts;
    options.first_pause = said.first_pause;
    options.shutdown = said.shutdown;
    return options;
}

fleet::Rules rules_of(const EvacuationOptions& options) {
    fleet::Rules rules;
    if (options.kind == history::EvacuationKind::evacuate) {
        rules.hosts = {options.host};
    }
    rules.homes = options.homes;
    rules.most_parallel = options.max_parallel;
    rules.bandwidth = options.bandwidth;
    rules.deadline = options.deadline;
    rules.order = options.order;
    rules.most_attempts = options.attempts;
    rules.first_pause = options.first_pause;
    return rules;
}

Json to_json(const EvacuationOptions& options) {
    Json json = {{"kind", name_of(options.kind)},
                 {"host", options.host},
                 {"to", options.to},
                 {"labels", Json::object()},
                 {"homes", options.homes},
                 {"policy", options.policy},
                 {"max_parallel", options.max_parallel},
                 {"bandwidth_bytes_per_s", options.bandwidth.count},
                 {"deadline_ms", nullptr},
                 {"order", fleet::name_of(options.order)},
                 {"attempts", options.attempts},
                 {"first_pause_ms", options.first_pause.count()},
                 {"stop_unmovable", options.stop_unmovable},
                 {"shutdown_limit_ms", options.shutdown.count()}};
    for (const auto& [key, value] : options.labels) {
        json["labels"][key] = value;
    }
    if (options.deadline) {
        json["deadline_ms"] = options.deadline->count();
    }
    return json;
}

Result<EvacuationOptions> evacuation_options_from_json(const std::string& text) {
    try {
        const auto json = Json::parse(text);
        EvacuationOptions options;
        options.kind = json.at("kind") == name_of(history::EvacuationKind::restore)
                           ? history::EvacuationKind::restore
                           : history::EvacuationKind::evacuate;
        json.at("host").get_to(options.host);
        json.at("to").get_to(options.to);
        for (const auto& [key, value] : json.at("labels").items()) {
            options.labels.emplace_back(key, value.get<std::string>());
        }
        json.at("homes").get_to(options.homes);
        json.at("policy").get_to(options.policy);
        json.at("max_parallel").get_to(options.max_parallel);
        json.at("bandwidth_bytes_per_s").get_to(options.bandwidth.count);
        if (!json.at("deadline_ms").is_null()) {
            options.deadline = milliseconds(json.at("deadline_ms").get<std::int64_t>());
        }
        options.order = fleet::order_named(json.at("order").get<std::string>()).value();
        json.at("attempts").get_to(options.attempts);
        options.first_pause = milliseconds(json.at("first_pause_ms").get<std::int64_t>());
        json.at("stop_unmovable").get_to(options.stop_unmovable);
        options.shutdown = milliseconds(json.at("shutdown_limit_ms").get<std::int64_t>());
        return options;
    } catch (const std::exception& error) {
        return fail(ErrorKind::storage,
                    fmt::format("the history does not tell how it was begun: {}", error.what()));
    }
}

Result<std::pair<std::string, std::string>> parse_label(const std::string& text) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
        return fail(
            ErrorKind::usage,
            fmt::format("--label {}: write KEY=VALUE, as in 'labels' of a host", quoted(text)));
    }
    return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

}  // namespace vmigrate::cli
