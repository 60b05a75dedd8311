// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: replay
//
// Plays tests/replay/scripts/*.replay through the runner and compares the transcript. The first
// part of a file is the script, the part after the line "----" is the transcript. Set
// VMIGRATE_UPDATE_REPLAY=1 to write the transcripts anew, then read the difference.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fakes.h"
#include "orchestrator/observe.h"
#include "orchestrator/qemu_choice.h"
#include "source_dir.h"

namespace vmigrate::test {
namespace {

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream in(text);
    return {std::istream_iterator<std::string>(in), {}};
}

GuestState state_named(const std::string& name) {
    for (const auto state : {GuestState::running, GuestState::paused, GuestState::incoming,
                             GuestState::absent, GuestState::unreachable}) {
        if (name_of(state) == name) {
            return state;
        }
    }
    return GuestState::shut_off;
}

/// "LEFT/RIGHT" as two sizes.
std::pair<Bytes, Bytes> two_sizes(const std::string& text) {
    const auto slash = text.find('/');
    REQUIRE_MESSAGE(slash != std::string::npos, text);
    return {parse_bytes(text.substr(0, slash)).value(),
            parse_bytes(text.substr(slash + 1)).value()};
}

DiskCopy& disk_named(World& world, const std::string& target) {
    auto& disks = world.sample.disks;
    const auto found = std::ranges::find(disks, target, &DiskCopy::target);
    return found == disks.end() ? disks.emplace_back(DiskCopy{target, {}, {}}) : *found;
}

/// "remaining=10MiB dirty=1MiB/s ..." changes the sample; "source=running" the world.
std::function<void(World&)> change_from(const std::vector<std::string>& words, std::size_t from) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (std::size_t i = from; i < words.size(); ++i) {
        const auto equals = words[i].find('=');
        REQUIRE_MESSAGE(equals != std::string::npos, words[i]);
        pairs.emplace_back(words[i].substr(0, equals), words[i].substr(equals + 1));
    }
    return [pairs](World& world) {
        for (const auto& [key, value] : pairs) {
            if (key == "source") {
                world.source = state_named(value);
            } else if (key == "destination") {
                world.destination = state_named(value);
            } else if (key == "job") {
                world.job = value == "yes"  ? std::optional(true)
                            : value == "no" ? std::optional(false)
                                            : std::nullopt;
            } else if (key == "abort") {
                world.abort_wanted = value == "yes";
            } else if (key == "postcopy") {
                world.postcopy = value == "running"     ? PostcopyState::running
                                 : value == "arriving"  ? PostcopyState::arriving
                                 : value == "broken"    ? PostcopyState::broken
                                 : value == "unnoticed" ? PostcopyState::unnoticed
                                 : value == "stranded"  ? PostcopyState::stranded
                                                        : PostcopyState::none;
                world.sample.job = JobState::postcopy;
            } else if (key == "hangs") {
                world.owes_answer = value == "source"        ? std::optional(Side::source)
                                    : value == "destination" ? std::optional(Side::destination)
                                                             : std::nullopt;
            } else if (key == "husk") {
                world.is_husk = value == "certain";
            } else if (key == "ends-in-drain") {
                world.ends_in_drain = value == "yes";
            } else if (key == "refuses-abort") {
                world.refuses_abort = value == "yes";
            } else if (key == "unheard") {
                world.unheard = value == "yes";
            } else if (key == "sees-cards") {
                world.sees_cards = value == "yes";
            } else if (key == "not-held") {
                world.not_held = value == "yes";
            } else if (key == "refused-releases") {
                world.refused_releases = static_cast<unsigned>(std::stoul(value));
            } else if (key == "tune") {
                world.tunes.push_back(parse_setting(value).value());
            } else if (key == "total") {
                world.sample.memory_total = parse_bytes(value).value();
            } else if (key == "remaining") {
                world.sample.memory_remaining = parse_bytes(value).value();
            } else if (key == "dirty") {
                world.sample.dirty_rate = parse_rate(value).value();
            } else if (key == "bandwidth") {
                world.sample.bandwidth = parse_rate(value).value();
            } else if (key == "iteration") {
                world.sample.iteration = static_cast<std::uint32_t>(std::stoul(value));
                world.sample.job = JobState::active;
            } else if (key == "bulk" || key == "dirty-disks") {
                auto& disks = world.sample.stream_disks;
                disks = disks.value_or(StreamDisks{});
                disks->bulk_completed = key == "dirty-disks";
                disks->dirty = parse_bytes(value).value();
            } else if (key == "disk-iterations") {
                world.sample.stream_disks->iterations = std::stoul(value);
            } else if (key.starts_with("written-")) {
                disk_named(world, key.substr(8)).written = parse_bytes(value).value();
            } else if (key.starts_with("mirror-")) {
                const auto [copied, remaining] = two_sizes(value);
                auto& disk = disk_named(world, key.substr(7));
                disk.mirror = Mirror{copied, remaining, remaining.count == 0};
                world.sample.job = JobState::active;
            } else if (key == "disks") {
                world.sample.disk_remaining = parse_bytes(value).value();
                world.sample.disk_total =
                    std::max(world.sample.disk_total, world.sample.disk_remaining);
            } else if (key == "delayed") {
                auto delayed = world.sample.delayed.value_or(DelayedMemory{});
                delayed.size = delayed.dirty = parse_bytes(value).value();
                delayed.active = delayed.size.count > 0;
                ++delayed.iterations;
                world.sample.delayed = delayed;
            } else if (key == "saved") {
                world.sample.delayed->saved = parse_bytes(value).value();
            } else if (key == "throttle") {
                world.sample.throttle_percent = static_cast<unsigned>(std::stoul(value));
            } else {
                FAIL("unknown key " << key);
            }
        }
    };
}

