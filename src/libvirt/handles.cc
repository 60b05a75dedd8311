// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/handles.h"

#include <cstdlib>
#include <utility>

namespace vmigrate::libvirt {

std::string take(char* text) {
    if (text == nullptr) {
        return {};
    }
    std::string copy(text);
    std::free(text);
    return copy;
}

// Even libvirt's lists must not be used before it is initialised; doing so twice is harmless.
TypedParams::TypedParams() {
    virInitialize();
}

TypedParams::~TypedParams() {
    virTypedParamsFree(values_, count_);
}

TypedParams::TypedParams(TypedParams&& other) noexcept
    : values_(std::exchange(other.values_, nullptr)),
      count_(std::exchange(other.count_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

TypedParams& TypedParams::operator=(TypedParams&& other) noexcept {
    std::swap(values_, other.values_);
    std::swap(count_, other.count_);
    std::swap(capacity_, other.capacity_);
    return *this;
}

// Adding fails only on a name longer than libvirt's field; ours are its own constants.
void TypedParams::add(const char* name, const std::string& value) {
    virTypedParamsAddString(&values_, &count_, &capacity_, name, value.c_str());
}

void TypedParams::add(const char* name, unsigned long long value) {
    virTypedParamsAddULLong(&values_, &count_, &capacity_, name, value);
}

void TypedParams::add(const char* name, int value) {
    virTypedParamsAddInt(&values_, &count_, &capacity_, name, value);
}

std::optional<std::uint64_t> TypedParams::number(const std::string& name) const {
    const auto* value = virTypedParamsGet(values_, count_, name.c_str());
    if (value == nullptr) {
        return std::nullopt;
    }
    const auto from_signed = [](long long n) -> std::optional<std::uint64_t> {
        return n < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(n));
    };
    switch (value->type) {
        case VIR_TYPED_PARAM_INT:
            return from_signed(value->value.i);
        case VIR_TYPED_PARAM_LLONG:
            return from_signed(value->value.l);
        case VIR_TYPED_PARAM_UINT:
            return value->value.ui;
        case VIR_TYPED_PARAM_ULLONG:
            return value->value.ul;
        default:
            return std::nullopt;
    }
}

std::optional<std::string> TypedParams::text(const std::string& name) const {
    const auto* value = virTypedParamsGet(values_, count_, name.c_str());
    if (value == nullptr || value->type != VIR_TYPED_PARAM_STRING) {
        return std::nullopt;
    }
    return value->value.s;
}

}  // namespace vmigrate::libvirt
