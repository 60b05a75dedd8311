// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the runner waits for. Sources push from any thread (libvirt's event loop, the thread of the
// blocking migrate call, the signal thread); the runner takes from its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "base/result.h"
#include "orchestrator/types.h"

namespace vmigrate {

/// Time of an event as its QEMU stamped it (the host's calendar) and as it arrived here.
struct EventTime {
    std::optional<WallTime> stamped;
    TimePoint arrived{};
};

struct DestinationCreated {};  ///< the paused guest exists there
struct MigrationActive {};     ///< setup is over, memory flows
struct IterationStarted {
    std::uint32_t iteration = 0;  ///< 0 = full copy
};
/// QEMU is ready to switch over, and goes on running the guest until it is released.
struct SwitchoverHeld {};
struct GuestStopped {};  ///< on the source
struct GuestResumed {};  ///< see Event::side: destination = it moved; source = it failed after STOP
struct StreamCompleted {};
struct StreamFailed {};  ///< or cancelled; the source runs the guest, or will in a moment
struct PostcopyPaused {};
struct CallReturned {
    std::optional<Error> error;
};
struct ConnectionLost {};
struct AbortRequested {
    bool by_signal = false;
    std::string reason;
};

/// To a question of Status::ask.
struct Answered {
    bool yes = false;
};

struct Event {
    std::variant<DestinationCreated, MigrationActive, IterationStarted, SwitchoverHeld,
                 GuestStopped, GuestResumed, StreamCompleted, StreamFailed, PostcopyPaused,
                 CallReturned, ConnectionLost, AbortRequested, Answered>
        what;
    Side side = Side::source;
    EventTime time;
};

/// Where the runner gets its events.
class EventSource {
  public:
    virtual ~EventSource() = default;
    /// The oldest event not yet taken, or nothing when `deadline` passes first.
    virtual std::optional<Event> next(TimePoint deadline) = 0;
};

/// The real one. Thread rule: push from any thread, next from one.
class EventQueue final : public EventSource {
  public:
    void push(Event event);
    std::optional<Event> next(TimePoint deadline) override;

  private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<Event> events_;
};

}  // namespace vmigrate
