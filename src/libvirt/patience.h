// SPDX-License-Identifier: GPL-2.0-or-later
//
// Calls that give up waiting. libvirt's calls have no time limit of their own: to a host that
// stopped answering they block until keepalive notices (up to 20 s), an open even longer. So a call
// that must not block runs on a thread of its own; when nobody waits for it any more it ends by
// itself later. Private to libvirt/. Thread rule: any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "base/units.h"

namespace vmigrate::libvirt {

/// What `work` returns, or nothing when it takes longer than `patience` or when `give_up`, if there
/// is one, asked every millisecond, says so. REQUIRES: `work` owns (by value or shared_ptr)
/// everything that it uses: it may run on after this has returned, and its result is then destroyed
/// on its own thread.
template <class Work, class GiveUp = std::nullptr_t>
auto within(milliseconds patience, Work work, GiveUp give_up = nullptr)
    -> std::optional<std::invoke_result_t<Work&>> {
    struct Shared {
        explicit Shared(Work given) : work(std::move(given)) {}
        std::mutex mutex;
        std::condition_variable finished;
        std::optional<std::invoke_result_t<Work&>> result;
        Work work;
    };
    auto shared = std::make_shared<Shared>(std::move(work));
    std::thread([shared] {
        auto result = shared->work();
        const std::lock_guard lock(shared->mutex);
        shared->result.emplace(std::move(result));
        shared->finished.notify_one();
    }).detach();
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::unique_lock lock(shared->mutex);
    while (!shared->result && std::chrono::steady_clock::now() < deadline) {
        if constexpr (std::is_null_pointer_v<GiveUp>) {
            shared->finished.wait_until(lock, deadline);
        } else {
            if (give_up()) {
                break;
            }
            shared->finished.wait_for(lock, milliseconds(1));
        }
    }
    return std::move(shared->result);
}

}  // namespace vmigrate::libvirt
