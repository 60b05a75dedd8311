// SPDX-License-Identifier: GPL-2.0-or-later
//
// Inside the library: the numbers of OpenFlow 1.4, and the parts of messages that encode.cc and
// decode.cc share.
#pragma once

#include "netflow/message.h"

namespace vmigrate::netflow::wire {

enum class Type : std::uint8_t {
    hello = 0,
    error = 1,
    echo_request = 2,
    echo_reply = 3,
    experimenter = 4,
    features_request = 5,
    features_reply = 6,
    set_config = 9,
    packet_in = 10,
    flow_removed = 11,
    port_status = 12,
    packet_out = 13,
    flow_mod = 14,
    multipart_request = 18,
    multipart_reply = 19,
    barrier_request = 20,
    barrier_reply = 21,
    set_async = 28,
    bundle_control = 33,
    bundle_add = 34
};

enum class Multipart : std::uint16_t {
    flow = 1,
    port_stats = 4,
    port_desc = 13,
    flow_monitor = 16
};

inline constexpr std::uint16_t more_follows = 1;
inline constexpr std::uint16_t hello_version_bitmap = 1;
inline constexpr std::uint32_t no_buffer = 0xffffffff;
inline constexpr std::uint32_t any_group = 0xffffffff;

/// Properties of SET_ASYNC, those for a connection that is not a slave.
inline constexpr std::uint16_t async_packet_in = 1;
inline constexpr std::uint16_t async_port_status = 3;
inline constexpr std::uint16_t async_flow_removed = 5;

/// Open vSwitch's own messages; their experimenter is action::nicira.
inline constexpr std::uint32_t set_controller_id = 20;

/// Commands of a flow monitor request.
inline constexpr std::uint8_t monitor_add = 0;
inline constexpr std::uint8_t monitor_delete = 2;

inline constexpr std::size_t port_size = 40;           ///< without properties
inline constexpr std::size_t port_counters_size = 80;  ///< likewise
inline constexpr std::size_t port_name_size = 16;
inline constexpr std::size_t flow_stats_size = 48;   ///< without match and instructions
inline constexpr std::size_t flow_update_size = 24;  ///< likewise
inline constexpr std::size_t short_update_size = 8;

}  // namespace vmigrate::netflow::wire
