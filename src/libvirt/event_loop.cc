// SPDX-License-Identifier: GPL-2.0-or-later
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <atomic>
#include <thread>

#include "libvirt/session.h"

namespace vmigrate::libvirt {

struct EventLoop::Impl {
    std::atomic<bool> stopping{false};
    std::thread thread;
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {
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
