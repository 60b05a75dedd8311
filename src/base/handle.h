// SPDX-License-Identifier: GPL-2.0-or-later
//
// RAII for pointers of C libraries: `using DomainHandle = Handle<virDomain, virDomainFree>;`
#pragma once

#include <memory>

namespace vmigrate {

template <auto release>
struct HandleRelease {
    template <class T>
    void operator()(T* pointer) const {
        release(pointer);
    }
};

template <class T, auto release>
using Handle = std::unique_ptr<T, HandleRelease<release>>;

}  // namespace vmigrate
