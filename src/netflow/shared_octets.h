// SPDX-License-Identifier: GPL-2.0-or-later
//
// Octets that never change, so that all copies are one and the same: of each flow that is followed
// there are several, in tables, keys and changes. A copy may go to another thread.
#pragma once

#include <algorithm>
#include <memory>

#include "netflow/octets.h"

namespace vmigrate::netflow {

class SharedOctets {
  public:
    SharedOctets() = default;
    explicit SharedOctets(OctetView octets) : size_(octets.size()) {
        if (size_ > 0) {
            auto data = std::make_shared_for_overwrite<std::uint8_t[]>(size_);
            std::ranges::copy(octets, data.get());
            data_ = std::move(data);
        }
    }

    /// Nothing after the octets were moved elsewhere.
    OctetView view() const { return data_ ? OctetView(data_.get(), size_) : OctetView(); }
    bool empty() const { return !data_; }

    friend bool operator==(const SharedOctets& a, const SharedOctets& b) {
        return a.data_ == b.data_ || std::ranges::equal(a.view(), b.view());
    }

  private:
    std::shared_ptr<const std::uint8_t[]> data_;
    std::size_t size_ = 0;
};

}  // namespace vmigrate::netflow
