// SPDX-License-Identifier: GPL-2.0-or-later
// The probe's datagrams. A session goes: `start` until it is answered, probes both ways, `stop`
// until it is answered. Both ends run on the same machine, so values are in its own byte order.
#pragma once

#include <cstdint>

namespace vmigrate::lab {

inline constexpr std::uint16_t kProbePort = 7082;   // responder: datagrams
inline constexpr std::uint16_t kStreamPort = 7083;  // responder: TCP, sends back what it gets
inline constexpr std::uint32_t kProbeMagic = 0x56'4d'50'52;  // "VMPR"

enum class ProbeKind : std::uint32_t { start = 1, started, probe, stop, stopped };

struct Probe {
    std::uint32_t magic;
    ProbeKind kind;
    std::uint64_t session;   // chosen by the prober, new for each run
    std::uint64_t sequence;  // 0, 1, ...; each direction counts its own
};
static_assert(sizeof(Probe) == 24);

struct ProbeStart {
    Probe head;               // its sequence is not used
    std::uint64_t period_ns;  // between two probes of the responder
    std::uint64_t limit;      // the most it sends if no `stop` comes
};

// What one end got of the other's probes.
struct Tally {
    std::uint64_t received;         // different ones
    std::uint64_t lost;             // sent, never received
    std::uint64_t duplicated;       // received again
    std::uint64_t reordered;        // received after a later one, for the first time
    std::uint64_t first_reordered;  // sequences of the first and the last of them
    std::uint64_t last_reordered;
    std::uint64_t longest_loss;        // lost in a row
    std::uint64_t longest_loss_start;  // sequence of the first of them
};

struct ProbeStop {
    Probe head;  // its sequence: how many the prober has sent
};

struct ProbeStopped {
    Probe head;  // its sequence: how many the responder has sent
    Tally tally;
};

// What the responder adds to a stream that the prober has ended.
struct StreamEnd {
    std::uint64_t retransmitted;  // segments of this connection
    std::uint64_t timeouts;  // retransmission timeouts of this network namespace since its start
};

}  // namespace vmigrate::lab
