// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a flow collector deletes of the guest while it moves, how long it is away, and what that
// costs of 1000 datagrams a second. On the switches of tests/lab/moves-common.sh.
#pragma once

#include <string>
#include <vector>

#include "base/units.h"

namespace vmigrate::test {

struct DeletionFigures {
    std::string where;  ///< "serving at a", "redirect at a", "copies at b", "relay at a"
    std::string by;     ///< "tun_id,dl_dst", "dl_dst", "in_port", "cookie"
    unsigned deletions = 0;
    std::uint64_t lost = 0;
    std::uint64_t lost_at_the_end = 0;  ///< everything since the last that arrived
    /// From the delete to the last of the flows being told to be back by an independent monitor;
    /// sorted. Deletions that covered no flow of the guest are left out.
    std::vector<std::chrono::microseconds> away;
    unsigned never_back = 0;  ///< within 40 ms
};

/// A deletion every 50 ms, `times` of each kind in each place.
std::vector<DeletionFigures> delete_and_watch(unsigned times);

}  // namespace vmigrate::test
