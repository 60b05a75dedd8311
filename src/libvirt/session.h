// SPDX-License-Identifier: GPL-2.0-or-later
//
// A connection to one host's libvirt, and the process-wide event loop that serves all of them.
//
// Ownership: a Session owns its connection and closes it. Thread rule: calls from any thread, one
// at a time for each Session (libvirt itself is thread safe; this rule keeps ours simple).
// Errors: ErrorKind::unreachable (no answer), ::denied (authentication, permission), both with
// libvirt's own text.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "orchestrator/types.h"

struct _virConnect;  // NOLINT(bugprone-reserved-identifier): libvirt's own name

namespace vmigrate::libvirt {

/// How a host is reached and what is special about it: `[hosts.NAME]` in vmigrate.toml.
struct HostAccess {
    std::string name;
    std::string uri;             ///< as this machine reaches its libvirt
    std::string peer_uri;        ///< as another host's libvirt reaches it; empty = uri
    std::string migration_host;  ///< name or address for the memory stream; empty = libvirt decides
    std::string graphics_listen;              ///< listen address for VNC/SPICE there; empty = keep
    std::string emulator;                     ///< emulator to use there; empty = keep the guest's
    std::vector<std::string> shared_storage;  ///< paths that are the same storage on every host
    /// Path prefixes of disks: elsewhere's -> here's.
    std::vector<std::pair<std::string, std::string>> path_map;
    std::vector<std::pair<std::string, std::string>> labels;
};

/// Starts libvirt's default event loop on a thread of its own, silences libvirt's printing of
/// errors to stderr, and stops the thread when destroyed. REQUIRES: made before the first Session,
/// once for each process, after any fork.
class EventLoop {
  public:
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

class Session {
  public:
    /// Connects; gives up after `patience`.
    static Result<std::unique_ptr<Session>> open(const HostAccess& access,
                                                 milliseconds patience = seconds(10));
    /// To a host that does not answer; reconnect() tries again.
    static std::unique_ptr<Session> unopened(const HostAccess& access);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    const HostAccess& access() const { return access_; }
    _virConnect* connection() const { return connection_; }
    bool alive() const;
    /// Closes a dead connection and opens a new one; gives up after `patience`.
    Result<void> reconnect(milliseconds patience = seconds(10));
    /// How long the last connect took.
    milliseconds open_time() const { return open_time_; }

  private:
    explicit Session(HostAccess access) : access_(std::move(access)) {}
    HostAccess access_;
    _virConnect* connection_ = nullptr;  ///< null when unopened, or after a failed reconnect
    milliseconds open_time_{};
};

/// libvirt's last error of this thread as an Error: its own text, verbatim.
Error last_error(std::string_view doing);

}  // namespace vmigrate::libvirt
