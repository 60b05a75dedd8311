// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/events.h"

#include <libvirt/libvirt-qemu.h>

#include <array>
#include <utility>

#include "libvirt/patience.h"
#include "libvirt/session.h"
#include "orchestrator/json.h"

namespace vmigrate::libvirt {

Translator::Translator(std::string guest_uuid, EventQueue& events)
    : guest_uuid_(std::move(guest_uuid)), events_(&events) {}

void Translator::qemu_event(Side side, const std::string& name, WallTime stamped,
                            const std::string& details) {
    const std::lock_guard lock(mutex_);
    if (name == "STOP" && side == Side::source) {
        stopped(stamped);
    } else if (name == "RESUME") {
        resumed(side, stamped);
    } else if (name == "MIGRATION_SWITCHOVER_HOLD" && side == Side::source) {
        push(SwitchoverHeld{}, side, stamped);
    } else if (name == "MIGRATION_SWITCHOVER_RELEASE_WAIT" && side == Side::source) {
        end_release_wait();
    } else if (name == "MIGRATION" || name == "MIGRATION_PASS") {
        const auto json = Json::parse(details, nullptr, false);
        if (!json.is_object()) {
            return;
        }
        if (const auto status = json.find("status"); status != json.end() && status->is_string()) {
            migration_status(side, status->get<std::string>(), stamped);
        }
        if (const auto number = json.find("pass");
            number != json.end() && number->is_number_integer() && side == Side::source) {
            iteration(number->get<std::int64_t>(), stamped);
        }
    }
}

std::future<void> Translator::next_release_wait() {
    const std::lock_guard lock(mutex_);
    return release_wait_.emplace().get_future();
}

void Translator::release_is_over() {
    const std::lock_guard lock(mutex_);
    end_release_wait();
}

void Translator::end_release_wait() {
    if (release_wait_) {
        release_wait_->set_value();
        release_wait_.reset();
    }
}

void Translator::migration_status(Side side, const std::string& status, WallTime stamped) {
    if (side == Side::destination) {
        created(stamped);
        return;
    }
    static constexpr std::array<std::pair<std::string_view, JobState>, 8> kStages{{
        {"active", JobState::active},
        {"pre-switchover", JobState::device},
        {"device", JobState::device},
        {"postcopy-active", JobState::postcopy},
        {"postcopy-paused", JobState::postcopy_paused},
        {"completed", JobState::completed},
        {"failed", JobState::failed},
        {"cancelled", JobState::cancelled},
    }};
    for (const auto& [name, stage] : kStages) {
        if (status == name) {
            stage_ = stage;
        }
    }
    if (status == "active" && !std::exchange(active_, true)) {
        push(MigrationActive{}, side, stamped);
    } else if (status == "completed") {
        push(StreamCompleted{}, side, stamped);
    } else if (status == "failed" || status == "cancelled") {
        push(StreamFailed{}, side, stamped);
    } else if (status == "postcopy-paused") {
        push(PostcopyPaused{}, side, stamped);
    }
}

void Translator::lifecycle(Side side, int event, int detail) {
    const std::lock_guard lock(mutex_);
    switch (event) {
        case VIR_DOMAIN_EVENT_STARTED:
            if (side == Side::destination) {
                created(std::nullopt);
            }
            break;
        case VIR_DOMAIN_EVENT_SUSPENDED:
            if (side == Side::source && detail != VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED) {
                stopped(std::nullopt);
            }
            break;
        case VIR_DOMAIN_EVENT_RESUMED:
            if (detail != VIR_DOMAIN_EVENT_RESUMED_POSTCOPY_FAILED) {
                resumed(side, std::nullopt);
            }
            break;
        default:
            break;
    }
}

void Translator::pass(Side side, std::int64_t number, std::optional<WallTime> stamped) {
    const std::lock_guard lock(mutex_);
    if (side == Side::source) {
        iteration(number, stamped);
    }
}

void Translator::iteration(std::int64_t number, std::optional<WallTime> stamped) {
    if (number > last_pass_) {
        last_pass_ = number;
        push(IterationStarted{static_cast<std::uint32_t>(number - 1)}, Side::source, stamped);
    }
}

void Translator::connection_lost(Side side) {
    const std::lock_guard lock(mutex_);
    push(ConnectionLost{}, side, std::nullopt);
}

void Translator::call_returned(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    push(CallReturned{std::move(error)}, Side::source, std::nullopt);
}

std::optional<JobState> Translator::stage() const {
    const std::lock_guard lock(mutex_);
    return stage_;
}

unsigned Translator::stops() const {
    const std::lock_guard lock(mutex_);
    return stops_;
}

bool Translator::source_stopped() const {
    const std::lock_guard lock(mutex_);
    return source_stopped_;
}

void Translator::close() {
    const std::lock_guard lock(mutex_);
    events_ = nullptr;
}

void Translator::push(decltype(Event::what) what, Side side, std::optional<WallTime> stamped) {
    if (events_ != nullptr) {
        events_->push({std::move(what), side, {stamped, std::chrono::steady_clock::now()}});
    }
}

void Translator::stopped(std::optional<WallTime> stamped) {
    if (!std::exchange(source_stopped_, true)) {
        ++stops_;
        push(GuestStopped{}, Side::source, stamped);
    }
}

void Translator::resumed(Side side, std::optional<WallTime> stamped) {
    if (side == Side::source) {
        if (std::exchange(source_stopped_, false)) {
            push(GuestResumed{}, side, stamped);
        }
    } else if (!std::exchange(destination_resumed_, true)) {
        push(GuestResumed{}, side, stamped);
    }
}

void Translator::created(std::optional<WallTime> stamped) {
    if (!std::exchange(destination_created_, true)) {
        push(DestinationCreated{}, Side::destination, stamped);
    }
}

namespace {

constexpr milliseconds kGoodbyePatience{500};

// What a callback gets: which side it hears, and the translator, kept alive by libvirt until it
// calls `forget`, since a callback may still run while it is being deregistered.
struct Listener {
    Side side;
    std::shared_ptr<Translator> translator;

