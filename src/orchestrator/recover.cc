// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/recover.h"

#include <fmt/format.h>

#include <algorithm>

namespace vmigrate {
namespace {

/// It arrived paused, and was not seen running there: it waits for its disks to be compared.
bool waits(const Unfinished& unfinished) {
    return unfinished.arrival && unfinished.phase < Phase::switched;
}

/// Compares the disks if the dead process had not. False: the guest stands still there.
bool arrived(const Unfinished& unfinished, const Edges& edges, SourceRemains& remains,
             Record& record) {
    if (!unfinished.arrival) {
        return true;
    }
    auto rules = *unfinished.arrival;
    rules.resume = waits(unfinished) && unfinished.before == GuestState::running &&
                   !unfinished.paused_on_purpose;
    auto arrival = let_in(rules, edges);
    if (arrival.check.finding != DiskFinding::not_known) {
        record.measures.disks = arrival.check.measures;
    }
    record.problems = std::move(arrival.problems);
    record.reason = std::move(arrival.reason);
    if (!arrival.may_remove_source_disks) {
        remains.volumes.clear();
    }
    return arrival.goes_on;
}

/// What else was a problem stays one.
void clear_again(const Unfinished& unfinished, Record& ended, const Edges& edges) {
    auto remains = unfinished.remains;
    if (unfinished.arrival && unfinished.arrival->known.finding != DiskFinding::equal) {
        remains.volumes.clear();
    }
    if (const auto done = edges.journal.done(Step::clear_source, ""); !done) {
        edges.status.notice(done.error().message);
    }
    std::erase_if(ended.problems, [&](const std::string& problem) {
        return std::ranges::find(unfinished.not_cleared, problem) != unfinished.not_cleared.end();
    });
    for (auto& problem : clear_source(remains, edges)) {
        ended.problems.push_back(std::move(problem));
    }
    if (ended.problems.empty()) {
        ended.outcome = Outcome::moved;
    }
}

}  // namespace

Result<Record> recover(const Unfinished& unfinished, const RecoverOptions& options,
                       const Edges& edges) {
    Record record;
    record.id = unfinished.id;
    SettleRules rules;
    rules.before = unfinished.before;
    rules.paused_on_purpose = unfinished.paused_on_purpose || waits(unfinished);
    rules.has_run_there = unfinished.phase >= Phase::switched;
    rules.running = options.patience;
    rules.abort_running = options.abort_running;
    rules.resumable = unfinished.resumable;
    rules.resuming = unfinished.resuming.value_or(rules.resuming);
    edges.status.started(unfinished.id);

    const auto verdict = settle(rules, edges, [](const Event&) {});
    edges.status.notice(verdict.reason);
    switch (verdict.kind) {
        case Verdict::Kind::on_source:
            record.outcome = Outcome::failed_on_source;
            record.reason = "vmigrate ended during " + std::string(name_of(unfinished.phase)) +
                            "; recovered: " + verdict.reason;
            record.problems = undo(unfinished.leftovers, edges);
            break;
        case Verdict::Kind::on_destination: {
            auto remains = unfinished.remains;
            if (!arrived(unfinished, edges, remains, record)) {
                record.outcome = Outcome::unknown;
                break;
            }
            for (auto& problem : finish_forward(remains, edges)) {
                record.problems.push_back(std::move(problem));
            }
            if (const auto drained = edges.network.drain(); !drained) {
                record.problems.push_back("network not drained: " + drained.error().message);
            }
            record.outcome =
                record.problems.empty() ? Outcome::moved : Outcome::moved_with_problems;
            if (const auto totals = edges.hypervisor.completed()) {
                record.measures.memory_sent = totals->memory_sent;
                record.measures.disk_sent = totals->disk_sent;
                record.measures.iterations = totals->iteration + 1;
            }
            break;
        }
        case Verdict::Kind::still_migrating:
        case Verdict::Kind::half_moved:
        case Verdict::Kind::unknown:
            record.outcome = Outcome::unknown;
            record.reason = verdict.reason;
            break;
    }
    const auto ended = edges.journal.phase(Phase::ended, name_of(record.outcome));
    const auto finished = edges.journal.finish(record);
    if (!ended || !finished) {
        record.problems.push_back(!ended ? ended.error().message : finished.error().message);
    }
    return record;
}

Record clear_up(const Unfinished& unfinished, Record ended, const Edges& edges) {
    edges.status.started(unfinished.id);
    Truth truth;
    truth.before = unfinished.before;
    truth.paused_on_purpose = unfinished.paused_on_purpose;
    truth.source = edges.hypervisor.guest_state(Side::source);
    truth.destination = edges.hypervisor.guest_state(Side::destination);
    truth.job_active = edges.hypervisor.job_active();
    const auto verdict = judge(truth).kind;
    const bool moved = ended.outcome == Outcome::moved_with_problems;
    const bool certain =
        truth.job_active == false &&
        (moved ? verdict == Verdict::Kind::on_destination
               : verdict == Verdict::Kind::on_source && truth.destination == GuestState::absent);
    if (certain) {
        for (const auto& problem : moved ? unfinished.not_cleared : ended.problems) {
            if (const auto noted = edges.journal.note("tried again: " + problem); !noted) {
                edges.status.notice(noted.error().message);
            }
        }
        if (moved) {
            clear_again(unfinished, ended, edges);
        } else {
            ended.problems = undo(unfinished.leftovers, edges);
        }
    } else {
        edges.status.notice(fmt::format(
            "what is left is not touched: the guest is not just on the {} (source: {}, "
            "destination: {}); look at it there",
            moved ? "destination" : "source", name_of(truth.source), name_of(truth.destination)));
    }
    if (const auto finished = edges.journal.finish(ended); !finished) {
        ended.problems.push_back(finished.error().message);
    }
    return ended;
}

}  // namespace vmigrate
