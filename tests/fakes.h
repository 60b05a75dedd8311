// SPDX-License-Identifier: GPL-2.0-or-later
//
// A scripted world for the runner: clock, events, both daemons, journal, display. Every call is
// written into one transcript with its time, so that a test reads like the log of a migration.
#pragma once

#include <fmt/format.h>

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "orchestrator/json.h"
#include "orchestrator/recover.h"
#include "orchestrator/runner.h"

namespace vmigrate::test {

class FakeClock final : public Clock {
  public:
    TimePoint now() const override { return now_; }
    WallTime wall() const override { return WallTime(now_.time_since_epoch()); }
    void advance_to(TimePoint time) { now_ = std::max(now_, time); }
    milliseconds elapsed() const {
        return std::chrono::duration_cast<milliseconds>(now_.time_since_epoch());
    }

  private:
    TimePoint now_{};
};

/// What both hosts would show, and what went on.
struct World {
    FakeClock clock;
    GuestState source = GuestState::running;
    GuestState destination = GuestState::absent;
    std::optional<bool> job = false;
    Sample sample;
    std::vector<std::string> volumes;  ///< paths that exist on the destination
    std::string settings = "{}";       ///< of the source's QEMU
    /// What the guest may write on the source, by target; with none what it likes.
    std::map<std::string, BytesPerSecond> write_limits;
    std::vector<std::string> transcript;
    /// The call with this number (1 = first) fails; 0 = none.
    std::size_t failing_call = 0;
    std::size_t calls = 0;
    bool ends_in_drain = false;     ///< the guest, on the destination
    bool refuses_abort = false;     ///< QEMU hears nobody
    bool unheard = false;           ///< nobody tells how the migration gets on
    bool abort_refused = false;     ///< so it was, once or more
    unsigned refused_releases = 0;  ///< so often QEMU refuses to let the guest go
    bool sees_cards = false;
    bool not_held = false;  ///< any more, as QEMU says to whoever would let the guest go
    bool network_wants_hold = false;
    bool network_wants_lead = false;
    bool moved_by_another = false;
    std::optional<CpuUse> cpu;            ///< of the source, whenever it is asked
    std::vector<milliseconds> cpu_asked;  ///< when its time was read on the source
    bool interactive = false;             ///< somebody can be asked
    bool abort_wanted = false;            ///< as `vmigrate abort` asks for it
    std::optional<PostcopyState> postcopy = PostcopyState::none;
    std::optional<Side> owes_answer;  ///< whose QEMU hangs
    bool is_husk = false;             ///< for certain, what the source has
    std::vector<Setting> tunes;       ///< as `vmigrate tune` asks for them
    bool call_ended = false;
    std::string differs;               ///< the disk whose copy is not what the source has
    std::vector<milliseconds> limits;  ///< that were asked for
    struct Throttle {
        unsigned percent = 0;
        bool late = false;  ///< the guest did not run there any more, or its migration was over
    };
    std::vector<Throttle> throttles;

    void say(const std::string& text) {
        transcript.push_back(fmt::format("{:>6} {}", clock.elapsed().count(), text));
    }
    /// Counts an edge call; true when it is the one that fails.
    bool fails(const std::string& text) {
        ++calls;
        const bool failing = calls == failing_call;
        say(text + (failing ? "  -> fails" : ""));
        return failing;
    }
    Result<void> act(const std::string& text, ErrorKind kind = ErrorKind::hypervisor) {
        if (fails(text)) {
            return fail(kind, "injected failure");
        }
        return {};
    }
};

class ScriptedEvents final : public EventSource {
  public:
    explicit ScriptedEvents(World& world) : world_(world) {}

    /// `change` is applied to the world when the event is due; without event it is only applied.
    void at(milliseconds time, std::optional<Event> event, std::function<void(World&)> change) {
        script_.push_back({TimePoint(time), std::move(event), std::move(change)});
    }

    std::optional<Event> next(TimePoint deadline) override {
        while (!script_.empty() && script_.front().time <= deadline) {
            auto entry = std::move(script_.front());
            script_.pop_front();
            world_.clock.advance_to(entry.time);
            if (entry.change) {
                entry.change(world_);
            }
            if (entry.event) {
                entry.event->time.arrived = world_.clock.now();
                return entry.event;
            }
        }
        world_.clock.advance_to(deadline);
        return std::nullopt;
    }

