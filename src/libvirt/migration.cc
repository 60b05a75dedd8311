// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/migration.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "libvirt/domain.h"
#include "libvirt/domain_xml.h"
#include "libvirt/events.h"
#include "libvirt/features.h"
#include "libvirt/params.h"
#include "libvirt/patience.h"
#include "libvirt/qmp.h"
#include "libvirt/volumes.h"

namespace vmigrate::libvirt {
namespace {

constexpr milliseconds kSamplePatience{250};
constexpr milliseconds kStatePatience = seconds(3);
constexpr milliseconds kCallPatience = seconds(10);
constexpr milliseconds kVolumePatience = std::chrono::minutes(5);
constexpr milliseconds kEndPatience = seconds(10);
constexpr int kUnansweredMax = 3;

// The blocking call's thread may outlive everybody who waits for it, so it shares what it uses.
struct CallState {
    std::mutex mutex;
    std::condition_variable changed;
    bool returned = false;
};

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
    Result<void> remove_volume(const VolumeMove& volume) override;
    Result<void> start(const MigrationCall& call) override;
    void end_call() override;
    Result<Sample> sample() override;
    Result<Sample> completed() override;
    std::optional<CpuUse> cpu_use(Side side) override;
    Result<void> set_downtime_limit(milliseconds limit) override;
    Result<void> set_bandwidth(BytesPerSecond limit) override;
    Result<void> start_postcopy() override;
    Result<void> abort() override;
    GuestState guest_state(Side side) override;
    std::optional<bool> job_active() override;

  private:
    struct End {
        End(Session& its_session, Side its_side) : session(its_session), side(its_side) {}
        Session& session;
        Side side;
        std::unique_ptr<Subscription> subscription;
        std::shared_ptr<std::atomic<int>> unanswered = std::make_shared<std::atomic<int>>(0);
    };

    End& end(Side side) { return side == Side::source ? source_ : destination_; }

    template <class Work>
    auto ask(End& end, milliseconds patience, Work work)
        -> std::invoke_result_t<Work&, virConnectPtr>;
    template <class Work>
    auto ask_guest(End& end, milliseconds patience, Work work)
        -> std::invoke_result_t<Work&, virDomainPtr>;
    Result<void> subscribe(End& end);
    Result<void> set_parameters(const Json& parameters);
    bool wait_for_return(milliseconds patience);

    const GuestRef guest_;
    const std::shared_ptr<Translator> translator_;
    End source_;
    End destination_;
    std::shared_ptr<CallState> call_;
    std::thread thread_;
};

Error no_answer(const Session& session, milliseconds patience) {
    return {ErrorKind::unreachable,
            fmt::format("libvirt of host {} did not answer within {}",
                        vmigrate::quoted(session.access().name), format_time(patience))};
}

// Calls `work` with the connection; gives up after `patience`. A host that leaves several calls
// unanswered is not asked again until one of them ends.
template <class Work>
auto Migration::ask(End& end, milliseconds patience, Work work)
    -> std::invoke_result_t<Work&, virConnectPtr> {
    if (*end.unanswered >= kUnansweredMax) {
        return fail(no_answer(end.session, patience));
    }
    ++*end.unanswered;
    auto answer = within(patience, [connection = share(end.session.connection()),
                                    unanswered = end.unanswered, work = std::move(work)]() mutable {
        auto result = work(connection.get());
        --*unanswered;
        return result;
    });
    if (!answer) {
        return fail(no_answer(end.session, patience));
    }
    return std::move(*answer);
}

template <class Work>
auto Migration::ask_guest(End& end, milliseconds patience, Work work)
    -> std::invoke_result_t<Work&, virDomainPtr> {
    return ask(end, patience,
               [uuid = guest_.uuid, work = std::move(work)](
                   virConnectPtr connection) -> std::invoke_result_t<Work&, virDomainPtr> {
                   const auto domain = domain_by_uuid(connection, uuid);
                   if (!domain) {
                       return fail(domain.error());
                   }
                   return work(domain->get());
               });
}

Migration::~Migration() {
    if (thread_.joinable()) {
        if (!wait_for_return(milliseconds(0))) {
            static_cast<void>(abort());
        }
        if (wait_for_return(kEndPatience)) {
            thread_.join();
        } else {
            thread_.detach();
        }
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
        const auto features = features_of(domain);
        if (!features) {
            return fail(features.error());
        }
        return line(settings_in(*features));
    });
}

