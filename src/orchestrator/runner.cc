// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/runner.h"

#include <fmt/format.h>

#include "base/overloaded.h"
#include "orchestrator/cutover_lead.h"
#include "orchestrator/disk_check.h"
#include "orchestrator/estimate.h"
#include "orchestrator/let_go.h"
#include "orchestrator/measure_book.h"
#include "orchestrator/prepare.h"
#include "orchestrator/settle.h"
#include "orchestrator/steering.h"

namespace vmigrate {
namespace {

/// What the guest writes while the network is turned may be too much once, not always.
constexpr unsigned kReleases = 3;
/// QEMU is asked three times for a reading of processor time: often enough for an average, and
/// seldom just when it switches over.
constexpr milliseconds kCpuInterval{500};
/// A call waits for a QEMU that switches over, and the runner has to be there for what comes next.
constexpr milliseconds kNoCallsAfterStop{500};
/// QEMU stops a guest that nobody holds just after it has begun an iteration, so this long nobody
/// asks what remains: whoever does then hears of the stop when it is over.
constexpr milliseconds kMayStop{30};
/// How long beyond its blackout ceiling a guest may stand still before its switchover is given up.
constexpr milliseconds kStandsStill{10'000};
/// QEMU tells at once that a guest runs again.
constexpr milliseconds kTellsOfResume{2'000};
/// libvirt's call ends soon after its post-copy broke off, or after it was told to cancel, unless a
/// QEMU does not answer it.
constexpr milliseconds kTimeToReturn{30'000};
/// Once QEMU is there on the destination, it is connected to at once; nothing else limits that.
constexpr milliseconds kTimeToConnect{30'000};

/// QEMU holds the switchover.
bool is_held(const Plan& plan) {
    return plan.call.qemu.parameters.contains("switchover-hold");
}

/// A guest that stands still dirties nothing.
std::optional<BytesPerSecond> dirty_rate_expected(const Plan& plan) {
    return plan.guest.state == GuestState::running ? plan.memory.dirty_rate
                                                   : std::optional(BytesPerSecond{});
}

std::optional<WriteProfile> writes_expected(const Plan& plan) {
    return plan.memory.dirty_rate ? std::optional(profile_of(plan.memory, plan.guest.memory))
                                  : std::nullopt;
}

class Run {
  public:
    Run(const Plan& plan, const Edges& edges, std::int64_t id)
        : plan_(plan),
          edges_(edges),
          log_(edges.journal, edges.status, record_),
          steering_(plan, edges, log_, book_,
                    [this](const std::string& reason) { abort_for(reason, false); }),
          unheld_(edges.network.wants_hold() && !is_held(plan)),
          lead_(edges.network, steering_, log_, edges.clock,
                edges.network.wants_lead() && !is_held(plan), writes_expected(plan)),
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
            not_begun(ready.error().message);
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
        log_.phase(phase, note);
    }

    /// The guest has not gone anywhere, but it may have ended meanwhile where it was.
    void not_begun(const std::string& why) {
        record_.outcome = Outcome::failed_on_source;
        record_.reason = why;
        const auto left = edges_.hypervisor.guest_state(Side::source);
        if (has_process() && (left == GuestState::shut_off || left == GuestState::absent)) {
            record_.outcome = Outcome::unknown;
            record_.reason = fmt::format(
                "the guest runs nowhere (source: {}): its process has ended before it was moved, "
                "see QEMU's log; start it again on {}, then 'vmigrate recover'; {}",
                name_of(left), plan_.source.name, why);
        }
        add_problems(undo(leftovers_, edges_));
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

    void follow() {
        auto next_look = edges_.clock.now() + steering_.interval();
        while (!returned_ && !call_is_lost()) {
            next_look = std::min(next_look, lead_.take_look_at().value_or(next_look));
            const auto until = lead_.lasts() ? lead_.deadline()
                               : begun_      ? begun_->weigh_at
                                             : next_look;
            if (const auto event = edges_.events.next(until)) {
                handle(*event);
                continue;
            }
            if (lead_.lasts()) {
                lead_.late();
                continue;
            }
            if (begun_) {
                weigh(std::exchange(begun_, std::nullopt)->number);
                continue;
            }
            look();
            next_look = edges_.clock.now() + steering_.interval();
        }
    }

    bool call_is_lost() const {
        const auto waited_enough = [now = edges_.clock.now()](std::optional<TimePoint> since) {
            return since && now - *since >= kTimeToReturn;
        };
        return waited_enough(postcopy_paused_) || waited_enough(unheard_since_) ||
               (phase_ < Phase::handover && has_process() && waited_enough(abort_asked_)) ||
               (phase_ == Phase::handover &&
                (waited_enough(arrives_not_since_) || waited_enough(cancelled_since_)));
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
        if (phase_ == Phase::precopy) {
            steering_.wait_for_answer();
        }
        if (!has_process() || (phase_ >= Phase::switched && !steering_.postcopy())) {
            return;
        }
        if (phase_ == Phase::handover && edges_.clock.now() - stopped_at_ < kNoCallsAfterStop) {
            return;
        }
        if (phase_ == Phase::handover && !steering_.postcopy()) {
            end_standstill();
        }
        const auto sample = take_sample();
        if (phase_ == Phase::prepared) {
            end_vain_connecting(sample);
        }
        if (phase_ >= Phase::switched) {
            unheard_since_ =
                sample ? std::optional<TimePoint>() : unheard_since_.value_or(edges_.clock.now());
        }
        if (!sample) {
            return;
        }
        if (sample->job == JobState::postcopy && !postcopy_paused_ &&
            postcopy_watch_.stuck(*sample)) {
            if (phase_ >= Phase::switched) {
                pause_postcopy();
            } else {
                does_not_arrive();
            }
        }
        if (phase_ < Phase::handover) {
            const auto flowing = in_precopy(*sample);
            steering_.at_tick(*sample, flowing);
            if (flowing) {  // before, while disks are copied, no memory remains either
                lead_.at_tick(*sample);
            }
        }
    }

    /// The network between the hosts went away just then, say, and QEMU waits for it. While disks
    /// are copied, the timeout is what limits it.
    void end_vain_connecting(const std::optional<Sample>& sample) {
        const auto now = edges_.clock.now();
        if (!connecting_since_ || (sample && sample->disk_total.count > 0)) {
            connecting_since_ = now;
        }
        if (now - *connecting_since_ >= kTimeToConnect) {
            abort_for(fmt::format("nothing has moved for {}: libvirt and QEMU on {} do not come to "
                                  "connect to {}; see to the network between them",
                                  format_time(kTimeToConnect), plan_.source.name,
                                  plan_.destination.host.name),
                      false);
        }
    }

    /// How long memory has been flowing.
    std::optional<milliseconds> in_precopy(const Sample& sample) const {
        const auto since = book_.active_since();
        if (!since || phase_ != Phase::precopy) {
            return std::nullopt;
        }
        return std::chrono::duration_cast<milliseconds>(sample.at - *since);
    }

    std::optional<Sample> take_sample() {
        auto sample = edges_.hypervisor.sample();
        if (!sample || (sample->job != JobState::active && sample->job != JobState::device &&
                        sample->job != JobState::postcopy)) {
            return std::nullopt;
        }
        book_.sampled(*sample);
        if (phase_ < Phase::handover && sample->at - cpu_asked_ >= kCpuInterval) {
            cpu_asked_ = sample->at;
            sample->cpu = edges_.hypervisor.cpu_use(Side::source);
            if (sample->cpu) {
                book_.source_cpu(*sample->cpu, edges_.clock.now());
            }
        }
        sample->write_limit = book_.write_limit();
        estimator_.add(*sample);
        const auto shown = progress_.update(
            phase_, *sample, estimator_.forecast(steering_.limit(), steering_.longest_pause()));
        edges_.status.progress(shown);
        log_.remember(edges_.journal.sample(*sample, shown.percent, shown.forecast));
        return *sample;
    }

    void handle(const Event& event) {
        book_.saw(event);
        std::visit(
            Overloaded{
                [&](const DestinationCreated&) { destination_created(); },
                [&](const MigrationActive&) { memory_flows(event.time.arrived); },
                [&](const IterationStarted& it) { iteration(it.iteration, event.time.arrived); },
                [&](const SwitchoverHeld&) { held(); },
                [&](const GuestStopped&) { stopped(event); },
                [&](const GuestResumed&) { resumed(event); },
                [&](const StreamCompleted&) {},
                [&](const StreamFailed&) { stream_failed(); },
                [&](const PostcopyPaused&) {
                    postcopy_paused_ = event.time.arrived;
                    log_.notice(
                        "post-copy is paused: the network between the hosts failed; the guest's "
                        "memory is on both of them");
                },
                [&](const CallReturned& call) {
                    returned_ = true;
                    book_.returned(event.time.arrived);
                    call_error_ = call.error;
                    if (!call.error) {
                        log_.remember(edges_.journal.done(Step::migrate, ""));
                    }
                },
                [&](const ConnectionLost&) {
                    log_.notice(
                        fmt::format("connection to the {}'s libvirt is lost", name_of(event.side)));
                },
                [&](const AbortRequested& request) {
                    abort_for(request.reason, request.by_signal);
                },
                [&](const Answered& answer) {
                    if (phase_ == Phase::precopy) {
                        steering_.answered(answer.yes, answer.yes ? take_sample() : std::nullopt);
                    }
                },
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
        steering_.memory_flows();
    }

    void iteration(std::uint32_t number, TimePoint at) {
        memory_flows(at);
        book_.iteration(number);
        if (phase_ != Phase::precopy || number == 0 || lead_.lasts()) {
            return;  // the full copy begins: nothing is known yet
        }
        if (unheld_ && !steering_.held_back()) {
            begun_ = Begun{number, edges_.clock.now() + kMayStop};
        } else {
            weigh(number);
        }
    }

    void weigh(std::uint32_t number) {
        if (phase_ != Phase::precopy) {
            return;
        }
        if (auto sample = take_sample()) {
            sample->iteration = std::max(sample->iteration, number);
            steering_.at_iteration(*sample);
            lead_.at_iteration(*sample);
        }
    }

    /// The network first, then the guest. What cannot be turned in time is turned when the guest
    /// stops: QEMU does not hold for ever.
    void held() {
        if (phase_ != Phase::precopy || !edges_.network.wants_hold() || !abort_reason_.empty()) {
            return;
        }
        for (unsigned attempt = 1; attempt <= kReleases; ++attempt) {
            // before the network is turned: who asks has time; the last time without, for packets
            // may not reach the cards
            const auto last = attempt < kReleases && edges_.hypervisor.sees_cards()
                                  ? edges_.network.last_packet()
                                  : std::nullopt;
            const auto most = steering_.most_remaining();
            const auto done = last ? let_go_after(*last, most, edges_) : let_go(most, edges_);
            turned_ = done.turned;
            if (done.released) {
                let_go_ = done;
                return;
            }
            log_.notice(done.released.error().message);
            withdraw();
        }
    }

    /// The guest has not gone and cannot any more: what arrives until libvirt has it run again
    /// waits for it here.
    void stream_failed() {
        if (turned_ && phase_ < Phase::switched) {
            withdraw();
        }
    }

    void withdraw() {
        turned_ = false;
        log_.problem_if(edges_.network.withdraw(), "redirect of the network not withdrawn");
    }

    void stopped(const Event& event) {
        if (event.side != Side::source || phase_ >= Phase::switched) {
            return;
        }
        book_.stopped(event.time);
        stopped_at_ = event.time.arrived;
        // the network first: until something is written down, packets are lost
        const auto turned = edges_.network.redirect();
        turned_ = turned.has_value();
        enter(Phase::handover, "");
        lead_.guest_stopped(event.time.arrived);
        log_.problem_if(turned, "network not redirected");
    }

    void resumed(const Event& event) {
        if (event.side == Side::source) {
            if (phase_ == Phase::handover) {
                // before anything that is written down: the guest's traffic goes elsewhere
                const auto back = edges_.network.rollback();
                log_.notice("the guest runs on the source again");
                log_.problem_if(back, "network not rolled back");
            }
            return;
        }
        book_.resumed(event.time);
        enter(Phase::switched, "");
        log_.problem_if(edges_.network.commit(), "network not committed");
        tell_let_go();  // not sooner: it is written down, and that takes its time
    }

    void tell_let_go() {
        if (let_go_ && stopped_at_ >= let_go_->begun) {
            log_.notice(format(*let_go_, stopped_at_));
        }
        let_go_.reset();
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
        const bool first = !abort_asked_;
        abort_asked_ = abort_asked_.value_or(edges_.clock.now());
        const auto aborted = edges_.hypervisor.abort();
        if (!aborted) {
            // Between two of its phases libvirt has no job to abort: asked again at the next look.
            pending_abort_ = AbortRequested{by_signal, reason};
            if (first) {
                log_.notice(fmt::format("to be aborted: {} (not yet: {})", reason,
                                        aborted.error().message));
            }
            return;
        }
        abort_reason_ = reason;
        record_.interrupted = by_signal;
        log_.notice("aborting: " + reason);
    }

    void tune(const TuneRequest& request) {
        const auto answer = tune_to(request.settings);
        const auto asked = text_of(request.settings);
        log_.notice(answer.fate == TuneFate::applied
                        ? fmt::format("tuned: {}", asked)
                        : fmt::format("{}, {}: {}", asked, name_of(answer.fate), answer.reason));
        log_.remember(edges_.journal.answer(request, answer));
    }

    TuneAnswer tune_to(const std::vector<Setting>& settings) {
        if (!has_process()) {
            return {TuneFate::refused, "the guest is shut off: there is nothing to change"};
        }
        if (phase_ >= Phase::handover || steering_.postcopy() || !abort_reason_.empty()) {
            return {
                TuneFate::refused,
                fmt::format("too late: the guest {} {}",
                            abort_reason_.empty() ? "is leaving" : "stays on", plan_.source.name)};
        }
        return steering_.tune(settings);
    }

    void pause_postcopy() {
        log_.notice("post-copy stands still; its connection is given up, to be resumed");
        if (const auto paused = edges_.hypervisor.pause_postcopy(); !paused) {
            log_.notice("post-copy is not paused: " + paused.error().message);
        }
    }

    /// Its connection is not given up: before it runs there, that would be its end.
    void does_not_arrive() {
        if (!arrives_not_since_) {
            arrives_not_since_ = edges_.clock.now();
            log_.notice(fmt::format(
                "the guest has left {} and does not run on {} yet, and nothing comes through; "
                "waiting for QEMU there, or for the network between them",
                plan_.source.name, plan_.destination.host.name));
        }
    }

    /// The network between the hosts is away, say, and nobody knows for how long: on the source the
    /// guest can go on. QEMU takes this only as long as the destination has not got all of it, and
    /// hears nobody while it waits for the network to take the last of it.
    void end_standstill() {
        const auto most = steering_.options().blackout_ceiling + kStandsStill;
        if (!abort_reason_.empty() || edges_.clock.now() - stopped_at_ < most) {
            return;
        }
        const bool first = !cancelled_since_;
        cancelled_since_ = cancelled_since_.value_or(edges_.clock.now());
        if (const auto aborted = edges_.hypervisor.abort(); !aborted) {
            if (first) {
                log_.notice(fmt::format(
                    "the guest has stood still for {} and does not come to run on {}, and its "
                    "migration cannot be cancelled: {}; waiting for QEMU on {}, or for the network "
                    "between them",
                    format_time(most), plan_.destination.host.name, aborted.error().message,
                    plan_.source.name));
            }
            return;  // asked again at the next look
        }
        abort_reason_ = fmt::format(
            "the guest has stood still for {} and does not come to run on {}: it goes on on {}",
            format_time(most), plan_.destination.host.name, plan_.source.name);
        log_.notice("aborting: " + abort_reason_);
    }

    void conclude() {
        SettleRules rules;
        rules.before = plan_.guest.state;
        rules.paused_on_purpose = plan_.call.paused;
        rules.has_run_there = phase_ >= Phase::switched;
        if (plan_.call.postcopy) {
            rules.resumable = plan_.call;
            rules.resuming = steering_.options().postcopy_resume;
        }
        if (steering_.options().timeout.count() > 0) {
            rules.running = steering_.options().timeout;
        }
        rules.abort_running = pending_abort_.has_value();
        const auto verdict =
            settle(rules, edges_, [this](const Event& event) { late_event(event); });
        switch (verdict.kind) {
            case Verdict::Kind::on_destination:
                if (arrived()) {
                    moved();
                }
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
                log_.remember(edges_.journal.done(Step::migrate, ""));
            }
        } else if (std::holds_alternative<GuestStopped>(event.what)) {
            stopped(event);
        } else if (std::holds_alternative<GuestResumed>(event.what)) {
            resumed(event);
        }
    }

    /// Its disks are compared before it runs, if that was asked for. False: it stands still.
    bool arrived() {
        // RESUME may still be on its way: it was sent before the call returned.
        take_events(edges_.clock.now());
        if (!plan_.call.verify_disks) {
            return true;
        }
        ArrivalRules rules;
        rules.source = plan_.source.name;
        rules.destination = plan_.destination.host.name;
        rules.volumes = plan_.call.volumes;
        rules.resume = plan_.guest.state == GuestState::running && !plan_.request.suspend;
        auto arrival = let_in(rules, edges_);
        if (arrival.goes_on && rules.resume && phase_ < Phase::switched) {
            take_events(edges_.clock.now() + kTellsOfResume);
        }
        add_problems(std::move(arrival.problems));
        keep_source_disks_ = !arrival.may_remove_source_disks;
        if (arrival.check.finding != DiskFinding::not_known) {
            disks_ = arrival.check.measures;
        }
        if (!arrival.goes_on) {
            record_.outcome = Outcome::unknown;
            record_.reason = arrival.reason;
            record_.measures = book_.result(false);
            record_.measures.disks = disks_;
        }
        return arrival.goes_on;
    }

    /// Those that are there, or until the guest is known to run there.
    void take_events(TimePoint until) {
        while (const auto event = edges_.events.next(until)) {
            late_event(*event);
            if (phase_ >= Phase::switched) {
                until = edges_.clock.now();
            }
        }
    }

    void moved() {
        enter(Phase::draining, "");
        SourceRemains remains;
        remains.keeps_definition = plan_.guest.persistent && !plan_.call.undefine_source;
        remains.copied = plan_.call.volumes;
        if (plan_.call.remove_source_disks && !keep_source_disks_) {
            remains.volumes = plan_.call.volumes;
        }
        add_problems(finish_forward(remains, edges_));
        log_.problem_if(edges_.network.drain(), "network not drained");
        for (const auto& notice : edges_.network.notices()) {
            log_.notice(notice);
        }
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
        record_.measures.disks = disks_;
        if (ended_since()) {
            return;
        }
        const auto ceiling = steering_.options().blackout_ceiling;
        const auto& blackout = record_.measures.blackout;
        if (blackout && *blackout > ceiling) {
            record_.problems.push_back(
                fmt::format("blackout of {:.1f} ms exceeded the ceiling of {}",
                            static_cast<double>(blackout->count()) / 1e3, format_time(ceiling)));
        }
        record_.outcome = record_.problems.empty() ? Outcome::moved : Outcome::moved_with_problems;
        edges_.status.progress(progress_.finished(Phase::ended, edges_.clock.now()));
    }

    /// Whoever hears that it has moved relies on it.
    bool ended_since() {
        if (!has_process()) {
            return false;
        }
        const auto now = edges_.hypervisor.guest_state(Side::destination);
        if (now != GuestState::shut_off && now != GuestState::absent) {
            return false;
        }
        record_.outcome = Outcome::unknown;
        record_.reason = fmt::format(
            "the guest runs nowhere (destination: {}): it had moved, and its process has ended "
            "since, see QEMU's log on {}; start it again there, then 'vmigrate recover'",
            name_of(now), plan_.destination.host.name);
        return true;
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
        if (edges_.probe != nullptr) {
            record_.measures.probe = edges_.probe->end();
            record_.watched.probe = edges_.probe->slices();
        }
        if (edges_.workload != nullptr) {
            record_.watched.workload = edges_.workload->end();
            record_.measures.workload_speed = book_.workload_speed(record_.watched.workload);
        }
        enter(Phase::ended, name_of(record_.outcome));
        log_.remember(edges_.journal.finish(record_));
        if (log_.history_broken() && record_.outcome == Outcome::moved) {
            record_.outcome = Outcome::moved_with_problems;
        }
    }

    const Plan& plan_;
    const Edges& edges_;
    Record record_;
    RunLog log_;
    MeasureBook book_;
    Leftovers leftovers_;
    Steering steering_;
    const bool unheld_;  ///< the network is turned at the stop, of which nobody is told before
    CutoverLead lead_;
    struct Begun {
        std::uint32_t number;
        TimePoint weigh_at;
    };
    std::optional<Begun> begun_;  ///< an iteration of which is not known yet what it leaves
    PostcopyWatch postcopy_watch_;
    Estimator estimator_;
    ProgressMeter progress_;
    Phase phase_ = Phase::planned;
    TimePoint cpu_asked_{};
    TimePoint stopped_at_{};
    std::optional<DiskMeasures> disks_;
    bool keep_source_disks_ = false;
    bool turned_ = false;          ///< the network, to the destination
    std::optional<LetGo> let_go_;  ///< of a guest that was held
    bool returned_ = false;
    std::optional<TimePoint> postcopy_paused_;
    std::optional<TimePoint> arrives_not_since_;  ///< in post-copy, and nothing comes through
    std::optional<TimePoint> cancelled_since_;    ///< it was tried; the guest had stopped
    std::optional<TimePoint> unheard_since_;      ///< nobody tells how post-copy gets on
    std::optional<Error> call_error_;
    std::string abort_reason_;
    std::optional<AbortRequested> pending_abort_;
    std::optional<TimePoint> abort_asked_;       ///< first, also when it could not be aborted
    std::optional<TimePoint> connecting_since_;  ///< or since a disk was last seen to be copied
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
