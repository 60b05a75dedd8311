// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/runner.h"

#include <fmt/format.h>

#include "orchestrator/estimate.h"
#include "orchestrator/measure_book.h"
#include "orchestrator/policy_delay.h"
#include "orchestrator/policy_live.h"
#include "orchestrator/policy_qos.h"
#include "orchestrator/policy_slice.h"
#include "orchestrator/policy_throttle.h"
#include "orchestrator/prepare.h"
#include "orchestrator/settle.h"

namespace vmigrate {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
    using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;  // clang-tidy 14 does not deduce it by itself

/// A guest is not throttled longer than it takes to see that it is enough.
constexpr milliseconds kThrottledInterval{250};
/// Whoever is asked decides while the guest hardly runs.
constexpr milliseconds kTimeToAnswer{10'000};
/// libvirt's call ends soon after its post-copy broke off, unless a QEMU does not answer it.
constexpr milliseconds kTimeToReturn{30'000};

/// A guest that stands still dirties nothing.
std::optional<BytesPerSecond> dirty_rate_expected(const Plan& plan) {
    return plan.guest.state == GuestState::running ? plan.memory.dirty_rate
                                                   : std::optional(BytesPerSecond{});
}

class Run {
  public:
    Run(const Plan& plan, const Edges& edges, std::int64_t id)
        : plan_(plan),
          edges_(edges),
          options_(plan.request.options),
          throttle_means_(plan.call.throttle),
          policy_(plan.request.options, plan.prediction.bandwidth, plan.call.throttle),
          throttle_(plan.request.options, plan.call.throttle, policy_.longest_pause()),
          qos_(plan.request.options),
          slice_(plan.request.options.ram_save_max_wait),
          delay_(plan),
          estimator_({plan.guest.memory * (1.0 - plan.memory.zero_share), plan.prediction.bandwidth,
                      dirty_rate_expected(plan)}),
          progress_(edges.clock.now(), plan.guest.memory, plan.prediction.disk_sent) {
        record_.id = id;
    }

    Record go() {
        enter(Phase::locked, "");
        auto ready = prepare(plan_, edges_, leftovers_);
        if (ready) {
            ready = start();
        }
        if (!ready) {
            record_.outcome = Outcome::failed_on_source;
            record_.reason = ready.error().message;
            add_problems(undo(leftovers_, edges_));
            finish();
            return std::move(record_);
        }
        follow();
        if (returned_) {
            edges_.hypervisor.end_call();
        }
        conclude();
        return std::move(record_);
    }

  private:
    bool has_process() const { return plan_.guest.state != GuestState::shut_off; }

    void enter(Phase phase, std::string_view note) {
        if (phase <= phase_) {
            return;
        }
        phase_ = phase;
        remember(edges_.journal.phase(phase, note));
        edges_.status.phase(phase, note);
    }

    void notice(const std::string& text) {
        edges_.status.notice(text);
        remember(edges_.journal.note(text));
    }

    /// A history that cannot be written never stops a guest that is on its way. Said once.
    void remember(const Result<void>& written) {
        if (!written && !history_broken_) {
            history_broken_ = true;
            record_.problems.push_back("history is incomplete: " + written.error().message);
            edges_.status.notice(record_.problems.back());
        }
    }

    /// For what failed when it was too late to turn back.
    void problem_if(const Result<void>& done, std::string_view what) {
        if (!done) {
            record_.problems.push_back(fmt::format("{}: {}", what, done.error().message));
        }
    }

    Result<void> start() {
        if (auto intended = edges_.journal.intend(Step::migrate, ""); !intended) {
            return intended;
        }
        if (has_process()) {
            if (const auto use = edges_.hypervisor.cpu_use(Side::source)) {
                book_.before(plan_.guest.cpu, plan_.guest.asked_at, *use, edges_.clock.now());
            }
        }
        auto begun = edges_.hypervisor.start(plan_.call);
        book_.called(edges_.clock.now());
        return begun;
    }

    milliseconds interval() const {
        const auto asked = options_.sample_interval;
        return throttle_.percent() > 0 ? std::min(asked, kThrottledInterval) : asked;
    }

    void follow() {
        auto next_look = edges_.clock.now() + interval();
        while (!returned_ && !call_is_lost()) {
            if (const auto event = edges_.events.next(next_look)) {
                handle(*event);
                continue;
            }
            look();
            next_look = edges_.clock.now() + interval();
        }
    }

    bool call_is_lost() const {
        return postcopy_paused_ && edges_.clock.now() - *postcopy_paused_ >= kTimeToReturn;
    }

    void look() {
        if (edges_.journal.abort_requested()) {
            abort_for("aborted by 'vmigrate abort'", false);
        }
        for (const auto& request : edges_.journal.tune_requests()) {
            tune(request);
        }
        if (pending_abort_) {
            const auto again = *std::exchange(pending_abort_, std::nullopt);
            abort_for(again.reason, again.by_signal);
        }
        if (question_ && edges_.clock.now() >= question_->until) {
            answered(false);
        }
        if (!has_process() || (phase_ >= Phase::switched && !postcopy_)) {
            return;
        }
        const auto sample = take_sample();
        if (sample && phase_ < Phase::handover) {
            for (const auto& decision : qos_.at_tick(*sample, policy_.limit())) {
                act(decision);
            }
        }
        const auto since = book_.active_since();
        if (sample && sample->job == JobState::postcopy && !postcopy_paused_ &&
            postcopy_watch_.stuck(*sample)) {
            pause_postcopy();
        }
        if (sample && since && phase_ == Phase::precopy && !postcopy_) {
            act(policy_.at_tick(*sample,
                                std::chrono::duration_cast<milliseconds>(sample->at - *since)));
            act(question_ ? throttle_.renewed(*sample) : throttle_.at_tick(*sample), *sample);
            if (const auto turn = slice_.at_tick(*sample)) {
                set_memory_turn(*turn);
            }
        }
    }

    std::optional<Sample> take_sample() {
        const auto sample = edges_.hypervisor.sample();
        if (!sample || (sample->job != JobState::active && sample->job != JobState::device &&
                        sample->job != JobState::postcopy)) {
            return std::nullopt;
        }
        book_.sampled(*sample);
        if (phase_ < Phase::handover) {
            if (const auto use = edges_.hypervisor.cpu_use(Side::source)) {
                book_.source_cpu(*use, edges_.clock.now());
            }
        }
        estimator_.add(*sample);
        const auto shown = progress_.update(
            phase_, *sample, estimator_.forecast(policy_.limit(), policy_.longest_pause()));
        edges_.status.progress(shown);
        remember(edges_.journal.sample(*sample, shown.percent, shown.forecast));
        return *sample;
    }

    void handle(const Event& event) {
        book_.saw(event);
        std::visit(
            Overloaded{
                [&](const DestinationCreated&) { destination_created(); },
                [&](const MigrationActive&) { memory_flows(event.time.arrived); },
                [&](const IterationStarted& it) { iteration(it.iteration, event.time.arrived); },
                [&](const GuestStopped&) { stopped(event); },
                [&](const GuestResumed&) { resumed(event); },
                [&](const StreamCompleted&) {},
                [&](const PostcopyPaused&) {
                    postcopy_paused_ = event.time.arrived;
                    notice(
                        "post-copy is paused: the network between the hosts failed; the guest's "
                        "memory is on both of them");
                },
                [&](const CallReturned& call) {
                    returned_ = true;
                    book_.returned(event.time.arrived);
                    call_error_ = call.error;
                    if (!call.error) {
                        remember(edges_.journal.done(Step::migrate, ""));
                    }
                },
                [&](const ConnectionLost&) {
                    notice(
                        fmt::format("connection to the {}'s libvirt is lost", name_of(event.side)));
                },
                [&](const AbortRequested& request) {
                    abort_for(request.reason, request.by_signal);
                },
                [&](const Answered& answer) { answered(answer.yes); },
            },
            event.what);
    }

    void destination_created() {
        if (phase_ >= Phase::prepared) {
            return;
        }
        enter(Phase::prepared, "");
        if (const auto begun = edges_.network.begin(); !begun) {
            abort_for("network: " + begun.error().message, false);
        }
    }

    void memory_flows(TimePoint at) {
        if (book_.active_since()) {
            return;
        }
        destination_created();  // it exists, even if its own event never came
        book_.active(at);
        enter(Phase::precopy, "");
        take_sample();  // the copy of the disks is over, and still counted
        if (const auto set = edges_.hypervisor.set_downtime_limit(policy_.limit()); !set) {
            notice("downtime limit not set: " + set.error().message);
        }
        if (options_.bandwidth != plan_.request.options.bandwidth) {  // libvirt has set its own
            problem_if(edges_.hypervisor.set_bandwidth(options_.bandwidth), "bandwidth not set");
        }
        if (throttle_means_ == ThrottleMeans::auto_converge) {
            set_throttle(0);  // QEMU would go on by itself
        }
    }

    void iteration(std::uint32_t number, TimePoint at) {
        memory_flows(at);
        book_.iteration(number);
        if (phase_ != Phase::precopy || number == 0) {
            return;  // the full copy begins: nothing is known yet
        }
        if (auto sample = take_sample()) {
            sample->iteration = std::max(sample->iteration, number);
            act(policy_.at_iteration(*sample));
            act(throttle_.at_iteration(*sample), *sample);
            act(delay_.at_iteration(*sample));
        }
    }

    void stopped(const Event& event) {
        if (event.side != Side::source || phase_ >= Phase::switched) {
            return;
        }
        book_.stopped(event.time);
        enter(Phase::handover, "");
        problem_if(edges_.network.redirect(), "network not redirected");
    }

    void resumed(const Event& event) {
        if (event.side == Side::source) {
            if (phase_ == Phase::handover) {
                notice("the guest runs on the source again");
                problem_if(edges_.network.rollback(), "network not rolled back");
            }
            return;
        }
        book_.resumed(event.time);
        enter(Phase::switched, "");
        problem_if(edges_.network.commit(), "network not committed");
    }

    void abort_for(const std::string& reason, bool by_signal) {
        if (!abort_reason_.empty()) {
            return;
        }
        if (phase_ >= Phase::handover) {
            edges_.status.notice(fmt::format(
                "too late to abort: the guest is leaving {}; the migration is being finished",
                plan_.source.name));
            return;
        }
        const auto aborted = edges_.hypervisor.abort();
        if (!aborted) {
            // Between two of its phases libvirt has no job to abort: asked again at the next look.
            pending_abort_ = AbortRequested{by_signal, reason};
            return;
        }
        abort_reason_ = reason;
        record_.interrupted = by_signal;
        notice("aborting: " + reason);
    }

    void act(const Decision& decision) {
        std::visit(Overloaded{
                       [](const KeepGoing&) {},
                       [&](const SetDowntimeLimit& set) { raise_limit(set.limit, set.reason); },
                       [&](const ForceSwitchover& force) {
                           notice(fmt::format("forced switchover: {}; predicted blackout {}",
                                              force.reason, format_time(force.predicted)));
                           if (!raise_limit(force.limit, force.reason) && force.last_resort) {
                               abort_for("the switchover could not be forced: " + force.reason,
                                         false);
                           }
                       },
                       [&](const StartPostcopy& postcopy) { start_postcopy(postcopy.reason); },
                       [&](const PostponePostcopy& postponed) {
                           notice("post-copy is put off: " + postponed.reason);
                       },
                       [&](const GiveUp& up) { abort_for(up.reason, false); },
                   },
                   decision);
    }

    void act(const ThrottleDecision& decision, const Sample& sample) {
        switch (decision.kind) {
            case ThrottleDecision::Kind::none:
                break;
            case ThrottleDecision::Kind::set:
                notice(fmt::format("throttle {} %: {}", decision.percent, decision.reason));
                if (set_throttle(decision.percent)) {
                    act(delay_.when_throttled(decision.percent));
                    act(policy_.when_throttled());
                } else {
                    throttle_.not_taken();
                }
                break;
            case ThrottleDecision::Kind::renew:
                set_throttle(decision.percent);
                break;
            case ThrottleDecision::Kind::exhausted:
                act_or_ask(policy_.when_exhausted(sample, decision.reason), sample);
                break;
        }
    }

    /// What would be given up, a person may want to have forced.
    void act_or_ask(const Decision& decision, const Sample& sample) {
        const auto* up = std::get_if<GiveUp>(&decision);
        const auto question = fmt::format("switch over now with a predicted blackout of {}?",
                                          format_time(policy_.predicted_blackout(sample)));
        if (up == nullptr || !edges_.status.ask(question, kTimeToAnswer)) {
            act(decision);
            return;
        }
        remember(edges_.journal.note("asked: " + question));
        question_ = Question{up->reason, sample, edges_.clock.now() + kTimeToAnswer};
    }

    void answered(bool yes) {
        if (!question_) {
            return;
        }
        const auto asked = *std::exchange(question_, std::nullopt);
        if (!yes) {
            abort_for(asked.reason, false);
        } else if (phase_ == Phase::precopy) {
            act(policy_.allowed(take_sample().value_or(asked.sample),
                                "somebody at the terminal said yes"));
        }
    }

    void act(const QosDecision& decision) {
        const auto limit = format_rate(decision.limit);
        if (decision.kind == QosDecision::Kind::exhausted) {
            notice(
                fmt::format("writes to {} are not limited to less than {} (io-qos-floor), but "
                            "{}",
                            decision.target, limit, decision.reason));
            return;
        }
        const auto set = edges_.hypervisor.limit_writes(decision.target, decision.limit);
        if (!set) {
            qos_.not_set(decision.target);
            notice(fmt::format("writes to {} not limited to {}: {} ({})", decision.target, limit,
                               set.error().message, decision.reason));
            return;
        }
        book_.writes_limited(decision.limit, edges_.clock.now());
        notice(
            fmt::format("writes to {} limited to {}: {}", decision.target, limit, decision.reason));
    }

    void act(const std::optional<DelayDecision>& decision) {
        if (!decision) {
            return;
        }
        const auto set = edges_.hypervisor.set_delay(decision->percent);
        notice(set ? fmt::format("hot memory that waits: at most {} %: {}", decision->percent,
                                 decision->reason)
                   : fmt::format("what of the memory waits is not set: {}", set.error().message));
    }

    void set_memory_turn(milliseconds turn) {
        const auto set = edges_.hypervisor.set_memory_turn(turn);
        notice(set ? fmt::format("memory is sent for {} at a time while disks are copied",
                                 format_time(turn))
                   : fmt::format("the turn of memory, {}, is not set: {}", format_time(turn),
                                 set.error().message));
    }

    bool set_throttle(unsigned percent) {
        const auto set = edges_.hypervisor.set_throttle(throttle_means_, percent);
        if (!set) {
            notice(fmt::format("throttle not set: {}", set.error().message));
        }
        return set.has_value();
    }

    bool raise_limit(milliseconds limit, const std::string& reason) {
        const auto set = edges_.hypervisor.set_downtime_limit(limit);
        notice(set ? fmt::format("downtime limit {}: {}", format_time(limit), reason)
                   : fmt::format("downtime limit {} not set: {} ({})", format_time(limit),
                                 set.error().message, reason));
        return set.has_value();
    }

    void tune(const TuneRequest& request) {
        const auto answer = tune_to(request.settings);
        const auto asked = text_of(request.settings);
        notice(answer.fate == TuneFate::applied
                   ? fmt::format("tuned: {}", asked)
                   : fmt::format("{}, {}: {}", asked, name_of(answer.fate), answer.reason));
        remember(edges_.journal.answer(request, answer));
    }

    TuneAnswer tune_to(const std::vector<Setting>& settings) {
        if (!has_process()) {
            return {TuneFate::refused, "the guest is shut off: there is nothing to change"};
        }
        if (phase_ >= Phase::handover || postcopy_ || !abort_reason_.empty()) {
            return {
                TuneFate::refused,
                fmt::format("too late: the guest {} {}",
                            abort_reason_.empty() ? "is leaving" : "stays on", plan_.source.name)};
        }
        auto changed = tuned(options_, settings);
        if (!changed) {
            return {TuneFate::refused, changed.error().message};
        }
        const auto before = std::exchange(options_, std::move(*changed));
        return put_in_force(before);
    }

    TuneAnswer put_in_force(const Options& before) {
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
            const auto means = throttle_means_ == ThrottleMeans::none ? ThrottleMeans::auto_converge
                                                                      : throttle_means_;
            fails(edges_.hypervisor.set_throttle(means, 0), "throttle");
            throttle_means_ = ThrottleMeans::none;
        }
        const auto limit = policy_.limit();
        policy_.change(options_, throttle_means_);
        throttle_.change(options_, throttle_means_, policy_.longest_pause());
        if (policy_.limit() != limit) {
            fails(edges_.hypervisor.set_downtime_limit(policy_.limit()), "downtime limit");
        }
        if (options_.bandwidth != before.bandwidth) {
            fails(edges_.hypervisor.set_bandwidth(options_.bandwidth), "bandwidth");
        }
        return answer;
    }

    void start_postcopy(const std::string& reason) {
        notice("post-copy: " + reason);
        const auto begun = edges_.hypervisor.start_postcopy();
        if (!begun) {
            abort_for("post-copy did not start: " + begun.error().message, false);
        }
        postcopy_ = begun.has_value();
        if (postcopy_) {
            book_.postcopy();
        }
    }

    void pause_postcopy() {
        notice("post-copy stands still; its connection is given up, to be resumed");
        if (const auto paused = edges_.hypervisor.pause_postcopy(); !paused) {
            notice("post-copy is not paused: " + paused.error().message);
        }
    }

    void conclude() {
        SettleRules rules;
        rules.before = plan_.guest.state;
        rules.paused_on_purpose = plan_.request.suspend;
        if (plan_.call.postcopy) {
            rules.resumable = plan_.call;
            rules.resuming = options_.postcopy_resume;
        }
        if (options_.timeout.count() > 0) {
            rules.running = options_.timeout;
        }
        const auto verdict =
            settle(rules, edges_, [this](const Event& event) { late_event(event); });
        switch (verdict.kind) {
            case Verdict::Kind::on_destination:
                moved();
                break;
            case Verdict::Kind::on_source:
                stayed();
                break;
            case Verdict::Kind::still_migrating:
            case Verdict::Kind::half_moved:
            case Verdict::Kind::unknown:
                record_.outcome = Outcome::unknown;
                record_.reason = verdict.reason;
                record_.measures = book_.result(false);
                if (call_error_) {
                    record_.reason += "; libvirt said: " + call_error_->message;
                }
                break;
        }
        finish();
    }

    void late_event(const Event& event) {
        book_.saw(event);
        if (const auto* call = std::get_if<CallReturned>(&event.what)) {  // of a resumed post-copy
            call_error_ = call->error;
            book_.returned(event.time.arrived);
            if (!call_error_) {
                remember(edges_.journal.done(Step::migrate, ""));
            }
        } else if (std::holds_alternative<GuestStopped>(event.what)) {
            stopped(event);
        } else if (std::holds_alternative<GuestResumed>(event.what)) {
            resumed(event);
        }
    }

    void moved() {
        // RESUME may still be on its way: it was sent before the call returned.
        while (const auto event = edges_.events.next(edges_.clock.now())) {
            late_event(*event);
        }
        enter(Phase::draining, "");
        SourceRemains remains;
        remains.keeps_definition = plan_.guest.persistent && !plan_.call.undefine_source;
        if (plan_.call.remove_source_disks) {
            remains.volumes = plan_.call.volumes;
        }
        add_problems(finish_forward(remains, edges_));
        problem_if(edges_.network.drain(), "network not drained");
        if (call_error_) {
            record_.problems.push_back("libvirt said: " + call_error_->message);
        }
        if (has_process()) {
            if (const auto totals = edges_.hypervisor.completed()) {
                book_.totals(*totals);
            }
            if (const auto use = edges_.hypervisor.cpu_use(Side::destination)) {
                book_.destination_cpu(*use);
            }
        }
        record_.measures = book_.result(true);
        const auto ceiling = options_.blackout_ceiling;
        const auto& blackout = record_.measures.blackout;
        if (blackout && *blackout > ceiling) {
            record_.problems.push_back(
                fmt::format("blackout of {:.1f} ms exceeded the ceiling of {}",
                            static_cast<double>(blackout->count()) / 1e3, format_time(ceiling)));
        }
        record_.outcome = record_.problems.empty() ? Outcome::moved : Outcome::moved_with_problems;
        edges_.status.progress(progress_.finished(Phase::ended, edges_.clock.now()));
    }

    void stayed() {
        record_.outcome = Outcome::failed_on_source;
        record_.reason = !abort_reason_.empty()
                             ? abort_reason_
                             : (call_error_ ? call_error_->message
                                            : "libvirt says that it moved, but the source runs it");
        add_problems(undo(leftovers_, edges_));
        record_.measures = book_.result(false);
    }

    void add_problems(std::vector<std::string> more) {
        record_.problems.insert(record_.problems.end(), std::make_move_iterator(more.begin()),
                                std::make_move_iterator(more.end()));
    }

    void finish() {
        enter(Phase::ended, name_of(record_.outcome));
        remember(edges_.journal.finish(record_));
        if (history_broken_ && record_.outcome == Outcome::moved) {
            record_.outcome = Outcome::moved_with_problems;
        }
    }

    const Plan& plan_;
    const Edges& edges_;
    Options options_;  ///< of the plan, until they are tuned
    ThrottleMeans throttle_means_;
    Record record_;
    Leftovers leftovers_;
    LivePolicy policy_;
    ThrottlePolicy throttle_;
    QosPolicy qos_;
    SlicePolicy slice_;
    PostcopyWatch postcopy_watch_;
    DelayPolicy delay_;
    Estimator estimator_;
    ProgressMeter progress_;
    MeasureBook book_;
    Phase phase_ = Phase::planned;
    bool returned_ = false;
    bool postcopy_ = false;
    std::optional<TimePoint> postcopy_paused_;
    bool history_broken_ = false;
    std::optional<Error> call_error_;
    std::string abort_reason_;
    std::optional<AbortRequested> pending_abort_;
    struct Question {
        std::string reason;  ///< why it is given up otherwise
        Sample sample;       ///< when it was asked
        TimePoint until{};
    };
    std::optional<Question> question_;
};

}  // namespace

Result<Record> run(const Plan& plan, const Edges& edges) {
    const auto id = edges.journal.begin(plan);
    if (!id) {
        return fail(id.error());
    }
    edges.status.started(*id);
    return Run(plan, edges, *id).go();
}

}  // namespace vmigrate
