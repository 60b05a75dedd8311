// SPDX-License-Identifier: GPL-2.0-or-later
//
// libvirt's reference-counted objects as RAII, and its typed parameters as a value.
// Private to libvirt/.
#pragma once

#include <libvirt/libvirt.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/handle.h"

namespace vmigrate::libvirt {

using ConnectionHandle = Handle<virConnect, virConnectClose>;
using DomainHandle = Handle<virDomain, virDomainFree>;
using PoolHandle = Handle<virStoragePool, virStoragePoolFree>;
using VolumeHandle = Handle<virStorageVol, virStorageVolFree>;
using StreamHandle = Handle<virStream, virStreamFree>;
using NetworkHandle = Handle<virNetwork, virNetworkFree>;
using InterfaceHandle = Handle<virInterface, virInterfaceFree>;
using NodeDeviceHandle = Handle<virNodeDevice, virNodeDeviceFree>;

/// A connection or guest that more than one thread keeps alive.
using SharedConnection = std::shared_ptr<virConnect>;
using SharedDomain = std::shared_ptr<virDomain>;

/// One more reference to a connection that somebody else also holds.
inline SharedConnection share(virConnectPtr connection) {
    virConnectRef(connection);
    return {connection, virConnectClose};
}

inline SharedDomain share(DomainHandle domain) {
    return {domain.release(), virDomainFree};
}

/// Takes over a string that libvirt allocated; empty for null.
std::string take(char* text);

/// A list of libvirt's named values. Move only.
class TypedParams {
  public:
    TypedParams();
    TypedParams(virTypedParameterPtr values, int count) : values_(values), count_(count) {}
    ~TypedParams();
    TypedParams(TypedParams&& other) noexcept;
    TypedParams& operator=(TypedParams&& other) noexcept;

    void add(const char* name, const std::string& value);
    void add(const char* name, unsigned long long value);
    void add(const char* name, int value);

    /// Any of libvirt's number types; nothing when it is missing or negative.
    std::optional<std::uint64_t> number(const std::string& name) const;
    std::optional<std::string> text(const std::string& name) const;

    virTypedParameterPtr data() const { return values_; }
    int size() const { return count_; }

  private:
    virTypedParameterPtr values_ = nullptr;
    int count_ = 0;
    int capacity_ = 0;
};

}  // namespace vmigrate::libvirt
