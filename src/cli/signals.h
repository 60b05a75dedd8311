// SPDX-License-Identifier: GPL-2.0-or-later
//
// What SIGINT, SIGTERM and SIGHUP mean: the end of the process while only facts are gathered, a
// polite abort of the migration once a runner has taken over. SIGPIPE is ignored: the end of a
// reader must not end a migration.
//
// REQUIRES: made before every other thread of the process, so that all of them inherit the mask.
// Thread rule: any thread; the events are pushed from a thread of its own.
#pragma once

#include <mutex>
#include <string_view>
#include <thread>

#include "orchestrator/events.h"

namespace vmigrate::cli {

class Interrupts {
  public:
    Interrupts();
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    /// From now on a signal becomes an AbortRequested in `events` (borrowed until the next call or
    /// the end of this object); with nullptr it ends the process, exit code 130.
    void abort_through(EventQueue* events);

  private:
    void watch();
    void signalled(std::string_view name);

    std::mutex mutex_;
    EventQueue* events_ = nullptr;
    int signals_ = -1;  ///< signalfd
    int stop_ = -1;     ///< eventfd
    std::thread thread_;
};

}  // namespace vmigrate::cli
