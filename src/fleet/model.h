// SPDX-License-Identifier: GPL-2.0-or-later
//
// Hosts and guests as far as it matters for moving many: what they need, have, and how long a move
// takes. Gathered by the command line from libvirt or made by the simulation; judged by pure
// functions. Values only; any thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/units.h"

namespace vmigrate::fleet {

/// Something that a guest needs of a host and that is there or not: "cpu Skylake-Server",
/// "bridge br0", "storage /srv/images". In words, as people read it in a refusal: "no bridge br0".
using Need = std::string;

struct Host {
    std::string name;
    /// Why nothing may be moved there: "does not answer", "not named". Empty: it may. Hosts that
    /// are being emptied need no word.
    std::string closed;
    Bytes memory_total;
    Bytes memory_free;  ///< as the host says, so without what is on its way
    double cpus = 0;    ///< 0 = not known
    double busy_cpus = 0;
    std::set<Need> offers;
    BytesPerSecond link{};  ///< for migrations, the same either way; 0 = not known, no limit
    unsigned most_out = 1;  ///< moves at the same time
    unsigned most_in = 2;
};

/// What decides how long a move takes, and what it sends. See move_time.h.
struct Load {
    Bytes to_send;                ///< of memory, by the first full copy
    BytesPerSecond dirty_rate{};  ///< on the wire: what is sent again
    milliseconds fixed{};         ///< whatever the bandwidth: planning, set-up, end
    Bytes disks;                  ///< that are copied, before the memory
    /// Of `to_send`, what is written more often than the rest, and its share of all writes.
    Bytes hot;
    double hot_writes = 0;

    Bytes once() const { return disks + to_send; }
};

struct Guest {
    std::string uuid;
    std::string name;
    std::string host;
    Bytes memory;          ///< that it takes on a host
    double busy_cpus = 0;  ///< recently
    std::set<Need> needs;
    std::set<std::string> groups;  ///< names in Fleet::groups; others are ignored
    int priority = 0;              ///< higher goes first, where that is the order
    /// Why it can move nowhere (passed-through device, ...). Empty: it can.
    std::string unmovable;
    Load load;
};

/// Guests that have to be on one host, or on different ones.
struct Group {
    enum class Rule { together, apart };
    Rule rule = Rule::apart;
};

struct Fleet {
    std::vector<Host> hosts;    ///< names are unique
    std::vector<Guest> guests;  ///< UUIDs are unique; also those that stay: they count in groups
    std::map<std::string, Group> groups;
};

}  // namespace vmigrate::fleet
