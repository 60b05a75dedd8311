// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "orchestrator/json.h"
#include "orchestrator/meters.h"
#include "orchestrator/policy_live.h"
#include "orchestrator/settle.h"

namespace vmigrate {
namespace {

/// Less than this says nothing about a link.
constexpr Bytes kTellingAmount = mebibytes(64);

template <class... Fs>
struct Overloaded : Fs... {
    using Fs::operator()...;
};

class Run {
  public:
    Run(const Plan& plan, const Edges& edges, std::int64_t id)
        : plan_(plan),
          edges_(edges),
          policy_(plan.request.options, plan.prediction.bandwidth),
          progress_(edges.clock.now(), plan.guest.memory, disk_bytes(plan)) {
        record_.id = id;
    }

    Record go() {
        enter(Phase::planned, "");
        if (const auto prepared = prepare(); !prepared) {
            return failed_before_start(prepared.error());
        }
        follow();
        edges_.hypervisor.end_call();
        conclude();
        return std::move(record_);
    }

  private:
    static Bytes disk_bytes(const Plan& plan) {
        Bytes sum;
        for (const auto& volume : plan.call.volumes) {
            sum += volume.capacity;
        }
        return sum;
    }

    bool has_process() const { return plan_.guest.state != GuestState::shut_off; }

