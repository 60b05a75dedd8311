// SPDX-License-Identifier: GPL-2.0-or-later
//
// Turns what libvirt and QEMU tell about a guest on both hosts into the runner's events.
// Private to libvirt/.
#pragma once

#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "libvirt/handles.h"
#include "orchestrator/events.h"

namespace vmigrate::libvirt {

/// Translates, and drops what was already told: most things are told twice, first by QEMU itself,
/// with the time of it, then by libvirt. Thread rule: any thread.
class Translator {
  public:
    Translator(std::string guest_uuid, EventQueue& events);

    /// An event of QEMU; `details` is JSON or empty.
    void qemu_event(Side side, const std::string& name, WallTime stamped,
                    const std::string& details);
    /// An event of libvirt: virDomainEventType and its detail.
    void lifecycle(Side side, int event, int detail);
    /// libvirt's pass is QEMU's: 1 is the full copy.
    void pass(Side side, std::int64_t number, std::optional<WallTime> stamped);
    void connection_lost(Side side);
    void call_returned(std::optional<Error> error);

    /// What QEMU said last about its migration, if it said anything.
    std::optional<JobState> stage() const;
    /// How often the guest stopped on the source.
    unsigned stops() const;
    bool source_stopped() const;
    /// When QEMU says next that a release of the switchover waits on the source, or
    /// release_is_over() does.
    std::future<void> next_release_wait();
    void release_is_over();
    /// Nothing is pushed any more; the queue may go.
    void close();

    const std::string& guest_uuid() const { return guest_uuid_; }

  private:
    void push(decltype(Event::what) what, Side side, std::optional<WallTime> stamped);
    void migration_status(Side side, const std::string& status, WallTime stamped);
    void iteration(std::int64_t number, std::optional<WallTime> stamped);
    void end_release_wait();
    void stopped(std::optional<WallTime> stamped);
    void resumed(Side side, std::optional<WallTime> stamped);
    void created(std::optional<WallTime> stamped);

    const std::string guest_uuid_;
    mutable std::mutex mutex_;
    EventQueue* events_;
    std::optional<JobState> stage_;
    std::int64_t last_pass_ = 0;
    unsigned stops_ = 0;
    bool destination_created_ = false;
    bool source_stopped_ = false;
    bool destination_resumed_ = false;
    std::optional<std::promise<void>> release_wait_;
    bool active_ = false;
};

/// The callbacks on one connection, for as long as it lives.
class Subscription {
  public:
    /// Error (hypervisor, denied, unreachable): libvirt's text.
    static Result<std::unique_ptr<Subscription>> make(SharedConnection connection, Side side,
                                                      std::shared_ptr<Translator> translator);
    /// Blocks at most a moment, also when the host does not answer.
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

  private:
    Subscription() = default;
    SharedConnection connection_;
    int qemu_ = -1;
    int lifecycle_ = -1;
    int iteration_ = -1;
    std::shared_ptr<void> closing_;
    bool hears_close_ = false;
};

}  // namespace vmigrate::libvirt
