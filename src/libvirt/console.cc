// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/console.h"

#include <fmt/format.h>

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "base/text.h"
#include "libvirt/domain.h"
#include "libvirt/handles.h"

namespace vmigrate::libvirt {
namespace {

using StreamHandle = Handle<virStream, virStreamFree>;

/// A guest that prints without an end of line must not fill this process.
constexpr std::size_t kLongestLine = 64U << 10U;
constexpr std::size_t kMostLines = 10'000;

/// Shared with the event loop, which may call once more after the callback was removed.
struct Arrived {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::string> lines;
    std::string begun;
    bool over = false;

    void take(const char* text, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i) {
            if (text[i] == '\n') {
                lines.push_back(std::move(begun));
                begun.clear();
            } else if (text[i] != '\r' && begun.size() < kLongestLine) {
                begun += text[i];
            }
        }
        while (lines.size() > kMostLines) {
            lines.pop_front();
        }
    }
};

constexpr int kWouldBlock = -2;

void on_event(virStreamPtr stream, int /*events*/, void* opaque) {
    auto& arrived = **static_cast<std::shared_ptr<Arrived>*>(opaque);
    std::array<char, 4096> buffer{};
    const std::lock_guard lock(arrived.mutex);
    int size = 0;
    while (!arrived.over && (size = virStreamRecv(stream, buffer.data(), buffer.size())) > 0) {
        arrived.take(buffer.data(), static_cast<std::size_t>(size));
    }
    if (!arrived.over && size != kWouldBlock) {
        arrived.over = true;
        virStreamEventUpdateCallback(stream, 0);
    }
    arrived.changed.notify_all();
}

void forget(void* opaque) {
    delete static_cast<std::shared_ptr<Arrived>*>(opaque);
}

}  // namespace

struct Console::Impl {
    StreamHandle stream;
    std::shared_ptr<Arrived> arrived = std::make_shared<Arrived>();
    std::string guest;
};

Console::Console(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Console>> Console::open(Session& session, const std::string& uuid) {
    const auto domain = domain_by_uuid(session.connection(), uuid);
    if (!domain) {
        return fail(domain.error());
    }
    auto impl = std::make_unique<Impl>();
    impl->guest = virDomainGetName(domain->get());
    const auto doing = fmt::format("cannot read the console of {} on {}", quoted(impl->guest),
                                   session.access().name);
    impl->stream.reset(virStreamNew(session.connection(), VIR_STREAM_NONBLOCK));
    if (!impl->stream || virDomainOpenConsole(domain->get(), nullptr, impl->stream.get(), 0) < 0) {
        return fail(last_error(doing));
    }
    constexpr int kEvents =
        VIR_STREAM_EVENT_READABLE | VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP;
    auto keeper = std::make_unique<std::shared_ptr<Arrived>>(impl->arrived);
    if (virStreamEventAddCallback(impl->stream.get(), kEvents, on_event, keeper.get(), forget) <
        0) {
        const auto error = last_error(doing);
        virStreamAbort(impl->stream.get());
        return fail(error);
    }
    static_cast<void>(keeper.release());  // forget() has it now
    return std::unique_ptr<Console>(new Console(std::move(impl)));
}

Console::~Console() {
    {
        const std::lock_guard lock(impl_->arrived->mutex);
        impl_->arrived->over = true;
    }
    virStreamEventRemoveCallback(impl_->stream.get());
    virStreamAbort(impl_->stream.get());
}

Result<std::optional<std::string>> Console::line(TimePoint until) {
    auto& arrived = *impl_->arrived;
    std::unique_lock lock(arrived.mutex);
    arrived.changed.wait_until(lock, until, [&] { return arrived.over || !arrived.lines.empty(); });
    if (!arrived.lines.empty()) {
        auto text = std::move(arrived.lines.front());
        arrived.lines.pop_front();
        return std::optional(std::move(text));
    }
    if (arrived.over) {
        return fail(ErrorKind::hypervisor,
                    fmt::format("the console of {} has ended", quoted(impl_->guest)));
    }
    return std::optional<std::string>();
}

}  // namespace vmigrate::libvirt
