// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/steering.h"

#include <fmt/format.h>

#include <utility>

#include "base/overloaded.h"

namespace vmigrate {
namespace {

/// A guest is not throttled longer than it takes to see that it is enough.
constexpr milliseconds kThrottledInterval{250};
/// Whoever is asked decides while the guest hardly runs.
constexpr milliseconds kTimeToAnswer{10'000};
/// With none at all QEMU stops a guest without looking at what it wrote last.
constexpr milliseconds kLeastLimit{1};

}  // namespace

Steering::Steering(const Plan& plan, const Edges& edges, RunLog& log, MeasureBook& book,
                   std::function<void(const std::string&)> give_up)
    : edges_(edges),
      log_(log),
      book_(book),
      give_up_(std::move(give_up)),
      options_(plan.request.options),
      memory_(plan.guest.memory),
      bandwidth_called_(plan.request.options.bandwidth),
      throttle_means_(plan.call.throttle),
      live_(options_, plan.prediction.bandwidth, throttle_means_),
      throttle_(options_, throttle_means_, live_.longest_pause()),
      qos_(options_),
      slice_(options_.ram_save_max_wait),
      delay_(plan),
      copy_(options_.timeout) {}

milliseconds Steering::interval() const {
    const auto asked = options_.sample_interval;
    return throttle_.percent() > 0 ? std::min(asked, kThrottledInterval) : asked;
}

Result<void> Steering::tell_limit() {
    return edges_.hypervisor.set_downtime_limit(held_back_ ? kLeastLimit : limit());
}

void Steering::let_go() {
    held_back_ = false;
    if (const auto set = tell_limit(); !set) {
        log_.notice("downtime limit not set: " + set.error().message);
    }
}

void Steering::memory_flows() {
    if (const auto set = tell_limit(); !set) {
        log_.notice("downtime limit not set: " + set.error().message);
    }
    if (options_.bandwidth != bandwidth_called_) {
        log_.problem_if(edges_.hypervisor.set_bandwidth(options_.bandwidth), "bandwidth not set");
    }
    if (throttle_means_ == ThrottleMeans::auto_converge) {
        set_throttle(0);  // QEMU would go on by itself
    }
}

void Steering::at_iteration(const Sample& sample) {
    act(live_.at_iteration(sample));
    act(throttle_.at_iteration(sample), sample);
    act(delay_.at_iteration(sample));
}

void Steering::at_tick(const Sample& sample, std::optional<milliseconds> in_precopy) {
    for (const auto& decision : qos_.at_tick(sample, limit())) {
        act(decision);
    }
    if (!in_precopy) {
        act(copy_.at_tick(sample));
    }
    if (!in_precopy || postcopy_) {
        return;
    }
    act(live_.at_tick(sample, *in_precopy));
    act(question_ ? throttle_.renewed(sample) : throttle_.at_tick(sample), sample);
    if (const auto turn = slice_.at_tick(sample)) {
        set_memory_turn(*turn);
    }
}

TuneAnswer Steering::tune(const std::vector<Setting>& settings) {
    auto changed = tuned(options_, settings);
    if (!changed) {
        return {TuneFate::refused, changed.error().message};
    }
    const auto before = std::exchange(options_, std::move(*changed));
    return put_in_force(before);
}

void Steering::act(const Decision& decision) {
    std::visit(Overloaded{
                   [](const KeepGoing&) {},
                   [&](const SetDowntimeLimit& set) { raise_limit(set.limit, set.reason); },
                   [&](const ForceSwitchover& force) {
                       log_.notice(fmt::format("forced switchover: {}; predicted blackout {}",
                                               force.reason, format_time(force.predicted)));
                       forced_ = true;
                       if (!raise_limit(force.limit, force.reason) && force.last_resort) {
                           give_up_("the switchover could not be forced: " + force.reason);
                       }
                   },
                   [&](const StartPostcopy& postcopy) { start_postcopy(postcopy.reason); },
                   [&](const PostponePostcopy& postponed) {
                       log_.notice("post-copy is put off: " + postponed.reason);
                   },
                   [&](const GiveUp& up) { give_up_(up.reason); },
               },
               decision);
}

void Steering::act(const ThrottleDecision& decision, const Sample& sample) {
    switch (decision.kind) {
        case ThrottleDecision::Kind::none:
            break;
        case ThrottleDecision::Kind::set:
            log_.notice(fmt::format("throttle {} %: {}", decision.percent, decision.reason));
            if (set_throttle(decision.percent)) {
                act(delay_.when_throttled(decision.percent));
                act(live_.when_throttled());
            } else {
                throttle_.not_taken();
            }
            break;
        case ThrottleDecision::Kind::renew:
            set_throttle(decision.percent);
            break;
        case ThrottleDecision::Kind::exhausted:
            act_or_ask(live_.when_exhausted(sample, decision.reason), sample);
            break;
    }
}

/// What would be given up, a person may want to have forced.
void Steering::act_or_ask(const Decision& decision, const Sample& sample) {
    const auto* up = std::get_if<GiveUp>(&decision);
    const auto question = fmt::format("switch over now with a predicted blackout of {}?",
                                      format_time(live_.predicted_blackout(sample)));
    if (up == nullptr || !edges_.status.ask(question, kTimeToAnswer)) {
        act(decision);
        return;
    }
    log_.remember(edges_.journal.note("asked: " + question));
    question_ = Question{up->reason, sample, edges_.clock.now() + kTimeToAnswer};
}

void Steering::wait_for_answer() {
    if (question_ && edges_.clock.now() >= question_->until) {
        answered(false, std::nullopt);
    }
}

void Steering::answered(bool yes, const std::optional<Sample>& now) {
    if (!question_) {
        return;
    }
    const auto asked = *std::exchange(question_, std::nullopt);
    if (!yes) {
        give_up_(asked.reason);
    } else {
        act(live_.allowed(now.value_or(asked.sample), "somebody at the terminal said yes"));
    }
}

void Steering::act(const QosDecision& decision) {
    const auto limit = format_rate(decision.limit);
    if (decision.kind == QosDecision::Kind::exhausted) {
        log_.notice(
            fmt::format("writes to {} are not limited to less than {} (io-qos-floor), but "
                        "{}",
                        decision.target, limit, decision.reason));
        return;
    }
    const auto set = edges_.hypervisor.limit_writes(decision.target, decision.limit);
    if (!set) {
        qos_.not_set(decision.target);
        log_.notice(fmt::format("writes to {} not limited to {}: {} ({})", decision.target, limit,
                                set.error().message, decision.reason));
        return;
    }
    book_.writes_limited(decision.limit, edges_.clock.now());
    log_.notice(
        fmt::format("writes to {} limited to {}: {}", decision.target, limit, decision.reason));
}

void Steering::act(const std::optional<DelayDecision>& decision) {
    if (!decision) {
        return;
    }
    const auto set = edges_.hypervisor.set_delay(decision->percent);
    log_.notice(set ? fmt::format("hot memory that waits: at most {} %: {}", decision->percent,
                                  decision->reason)
                    : fmt::format("what of the memory waits is not set: {}", set.error().message));
}

void Steering::set_memory_turn(milliseconds turn) {
    const auto set = edges_.hypervisor.set_memory_turn(turn);
    log_.notice(set ? fmt::format("memory is sent for {} at a time while disks are copied",
                                  format_time(turn))
                    : fmt::format("the turn of memory, {}, is not set: {}", format_time(turn),
                                  set.error().message));
}

bool Steering::set_throttle(unsigned percent) {
    const auto set = edges_.hypervisor.set_throttle(throttle_means_, percent);
    if (!set) {
        log_.notice(fmt::format("throttle not set: {}", set.error().message));
    }
    return set.has_value();
}

bool Steering::raise_limit(milliseconds limit, const std::string& reason) {
    const auto set = held_back_ ? Result<void>() : edges_.hypervisor.set_downtime_limit(limit);
    log_.notice(set ? fmt::format("downtime limit {}: {}", format_time(limit), reason)
                    : fmt::format("downtime limit {} not set: {} ({})", format_time(limit),
                                  set.error().message, reason));
    return set.has_value();
}

TuneAnswer Steering::put_in_force(const Options& before) {
    TuneAnswer answer;
    const auto fails = [&](const Result<void>& done, std::string_view what) {
        if (!done) {
            answer.fate = TuneFate::failed;
            answer.reason += fmt::format("{}{} not set: {}", answer.reason.empty() ? "" : "; ",
                                         what, done.error().message);
        }
    };
    if (options_.auto_converge != before.auto_converge) {
        // what was QEMU's own affair is stopped by its own means
        const auto means =
            throttle_means_ == ThrottleMeans::none ? ThrottleMeans::auto_converge : throttle_means_;
        fails(edges_.hypervisor.set_throttle(means, 0), "throttle");
        throttle_means_ = ThrottleMeans::none;
    }
    const auto limit = live_.limit();
    live_.change(options_, throttle_means_);
    copy_.change(options_.timeout);
    throttle_.change(options_, throttle_means_, live_.longest_pause());
    if (live_.limit() != limit && !held_back_) {
        fails(tell_limit(), "downtime limit");
    }
    if (options_.bandwidth != before.bandwidth) {
        fails(edges_.hypervisor.set_bandwidth(options_.bandwidth), "bandwidth");
    }
    return answer;
}

void Steering::start_postcopy(const std::string& reason) {
    log_.notice("post-copy: " + reason);
    const auto begun = edges_.hypervisor.start_postcopy();
    if (!begun) {
        give_up_("post-copy did not start: " + begun.error().message);
    }
    postcopy_ = begun.has_value();
    if (postcopy_) {
        book_.postcopy();
    }
}

}  // namespace vmigrate