Event event_from(const std::vector<std::string>& words, std::size_t& used) {
    const auto& name = words[1];
    used = 2;
    if (name == "created") {
        return {DestinationCreated{}, Side::destination, {}};
    }
    if (name == "active") {
        return {MigrationActive{}, Side::source, {}};
    }
    if (name == "iteration") {
        used = 3;
        return {
            IterationStarted{static_cast<std::uint32_t>(std::stoul(words[2]))}, Side::source, {}};
    }
    if (name == "held") {
        return {SwitchoverHeld{}, Side::source, {}};
    }
    if (name == "stop") {
        return {GuestStopped{}, Side::source, {}};
    }
    if (name == "resume-source") {
        return {GuestResumed{}, Side::source, {}};
    }
    if (name == "resume") {
        return {GuestResumed{}, Side::destination, {}};
    }
    if (name == "returned") {
        return {CallReturned{}, Side::source, {}};
    }
    if (name == "failed") {
        return {
            CallReturned{Error{ErrorKind::hypervisor, "libvirt's own words"}}, Side::source, {}};
    }
    if (name == "stream-failed") {
        return {StreamFailed{}, Side::source, {}};
    }
    if (name == "postcopy-paused") {
        return {PostcopyPaused{}, Side::source, {}};
    }
    if (name == "yes" || name == "no") {
        return {Answered{name == "yes"}, Side::source, {}};
    }
    if (name == "lost") {
        return {ConnectionLost{}, Side::source, {}};
    }
    if (name == "interrupt") {
        return {AbortRequested{true, "interrupted"}, Side::source, {}};
    }
    FAIL("unknown event " << name);
    return {};
}

struct Script {
    Plan plan;
    std::string text;      ///< the first part of the file
    std::string expected;  ///< the second
};