    /// Makes the pending script irrelevant, as when libvirt gives up: only this remains.
    void replace_rest(milliseconds after, Event event, std::function<void(World&)> change) {
        script_.clear();
        at(world_.clock.elapsed() + after, std::move(event), std::move(change));
    }

  private:
    struct Entry {
        TimePoint time;
        std::optional<Event> event;
        std::function<void(World&)> change;
    };
    World& world_;
    std::deque<Entry> script_;
};

class FakeHypervisor final : public Hypervisor {
  public:
    FakeHypervisor(World& world, ScriptedEvents& events) : world_(world), events_(events) {}

    Result<std::string> save_originals() override {
        if (world_.fails("save originals")) {
            return fail(ErrorKind::hypervisor, "injected failure");
        }
        return world_.settings;
    }
    Result<void> restore_originals(Side side, const std::string& originals) override {
        world_.settings = originals;
        world_.write_limits.clear();
        return world_.act(fmt::format("restore originals on {}", name_of(side)));
    }
    Result<void> make_volume(const VolumeMove& volume) override {
        auto made = world_.act("make volume " + volume.path);
        if (made) {
            world_.volumes.push_back(volume.path);
        }
        return made;
    }
    Result<void> remove_volume(Side side, const VolumeMove& volume, Removal removal) override {
        auto removed =
            world_.act(fmt::format("remove volume {} on {}{}", volume.path, name_of(side),
                                   removal == Removal::any ? "" : " if unwritten"));
        if (removed && side == Side::destination) {
            std::erase(world_.volumes, volume.path);
        }
        return removed;
    }
    Result<void> end_husk(const std::vector<VolumeMove>& copied) override {
        if (!world_.is_husk) {
            world_.say("end husk  -> not certain");
            return fail(ErrorKind::hypervisor, "it is not certain");
        }
        auto ended = world_.act(fmt::format("end husk, {} disks copied", copied.size()));
        if (ended) {
            world_.source = GuestState::shut_off;
        }
        return ended;
    }
    Result<void> hand_over_definition() override {
        auto handed = world_.act("hand over definition");
        if (handed) {
            world_.source = GuestState::absent;
        }
        return handed;
    }
    Result<DiskComparison> compare_disk(const VolumeMove& volume) override {
        if (auto read = world_.act("compare disk " + volume.target); !read) {
            return fail(read.error());
        }
        world_.clock.advance_to(world_.clock.now() + kComparing);
        DiskComparison comparison{volume.capacity, volume.capacity, volume.capacity, std::nullopt};
        if (volume.target == world_.differs) {
            comparison.compared = comparison.first_difference.emplace(Bytes{4096});
        }
        return comparison;
    }
    Result<void> resume_guest(Side side) override {
        auto resumed = world_.act(fmt::format("resume the guest on {}", name_of(side)));
        if (resumed) {
            world_.destination = GuestState::running;
            events_.at(world_.clock.elapsed(), Event{GuestResumed{}, side, {}}, nullptr);
        }
        return resumed;
    }
    Result<void> start(const MigrationCall& call) override {
        std::string settings;
        for (const auto& [name, on] : call.qemu.capabilities) {
            settings += fmt::format(", {} {}", name, on ? "on" : "off");
        }
        for (const auto& [name, value] : call.qemu.parameters) {
            settings += fmt::format(", {} {}", name, value);
        }
        auto started =
            world_.act(fmt::format("start: bandwidth {}, auto-converge {}{}",
                                   format_rate(call.bandwidth), call.auto_converge, settings));
        if (started) {
            world_.job = true;
            world_.settings = "changed by the migration";
        }
        return started;
    }
    void end_call() override {
        world_.call_ended = true;
        world_.say("end call");
    }
    Result<Sample> sample() override {
        if (world_.unheard) {
            return fail(ErrorKind::hypervisor, "domain is not running");
        }
        world_.sample.at = world_.clock.now();
        return world_.sample;
    }
    Result<Sample> completed() override { return world_.sample; }
    std::optional<CpuUse> cpu_use(Side side) override {
        if (side == Side::source) {
            world_.cpu_asked.push_back(world_.clock.elapsed());
            return world_.cpu;
        }
        return std::nullopt;
    }
    Result<void> set_downtime_limit(milliseconds limit) override {
        world_.limits.push_back(limit);
        return world_.act("downtime limit " + format_time(limit));
    }
    Result<void> set_bandwidth(BytesPerSecond limit) override {
        return world_.act("bandwidth " + format_rate(limit));
    }
    Result<void> set_throttle(ThrottleMeans, unsigned percent) override {
        world_.throttles.push_back(
            {percent, world_.source != GuestState::running || world_.call_ended});
        return world_.act(fmt::format("throttle {} %", percent));
    }
    Result<void> set_memory_turn(milliseconds turn) override {
        return world_.act("memory turn " + format_time(turn));
    }
    Result<void> limit_writes(const std::string& target, BytesPerSecond limit) override {
        auto limited =
            world_.act(fmt::format("limit writes to {}: {}", target, format_rate(limit)));
        if (limited) {
            world_.write_limits[target] = limit;
        }
        return limited;
    }
    Result<void> set_delay(unsigned percent) override {
        return world_.act(fmt::format("delay {} %", percent));
    }
    bool sees_cards() override { return world_.sees_cards; }
    Result<void> release_switchover(Bytes most_remaining) override {
        return release("release: at most " + format_bytes(most_remaining));
    }
    PendingRelease release_after(Bytes most_remaining, const LastPacket& last) override {
        world_.say("release beforehand");
        const auto what =
            fmt::format("release: at most {}, quiet for {} after {}", format_bytes(most_remaining),
                        format_time(last.quiet), last.from);
        std::promise<void> waits;
        waits.set_value();
        if (world_.not_held) {
            std::promise<Result<void>> refused;
            refused.set_value(release(what));
            return {waits.get_future(), refused.get_future()};
        }
        return {waits.get_future(),
                std::async(std::launch::deferred, [this, what] { return release(what); })};
    }
    Result<void> start_postcopy() override { return world_.act("start post-copy"); }
    Result<void> pause_postcopy() override { return world_.act("pause post-copy"); }
    Result<void> resume_postcopy(const MigrationCall&) override {
        return world_.act("resume post-copy");
    }
    Result<void> abort() override {
        if (world_.refuses_abort) {
            if (!std::exchange(world_.abort_refused, true)) {
                world_.say("abort  -> refused");
            }
            return fail(ErrorKind::hypervisor, "QEMU does not answer");
        }
        auto aborted = world_.act("abort");
        if (aborted) {
            Event returned{
                CallReturned{Error{ErrorKind::hypervisor, "operation aborted"}}, Side::source, {}};
            events_.replace_rest(milliseconds(100), returned, [](World& world) {
                world.source = GuestState::running;
                world.destination = GuestState::absent;
                world.job = false;
            });
        }
        return aborted;
    }
    GuestState guest_state(Side side) override {
        return side == Side::source ? world_.source : world_.destination;
    }
    std::optional<bool> job_active() override { return world_.job; }
    std::optional<PostcopyState> postcopy_state() override { return world_.postcopy; }
    bool owes_answer(Side side) override { return world_.owes_answer == side; }

