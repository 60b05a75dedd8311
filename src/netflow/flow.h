// SPDX-License-Identifier: GPL-2.0-or-later
//
// Flow, and the requests to change and to find flows. Values only; any thread.
#pragma once

#include "base/units.h"
#include "netflow/actions.h"
#include "netflow/cookie.h"
#include "netflow/match.h"

namespace vmigrate::netflow {

/// Bits of Flow::flags.
namespace flow_flag {
inline constexpr std::uint16_t send_removed = 1;  ///< tell when it is removed
inline constexpr std::uint16_t check_overlap = 2;
inline constexpr std::uint16_t reset_counts = 4;
}  // namespace flow_flag

struct Flow {
    TableId table{0};
    std::uint16_t priority = 32768;
    Cookie cookie;
    Match match;
    Instructions instructions;
    seconds idle_timeout{0};  ///< 0: never; at most 65535
    seconds hard_timeout{0};  ///< likewise
    std::uint16_t flags = 0;
    friend bool operator==(const Flow&, const Flow&) = default;
};

/// What makes a flow the same flow: a second one replaces the first.
struct FlowKey {
    TableId table{0};
    std::uint16_t priority = 0;
    Match match;

    static FlowKey of(const Flow& flow) { return {flow.table, flow.priority, flow.match}; }
    friend bool operator==(const FlowKey&, const FlowKey&) = default;
};

struct FlowKeyHash {
    std::size_t operator()(const FlowKey& key) const;
};

struct FlowStats {
    Flow flow;
    std::chrono::nanoseconds age{0};
    std::uint64_t packets = 0;
    Bytes bytes;
    friend bool operator==(const FlowStats&, const FlowStats&) = default;
};

enum class FlowCommand : std::uint8_t {
    add = 0,     ///< replaces a flow of the same key
    modify = 1,  ///< the instructions of all flows that the match covers; never adds one
    modify_strict = 2,
    remove = 3,  ///< all flows that the match covers
    remove_strict = 4
};

/// A change. For modify and remove `cookies` restricts it, and so does `out_port` for remove; an
/// add sets flow.cookie.
struct FlowMod {
    FlowCommand command = FlowCommand::add;
    Flow flow;
    CookieFilter cookies;
    Port out_port = Port::any;

    static FlowMod add(Flow flow) { return {FlowCommand::add, std::move(flow), {}, Port::any}; }
    /// Exactly this flow, if it is there, gets other instructions.
    static FlowMod modify_strict(Flow flow) {
        return {FlowCommand::modify_strict, std::move(flow), {}, Port::any};
    }
    /// Exactly the flow of this key; its cookie does not matter.
    static FlowMod remove_strict(const FlowKey& key);
    /// All flows, of all tables, with these cookies.
    static FlowMod remove_all(CookieFilter cookies);
    friend bool operator==(const FlowMod&, const FlowMod&) = default;
};

/// Which flows to tell of; the default is all of them.
struct FlowFilter {
    TableId table = TableId::all;
    CookieFilter cookies;
    Port out_port = Port::any;
    Match match;  ///< flows that are at least as specific
    friend bool operator==(const FlowFilter&, const FlowFilter&) = default;
};

/// "table=0, priority=10,in_port=1 actions=output:2", much as ovs-ofctl writes it. What has no name
/// here is written as its class, number and bytes.
std::string format(const Match& match);
std::string format(const Actions& actions);
std::string format(const Instructions& instructions);
std::string format(const Flow& flow);
std::string format(const FlowStats& stats);
std::string format(const FlowMod& mod);

}  // namespace vmigrate::netflow