/// Lines: "# comment", "option KEY=VALUE", "volume PATH", "at MS EVENT|set KEY=VALUE...",
/// "written-DISK=BYTES", "mirror-DISK=COPIED/REMAINING" and "disk-iterations=N" among the latter,
/// "capability NAME..." and "parameter NAME..." (what the QEMU of both sides knows), "throttle
/// value" or "throttle auto-converge", "observe-only", "network-wants-hold",
/// "network-wants-lead", "interactive", "show MS" (the progress, that often), "expect-dirty RATE"
/// (what was measured before the start), "differs DISK" (its copy, from the source's).
Script load(const std::filesystem::path& path, Stage& stage) {
    Script script;
    script.plan.guest.ref = {"11111111-2222-3333-4444-555555555555", "guest"};
    script.plan.guest.state = GuestState::running;
    script.plan.guest.persistent = true;
    script.plan.guest.memory = gibibytes(1);
    script.plan.source.name = "host1";
    script.plan.destination.host.name = "host2";
    QemuFeatures qemu;
    std::ifstream in(path);
    std::string row;
    bool in_script = true;
    while (std::getline(in, row)) {
        if (in_script && row == "----") {
            in_script = false;
            continue;
        }
        (in_script ? script.text : script.expected) += row + "\n";
        const auto words = words_of(row);
        if (!in_script || words.empty() || words[0] == "#") {
            continue;
        }
        if (words[0] == "option") {
            const auto equals = words[1].find('=');
            REQUIRE(set_option(script.plan.request.options, words[1].substr(0, equals),
                               words[1].substr(equals + 1)));
        } else if (words[0] == "capability") {
            for (std::size_t i = 1; i < words.size(); ++i) {
                qemu.capabilities[words[i]] = false;
            }
        } else if (words[0] == "parameter") {
            for (std::size_t i = 1; i < words.size(); ++i) {
                qemu.parameters[words[i]] = "0";
            }
        } else if (words[0] == "interactive") {
            stage.world.interactive = true;
        } else if (words[0] == "network-wants-hold") {
            stage.world.network_wants_hold = true;
            script.plan.request.held_networks = {script.plan.guest.host,
                                                 script.plan.destination.host.name};
        } else if (words[0] == "network-wants-lead") {
            stage.world.network_wants_lead = true;
        } else if (words[0] == "observe-only") {
            script.plan.request.observe_only = true;
        } else if (words[0] == "show") {
            stage.status.show_every = milliseconds(std::stol(words[1]));
        } else if (words[0] == "expect-dirty") {
            script.plan.memory.dirty_rate = parse_rate(words[1]).value();
        } else if (words[0] == "throttle") {
            script.plan.call.throttle =
                words[1] == "value" ? ThrottleMeans::value : ThrottleMeans::auto_converge;
        } else if (words[0] == "differs") {
            stage.world.differs = words[1];
        } else if (words[0] == "volume") {
            script.plan.call.volumes.push_back({"vda", words[1], words[1], "raw", mebibytes(64)});
        } else {
            std::size_t used = 2;
            const milliseconds time(std::stol(words[0]));
            std::optional<Event> event;
            if (words[1] != "set") {
                event = event_from(words, used);
            }
            stage.events.at(time, event, change_from(words, used));
        }
    }
    REQUIRE(validate(script.plan.request.options));
    auto& plan = script.plan;
    plan.guest.qemu = plan.destination.qemu = qemu;
    plan.call.postcopy = plan.request.options.postcopy;
    plan.call.remove_source_disks = plan.request.options.remove_source_disks;
    plan.call.verify_disks = plan.call.paused = plan.request.options.verify_disks;
    plan.call.qemu = choose_qemu(plan.request, plan.guest, plan.destination).settings;
    return script;
}

Result<Record> run_script(const Script& script, Stage& stage) {
    const auto& plan = script.plan;
    if (!plan.request.observe_only) {
        return run(plan, stage.edges);
    }
    ObservedHypervisor observed(stage.hypervisor, plan.call.downtime_limit);
    const auto& real = stage.edges;
    return run(plan, {observed, real.network, real.journal, real.status, real.events, real.clock,
                      real.probe, real.workload});
}

