// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/postcopy_repair.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vmigrate {
namespace {

constexpr milliseconds kShortestPause{std::chrono::seconds(1)};
constexpr milliseconds kLongestPause{std::chrono::seconds(30)};

}  // namespace

void PostcopyRepair::say(const std::string& text) {
    edges_.status.notice(text);
    static_cast<void>(edges_.journal.note(text));  // nothing depends on it
}

bool PostcopyRepair::attempt(TimePoint now, PostcopyState state) {
    if (!since_) {
        since_ = now;
        next_ = now;
        say(fmt::format(
            "post-copy broke off: the guest runs on the destination, a part of its memory is still "
            "on the source; it is being resumed, for up to {}",
            format_time(patience_)));
    }
    const bool noticed = state != PostcopyState::unnoticed;
    if (!std::exchange(noticed_, noticed) && noticed) {
        next_ = now;  // what was refused before may be granted now
        pause_ = kShortestPause;
    }
    if (now - *since_ >= patience_) {
        return false;
    }
    if (under_way_ || now < next_) {
        return true;
    }
    // A source that has not noticed yet waits on a connection that is dead.
    auto begun = edges_.hypervisor.pause_postcopy();
    if (begun) {
        begun = edges_.hypervisor.resume_postcopy(call_);
    }
    if (begun) {
        under_way_ = true;
    } else {
        failed(now, begun.error().message);
    }
    return true;
}

void PostcopyRepair::watch(const std::optional<Sample>& sample) {
    since_.reset();
    if (sample && flow_.stuck(*sample)) {
        say("post-copy stands still; its connection is given up, to be resumed");
        if (const auto paused = edges_.hypervisor.pause_postcopy(); !paused) {
            say("post-copy is not paused: " + paused.error().message);
        }
    }
}

std::string PostcopyRepair::obstacle() const {
    const auto said = !last_error_.empty() ? last_error_
                      : under_way_         ? "libvirt's call for it has not returned"
                                           : "it was not tried";
    return noticed_ ? said
                    : "QEMU on the destination has not noticed that it broke off: it hangs, or the "
                      "network is away; libvirt said: " +
                          said;
}

void PostcopyRepair::failed(TimePoint now, const std::string& why) {
    under_way_ = false;
    next_ = now + pause_;
    if (why != last_error_) {
        say(fmt::format("post-copy is not resumed yet: {}", why));
    }
    last_error_ = why;
    pause_ = std::min(pause_ * 2, kLongestPause);
}

void PostcopyRepair::saw(const Event& event) {
    const auto* returned = std::get_if<CallReturned>(&event.what);
    if (returned == nullptr) {
        return;
    }
    edges_.hypervisor.end_call();
    if (!std::exchange(under_way_, false)) {
        return;  // the first call, late
    }
    if (returned->error) {
        failed(event.time.arrived, returned->error->message);
    } else {
        say("post-copy was resumed, all memory is on the destination");
    }
}

}  // namespace vmigrate