    bool hears(virDomainPtr domain) const {
        std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
        return virDomainGetUUIDString(domain, uuid.data()) == 0 &&
               translator->guest_uuid() == uuid.data();
    }
};

Listener& listener(void* opaque) {
    return *static_cast<Listener*>(opaque);
}

void forget(void* opaque) {
    delete static_cast<Listener*>(opaque);
}

void on_qemu_event(virConnectPtr, virDomainPtr domain, const char* name, long long at_seconds,
                   unsigned at_micros, const char* details, void* opaque) {
    const auto& self = listener(opaque);
    if (self.hears(domain)) {
        const WallTime stamped{seconds(at_seconds) + microseconds(at_micros)};
        self.translator->qemu_event(self.side, name, stamped, details != nullptr ? details : "");
    }
}

int on_lifecycle(virConnectPtr, virDomainPtr domain, int event, int detail, void* opaque) {
    const auto& self = listener(opaque);
    if (self.hears(domain)) {
        self.translator->lifecycle(self.side, event, detail);
    }
    return 0;
}

void on_iteration(virConnectPtr, virDomainPtr domain, int number, void* opaque) {
    const auto& self = listener(opaque);
    if (self.hears(domain)) {
        self.translator->pass(self.side, number, std::nullopt);
    }
}

void on_close(virConnectPtr, int reason, void* opaque) {
    if (reason != VIR_CONNECT_CLOSE_REASON_CLIENT) {
        const auto& self = listener(opaque);
        self.translator->connection_lost(self.side);
    }
}

template <class Callback>
int register_any(virConnectPtr connection, int id, Callback callback, Listener* opaque) {
    // libvirt has one signature for callbacks of different types and casts them back itself
    const auto generic = reinterpret_cast<virConnectDomainEventGenericCallback>(
        reinterpret_cast<void (*)()>(callback));
    const int handle =
        virConnectDomainEventRegisterAny(connection, nullptr, id, generic, opaque, forget);
    if (handle < 0) {
        forget(opaque);
    }
    return handle;
}

}  // namespace

Result<std::unique_ptr<Subscription>> Subscription::make(SharedConnection connection, Side side,
                                                         std::shared_ptr<Translator> translator) {
    std::unique_ptr<Subscription> self(new Subscription);
    self->connection_ = connection;
    auto* raw = connection.get();
    const auto opaque = [&] { return new Listener{side, translator}; };

    auto* qemu = opaque();
    self->qemu_ = virConnectDomainQemuMonitorEventRegister(
        raw, nullptr,
        "^(STOP|RESUME|MIGRATION|MIGRATION_PASS|MIGRATION_SWITCHOVER_(HOLD|RELEASE_WAIT))$",
        on_qemu_event, qemu, forget, VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX);
    if (self->qemu_ < 0) {
        forget(qemu);  // another driver than QEMU's: libvirt's own events tell what is needed
    }
    self->lifecycle_ = register_any(raw, VIR_DOMAIN_EVENT_ID_LIFECYCLE, on_lifecycle, opaque());
    if (self->lifecycle_ < 0) {
        return fail(last_error("cannot listen for events"));
    }
    self->iteration_ =
        register_any(raw, VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, on_iteration, opaque());
    // not every driver of libvirt would free this one
    self->closing_.reset(opaque(), forget);
    self->hears_close_ =
        virConnectRegisterCloseCallback(raw, on_close, self->closing_.get(), nullptr) == 0;
    return self;
}

Subscription::~Subscription() {
    within(kGoodbyePatience,
           [connection = std::move(connection_), qemu = qemu_, lifecycle = lifecycle_,
            iteration = iteration_, closing = std::move(closing_), hears_close = hears_close_] {
               if (qemu >= 0) {
                   virConnectDomainQemuMonitorEventDeregister(connection.get(), qemu);
               }
               for (const int handle : {lifecycle, iteration}) {
                   if (handle >= 0) {
                       virConnectDomainEventDeregisterAny(connection.get(), handle);
                   }
               }
               if (hears_close) {
                   virConnectUnregisterCloseCallback(connection.get(), on_close);
               }
               return true;
           });
}

}  // namespace vmigrate::libvirt