  private:
    Result<void> release(const std::string& what) {
        if (world_.not_held) {
            world_.say(what + "  -> not held");
            return fail(ErrorKind::hypervisor, "No migration is held before its switchover");
        }
        if (world_.refused_releases > 0) {
            --world_.refused_releases;
            world_.say(what + "  -> refused");
            return fail(ErrorKind::hypervisor, "too much remains");
        }
        return world_.act(what);
    }
    static constexpr milliseconds kComparing{700};
    World& world_;
    ScriptedEvents& events_;
};

class FakeNetwork final : public NetworkHandover {
  public:
    explicit FakeNetwork(World& world) : world_(world) {}
    std::string_view backend() const override { return "fake"; }
    Result<void> lock() override { return world_.act("network lock"); }
    Result<void> begin() override { return world_.act("network begin"); }
    bool wants_hold() const override { return world_.network_wants_hold; }
    bool wants_lead() const override { return world_.network_wants_lead; }
    Result<milliseconds> lead() override {
        if (auto done = world_.act("network lead"); !done) {
            return fail(done.error());
        }
        return milliseconds(400);
    }
    Result<void> redirect() override { return world_.act("network redirect"); }
    std::optional<LastPacket> last_packet() override {
        return LastPacket{"02:00:00:00:00:01", milliseconds(3)};
    }
    Result<void> turn(const std::function<bool()>& answered) override {
        auto turned = world_.act("network turn");
        if (turned && !answered()) {
            world_.say("nobody answers");
        }
        return turned;
    }
    Result<void> withdraw() override { return world_.act("network withdraw"); }
    Result<void> commit() override { return world_.act("network commit"); }
    Result<void> drain() override {
        if (world_.ends_in_drain) {
            world_.destination = GuestState::shut_off;
        }
        return world_.act("network drain");
    }
    Result<void> rollback() override { return world_.act("network rollback"); }
    Result<bool> moved_by_another() override { return world_.moved_by_another; }