std::string play(const Script& script, Stage& stage) {
    const auto record = run_script(script, stage);
    REQUIRE(record);
    std::string transcript;
    for (const auto& entry : stage.world.transcript) {
        transcript += entry + "\n";
    }
    transcript += fmt::format("outcome {}{}{}\n", name_of(record->outcome),
                              record->reason.empty() ? "" : ": ", record->reason);
    for (const auto& problem : record->problems) {
        transcript += "problem: " + problem + "\n";
    }
    return transcript;
}

/// Knows how many steps had been taken when it was ended.
class FakeProbe final : public NetworkProbe {
  public:
    explicit FakeProbe(const World& world) : world_(world) {}
    ProbeCounts end() override {
        ended_after.push_back(world_.transcript.size());
        return {1000, 1, 2, 3, microseconds(4)};
    }
    std::vector<ProbeSlice> slices() override { return {{TimePoint{}, milliseconds(9), 1000, 1}}; }
    std::vector<std::size_t> ended_after;

  private:
    const World& world_;
};

std::vector<std::filesystem::path> all_scripts() {
    const auto folder = source_dir() / "tests/replay/scripts";
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() == ".replay") {
            paths.push_back(entry.path());
        }
    }
    std::ranges::sort(paths);
    return paths;
}

}  // namespace

TEST_CASE("scripts give their transcripts") {
    const auto paths = all_scripts();
    REQUIRE(paths.size() >= 8);
    for (const auto& path : paths) {
        CAPTURE(path.filename().string());
        Stage stage;
        const auto script = load(path, stage);
        const auto transcript = play(script, stage);
        if (std::getenv("VMIGRATE_UPDATE_REPLAY") != nullptr) {
            std::ofstream(path) << script.text << "----\n" << transcript;
            continue;
        }
        CHECK(transcript == script.expected);
        CHECK(std::ranges::is_sorted(stage.status.percents));
    }
}

TEST_CASE("who asks the guest does so until its end, whichever that is, and it is in the history") {
    for (const auto& path : all_scripts()) {
        CAPTURE(path.filename().string());
        Stage stage;
        FakeProbe probe(stage.world);
        stage.edges.probe = &probe;
        const auto record = run_script(load(path, stage), stage);
        REQUIRE(record);
        REQUIRE(record->measures.probe);
        CHECK(record->measures.probe->lost == 1);
        REQUIRE((stage.journal.finished && stage.journal.finished->measures.probe));
        CHECK(stage.journal.finished->measures.probe->longest_gap == microseconds(4));
        REQUIRE(probe.ended_after.size() == 1);
        const auto& transcript = stage.world.transcript;
        const auto finish = std::ranges::find_if(transcript, [](const std::string& line) {
            return line.find("finish ") != std::string::npos;
        });
        REQUIRE(finish != transcript.end());
        CHECK(probe.ended_after[0] <= static_cast<std::size_t>(finish - transcript.begin()));
        // and not before all was done that changes something: two lines at most, of the end itself
        CHECK(probe.ended_after[0] + 2 >= static_cast<std::size_t>(finish - transcript.begin()));
    }
}

TEST_CASE("what was watched from before it until after it is in the history, whatever its end") {
    class FakeCounter final : public WorkloadCounter {
      public:
        std::vector<WorkloadReading> end() override { return {{TimePoint{}, 3}}; }
    };
    for (const auto& path : all_scripts()) {
        CAPTURE(path.filename().string());
        Stage stage;
        FakeProbe probe(stage.world);
        FakeCounter counter;
        stage.edges.probe = &probe;
        stage.edges.workload = &counter;
        (void)run_script(load(path, stage), stage);
        REQUIRE(stage.journal.finished);
        const auto& watched = stage.journal.finished->watched;
        REQUIRE(watched.probe.size() == 1);
        CHECK(watched.probe[0].lost == 1);
        REQUIRE(watched.workload.size() == 1);
        CHECK(watched.workload[0].count == 3);
    }
}

