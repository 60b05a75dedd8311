// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/disk_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "orchestrator/json.h"
#include "orchestrator/names.h"

namespace vmigrate {
namespace {

constexpr NameTable<DiskFinding, 3> kFindings = {{{DiskFinding::not_known, "not-known"},
                                                  {DiskFinding::equal, "equal"},
                                                  {DiskFinding::differ, "differ"}}};

std::string difference(const VolumeMove& volume, const DiskComparison& compared) {
    if (compared.source_size != compared.destination_size) {
        return fmt::format("disk {} has {} bytes in {} on the source and {} in {} there",
                           volume.target, compared.source_size.count, volume.source_path,
                           compared.destination_size.count, volume.path);
    }
    return fmt::format("disk {} differs from byte {} on: {} on the source, {} there", volume.target,
                       compared.first_difference->count, volume.source_path, volume.path);
}

/// One after the other, all of them: who has to repair one wants to know of the others.
DiskCheck compare(const std::vector<VolumeMove>& volumes, const Edges& edges) {
    DiskCheck check;
    std::vector<std::string> differences;
    const auto began = edges.clock.now();
    for (const auto& volume : volumes) {
        const auto compared = edges.hypervisor.compare_disk(volume);
        if (!compared) {
            check.what =
                fmt::format("disk {} cannot be read: {}", volume.target, compared.error().message);
            break;
        }
        check.measures.compared += compared->compared;
        if (!compared->equal()) {
            differences.push_back(difference(volume, *compared));
        }
    }
    check.measures.took = std::chrono::duration_cast<milliseconds>(edges.clock.now() - began);
    check.measures.mismatches = static_cast<unsigned>(differences.size());
    if (!differences.empty()) {
        check.finding = DiskFinding::differ;
        check.what = fmt::format("{}", fmt::join(differences, "; "));
    } else if (check.what.empty()) {
        check.finding = DiskFinding::equal;
    }
    return check;
}

/// A journal that cannot be written does not keep a guest from running: it is a problem.
DiskCheck journalled_check(const ArrivalRules& rules, const Edges& edges,
                           std::vector<std::string>& problems) {
    const auto note = [&problems](const Result<void>& written) {
        if (!written) {
            problems.push_back(written.error().message);
        }
        return written.has_value();
    };
    const bool intended = note(edges.journal.intend(Step::compare_disks, ""));
    edges.status.notice(
        fmt::format("comparing {} disk(s) of {} and {}: the guest stands still meanwhile",
                    rules.volumes.size(), rules.source, rules.destination));
    auto check = compare(rules.volumes, edges);
    if (intended && check.finding != DiskFinding::not_known) {
        note(edges.journal.done(Step::compare_disks, to_text(check)));
    }
    return check;
}

std::string stands_still(const ArrivalRules& rules, const std::string& why) {
    return fmt::format("the guest is paused on {} and gone from {}: {}", rules.destination,
                       rules.source, why);
}

std::string differs(const ArrivalRules& rules, const DiskCheck& check) {
    return stands_still(
        rules, fmt::format("{}; nothing is removed. To go on with what is on {}, 'virsh resume' it "
                           "there; to go back, 'virsh destroy' and 'virsh undefine' it there, and "
                           "define and start it on {}; then "
                           "'vmigrate recover'",
                           check.what, rules.destination, rules.source));
}

/// It runs from copies of which nobody knows, or which are known to differ.
std::string ran_before(const ArrivalRules& rules, const VolumeMove& volume,
                       const DiskCheck& check) {
    return fmt::format(
        "volume {} is left on {}: {}", volume.source_path, rules.source,
        check.finding == DiskFinding::differ
            ? check.what
            : std::string("the guest runs, and its disks had not been compared before"));
}

Result<void> resume(const ArrivalRules& rules, const Edges& edges) {
    const auto left = edges.hypervisor.guest_state(Side::source);
    if (left != GuestState::absent && left != GuestState::shut_off) {
        return fail(ErrorKind::blocked,
                    fmt::format("it was not resumed, for {} says that its guest is {}",
                                rules.source, name_of(left)));
    }
    return edges.hypervisor.resume_guest(Side::destination);
}

}  // namespace

std::string_view name_of(DiskFinding finding) {
    return name_in(kFindings, finding);
}

std::string to_text(const DiskCheck& check) {
    return line({{"finding", name_of(check.finding)},
                 {"what", check.what},
                 {"compared_bytes", check.measures.compared.count},
                 {"mismatches", check.measures.mismatches},
                 {"took_ms", check.measures.took.count()}});
}

DiskCheck disk_check_from(const std::string& text) {
    const auto json = Json::parse(text, nullptr, false);
    DiskCheck check;
    if (!json.is_object()) {
        return check;
    }
    check.finding = value_in(kFindings, member(json, "finding", std::string()))
                        .value_or(DiskFinding::not_known);
    check.what = member(json, "what", std::string());
    check.measures.compared = {member(json, "compared_bytes", std::uint64_t{0})};
    check.measures.mismatches = member(json, "mismatches", 0U);
    check.measures.took =
        milliseconds(static_cast<std::int64_t>(member(json, "took_ms", std::uint64_t{0})));
    return check;
}

Arrival let_in(const ArrivalRules& rules, const Edges& edges) {
    Arrival arrival;
    arrival.check = rules.known;
    auto& check = arrival.check;
    const auto state = edges.hypervisor.guest_state(Side::destination);
    const bool stands = state == GuestState::paused;
    if (!stands && state != GuestState::running) {
        arrival.reason = fmt::format(
            "the guest had arrived on {}, its disks were not compared, and now it is {} there; "
            "nothing is removed; look at it there, then 'vmigrate recover'",
            rules.destination, name_of(state));
        return arrival;
    }
    if (stands && check.finding == DiskFinding::not_known) {
        check = journalled_check(rules, edges, arrival.problems);
    }
    arrival.may_remove_source_disks = check.finding == DiskFinding::equal;
    if (!stands) {
        arrival.goes_on = true;
        if (!arrival.may_remove_source_disks) {
            for (const auto& volume : rules.volumes) {
                arrival.problems.push_back(ran_before(rules, volume, check));
            }
        }
        return arrival;
    }
    if (check.finding == DiskFinding::differ) {
        arrival.reason = differs(rules, check);
        return arrival;
    }
    if (check.finding == DiskFinding::not_known) {
        arrival.reason = stands_still(
            rules,
            fmt::format("{}; nothing is removed, 'vmigrate recover' compares again", check.what));
        return arrival;
    }
    if (rules.resume) {
        if (const auto resumed = resume(rules, edges); !resumed) {
            arrival.reason = stands_still(
                rules, fmt::format("its disks are equal, but {}; 'vmigrate recover' tries again",
                                   resumed.error().message));
            return arrival;
        }
    }
    arrival.goes_on = true;
    return arrival;
}

}  // namespace vmigrate