    void enter(Phase phase, std::string_view note) {
        if (phase < phase_ || (phase == phase_ && phase != Phase::planned)) {
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

    // ---- before the call: any failure is undone and nothing has happened ----

    Result<void> step(Step step, const std::string& detail,
                      const std::function<Result<std::string>()>& act) {
        if (auto intended = edges_.journal.intend(step, detail); !intended) {
            return intended;
        }
        const auto acted = act();
        if (!acted) {
            return fail(acted.error());
        }
        return edges_.journal.done(step, acted->empty() ? detail : *acted);
    }

    Result<void> prepare() {
        enter(Phase::locked, "");
        auto locked = step(Step::lock_network, "", [&]() -> Result<std::string> {
            if (const auto done = edges_.network.lock(); !done) {
                return fail(done.error());
            }
            return std::string();
        });
        if (!locked) {
            return locked;
        }
        if (has_process()) {
            auto saved = step(Step::save_originals, "", [&]() -> Result<std::string> {
                auto originals = edges_.hypervisor.save_originals();
                if (originals) {
                    leftovers_.originals = *originals;
                }
                return originals;
            });
            if (!saved) {
                return saved;
            }
        }
        for (const auto& volume : plan_.call.volumes) {
            // Before the act: what may exist must be looked for afterwards.
            leftovers_.volumes.push_back(volume);
            if (!volume.make) {
                continue;
            }
            auto made =
                step(Step::make_volume, line(to_json(volume)), [&]() -> Result<std::string> {
                    if (const auto done = edges_.hypervisor.make_volume(volume); !done) {
                        leftovers_.volumes.pop_back();  // refused: what is there is not ours
                        return fail(done.error());
                    }
                    return std::string();
                });
            if (!made) {
                return made;
            }
        }
        return start_call();
    }

    Result<void> start_call() {
        if (auto intended = edges_.journal.intend(Step::migrate, ""); !intended) {
            return intended;
        }
        if (has_process()) {
            if (const auto use = edges_.hypervisor.cpu_use(Side::source)) {
                const auto now = edges_.clock.now();
                speed_.before(plan_.guest.cpu, plan_.guest.asked_at, *use, now);
                speed_.during(*use, now);
            }
        }
        called_at_ = edges_.clock.now();
        return edges_.hypervisor.start(plan_.call);
    }

    Record failed_before_start(const Error& error) {
        record_.outcome = Outcome::failed_on_source;
        record_.reason = error.message;
        add_problems(undo(leftovers_, edges_));
        finish();
        return std::move(record_);
    }

    // ---- while the call runs ----

    void follow() {
        const auto interval = plan_.request.options.sample_interval;
        auto next_look = called_at_ + interval;
        while (!returned_) {
            if (const auto event = edges_.events.next(next_look)) {
                handle(*event);
                continue;
            }
            next_look = edges_.clock.now() + interval;
            look();
        }
    }

    void look() {
        if (edges_.journal.abort_requested()) {
            abort_for("aborted by 'vmigrate abort'", false);
        }
        if (pending_abort_) {
            const auto again = *std::exchange(pending_abort_, std::nullopt);
            abort_for(again.reason, again.by_signal);
        }
        if (!has_process() || (phase_ >= Phase::switched && !postcopy_)) {
            return;
        }
        const auto sample = take_sample();
        if (sample && active_at_ && phase_ == Phase::precopy) {
            act(policy_.at_tick(*sample,
                                std::chrono::duration_cast<milliseconds>(sample->at - *active_at_)),
                *sample);
        }
    }

    std::optional<Sample> take_sample() {
        const auto sample = edges_.hypervisor.sample();
        if (!sample || (sample->job != JobState::active && sample->job != JobState::device &&
                        sample->job != JobState::postcopy)) {
            return std::nullopt;
        }
        count_throttling(*sample);
        if (phase_ < Phase::handover) {
            if (const auto use = edges_.hypervisor.cpu_use(Side::source)) {
                speed_.during(*use, edges_.clock.now());
            }
        }
        const auto shown = progress_.update(phase_, *sample);
        edges_.status.progress(shown);
        remember(edges_.journal.sample(*sample, shown.percent));
        last_sample_ = *sample;
        return *sample;
    }

    void count_throttling(const Sample& sample) {
        auto& measures = record_.measures;
        if (last_sample_ && last_sample_->throttle_percent > 0) {
            measures.throttled =
                measures.throttled.value_or(milliseconds(0)) +
                std::chrono::duration_cast<milliseconds>(sample.at - last_sample_->at);
        }
        measures.throttle_percent_max =
            std::max(measures.throttle_percent_max, sample.throttle_percent);
    }

    void handle(const Event& event) {
        blackout_.saw(event.side, event.time);
        std::visit(
            Overloaded{
                [&](const DestinationCreated&) { destination_created(); },
                [&](const MigrationActive&) { memory_flows(event.time.arrived); },
                [&](const IterationStarted& it) { iteration(it.iteration, event.time.arrived); },
                [&](const GuestStopped&) { stopped(event); },
                [&](const GuestResumed&) { resumed(event); },
                [&](const StreamCompleted&) {},
                [&](const PostcopyPaused&) {
                    notice(
                        "post-copy is paused: the network between the hosts failed; the guest's "
                        "memory is on both of them");
                },
                [&](const CallReturned& call) {
                    returned_ = true;
                    returned_at_ = event.time.arrived;
                    call_error_ = call.error;
                },
                [&](const ConnectionLost&) {
                    notice(
                        fmt::format("connection to the {}'s libvirt is lost", name_of(event.side)));
                },
                [&](const AbortRequested& request) {
                    abort_for(request.reason, request.by_signal);
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
        if (active_at_) {
            return;
        }
        destination_created();  // it exists, even if its own event never came
        active_at_ = at;
        enter(Phase::precopy, "");
        if (const auto set = edges_.hypervisor.set_downtime_limit(policy_.limit()); !set) {
            notice("downtime limit not set: " + set.error().message);
        }
    }

    void iteration(std::uint32_t number, TimePoint at) {
        memory_flows(at);
        record_.measures.iterations = std::max(record_.measures.iterations, number + 1);
        if (phase_ != Phase::precopy) {
            return;
        }
        if (auto sample = take_sample()) {
            sample->iteration = std::max(sample->iteration, number);
            act(policy_.at_iteration(*sample));
        }
    }

    void stopped(const Event& event) {
        if (event.side != Side::source || phase_ >= Phase::switched) {
            return;
        }
        blackout_.stopped(event.time);
        stopped_at_ = event.time.arrived;
        enter(Phase::handover, "");
        if (const auto redirected = edges_.network.redirect(); !redirected) {
            // Too late to go back for that: the guest comes first.
            record_.problems.push_back("network not redirected: " + redirected.error().message);
        }
    }

    void resumed(const Event& event) {
        if (event.side == Side::source) {
            if (phase_ == Phase::handover) {
                notice("the guest runs on the source again");
                if (const auto back = edges_.network.rollback(); !back) {
                    record_.problems.push_back("network not rolled back: " + back.error().message);
                }
            }
            return;
        }
        blackout_.resumed(event.time);
        resumed_at_ = event.time.arrived;
        enter(Phase::switched, "");
        if (const auto committed = edges_.network.commit(); !committed) {
            record_.problems.push_back("network not committed: " + committed.error().message);
        }
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
        abort_reason_ = reason;
        record_.interrupted = by_signal;
        notice("aborting: " + reason);
        if (const auto aborted = edges_.hypervisor.abort(); !aborted) {
            // Between two phases libvirt has no job to abort: asked again at the next look.
            abort_reason_.clear();
            pending_abort_ = AbortRequested{by_signal, reason};
        }
    }

    void act(const Decision& decision) {
        std::visit(Overloaded{
                       [](const KeepGoing&) {},
                       [&](const SetDowntimeLimit& set) { raise_limit(set.limit, set.reason); },
                       [&](const ForceSwitchover& force) {
                           notice(fmt::format("forced switchover: {}; predicted blackout {}",
                                              force.reason, format_time(force.predicted)));
                           raise_limit(force.limit, force.reason);
                       },
                       [&](const StartPostcopy& postcopy) { start_postcopy(postcopy.reason); },
                       [&](const GiveUp& up) { abort_for(up.reason, false); },
                   },
                   decision);
    }

    void raise_limit(milliseconds limit, const std::string& reason) {
        const auto set = edges_.hypervisor.set_downtime_limit(limit);
        notice(set ? fmt::format("downtime limit {}: {}", format_time(limit), reason)
                   : fmt::format("downtime limit not set: {}", set.error().message));
    }

    void start_postcopy(const std::string& reason) {
        notice("post-copy: " + reason);
        const auto begun = edges_.hypervisor.start_postcopy();
        if (!begun) {
            abort_for("post-copy did not start: " + begun.error().message, false);
        }
        postcopy_ = begun.has_value();
    }

    // ---- after the call ----

    void conclude() {
        SettleRules rules;
        rules.before = plan_.guest.state;
        rules.paused_on_purpose = plan_.request.suspend;
        if (plan_.request.options.timeout.count() > 0) {
            rules.running = plan_.request.options.timeout;
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
            case Verdict::Kind::unknown:
                record_.outcome = Outcome::unknown;
                record_.reason = verdict.reason;
                if (call_error_) {
                    record_.reason += "; libvirt said: " + call_error_->message;
                }
                break;
        }
        finish();
    }

    void late_event(const Event& event) {
        blackout_.saw(event.side, event.time);
        if (std::holds_alternative<GuestStopped>(event.what)) {
            stopped(event);
        } else if (std::holds_alternative<GuestResumed>(event.what)) {
            resumed(event);
        }
    }

    void moved() {
        // RESUME may still be on its way: it was sent before the call returned.
        drain_events();
        enter(Phase::switched, "");
        enter(Phase::draining, "");
        const bool keeps = plan_.guest.persistent && !plan_.call.undefine_source;
        add_problems(finish_forward(keeps, edges_));
        if (const auto drained = edges_.network.drain(); !drained) {
            record_.problems.push_back("network not drained: " + drained.error().message);
        }
        if (call_error_) {
            record_.problems.push_back("libvirt said: " + call_error_->message);
        }
        measure_move();
        const auto ceiling = plan_.request.options.blackout_ceiling;
        const auto& blackout = record_.measures.blackout;
        if (blackout && *blackout > ceiling) {
            record_.problems.push_back(fmt::format("blackout {:.1f} ms exceeded the ceiling of {}",
                                                   static_cast<double>(blackout->count()) / 1e3,
                                                   format_time(ceiling)));
        }
        record_.outcome = record_.problems.empty() ? Outcome::moved : Outcome::moved_with_problems;
        record_.reason.clear();
        edges_.status.progress(progress_.finished(Phase::ended, edges_.clock.now()));
    }

    void stayed() {
        record_.outcome = Outcome::failed_on_source;
        record_.reason = !abort_reason_.empty() ? abort_reason_
                         : call_error_          ? call_error_->message
                                       : "libvirt says that it moved, but the source runs it";
        add_problems(undo(leftovers_, edges_));
        measure_source();
    }

    void drain_events() {
        while (const auto event = edges_.events.next(edges_.clock.now())) {
            late_event(*event);
        }
    }

    static milliseconds between(TimePoint from, TimePoint to) {
        return std::chrono::duration_cast<milliseconds>(to - from);
    }

    void measure_source() {
        auto& measures = record_.measures;
        if (active_at_) {
            measures.setup = between(called_at_, *active_at_);
        }
        measures.guest_speed = speed_.guest_speed();
        measures.source_cpu = speed_.process_beside_vcpus();
        if (last_sample_) {
            measures.memory_sent = last_sample_->memory_sent;
            measures.disk_sent = last_sample_->disk_sent;
        }
        if (has_process() && !measures.throttled) {
            measures.throttled = milliseconds(0);
        }
    }

    void measure_move() {
        measure_source();
        auto& measures = record_.measures;
        measures.total = between(called_at_, resumed_at_.value_or(returned_at_));
        if (!has_process()) {
            return;
        }
        measures.blackout = blackout_.blackout();
        if (const auto totals = edges_.hypervisor.completed()) {
            measures.memory_sent = totals->memory_sent;
            measures.disk_sent = totals->disk_sent;
            measures.iterations = std::max(measures.iterations, totals->iteration + 1);
        }
        if (const auto use = edges_.hypervisor.cpu_use(Side::destination)) {
            measures.destination_cpu =
                std::chrono::duration_cast<milliseconds>(use->process - use->vcpus);
        }
        if (active_at_ && stopped_at_ && measures.memory_sent.value_or(Bytes{}) >= kTellingAmount) {
            const auto time = std::chrono::duration<double>(*stopped_at_ - *active_at_).count();
            if (time > 0) {
                measures.bandwidth_mean = BytesPerSecond{static_cast<std::uint64_t>(
                    static_cast<double>(measures.memory_sent->count) / time)};
            }
        }
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
    Record record_;
    Leftovers leftovers_;
    LivePolicy policy_;
    BlackoutMeter blackout_;
    ProgressMeter progress_;
    SpeedMeter speed_;
    Phase phase_ = Phase::planned;
    TimePoint called_at_{};
    std::optional<TimePoint> active_at_;
    std::optional<TimePoint> stopped_at_;
    std::optional<TimePoint> resumed_at_;
    TimePoint returned_at_{};
    std::optional<Sample> last_sample_;
    bool returned_ = false;
    bool postcopy_ = false;
    bool history_broken_ = false;
    std::optional<Error> call_error_;
    std::string abort_reason_;
    std::optional<AbortRequested> pending_abort_;
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