TEST_CASE("a sample knows the least that writes are limited to, from then on") {
    const auto scripts = source_dir() / "tests/replay/scripts";
    for (const auto* name :
         {"24-writes-limited-mirror.replay", "25-writes-limited-in-stream.replay"}) {
        CAPTURE(name);
        Stage stage;
        (void)run_script(load(scripts / name, stage), stage);
        const auto& samples = stage.journal.samples;
        REQUIRE(samples.size() > 2);
        CHECK(!samples.front().write_limit);
        REQUIRE(samples.back().write_limit);
        std::string last;
        for (const auto& line : stage.world.transcript) {
            last = line.find(" limit writes to ") != std::string::npos ? line : last;
        }
        CHECK(last.find(": " + format_rate(*samples.back().write_limit)) != std::string::npos);
    }
    Stage observed;
    (void)run_script(load(scripts / "26-writes-only-observed.replay", observed), observed);
    for (const auto& sample : observed.journal.samples) {
        CHECK(!sample.write_limit);
    }
}

TEST_CASE("a sample has the processor time that was read with it, and none where it was not") {
    Stage stage;
    stage.world.cpu = CpuUse{microseconds(7), microseconds(5)};
    (void)run_script(load(source_dir() / "tests/replay/scripts/02-stepping.replay", stage), stage);
    const auto& samples = stage.journal.samples;
    const auto with = std::ranges::count_if(samples, [](const Sample& sample) {
        return sample.cpu && sample.cpu->process == microseconds(7) &&
               sample.cpu->vcpus == microseconds(5);
    });
    const auto asked = stage.world.cpu_asked.size() - 1;  // the first comes before the call
    CHECK(with > 0);
    CHECK(static_cast<std::size_t>(with) == asked);
}

TEST_CASE("processor times are read now and then, not at each look") {
    constexpr milliseconds kSeldom{500};
    std::size_t readings = 0;
    for (const auto& path : all_scripts()) {
        CAPTURE(path.filename().string());
        Stage stage;
        (void)play(load(path, stage), stage);
        const auto& asked = stage.world.cpu_asked;
        for (std::size_t i = 2; i < asked.size(); ++i) {  // the first comes before the call
            CHECK(asked[i] - asked[i - 1] >= kSeldom);
            ++readings;
        }
    }
    CHECK(readings > 0);
}

TEST_CASE("whatever call fails, nobody is harmed and nothing is left") {
    for (const auto& path : all_scripts()) {
        Stage whole;
        (void)play(load(path, whole), whole);
        for (std::size_t failing = 1; failing <= whole.world.calls; ++failing) {
            Stage stage;
            const auto script = load(path, stage);
            stage.world.failing_call = failing;
            const auto record = run_script(script, stage);
            CAPTURE(path.filename().string());
            CAPTURE(failing);
            CAPTURE(fmt::format("{}", fmt::join(stage.world.transcript, "\n")));
            if (!record) {
                CHECK(failing == 1);
                CHECK(stage.world.calls == 1);
                continue;
            }
            const bool runs_on_source = stage.world.source == GuestState::running;
            const bool runs_on_destination = stage.world.destination == GuestState::running;
            switch (record->outcome) {
                case Outcome::moved:
                case Outcome::moved_with_problems:
                    CHECK(runs_on_destination);
                    break;
                case Outcome::failed_on_source:
                    CHECK(runs_on_source);
                    CHECK(!record->reason.empty());
                    // What could not be taken back is named.
                    if (!stage.world.volumes.empty() || stage.world.settings != "{}" ||
                        !stage.world.write_limits.empty()) {
                        CHECK(!record->problems.empty());
                    }
                    break;
                case Outcome::unknown:
                    CHECK(!record->reason.empty());
                    break;
            }
            CHECK(!(runs_on_source && runs_on_destination));
        }
    }
}

}  // namespace vmigrate::test
