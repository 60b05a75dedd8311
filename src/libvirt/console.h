// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a guest prints on its serial console, through libvirt: it works wherever libvirt is reached.
// Thread rule: one thread; libvirt's event loop fills it. REQUIRES: an EventLoop exists.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "libvirt/session.h"

namespace vmigrate::libvirt {

/// Ends with this object, or with the guest's life on that host. What the guest prints while nobody
/// has its console open is lost.
class Console {
  public:
    /// Errors: as Session; not_found; hypervisor: no console that can be read (as libvirt says), or
    /// somebody else has it open.
    static Result<std::unique_ptr<Console>> open(Session& session, const std::string& uuid);
    ~Console();
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;

    /// The next whole line, without its end; nothing: none came by `until`. Error (hypervisor): it
    /// has ended.
    Result<std::optional<std::string>> line(TimePoint until);

  private:
    struct Impl;
    explicit Console(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vmigrate::libvirt