  private:
    World& world_;
};

class FakeJournal final : public Journal {
  public:
    explicit FakeJournal(World& world) : world_(world) {}
    Result<std::int64_t> begin(const Plan&) override {
        if (world_.fails("journal begin")) {
            return fail(ErrorKind::storage, "disk full");
        }
        return 1;
    }
    Result<void> intend(Step step, const std::string&) override {
        return world_.act(fmt::format("intend {}", name_of(step)), ErrorKind::storage);
    }
    Result<void> done(Step step, const std::string&) override {
        return world_.act(fmt::format("done {}", name_of(step)), ErrorKind::storage);
    }
    Result<void> phase(Phase phase, std::string_view note) override {
        return world_.act(
            fmt::format("phase {}{}{}", name_of(phase), note.empty() ? "" : ": ", note),
            ErrorKind::storage);
    }
    Result<void> sample(const Sample& sample, unsigned percent, const Forecast&) override {
        samples.push_back(sample);
        percents.push_back(percent);
        return {};
    }
    Result<void> note(std::string_view) override { return {}; }
    Result<void> finish(const Record& record) override {
        finished = record;
        return world_.act(fmt::format("finish {}", name_of(record.outcome)), ErrorKind::storage);
    }
    bool abort_requested() override { return world_.abort_wanted; }
    std::vector<TuneRequest> tune_requests() override {
        return world_.tunes.empty()
                   ? std::vector<TuneRequest>{}
                   : std::vector<TuneRequest>{{1, std::exchange(world_.tunes, {})}};
    }
    Result<void> answer(const TuneRequest&, const TuneAnswer& answer) override {
        return world_.act(fmt::format("answer: {}", name_of(answer.fate)), ErrorKind::storage);
    }

    std::vector<Sample> samples;
    std::vector<unsigned> percents;
    std::optional<Record> finished;

  private:
    World& world_;
};

class FakeStatus final : public Status {
  public:
    explicit FakeStatus(World& world) : world_(world) {}
    void started(std::int64_t) override {}
    void progress(const Progress& progress) override {
        percents.push_back(progress.percent);
        shown.push_back(progress);
        const auto now = world_.clock.elapsed();
        if (show_every.count() > 0 && now >= due_) {
            due_ = now + show_every;
            world_.say(text_of(progress));
        }
    }
    void phase(Phase, std::string_view) override {}
    void notice(std::string_view text) override { world_.say(fmt::format("notice: {}", text)); }
    bool ask(std::string_view question, milliseconds) override {
        if (world_.interactive) {
            world_.say(fmt::format("asked: {}", question));
        }
        return world_.interactive;
    }

    std::vector<unsigned> percents;
    std::vector<Progress> shown;
    milliseconds show_every{};  ///< in the transcript; 0 = not at all

  private:
    static std::string text_of(const Progress& progress) {
        const auto& forecast = progress.forecast;
        const auto time = [](const std::optional<milliseconds>& eta) {
            return eta ? format_time(*eta) : "-";
        };
        return fmt::format(
            "shown: {} % of iteration {}, ratio {}, {}", progress.percent, progress.iteration,
            forecast.convergence_ratio ? fmt::format("{:.2f}", *forecast.convergence_ratio) : "-",
            forecast.endless ? "endless"
                             : fmt::format("{} ({} to {})", time(forecast.eta),
                                           time(forecast.eta_low), time(forecast.eta_high)));
    }

    World& world_;
    milliseconds due_{};
};

/// All of it together.
struct Stage {
    World world;
    ScriptedEvents events{world};
    FakeHypervisor hypervisor{world, events};
    FakeNetwork network{world};
    FakeJournal journal{world};
    FakeStatus status{world};
    Edges edges{hypervisor, network, journal, status, events, world.clock};
};

}  // namespace vmigrate::test
