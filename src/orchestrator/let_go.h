// SPDX-License-Identifier: GPL-2.0-or-later
//
// Lets a guest go that QEMU holds before its switchover: the network first, then the guest.
// Thread rule: that of the runner.
#pragma once

#include <string>

#include "orchestrator/runner.h"

namespace vmigrate {

struct LetGo {
    bool turned = false;    ///< the network, to the destination; the caller withdraws it
    Result<void> released;  ///< or why the guest is held on, if it is; one line
    TimePoint begun;        ///< the network was asked to turn
    TimePoint turned_at;    ///< it had done so; not known if it had not
    TimePoint answered;     ///< QEMU, by when the guest has stopped
};

/// What arrives for the guest in between waits for it on the destination: so that is short.
/// Returns when the guest has stopped, or is held on.
LetGo let_go(Bytes most_remaining, const Edges& edges);

/// The same, where QEMU sees what the guest's cards take and tells by that when they have what was
/// on its way (Hypervisor::sees_cards()). It is told beforehand: its way would be a part of the
/// guest's silence.
LetGo let_go_after(const LastPacket& last, Bytes most_remaining, const Edges& edges);

/// For who wonders where a gap in the guest's traffic comes from.
std::string format(const LetGo& done, TimePoint stopped);

}  // namespace vmigrate
