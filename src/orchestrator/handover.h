// SPDX-License-Identifier: GPL-2.0-or-later
//
// The edge to the network: makes it follow the guest. Back ends live in handover/.
//
// Order of calls: lock begin? ((lead | turn | redirect) withdraw)* lead? turn? redirect? (commit
// drain? | rollback). Every call is idempotent. Thread rule: one thread, that of the runner. Errors
// pass through verbatim; a failed lock or begin ends in rollback, a failed redirect, commit or
// drain is a named problem of a moved guest.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "orchestrator/types.h"

namespace vmigrate {

/// What is sent to a guest's cards after all that came before its traffic was turned: when one has
/// taken a packet from this hardware address, and they then take nothing else for so long, the
/// guest may stop.
struct LastPacket {
    std::string from;  ///< "02:..."
    milliseconds quiet{};
};

class NetworkHandover {
  public:
    virtual ~NetworkHandover() = default;
    virtual std::string_view backend() const = 0;
    /// Before lock(), or without it: what would keep the steps from working, as far as it shows.
    /// Error: "what; how to fix it". Changes nothing.
    virtual Result<void> check() { return {}; }
    /// redirect() had better come before the guest stops: when it returns, what arrives for the
    /// guest goes to the destination, and the guest has taken what came before.
    virtual bool wants_hold() const { return false; }
    /// lead() had better come a moment before the guest stops, where nobody can hold it.
    virtual bool wants_lead() const { return false; }
    virtual Result<void> lock() = 0;   ///< the guest's location may not change by others
    virtual Result<void> begin() = 0;  ///< the destination's port is known: flow sync starts
    /// What arrives for the guest goes to the destination, too or already. For how long the
    /// destination can keep it; then it is to be withdrawn, unless the guest has stopped.
    virtual Result<milliseconds> lead() { return milliseconds(0); }
    virtual Result<void> redirect() = 0;  ///< no vCPU will run on the source in a moment
    /// Of turn(); nothing: it cannot send one.
    virtual std::optional<LastPacket> last_packet() { return std::nullopt; }
    /// As redirect(), for whoever sees what the guest's cards take: does not wait until that is
    /// what came before, but then sends each of them the last packet, again and again, until
    /// `answered`; which takes its time, some milliseconds. REQUIRES: last_packet() is one.
    virtual Result<void> turn(const std::function<bool()>& /*answered*/) { return redirect(); }
    /// The source runs the guest for a while longer: its traffic comes back to it.
    virtual Result<void> withdraw() { return {}; }
    virtual Result<void> commit() = 0;    ///< the destination runs
    virtual Result<void> drain() = 0;     ///< until no traffic comes by the source
    virtual Result<void> rollback() = 0;  ///< the source runs: as if nothing had been
    /// What is no problem, but worth to be known, since the last call; each one line.
    virtual std::vector<std::string> notices() { return {}; }
    /// Before lock(): somebody else sees to the network of a move of the guest just now.
    virtual Result<bool> moved_by_another() { return false; }
};

}  // namespace vmigrate
