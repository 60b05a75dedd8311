// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/verify_list.h"

#include <fmt/format.h>

#include <map>

#include "cli/report.h"
#include "cli/terminal.h"

namespace vmigrate::cli {
namespace {

Json to_json(const verify::Refusal& refusal) {
    return {{"event", "refusal"},
            {"one", refusal.one},
            {"other", refusal.other},
            {"by", refusal.by},
            {"reason", refusal.words}};
}

std::string name_of(const verify::Choice& choice) {
    const auto& factor = verify::factors()[choice.factor];
    return fmt::format("{}={}", factor.name, factor.values[choice.value]);
}

/// Pairs that no row can have though nobody refuses them.
std::vector<verify::Refusal> consequences() {
    std::vector<verify::Refusal> result;
    const auto exclusions = verify::exclusions();
    for (const auto& pair : verify::pairs_never_met(verify::factors(), exclusions)) {
        const bool refused =
            std::ranges::any_of(exclusions, [&](const verify::Exclusion& exclusion) {
                return (exclusion.one == pair.one && exclusion.other == pair.other) ||
                       (exclusion.one == pair.other && exclusion.other == pair.one);
            });
        if (!refused) {
            result.push_back({name_of(pair.one), name_of(pair.other), "", "follows from these"});
        }
    }
    return result;
}

std::vector<verify::Refusal> all_refusals() {
    auto all = verify::refusals();
    const auto add = [&](const std::vector<verify::Refusal>& more) {
        all.insert(all.end(), more.begin(), more.end());
    };
    add(consequences());
    add(verify::refusals_of_qemu());
    return all;
}

void list_as_json(const VerifyBook& book) {
    unsigned number = 0;
    for (const auto& row : verify::matrix()) {
        Json settings = Json::object();
        for (const auto& [key, value] : verify::settings_of(row)) {
            settings[key] = value;
        }
        print_line({{"event", "row"},
                    {"row", ++number},
                    {"combination", verify::text_of(row)},
                    {"settings", settings},
                    {"guest", cli::to_json(verify::kind_for(row))},
                    {"done", book.done(row)}});
    }
    for (const auto& refusal : all_refusals()) {
        print_line(to_json(refusal));
    }
}

}  // namespace

Json to_json(const verify::GuestKind& kind) {
    return {{"backing", kind.backing},
            {"disks", kind.disks},
            {"storage", kind.storage},
            {"multifd_compression", kind.multifd}};
}

void list_matrix(const VerifyBook& book, bool json) {
    if (json) {
        list_as_json(book);
        return;
    }
    std::vector<std::vector<std::string>> rows = {{"row", "done"}};
    for (const auto& factor : verify::factors()) {
        rows.front().push_back(factor.name);
    }
    for (const auto& row : verify::matrix()) {
        rows.push_back({std::to_string(rows.size()), std::to_string(book.done(row))});
        for (unsigned factor = 0; factor < row.size(); ++factor) {
            rows.back().push_back(verify::factors()[factor].values[row[factor]]);
        }
    }
    fmt::print("{}\nNever combined:\n", table(rows));
    std::vector<std::vector<std::string>> refusals;
    for (const auto& refusal : all_refusals()) {
        refusals.push_back({refusal.one, refusal.other,
                            refusal.by.empty() ? refusal.words
                                               : fmt::format("{}: {}", refusal.by, refusal.words)});
    }
    fmt::print("{}", table(refusals, "  "));
}

std::vector<std::string> left_over(const VerifyBook& book, unsigned rounds) {
    std::map<verify::GuestKind, unsigned> rows;
    for (const auto& row : verify::matrix()) {
        rows[verify::kind_for(row)] += book.done(row) < rounds ? 1 : 0;
    }
    std::vector<std::string> lines;
    for (const auto& [kind, count] : rows) {
        if (count > 0) {
            lines.push_back(fmt::format("{} {}: {}", count, count == 1 ? "row" : "rows",
                                        verify::text_of(kind)));
        }
    }
    return lines;
}

}  // namespace vmigrate::cli
