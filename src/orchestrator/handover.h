// SPDX-License-Identifier: GPL-2.0-or-later
//
// The edge to the network: makes it follow the guest. Back ends live in handover/.
//
// Order of calls: lock begin? redirect? (commit drain? | rollback). Every call is idempotent.
// Thread rule: one thread, that of the runner. Errors pass through verbatim; a failed lock, begin
// or redirect ends in rollback, a failed commit or drain is a named problem of a moved guest.
#pragma once

#include <string_view>

#include "base/result.h"
#include "orchestrator/types.h"

namespace vmigrate {

class NetworkHandover {
  public:
    virtual ~NetworkHandover() = default;
    virtual std::string_view backend() const = 0;
    virtual Result<void> lock() = 0;      ///< the guest's location may not change by others
    virtual Result<void> begin() = 0;     ///< the destination's port is known: flow sync starts
    virtual Result<void> redirect() = 0;  ///< no vCPU will run on the source any more
    virtual Result<void> commit() = 0;    ///< the destination runs
    virtual Result<void> drain() = 0;     ///< until no traffic comes by the source
    virtual Result<void> rollback() = 0;  ///< the source runs: as if nothing had been
};

}  // namespace vmigrate
