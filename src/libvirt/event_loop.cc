// SPDX-License-Identifier: GPL-2.0-or-later
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <atomic>
#include <thread>

#include "libvirt/own_log.h"
#include "libvirt/session.h"

#ifdef __SANITIZE_THREAD__
// These libraries are built without the thread sanitizer, which does not see their own locks.
extern "C" const char* __tsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __tsan_default_suppressions() {
    return "race:libglib-2.0.so\nrace:libvirt.so\nrace:libvirt-qemu.so\n";
}
#endif

namespace vmigrate::libvirt {

struct EventLoop::Impl {
    std::atomic<bool> stopping{false};
    std::thread thread;
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {
    keep_own_log();
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
    virEventRegisterDefaultImpl();
    virInitialize();
    impl_->thread = std::thread([impl = impl_.get()] {
        while (!impl->stopping) {
            virEventRunDefaultImpl();
        }
        // libvirt frees handles that were removed last only in the next turn of its loop.
        const int turn = virEventAddTimeout(
            0, [](int, void*) {}, nullptr, nullptr);
        virEventRunDefaultImpl();
        virEventRemoveTimeout(turn);
    });
}

EventLoop::~EventLoop() {
    impl_->stopping = true;
    const int wake = virEventAddTimeout(
        0, [](int, void*) {}, nullptr, nullptr);
    impl_->thread.join();
    virEventRemoveTimeout(wake);
}

}  // namespace vmigrate::libvirt
