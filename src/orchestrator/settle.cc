// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/settle.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "orchestrator/json.h"
#include "orchestrator/postcopy_repair.h"
#include "orchestrator/standstill.h"

namespace vmigrate {
namespace {

constexpr milliseconds kAskAgain{500};
/// A guest without a process on either side does not come back by itself.
constexpr milliseconds kNowhere{5'000};
/// libvirt's call returns soon after the guest has all its memory.
constexpr milliseconds kLastWord{10'000};
/// libvirt ends the source's process soon after the guest runs elsewhere, also when it was started
/// anew meanwhile and has many guests to look at.
constexpr milliseconds kClearsAway{10'000};

Truth ask(const SettleRules& rules, const Edges& edges) {
    Truth truth;
    truth.before = rules.before;
    truth.paused_on_purpose = rules.paused_on_purpose;
    truth.has_run_there = rules.has_run_there;
    truth.source = edges.hypervisor.guest_state(Side::source);
    truth.destination = edges.hypervisor.guest_state(Side::destination);
    truth.job_active = edges.hypervisor.job_active();
    if (rules.resumable) {
        truth.postcopy = edges.hypervisor.postcopy_state();
    }
    return truth;
}

bool has_no_process(const Truth& truth) {
    const auto none = [](GuestState state) {
        return state == GuestState::shut_off || state == GuestState::absent;
    };
    return none(truth.source) && none(truth.destination) && !truth.job_active.value_or(true);
}

/// Carries a step out between its intent and its end. A journal that cannot be written does not
/// stop an undo: it is one more problem.
std::vector<std::string> journalled(Step step, const Edges& edges, const std::string& on_failure,
                                    const std::function<Result<void>()>& act) {
    std::vector<std::string> problems;
    const auto intended = edges.journal.intend(step, "");
    if (!intended) {
        problems.push_back(intended.error().message);
    }
    const auto acted = act();
    if (!acted) {
        problems.push_back(fmt::format("{}: {}", on_failure, acted.error().message));
    } else if (const auto done = edges.journal.done(step, ""); !done) {
        problems.push_back(done.error().message);
    }
    return problems;
}

void append(std::vector<std::string>& all, std::vector<std::string> more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

Verdict half_moved(const PostcopyRepair& repair) {
    return {
        Verdict::Kind::unknown,
        fmt::format("the guest runs on the destination, a part of its memory is still on the "
                    "source, and post-copy is not resumed ({}); end neither, see to the network "
                    "between them, then 'vmigrate recover'",
                    repair.obstacle())};
}

/// Nobody has the guest for certain, and what was waited for did not come.
Verdict given_up(const Truth& truth, Verdict verdict, milliseconds waited,
                 const std::string& silent) {
    if (verdict.kind == Verdict::Kind::still_migrating) {
        verdict.reason += fmt::format(
            ", but nothing has moved for {} (source: {}, destination: {}); end neither, see to "
            "their QEMUs and the network between them, then 'vmigrate recover'",
            format_time(waited), name_of(truth.source), name_of(truth.destination));
    }
    if (!silent.empty()) {
        verdict.reason += "; " + silent;
    }
    verdict.kind = Verdict::Kind::unknown;
    return verdict;
}

bool has_idle_process(GuestState state) {
    return state == GuestState::paused || state == GuestState::incoming;
}

/// What the source still has of a guest that runs on the destination, once libvirt has had its time
/// to clear that away.
GuestState left_on_source(const Edges& edges) {
    const auto until = edges.clock.now() + kClearsAway;
    auto left = edges.hypervisor.guest_state(Side::source);
    while (has_idle_process(left) && edges.clock.now() < until) {
        const auto again = edges.clock.now() + kAskAgain;
        while (edges.events.next(again)) {
            // whatever it is, the guest has moved
        }
        left = edges.hypervisor.guest_state(Side::source);
    }
    return left;
}

/// What libvirt has not cleared away, and will not any more: it has missed the end.
Result<GuestState> end_husk(const SourceRemains& remains, const Edges& edges) {
    if (const auto ended = edges.hypervisor.end_husk(remains.copied); !ended) {
        return fail(ended.error());
    }
    const std::string text =
        "the source still had the guest's process, paused; it was ended, for all of the guest is "
        "on the destination";
    edges.status.notice(text);
    static_cast<void>(edges.journal.note(text));  // nothing depends on it
    return edges.hypervisor.guest_state(Side::source);
}

/// Tells whoever watches what is waited for, once it is more than a moment, and each time once.
class Waiting {
  public:
    explicit Waiting(Status& status) : status_(status) {}
    void still(const std::string& text, TimePoint now) {
        if (text != text_) {
            text_ = text;
            since_ = now;
            said_ = false;
        }
        if (!said_ && now - since_ >= kMoment) {
            said_ = true;
            status_.notice(text_);
        }
    }

  private:
    static constexpr milliseconds kMoment{2'000};
    Status& status_;
    std::string text_;
    TimePoint since_{};
    bool said_ = false;
};

std::vector<std::string> try_to_clear(const SourceRemains& remains, const Edges& edges) {
    std::vector<std::string> problems;
    auto left = left_on_source(edges);
    std::string obstacle;
    if (has_idle_process(left)) {
        const auto since = end_husk(remains, edges);
        left = since.value_or(left);
        obstacle = since ? "" : fmt::format(" ({})", since.error().message);
    }
    switch (left) {
        case GuestState::absent:
            break;
        case GuestState::shut_off:
            if (remains.keeps_definition) {
                return problems;
            }
            if (const auto handed = edges.hypervisor.hand_over_definition(); !handed) {
                problems.push_back(
                    fmt::format("the source still defines the guest ({}): once the destination "
                                "does, 'virsh undefine' it there",
                                handed.error().message));
                return problems;
            }
            break;
        case GuestState::unreachable:
            problems.emplace_back(
                "the source does not answer: what is left of the guest there is "
                "not known (virsh list --all)");
            return problems;
        case GuestState::running:
        case GuestState::paused:
        case GuestState::incoming:
            problems.push_back(
                fmt::format("the source still has the guest, {}{}; vmigrate ends no "
                            "guest: look at it there (virsh list --all)",
                            name_of(left), obstacle));
            return problems;
    }
    // Nothing on the source refers to them any more, and the guest runs from the copies.
    for (const auto& volume : remains.volumes) {
        const auto removed =
            edges.hypervisor.remove_volume(Side::source, volume, Hypervisor::Removal::any);
        if (!removed) {
            problems.push_back(fmt::format("volume {} is left on the source: {}",
                                           volume.source_path, removed.error().message));
        }
    }
    return problems;
}

}  // namespace

Verdict settle(const SettleRules& rules, const Edges& edges,
               const std::function<void(const Event&)>& on_event) {
    const auto started = edges.clock.now();
    bool cancelled = false;
    const auto cancel = [&] {
        if (!cancelled) {
            cancelled = true;
            if (const auto aborted = edges.hypervisor.abort(); !aborted) {
                edges.status.notice(aborted.error().message);
            }
        }
    };
    if (rules.abort_running && edges.hypervisor.job_active().value_or(false)) {
        cancel();
    }
    auto unclear_since = started;
    std::optional<TimePoint> clear_since;
    Standstill standstill;
    Waiting waiting(edges.status);
    const MigrationCall no_call{};
    PostcopyRepair repair(rules.resumable ? *rules.resumable : no_call, rules.resuming, edges);
    for (;;) {
        const auto truth = ask(rules, edges);
        auto verdict = judge(truth);
        const auto now = edges.clock.now();
        if (verdict.kind == Verdict::Kind::on_source ||
            verdict.kind == Verdict::Kind::on_destination) {
            clear_since = clear_since.value_or(now);
            unclear_since = now;
            if (!repair.under_way() || now - *clear_since >= kLastWord) {
                return verdict;
            }
        }
        if (verdict.kind == Verdict::Kind::half_moved) {
            unclear_since = now;
            if (!repair.attempt(now, *truth.postcopy)) {
                return half_moved(repair);
            }
        }
        for (const auto side : {Side::source, Side::destination}) {
            standstill.saw(side, edges.hypervisor.owes_answer(side), now);
        }
        if (verdict.kind == Verdict::Kind::still_migrating) {
            std::optional<Sample> sample;
            if (truth.source != GuestState::unreachable) {
                if (auto reading = edges.hypervisor.sample()) {
                    sample = std::move(*reading);
                }
            }
            if (truth.postcopy == PostcopyState::running) {
                repair.watch(sample);
            }
            // With the guest on the source nobody is harmed by a network that is away. Without, or
            // when it is to end, a job alone is no sign that anything goes on.
            const bool waits_on_source = truth.source == GuestState::running &&
                                         truth.job_active.value_or(false) && !cancelled;
            if (standstill.moved(sample) || waits_on_source) {
                unclear_since = now;
            }
            const bool has_left = truth.postcopy == PostcopyState::running ||
                                  truth.postcopy == PostcopyState::arriving;
            if (now - started >= rules.running && !has_left) {
                cancel();
            }
        }
        const auto unclear =
            has_no_process(truth) ? std::min(rules.unclear, kNowhere) : rules.unclear;
        if (now - unclear_since >= unclear) {
            return given_up(truth, std::move(verdict), unclear, standstill.silent(now));
        }
        if (verdict.kind == Verdict::Kind::still_migrating) {
            waiting.still("waiting: " + verdict.reason, now);
        } else if (verdict.kind == Verdict::Kind::unknown) {
            waiting.still("not clear yet, asked again: " + verdict.reason, now);
        }
        const auto again = now + kAskAgain;
        while (auto event = edges.events.next(again)) {
            if (std::holds_alternative<AbortRequested>(event->what)) {
                repair.stop();
                cancel();
            }
            repair.saw(*event);
            on_event(*event);
        }
        if (edges.journal.abort_requested()) {
            repair.stop();
            cancel();
        }
    }
}

std::vector<std::string> undo(const Leftovers& leftovers, const Edges& edges) {
    std::vector<std::string> problems;
    if (const auto back = edges.network.rollback(); !back) {
        problems.push_back("network not rolled back: " + back.error().message);
    }
    if (!leftovers.originals.empty()) {
        append(problems,
               journalled(Step::restore_originals, edges, "QEMU settings not restored", [&] {
                   return edges.hypervisor.restore_originals(Side::source, leftovers.originals);
               }));
    }
    const auto remove = [&](const VolumeMove& volume, Hypervisor::Removal removal) {
        const auto removed = edges.hypervisor.remove_volume(Side::destination, volume, removal);
        if (!removed) {
            problems.push_back(fmt::format("volume {} is left on the destination: {}", volume.path,
                                           removed.error().message));
        }
    };
    for (const auto& volume : leftovers.volumes) {
        remove(volume, Hypervisor::Removal::any);
    }
    for (const auto& volume : leftovers.intended) {
        remove(volume, Hypervisor::Removal::if_unwritten);
    }
    return problems;
}

std::vector<std::string> clear_source(const SourceRemains& remains, const Edges& edges) {
    auto problems = try_to_clear(remains, edges);
    if (!problems.empty()) {
        const auto kept =
            edges.journal.intend(Step::clear_source, fmt::format("{}", fmt::join(problems, "\n")));
        if (!kept) {
            problems.push_back(kept.error().message);
        }
    }
    return problems;
}

std::vector<std::string> finish_forward(const SourceRemains& remains, const Edges& edges) {
    auto problems = journalled(Step::commit_network, edges, "network not committed",
                               [&] { return edges.network.commit(); });
    append(problems, clear_source(remains, edges));
    return problems;
}

}  // namespace vmigrate
