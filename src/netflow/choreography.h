// SPDX-License-Identifier: GPL-2.0-or-later
//
// The steps by which the network follows a guest, as lists of changes to bridges. Pure: whoever
// carries them out brings the flows that are there, and knows which duty follows from a failure.
// Values only; any thread.
//
//   mirror     source: mirrors                                      undone when it fails
//   unmirror   source: mirrors go                                   reported
//   redirect   destination: relays that it has for the guest go     undone when it fails
//              source: redirects, and ways back to its neighbours,  undone when it fails
//              in the place of mirrors
//   withdraw   source: redirects go
//              destination: its relays are back
//   commit     source: redirects become relays, its senders' flows
//              are replaced                                         reported when it fails
//              all at once: replace at destination and peers        reported: the relay covers it
//   finish     destination, source: copies are handed over          reported
//              source: guards go, and relays, unless they may still be needed
//   rollback   all: everything of this migration goes               reported
//              destination: its relays are back
//
// The destination comes first at a redirect: relays in both directions would loop.
#pragma once

#include "netflow/relay.h"

namespace vmigrate::netflow {

/// One checked bundle at one bridge; or several, where there may be very many changes.
struct Step {
    enum class Duty {
        undo,   ///< a failure ends in rollback, or in another attempt
        report  ///< a failure is a named problem of a guest that has moved
    };
    std::string name;
    std::string at;  ///< BridgeEnd::name
    std::vector<FlowMod> changes;
    Duty duty = Duty::report;
    bool in_pieces = false;  ///< what is done of it is right without the rest
};

/// Both bridges as they are.
struct Scene {
    Move move;
    RelayTimes times;
    FlowList source;
    FlowList destination;
    bool mirrored = false;
};

/// A copy, and the flow of the source that it was made of.
struct HandedOver {
    Flow copy;
    Flow original;
};

struct Cutover {
    std::vector<Step> steps;
    std::vector<Step> withdraw;
    FlowList redirects;                 ///< what commit() makes relays of
    std::vector<HandedOver> ways_back;  ///< at the source, see guest_flows.h
    FlowList destination_relays;        ///< what rollback() puts back
    std::vector<std::string> uncovered;
};
Cutover cutover(const Scene& scene);

/// Nothing to do where no flow serves the guest, or where the destination still relays for it and
/// would send back what is mirrored.
struct Mirror {
    std::vector<Step> steps;
    std::vector<std::string> uncovered;  ///< what stays with the source, and why; each one line
};
Mirror mirror(const Scene& scene);
Step unmirror(const Move& move);

/// Source and destination; steps that change nothing are left out. `may_loop`: the destination's
/// relays are perhaps still there.
std::vector<Step> commit(const Scene& scene, const FlowList& redirects, bool may_loop);
/// Nothing to change: no flow of the peer sends to the source for the guest.
Step replace_at_peer(const std::string& peer, const FlowList& flows, const Move& move);

/// Copies get their original's cookie and timeouts; all else of this migration goes, but relays
/// may stay, to go by their idle timeout.
enum class Relays { go, stay };
std::vector<Step> finish(const Move& move, const std::vector<HandedOver>& at_destination,
                         const std::vector<HandedOver>& at_source, Relays relays);

/// Peers got nothing yet.
std::vector<Step> rollback(const Move& move, const FlowList& destination_relays);

/// "redirect at a, or undo", then a change a line.
std::string format(const Step& step);

}  // namespace vmigrate::netflow
