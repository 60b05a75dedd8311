// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/fleet_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace vmigrate::cli {
namespace {

/// One key and its value, read as what it has to be; what is wrong with it is complained of once.
class Value {
  public:
    Value(const toml::key& key, const toml::node& node, const Complaints& complaints)
        : key_(key), node_(node), complaints_(complaints) {}

    void count(unsigned& out) const {
        constexpr std::int64_t kMost = 1000;
        const auto value = node_.value_exact<std::int64_t>();
        if (!value || *value < 1 || *value > kMost) {
            wrong(fmt::format("{} must be a whole number from 1 to {}", key_.str(), kMost));
            return;
        }
        out = static_cast<unsigned>(*value);
    }

    void time(milliseconds& out) const {
        const auto parsed = parse_time(node_.value_exact<std::string>().value_or(""));
        if (!parsed || parsed->count() <= 0) {
            wrong(fmt::format("{} must be a time in quotes, as in \"5s\"", key_.str()));
            return;
        }
        out = *parsed;
    }

    void rate(BytesPerSecond& out) const {
        const auto parsed = parse_rate(node_.value_exact<std::string>().value_or(""));
        if (!parsed) {
            wrong(fmt::format("{} must be a rate in quotes, as in \"100MiB/s\"", key_.str()));
            return;
        }
        out = *parsed;
    }

    void word(std::string& out, const std::vector<std::string>& known) const {
        const auto value = node_.value_exact<std::string>().value_or("");
        if (std::ranges::find(known, value) == known.end()) {
            wrong(fmt::format("{} must be one of \"{}\"", key_.str(), fmt::join(known, "\", \"")));
            return;
        }
        out = value;
    }

    void names(std::vector<std::string>& out) const {
        const toml::array* list = node_.as_array();
        const auto is_name = [](const toml::node& entry) {
            return !entry.value_exact<std::string>().value_or("").empty();
        };
        if (list == nullptr || list->empty() || !std::all_of(list->begin(), list->end(), is_name)) {
            wrong(fmt::format("{0} must be a list of names, as in {0} = [\"web*\"]", key_.str()));
            return;
        }
        for (const auto& entry : *list) {
            out.push_back(*entry.value_exact<std::string>());
        }
    }

    void numbers(std::vector<std::pair<std::string, int>>& out) const {
        constexpr std::int64_t kMost = 1'000'000;
        const toml::table* table = node_.as_table();
        if (table == nullptr) {
            wrong(fmt::format("{0} must be a table of numbers, as in {0} = {{ \"db*\" = 10 }}",
                              key_.str()));
            return;
        }
        for (const auto& [name, entry] : *table) {
            const auto value = entry.value_exact<std::int64_t>();
            if (!value || *value < -kMost || *value > kMost) {
                complaints_.wrong(entry.source(),
                                  fmt::format("{} of {} must be a whole number from {} to {}",
                                              key_.str(), quoted(name.str()), -kMost, kMost));
                continue;
            }
            out.emplace_back(name.str(), static_cast<int>(*value));
        }
    }

  private:
    void wrong(std::string what) const { complaints_.wrong(node_.source(), std::move(what)); }

    const toml::key& key_;
    const toml::node& node_;
    const Complaints& complaints_;
};

}  // namespace

bool read_limit_key(MoveLimits& limits, const toml::key& key, const toml::node& node,
                    const Complaints& complaints) {
    const Value value(key, node, complaints);
    if (key == "migrations-out") {
        value.count(limits.out);
    } else if (key == "migrations-in") {
        value.count(limits.in);
    } else {
        return false;
    }
    return true;
}

void read_guests(FleetConfig& config, const toml::table& table, const Complaints& complaints) {
    for (const auto& [key, node] : table) {
        if (key == "priority") {
            Value(key, node, complaints).numbers(config.priority);
        } else {
            complaints.unknown(key, "guests", guests_keys());
        }
    }
}

void read_groups(FleetConfig& config, const toml::table& groups, const Complaints& complaints) {
    for (const auto& [name, node] : groups) {
        const toml::table* table = node.as_table();
        if (table == nullptr) {
            complaints.wrong(node.source(),
                             fmt::format("{} in [groups] must be a table: write [groups.NAME] with "
                                         "guests = [\"...\"] and rule = \"apart\" below it",
                                         quoted(name.str())));
            continue;
        }
        GuestGroup group;
        std::string rule = "apart";
        for (const auto& [key, value] : *table) {
            if (key == "guests") {
                Value(key, value, complaints).names(group.guests);
            } else if (key == "rule") {
                Value(key, value, complaints).word(rule, {"apart", "together"});
            } else {
                complaints.unknown(key, fmt::format("groups.{}", name.str()), group_keys());
            }
        }
        for (const auto& needed : group_keys()) {
            if (!table->contains(needed)) {
                complaints.wrong(name.source(),
                                 fmt::format("[groups.{}] has no {}", name.str(), needed));
            }
        }
        group.rule = rule == "together" ? GuestGroup::Rule::together : GuestGroup::Rule::apart;
        config.groups[std::string(name.str())] = std::move(group);
    }
}

void read_evacuation(EvacuationConfig& config, const toml::table& table,
                     const Complaints& complaints) {
    for (const auto& [key, node] : table) {
        const Value value(key, node, complaints);
        if (key == "max-parallel") {
            value.count(config.max_parallel);
        } else if (key == "total-bandwidth") {
            value.rate(config.bandwidth);
        } else if (key == "order") {
            value.word(config.order, evacuation_orders());
        } else if (key == "attempts") {
            value.count(config.attempts);
        } else if (key == "first-pause") {
            value.time(config.first_pause);
        } else if (key == "shutdown-limit") {
            value.time(config.shutdown);
        } else {
            complaints.unknown(key, "evacuation", evacuation_keys());
        }
    }
}

const std::vector<std::string>& limit_keys() {
    static const std::vector<std::string> keys = {"migrations-out", "migrations-in"};
    return keys;
}

const std::vector<std::string>& guests_keys() {
    static const std::vector<std::string> keys = {"priority"};
    return keys;
}

const std::vector<std::string>& group_keys() {
    static const std::vector<std::string> keys = {"guests", "rule"};
    return keys;
}

const std::vector<std::string>& evacuation_keys() {
    static const std::vector<std::string> keys = {
        "max-parallel", "total-bandwidth", "order", "attempts", "first-pause", "shutdown-limit"};
    return keys;
}

const std::vector<std::string>& evacuation_orders() {
    static const std::vector<std::string> words = {"small-first", "idle-first", "priority"};
    return words;
}

}  // namespace vmigrate::cli
