// SPDX-License-Identifier: GPL-2.0-or-later
// The far end of a probe, in the guest or an endpoint: counts what comes, and sends a stream of its
// own. The counts are in this process's memory, so they move with a guest, and a probe asks for
// them afterwards. Each function wants a thread of its own and never returns.
#pragma once

namespace vmigrate::lab {

// Serves kProbePort. The eight latest sessions are remembered.
[[noreturn]] void respond_forever();

// Serves kStreamPort: sends back what comes; when the other side has ended, adds a StreamEnd.
[[noreturn]] void echo_streams_forever();

}  // namespace vmigrate::lab
