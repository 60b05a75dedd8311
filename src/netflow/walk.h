// SPDX-License-Identifier: GPL-2.0-or-later
//
// Goes round and round through a hash table, a few entries at a time, while others change it in
// between. An entry that is there for a whole round is visited in it, sometimes twice.
#pragma once

#include <cstddef>

namespace vmigrate::netflow {

class Walk {
  public:
    /// Visits the next entries, at least `least` of them while there are some; true: that was the
    /// end of a round. `visit` must not change the table.
    template <class Table, class Visit>
    bool next(const Table& table, std::size_t least, Visit visit) {
        if (buckets_ != table.bucket_count()) {  // all entries are elsewhere
            buckets_ = table.bucket_count();
            bucket_ = 0;
        }
        std::size_t visited = 0;
        for (; bucket_ < buckets_ && visited < least; ++bucket_) {
            for (auto entry = table.begin(bucket_); entry != table.end(bucket_); ++entry) {
                visit(*entry);
                ++visited;
            }
        }
        if (bucket_ < buckets_) {
            return false;
        }
        bucket_ = 0;
        return true;
    }

  private:
    std::size_t buckets_ = 0;
    std::size_t bucket_ = 0;
};

}  // namespace vmigrate::netflow
