// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a process has to know to drain a move that another one has committed. It is stored with the
// move: of a copy's original, only the cookie and the times are not on the destination, and the
// source cannot be asked for them, since its controller deletes the originals when it hears of the
// move. The copies themselves, ways back and relays are read from the switches, so that nothing
// comes back that went meanwhile. Pure; values only; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "netflow/choreography.h"

namespace vmigrate::handover {

struct OvsRemains {
    std::uint64_t version = 0;    ///< of the guest's location
    std::uint32_t migration = 0;  ///< in the cookies
    std::vector<netflow::GuestNic> nics;
    /// Of the copies on the destination and of the ways back at the source only the keys, of their
    /// originals only what finish() gives them.
    std::vector<netflow::HandedOver> copies;
    std::vector<netflow::HandedOver> ways_back;
};

std::string to_text(const OvsRemains& remains);
/// Error (storage): it is none.
Result<OvsRemains> parse_remains(const std::string& text);

/// The flows of `there` that are known, with their originals.
std::vector<netflow::HandedOver> found_again(const std::vector<netflow::HandedOver>& known,
                                             const netflow::FlowList& there);

}  // namespace vmigrate::handover
