// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/migration.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "base/text.h"
#include "libvirt/call.h"
#include "libvirt/copy_connections.h"
#include "libvirt/definition.h"
#include "libvirt/disk_limits.h"
#include "libvirt/domain.h"
#include "libvirt/domain_xml.h"
#include "libvirt/events.h"
#include "libvirt/features.h"
#include "libvirt/husk.h"
#include "libvirt/patience.h"
#include "libvirt/progress.h"
#include "libvirt/qmp.h"
#include "libvirt/stream_disks.h"
#include "libvirt/volume_content.h"
#include "libvirt/volumes.h"

namespace vmigrate::libvirt {
namespace {

constexpr milliseconds kSamplePatience{500};
constexpr milliseconds kStoppedPatience{20};
constexpr milliseconds kStatePatience = seconds(2);
constexpr milliseconds kReconnectPatience = seconds(3);
constexpr milliseconds kCallPatience = seconds(10);
constexpr milliseconds kVolumePatience = std::chrono::minutes(5);
constexpr milliseconds kPartPatience = std::chrono::minutes(1);
constexpr int kUnansweredMax = 3;
/// QEMU refuses for a moment when it has not looked lately at what remains, or the guest has just
/// written much.
constexpr milliseconds kLongestQuiet{1000};  // QEMU refuses more
constexpr milliseconds kLongestQuietWait{10'000};
constexpr int kReleaseAttempts = 4;
constexpr milliseconds kBetweenReleases{4};

class Migration final : public Hypervisor {
  public:
    Migration(Session& source, Session& destination, GuestRef guest, EventQueue& events)
        : guest_(std::move(guest)),
          translator_(std::make_shared<Translator>(guest_.uuid, events)),
          source_(source, Side::source),
          destination_(destination, Side::destination) {}
    ~Migration() override;

    Result<void> listen();

    Result<std::string> save_originals() override;
    Result<void> restore_originals(Side side, const std::string& originals) override;
    Result<void> make_volume(const VolumeMove& volume) override;
    Result<void> remove_volume(Side side, const VolumeMove& volume, Removal removal) override;
    Result<void> end_husk(const std::vector<VolumeMove>& copied) override;
    Result<void> hand_over_definition() override;
    Result<DiskComparison> compare_disk(const VolumeMove& volume) override;
    Result<void> resume_guest(Side side) override;
    Result<void> start(const MigrationCall& call) override;
    void end_call() override;
    Result<Sample> sample() override;
    Result<Sample> completed() override;
    std::optional<CpuUse> cpu_use(Side side) override;
    Result<void> set_downtime_limit(milliseconds limit) override;
    Result<void> set_bandwidth(BytesPerSecond limit) override;
    Result<void> set_throttle(ThrottleMeans means, unsigned percent) override;
    Result<void> set_memory_turn(milliseconds turn) override;
    Result<void> limit_writes(const std::string& target, BytesPerSecond limit) override;
    Result<void> set_delay(unsigned percent) override;
    bool sees_cards() override;
    Result<void> release_switchover(Bytes most_remaining) override;
    PendingRelease release_after(Bytes most_remaining, const LastPacket& last) override;
    Result<void> start_postcopy() override;
    Result<void> pause_postcopy() override;
    Result<void> resume_postcopy(const MigrationCall& call) override;
    Result<void> abort() override;
    GuestState guest_state(Side side) override;
    std::optional<bool> job_active() override;
    std::optional<PostcopyState> postcopy_state() override;
    bool owes_answer(Side side) override;

  private:
    struct End {
        End(Session& its_session, Side its_side) : session(its_session), side(its_side) {}
        Session& session;
        Side side;
        std::unique_ptr<Subscription> subscription;
        SharedDomain guest;  ///< as last found on this connection
        std::shared_ptr<std::atomic<int>> unanswered = std::make_shared<std::atomic<int>>(0);
    };

    End& end(Side side) { return side == Side::source ? source_ : destination_; }

    template <class Work, class GiveUp = std::nullptr_t>
    auto ask(End& end, milliseconds patience, Work work, GiveUp give_up = nullptr)
        -> std::invoke_result_t<Work&, virConnectPtr>;
    template <class Work, class GiveUp = std::nullptr_t>
    auto ask_guest(End& end, milliseconds patience, Work work, GiveUp give_up = nullptr)
        -> std::invoke_result_t<Work&, virDomainPtr>;
    Result<void> subscribe(End& end);
    Result<void> prepare_limits(const MigrationCall& call);
    Result<void> set_parameters(const Json& parameters);
    Result<void> begin_call(const MigrationCall& call);

    const GuestRef guest_;
    const std::shared_ptr<Translator> translator_;
    End source_;
    End destination_;
    std::unique_ptr<BlockingCall> call_;
    bool postcopy_ = false;  ///< allowed
    /// Whose writes may be limited, and the limits that they have of themselves.
    std::vector<CopiedDisk> limited_;
    Json own_limits_;
    bool in_stream_ = false;  ///< disks are copied in the stream of the memory
    bool delays_ = false;     ///< memory that is hot is sent late
};

Error no_answer(const Session& session, milliseconds patience) {
    return {ErrorKind::unreachable,
            fmt::format("libvirt of host {} did not answer within {}",
                        vmigrate::quoted(session.access().name), format_time(patience))};
}

// Calls `work` with the connection; gives up after `patience`. A host that leaves several calls
// unanswered is not asked again until one of them ends.
template <class Work, class GiveUp>
auto Migration::ask(End& end, milliseconds patience, Work work, GiveUp give_up)
    -> std::invoke_result_t<Work&, virConnectPtr> {
    if (end.session.connection() == nullptr) {
        return fail(ErrorKind::unreachable,
                    fmt::format("no connection to libvirt of host {}",
                                vmigrate::quoted(end.session.access().name)));
    }
    if (*end.unanswered >= kUnansweredMax) {
        return fail(no_answer(end.session, patience));
    }
    ++*end.unanswered;
    auto answer = within(
        patience,
        [connection = share(end.session.connection()), unanswered = end.unanswered,
         work = std::move(work)]() mutable {
            auto result = work(connection.get());
            --*unanswered;
            return result;
        },
        give_up);
    if (!answer) {
        return fail(no_answer(end.session, patience));
    }
    return std::move(*answer);
}

// One call to libvirt for each question: the guest is looked up only once (libvirt answers "no such
// guest" to a handle too).
template <class Work, class GiveUp>
auto Migration::ask_guest(End& end, milliseconds patience, Work work, GiveUp give_up)
    -> std::invoke_result_t<Work&, virDomainPtr> {
    if (!end.guest) {
        auto found = ask(end, patience,
                         [uuid = guest_.uuid](virConnectPtr connection) -> Result<SharedDomain> {
                             auto domain = domain_by_uuid(connection, uuid);
                             if (!domain) {
                                 return fail(std::move(domain.error()));
                             }
                             return share(std::move(*domain));
                         });
        if (!found) {
            return fail(std::move(found.error()));
        }
        end.guest = std::move(*found);
    }
    return ask(
        end, patience,
        [guest = end.guest, work = std::move(work)](virConnectPtr) mutable {
            return work(guest.get());
        },
        give_up);
}

// A call that still runs is left alone, with its thread: who gave up waiting has said that nobody
// knows, and nobody is touched then.
Migration::~Migration() {
    if (call_ && call_->returned_within(milliseconds(0))) {
        call_->join();
    }
    translator_->close();
}

Result<void> Migration::subscribe(End& end) {
    auto made = within(kCallPatience, [connection = share(end.session.connection()),
                                       side = end.side, translator = translator_] {
        return Subscription::make(connection, side, translator);
    });
    if (!made) {
        return fail(no_answer(end.session, kCallPatience));
    }
    if (!*made) {
        return fail(std::move(made->error()));
    }
    end.subscription = std::move(**made);
    return {};
}

Result<void> Migration::listen() {
    for (auto* end : {&source_, &destination_}) {
        if (end->session.connection() == nullptr) {
            continue;  // when it answers
        }
        if (auto done = subscribe(*end); !done) {
            return done;
        }
    }
    return {};
}

Result<std::string> Migration::save_originals() {
    return ask_guest(source_, kCallPatience, [](virDomainPtr domain) -> Result<std::string> {
        if (virDomainIsActive(domain) == 0) {
            return line(settings_in({}));  // shut off: there is no QEMU that has settings
        }
        const auto settings = settings_of(domain);
        if (!settings) {
            return fail(settings.error());
        }
        return line(*settings);
    });
}

Result<void> Migration::restore_originals(Side side, const std::string& originals) {
    auto then = Json::parse(originals, nullptr, false);
    if (!then.is_object()) {
        return fail(ErrorKind::internal, "the saved settings of QEMU are not JSON");
    }
    auto restored = ask_guest(end(side), kCallPatience,
                              [then = std::move(then)](virDomainPtr domain) -> Result<void> {
                                  if (virDomainIsActive(domain) == 0) {
                                      return {};
                                  }
                                  const auto now = settings_of(domain);
                                  if (!now) {
                                      return fail(now.error());
                                  }
                                  return apply_settings(domain, settings_to_restore(then, *now));
                              });
    if (!restored && restored.error().kind == ErrorKind::not_found) {
        return {};
    }
    return restored;
}

Result<void> Migration::make_volume(const VolumeMove& volume) {
    return ask(destination_, kVolumePatience,
               [volume](virConnectPtr connection) { return create_volume(connection, volume); });
}

Result<void> Migration::remove_volume(Side side, const VolumeMove& volume, Removal removal) {
    const auto path = side == Side::source ? volume.source_path : volume.path;
    return ask(end(side), kVolumePatience, [path, removal](virConnectPtr connection) {
        return delete_volume(connection, path, removal);
    });
}

Result<void> Migration::end_husk(const std::vector<VolumeMove>& copied) {
    auto arrived = ask_guest(destination_, kCallPatience, check_arrival);
    if (!arrived) {
        return arrived;
    }
    auto ended = ask_guest(source_, kCallPatience, [copied](virDomainPtr domain) {
        return libvirt::end_husk(domain, copied);
    });
    return !ended && ended.error().kind == ErrorKind::not_found ? Result<void>() : ended;
}

Result<void> Migration::hand_over_definition() {
    auto defined = ask_guest(destination_, kCallPatience, define_for_good);
    if (!defined) {
        return defined;
    }
    auto undefined = ask_guest(source_, kCallPatience, undefine_idle);
    return !undefined && undefined.error().kind == ErrorKind::not_found ? Result<void>()
                                                                        : undefined;
}

// Both hosts are read at the same time.
Result<DiskComparison> Migration::compare_disk(const VolumeMove& volume) {
    const auto of_both = [&](auto read) {
        auto here = std::async(std::launch::async, [&] {
            return ask(source_, kPartPatience, [read, path = volume.source_path](auto* connection) {
                return read(connection, path);
            });
        });
        auto there = ask(destination_, kPartPatience, [read, path = volume.path](auto* connection) {
            return read(connection, path);
        });
        return std::pair(here.get(), std::move(there));
    };
    const auto [here, there] = of_both(volume_size);
    if (!here || !there) {
        return fail(!here ? here.error() : there.error());
    }
    DiskComparison comparison{*here, *there, {}, std::nullopt};
    const auto end = std::min(here->count, there->count);
    PartLength length;
    while (comparison.compared.count < end) {
        const auto begin = comparison.compared.count;
        const auto [one, other] = of_both([begin, size = std::min(length.now(), end - begin)](
                                              auto* connection, const auto& path) {
            return read_part(connection, path, begin, size);
        });
        if (!one || !other) {
            return fail(!one ? one.error() : other.error());
        }
        const auto known = std::min(one->end, other->end);
        if (const auto difference = first_difference(*one, *other)) {
            comparison.compared = comparison.first_difference.emplace(Bytes{*difference});
            return comparison;
        }
        length.saw(*one, *other);
        comparison.compared = Bytes{known};
    }
    return comparison;
}

Result<void> Migration::resume_guest(Side side) {
    return ask_guest(end(side), kCallPatience, [](virDomainPtr domain) -> Result<void> {
        if (virDomainResume(domain) < 0) {
            return fail(last_error("cannot resume the guest"));
        }
        return {};
    });
}

Result<void> Migration::start(const MigrationCall& call) {
    if (call_) {
        return fail(ErrorKind::internal, "this migration was started already");
    }
    if (!call.offline) {
        if (auto set = set_downtime_limit(call.downtime_limit); !set) {
            return set;
        }
        // libvirt leaves alone what it does not know, before and after
        auto set = ask_guest(source_, kCallPatience, [call](virDomainPtr domain) -> Result<void> {
            auto settings = settings_in(call.qemu);
            if (call.storage == StorageMode::copy_in_stream) {
                auto devices = stream_devices(domain, call.volumes);
                if (!devices) {
                    return fail(std::move(devices.error()));
                }
                settings["parameters"]["block-devices"] = std::move(*devices);
            }
            return apply_settings(domain, settings);
        });
        if (set && call.limit_writes) {
            set = prepare_limits(call);
        }
        if (!set) {
            return set;
        }
    }
    postcopy_ = call.postcopy;
    in_stream_ = call.storage == StorageMode::copy_in_stream;
    delays_ = call.qemu.parameters.contains("ram-delay-save-percent");
    return begin_call(call);
}

Result<void> Migration::begin_call(const MigrationCall& call) {
    const auto& there = destination_.session.access();
    const Adaptation adaptation{call.emulator.value_or(there.emulator), there.path_map,
                                there.graphics_listen};
    const auto complete = ask_guest(source_, kCallPatience, [call, adaptation](virDomainPtr guest) {
        return adapted(guest, call, adaptation);
    });
    if (!complete) {
        return fail(complete.error());
    }
    auto begun =
        BlockingCall::begin(source_.session.access(), there, guest_.uuid, *complete, translator_);
    if (!begun) {
        return fail(std::move(begun.error()));
    }
    call_ = std::move(*begun);
    return {};
}

Result<void> Migration::prepare_limits(const MigrationCall& call) {
    using Known = std::pair<std::vector<CopiedDisk>, Json>;
    auto known = ask_guest(source_, kCallPatience, [call](virDomainPtr domain) -> Result<Known> {
        auto disks = copied_disks(domain, call.volumes);
        auto limits = disk_limits_of(domain);
        if (!disks || !limits) {
            return fail(!disks ? disks.error() : limits.error());
        }
        return Known{std::move(*disks), std::move(*limits)};
    });
    if (!known) {
        return fail(std::move(known.error()));
    }
    std::tie(limited_, own_limits_) = std::move(*known);
    return {};
}

void Migration::end_call() {
    if (call_) {
        call_->join();
    }
}

// libvirt's own figures leave these out.
void add_what_qemu_tells(virDomainPtr domain, bool in_stream, Sample& sample) {
    const auto told = execute(domain, "query-migrate");
    if (!told) {
        return;
    }
    if (in_stream) {
        sample.stream_disks = stream_disks_in(*told);
    }
    sample.delayed = delayed_memory_in(*told);
}

// A disk that cannot be asked about is not limited.
std::vector<DiskCopy> disk_copies_now(virDomainPtr domain, const std::vector<CopiedDisk>& disks) {
    const auto stats = execute(domain, "query-blockstats");
    const auto jobs = execute(domain, "query-block-jobs");
    return stats && jobs ? disk_copies_in(disks, *stats, *jobs) : std::vector<DiskCopy>{};
}

Result<Sample> read_job(virDomainPtr domain, unsigned flags) {
    const auto stats = job_stats(domain, flags);
    if (!stats) {
        return fail(stats.error());
    }
    return to_sample(*stats);
}

tl::unexpected<Error> switching_over() {
    return fail(ErrorKind::busy, "no progress is told while the guest is switched over");
}

// Around the stop of the guest QEMU answers late, and just then the runner has something better to
// do than to wait.
Result<Sample> Migration::sample() {
    const auto stage = translator_->stage();
    if (stage == JobState::device || stage == JobState::completed) {
        return switching_over();
    }
    const auto stops_before = translator_->stops();
    auto sample = ask_guest(
        source_, translator_->source_stopped() ? kStoppedPatience : kSamplePatience,
        [in_stream = in_stream_, delays = delays_, limited = limited_](virDomainPtr domain) {
            auto read = read_job(domain, 0);
            if (read && !limited.empty()) {
                read->disks = disk_copies_now(domain, limited);
            }
            if (read && (in_stream || (delays && may_delay(*read)))) {
                add_what_qemu_tells(domain, in_stream, *read);
            }
            return read;
        },
        [this, stops_before] { return translator_->stops() != stops_before; });
    if (!sample && sample.error().kind == ErrorKind::unreachable && translator_->source_stopped()) {
        return switching_over();
    }
    // libvirt's job is just "active" from the first page to the last
    if (sample && sample->job == JobState::active) {
        sample->job = translator_->stage().value_or(JobState::active);
    }
    return sample;
}

Result<Sample> Migration::completed() {
    auto totals = ask_guest(destination_, kStatePatience, [](virDomainPtr domain) {
        return read_job(domain,
                        VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED);
    });
    if (totals && totals->job == JobState::none) {  // after post-copy
        return fail(ErrorKind::hypervisor, "libvirt kept no totals of the migration");
    }
    return totals;
}

std::optional<CpuUse> Migration::cpu_use(Side side) {
    const auto use =
        ask_guest(end(side), kSamplePatience, [](virDomainPtr domain) -> Result<CpuUse> {
            const auto answer = cpu_use_of(domain);
            if (!answer) {
                return fail(last_error("processor time"));
            }
            return *answer;
        });
    return use ? std::optional(*use) : std::nullopt;
}

// Not by libvirt's own calls: those need MiB/s, are refused before the job is active, and the
// limit would stay in libvirt's memory for the guest's next migration.
Result<void> Migration::set_parameters(const Json& parameters) {
    return ask_guest(source_, kCallPatience, [parameters](virDomainPtr domain) -> Result<void> {
        const auto done = execute(domain, "migrate-set-parameters", parameters);
        if (!done) {
            return fail(done.error());
        }
        return {};
    });
}

Result<void> Migration::set_downtime_limit(milliseconds limit) {
    return set_parameters({{"downtime-limit", limit.count()}});
}

Result<void> Migration::set_bandwidth(BytesPerSecond limit) {
    Json parameters;
    parameters["max-bandwidth"] = limit.count;
    if (postcopy_) {
        parameters["max-postcopy-bandwidth"] = limit.count;
    }
    return set_parameters(parameters);
}

// QEMU's auto-converge adds the increment at one of its next iterations, up to the maximum, which
// cannot be below the initial 1 %.
Result<void> Migration::set_throttle(ThrottleMeans means, unsigned percent) {
    if (means == ThrottleMeans::value) {
        return set_parameters({{"cpu-throttle-value", percent}});
    }
    const auto most = std::max(1U, percent);
    return set_parameters({{"max-cpu-throttle", most}, {"cpu-throttle-increment", most}});
}

Result<void> Migration::set_memory_turn(milliseconds turn) {
    return set_parameters({{"ram-save-max-wait", turn.count()}});
}

Result<void> Migration::limit_writes(const std::string& target, BytesPerSecond limit) {
    const auto disk = std::ranges::find(limited_, target, &CopiedDisk::target);
    if (disk == limited_.end()) {
        return fail(ErrorKind::internal, fmt::format("disk {} is not copied", target));
    }
    if (shares_limits(own_limits_, disk->device)) {
        return fail(ErrorKind::hypervisor, "it shares its own limits with another disk");
    }
    const auto limits = with_write_limit(own_limits_.value(disk->device, Json::object()), limit);
    return ask_guest(source_, kCallPatience, [device = disk->device, limits](virDomainPtr domain) {
        return set_disk_limits(domain, device, limits);
    });
}

Result<void> Migration::set_delay(unsigned percent) {
    return set_parameters({{"ram-delay-save-percent", percent}});
}

// Asked with a time that it refuses, so nobody is released. It does not know the words, or says
// which card vhost serves behind its back, or finds fault with the time.
bool Migration::sees_cards() {
    const auto asked = ask_guest(source_, kCallPatience, [](virDomainPtr domain) -> Result<void> {
        const auto refused =
            execute(domain, "migrate-switchover-release",
                    {{"quiet", kLongestQuiet.count() + 1}, {"quiet-after", "02:00:00:00:00:00"}});
        return refused ? Result<void>() : fail(refused.error());
    });
    return !asked &&
           asked.error().message.find("expects an integer in the range") != std::string::npos;
}

Result<void> release(virDomainPtr domain, const Json& arguments) {
    const auto released = execute(domain, "migrate-switchover-release", arguments);
    return released ? Result<void>() : fail(released.error());
}

// It is asked again when too much remains at the moment, or it does not know how much.
Result<void> Migration::release_switchover(Bytes most_remaining) {
    const Json arguments = {{"max-remaining", most_remaining.count}};
    return ask_guest(source_, kCallPatience, [arguments](virDomainPtr domain) {
        auto released = release(domain, arguments);
        for (int attempt = 1; !released && attempt < kReleaseAttempts; ++attempt) {
            std::this_thread::sleep_for(kBetweenReleases);
            released = release(domain, arguments);
        }
        return released;
    });
}

PendingRelease Migration::release_after(Bytes most_remaining, const LastPacket& last) {
    constexpr milliseconds for_the_turn{50};
    constexpr int patience = 20;
    const auto quiet = std::clamp(last.quiet, milliseconds(1), kLongestQuiet);
    const auto longest = for_the_turn + patience * quiet;
    const Json arguments = {{"max-remaining", most_remaining.count},
                            {"quiet", quiet.count()},
                            {"quiet-timeout", std::min(longest, kLongestQuietWait).count()},
                            {"quiet-after", last.from}};
    auto waits = translator_->next_release_wait();
    return {std::move(waits), std::async(std::launch::async, [this, arguments] {
                auto answer = ask_guest(source_, kCallPatience, [arguments](virDomainPtr domain) {
                    return release(domain, arguments);
                });
                translator_->release_is_over();
                return answer;
            })};
}

Result<void> Migration::start_postcopy() {
    return ask_guest(source_, kCallPatience, [](virDomainPtr domain) -> Result<void> {
        if (virDomainMigrateStartPostCopy(domain, 0) < 0) {
            return fail(last_error("cannot switch to post-copy"));
        }
        return {};
    });
}

// libvirt hears of it from QEMU. The destination cannot be told while libvirt receives a guest
// there; it notices when the network is back.
Result<void> pause_stream(virDomainPtr domain) {
    const auto told = execute(domain, "query-migrate");
    if (!told) {
        return fail(told.error());
    }
    if (member(*told, "status", std::string()) != "postcopy-active") {
        return {};
    }
    const auto paused = execute(domain, "migrate-pause");
    return paused ? Result<void>{} : fail(paused.error());
}

Result<void> Migration::pause_postcopy() {
    return ask_guest(source_, kStatePatience, pause_stream);
}

Result<void> Migration::resume_postcopy(const MigrationCall& call) {
    if (call_ && !call_->returned_within(milliseconds(0))) {
        return fail(ErrorKind::busy, "libvirt's call has not returned yet");
    }
    auto again = call;
    again.resume_postcopy = true;
    again.volumes.clear();  // they were copied before the guest left
    postcopy_ = true;
    return begin_call(again);
}

Result<void> Migration::abort() {
    return ask_guest(source_, kCallPatience, [](virDomainPtr domain) -> Result<void> {
        // first, for QEMU hears nobody while it waits for them
        const bool fails_anyhow = drop_copy_connections(domain);
        if (virDomainAbortJob(domain) < 0 && !fails_anyhow) {
            return fail(last_error("cannot cancel the migration"));
        }
        return {};
    });
}

GuestState Migration::guest_state(Side side) {
    auto& asked = end(side);
    const auto now = [&] {
        const auto state = ask_guest(asked, kStatePatience, state_of);
        if (state) {
            return *state;
        }
        return state.error().kind == ErrorKind::not_found ? GuestState::absent
                                                          : GuestState::unreachable;
    };
    auto state = now();
    if (state == GuestState::unreachable) {
        asked.subscription.reset();
        asked.guest.reset();
        asked.unanswered = std::make_shared<std::atomic<int>>(0);
        if (asked.session.reconnect(kReconnectPatience)) {
            static_cast<void>(subscribe(asked));
            state = now();
        }
    }
    return state;
}

std::optional<bool> Migration::job_active() {
    const auto active = ask_guest(
        source_, kStatePatience,
        [](virDomainPtr guest) -> Result<std::optional<bool>> { return migrates_away(guest); });
    if (!active && active.error().kind == ErrorKind::not_found) {
        return false;
    }
    return active.value_or(std::nullopt);
}

std::optional<PostcopyState> Migration::postcopy_state() {
    const auto answer = ask_guest(destination_, kStatePatience, postcopy_state_of);
    if (!answer && answer.error().kind != ErrorKind::not_found) {
        return std::nullopt;
    }
    const auto there = answer.value_or(PostcopyState::none);
    if (there == PostcopyState::broken) {
        return there;
    }
    const auto here = ask_guest(source_, kStatePatience, postcopy_state_of);
    const bool runs_there = there == PostcopyState::running;
    if (here && *here == PostcopyState::broken) {
        return runs_there ? PostcopyState::unnoticed : PostcopyState::stranded;
    }
    return !runs_there && here && *here == PostcopyState::running ? PostcopyState::arriving : there;
}

bool Migration::owes_answer(Side side) {
    return ask_guest(end(side), kStatePatience, waits_for_qemu).value_or(false);
}

}  // namespace

Result<std::unique_ptr<Hypervisor>> make_hypervisor(Session& source, Session& destination,
                                                    const GuestRef& guest, EventQueue& events) {
    auto migration = std::make_unique<Migration>(source, destination, guest, events);
    if (auto done = migration->listen(); !done) {
        return fail(std::move(done.error()));
    }
    return std::unique_ptr<Hypervisor>(std::move(migration));
}

}  // namespace vmigrate::libvirt