Result<void> Migration::restore_originals(Side side, const std::string& originals) {
    auto then = Json::parse(originals, nullptr, false);
    if (!then.is_object()) {
        return fail(ErrorKind::internal, "the saved settings of QEMU are not JSON");
    }
    auto restored = ask_guest(
        end(side), kCallPatience, [then = std::move(then)](virDomainPtr domain) -> Result<void> {
            if (virDomainIsActive(domain) == 0) {
                return {};
            }
            const auto now = features_of(domain);
            if (!now) {
                return fail(now.error());
            }
            return apply_settings(domain, settings_to_restore(then, settings_in(*now)));
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

Result<void> Migration::remove_volume(const VolumeMove& volume) {
    return ask(destination_, kVolumePatience,
               [volume](virConnectPtr connection) { return delete_volume(connection, volume); });
}

// Gives libvirt a description only where the destination differs; what the user gave is not
// touched.
Result<MigrationCall> adapted(virDomainPtr domain, MigrationCall call,
                              const Adaptation& adaptation) {
    const auto adapt = [&](std::optional<std::string>& xml, unsigned flags) -> Result<void> {
        if (xml) {
            return {};
        }
        // with secrets, or a graphics password would get lost
        const auto own = take(
            virDomainGetXMLDesc(domain, flags | VIR_DOMAIN_XML_MIGRATABLE | VIR_DOMAIN_XML_SECURE));
        if (own.empty()) {
            return fail(last_error("cannot read the guest's description"));
        }
        auto changed = adapt_domain_xml(own, adaptation);
        if (!changed) {
            return fail(std::move(changed.error()));
        }
        xml = std::move(*changed);
        return {};
    };
    if (auto done = adapt(call.destination_xml, 0); !done) {
        return fail(std::move(done.error()));
    }
    if (call.persist_destination && virDomainIsPersistent(domain) == 1) {
        if (auto done = adapt(call.persistent_xml, VIR_DOMAIN_XML_INACTIVE); !done) {
            return fail(std::move(done.error()));
        }
    }
    return call;
}

// The call itself; everything that it uses is its own.
std::optional<Error> migrate(virDomainPtr domain, virConnectPtr destination,
                             const std::string& peer_uri, const TypedParams& params,
                             unsigned flags) {
    if ((flags & VIR_MIGRATE_PEER2PEER) != 0) {
        if (virDomainMigrateToURI3(domain, peer_uri.c_str(), params.data(),
                                   static_cast<unsigned>(params.size()), flags) == 0) {
            return std::nullopt;
        }
        return last_error("");
    }
    const DomainHandle moved(virDomainMigrate3(domain, destination, params.data(),
                                               static_cast<unsigned>(params.size()), flags));
    return moved ? std::nullopt : std::optional(last_error(""));
}

Result<void> Migration::start(const MigrationCall& call) {
    if (thread_.joinable()) {
        return fail(ErrorKind::internal, "this migration was started already");
    }
    const auto& there = destination_.session.access();
    const Adaptation adaptation{call.emulator.value_or(there.emulator), there.path_map,
                                there.graphics_listen};
    struct Ready {
        SharedDomain domain;
        MigrationCall call;
    };
    auto ready = ask(source_, kCallPatience,
                     [uuid = guest_.uuid, call, adaptation](virConnectPtr source) -> Result<Ready> {
                         auto domain = domain_by_uuid(source, uuid);
                         if (!domain) {
                             return fail(domain.error());
                         }
                         auto complete = adapted(domain->get(), call, adaptation);
                         if (!complete) {
                             return fail(std::move(complete.error()));
                         }
                         return Ready{share(std::move(*domain)), std::move(*complete)};
                     });
    if (!ready) {
        return fail(std::move(ready.error()));
    }
    if (!call.offline) {
        if (auto set = set_downtime_limit(call.downtime_limit); !set) {
            return set;
        }
    }
    call_ = std::make_shared<CallState>();
    thread_ = std::thread(
        [domain = ready->domain, destination = share(destination_.session.connection()),
         uri = there.peer_uri.empty() ? there.uri : there.peer_uri,
         params = migration_params(ready->call, there), flags = migration_flags(ready->call),
         translator = translator_, state = call_] {
            auto error = migrate(domain.get(), destination.get(), uri, params, flags);
            {
                const std::lock_guard lock(state->mutex);
                state->returned = true;
                state->changed.notify_all();
            }
            translator->call_returned(std::move(error));
        });
    return {};
}

bool Migration::wait_for_return(milliseconds patience) {
    std::unique_lock lock(call_->mutex);
    return call_->changed.wait_for(lock, patience, [&] { return call_->returned; });
}

void Migration::end_call() {
    if (thread_.joinable()) {
        thread_.join();
    }
}

Sample to_sample(int type, const TypedParams& params) {
    const auto number = [&params](const char* name) { return params.number(name).value_or(0); };
    Sample sample;
    sample.at = std::chrono::steady_clock::now();
    switch (type) {
        case VIR_DOMAIN_JOB_BOUNDED:
        case VIR_DOMAIN_JOB_UNBOUNDED:
            sample.job = JobState::active;
            break;
        case VIR_DOMAIN_JOB_COMPLETED:
            sample.job = JobState::completed;
            break;
        case VIR_DOMAIN_JOB_FAILED:
            sample.job = JobState::failed;
            break;
        case VIR_DOMAIN_JOB_CANCELLED:
            sample.job = JobState::cancelled;
            break;
        default:
            break;
    }
    // QEMU counts the full copy as 1
    const auto pass = number(VIR_DOMAIN_JOB_MEMORY_ITERATION);
    sample.iteration = static_cast<std::uint32_t>(pass > 0 ? pass - 1 : 0);
    sample.memory_total = {number(VIR_DOMAIN_JOB_MEMORY_TOTAL)};
    sample.memory_remaining = {number(VIR_DOMAIN_JOB_MEMORY_REMAINING)};
    sample.memory_sent = {number(VIR_DOMAIN_JOB_MEMORY_PROCESSED)};
    sample.disk_total = {number(VIR_DOMAIN_JOB_DISK_TOTAL)};
    sample.disk_remaining = {number(VIR_DOMAIN_JOB_DISK_REMAINING)};
    sample.disk_sent = {number(VIR_DOMAIN_JOB_DISK_PROCESSED)};
    sample.dirty_rate = {number(VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE) *
                         number(VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE)};
    sample.bandwidth = {number(VIR_DOMAIN_JOB_MEMORY_BPS)};
    if (const auto downtime = params.number(VIR_DOMAIN_JOB_DOWNTIME)) {
        sample.expected_downtime = milliseconds(*downtime);
    }
    sample.throttle_percent = static_cast<unsigned>(number(VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE));
    return sample;
}

Result<Sample> read_job(virDomainPtr domain, unsigned flags) {
    int type = 0;
    int count = 0;
    virTypedParameterPtr values = nullptr;
    if (virDomainGetJobStats(domain, &type, &values, &count, flags) < 0) {
        return fail(last_error("progress of the migration"));
    }
    return to_sample(type, TypedParams(values, count));
}

Result<Sample> Migration::sample() {
    auto sample = ask_guest(source_, kSamplePatience,
                            [](virDomainPtr domain) { return read_job(domain, 0); });
    // libvirt's job is just "active" from the first page to the last
    if (sample && sample->job == JobState::active) {
        sample->job = translator_->stage().value_or(JobState::active);
    }
    return sample;
}

Result<Sample> Migration::completed() {
    return ask_guest(destination_, kStatePatience, [](virDomainPtr domain) {
        return read_job(domain,
                        VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED);
    });
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
    return set_parameters({{"max-bandwidth", limit.count}});
}

Result<void> Migration::start_postcopy() {
    return ask_guest(source_, kCallPatience, [](virDomainPtr domain) -> Result<void> {
        if (virDomainMigrateStartPostCopy(domain, 0) < 0) {
            return fail(last_error("cannot switch to post-copy"));
        }
        return {};
    });
}

Result<void> Migration::abort() {
    return ask_guest(source_, kCallPatience, [](virDomainPtr domain) -> Result<void> {
        if (virDomainAbortJob(domain) < 0) {
            return fail(last_error("cannot cancel the migration"));
        }
        return {};
    });
}

GuestState Migration::guest_state(Side side) {
    auto& asked = end(side);
    const auto now = [&] {
        const auto state =
            ask(asked, kStatePatience,
                [uuid = guest_.uuid](virConnectPtr connection) -> Result<GuestState> {
                    return state_by_uuid(connection, uuid);
                });
        return state.value_or(GuestState::unreachable);
    };
    auto state = now();
    if (state == GuestState::unreachable) {
        asked.subscription.reset();
        asked.unanswered = std::make_shared<std::atomic<int>>(0);
        if (asked.session.reconnect()) {
            static_cast<void>(subscribe(asked));
            state = now();
        }
    }
    return state;
}

std::optional<bool> Migration::job_active() {
    const auto active =
        ask(source_, kStatePatience,
            [uuid = guest_.uuid](virConnectPtr connection) -> Result<std::optional<bool>> {
                const auto domain = domain_by_uuid(connection, uuid);
                if (!domain) {
                    return domain.error().kind == ErrorKind::not_found ? std::optional(false)
                                                                       : std::nullopt;
                }
                return migrates_away(domain->get());
            });
    return active.value_or(std::nullopt);
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
