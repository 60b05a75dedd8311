// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/fleet_watch.h"

namespace vmigrate::cli {
namespace {

constexpr milliseconds kBetweenLooks{2000};
constexpr milliseconds kPatience{4000};

}  // namespace

FleetWatch::FleetWatch(const std::vector<libvirt::HostAccess>& hosts) {
    for (const auto& access : hosts) {
        threads_.emplace_back([this, access] { watch(access); });
    }
}

FleetWatch::~FleetWatch() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    stopped_.notify_all();
    for (auto& thread : threads_) {
        thread.join();
    }
}

std::map<std::string, Result<libvirt::HostLook>> FleetWatch::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(looks_, {});
}

void FleetWatch::watch(const libvirt::HostAccess& access) {
    std::shared_ptr<libvirt::Session> session;
    for (;;) {
        Result<libvirt::HostLook> look = fail(ErrorKind::unreachable, "");
        if (!session) {
            auto opened = libvirt::Session::open(access, kPatience);
            if (opened) {
                session = std::move(*opened);
            } else {
                look = fail(opened.error());
            }
        }
        if (session) {
            look = libvirt::look_at_host(session, kPatience);
            if (!look) {
                session.reset();  // closed where the look still hangs on it
            }
        }
        std::unique_lock lock(mutex_);
        looks_.insert_or_assign(access.name, std::move(look));
        if (stopped_.wait_for(lock, kBetweenLooks, [this] { return stop_; })) {
            return;
        }
    }
}

}  // namespace vmigrate::cli
