// SPDX-License-Identifier: GPL-2.0-or-later
//
// The keys of a policy: what `[policy.NAME]` in vmigrate.toml and `--set KEY=VALUE` accept. One
// table describes them all; the configuration file, its man page and `--set` are driven by it, so
// the lists cannot drift apart. Values only; any thread.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/units.h"

namespace vmigrate {

enum class TimeoutAction { abort, force, postcopy };
enum class CeilingAction { keep, exceed };
enum class AutoSwitch { automatic, on, off };
enum class IoQos { automatic, off };
enum class StorageMode { automatic, shared, copy, copy_incremental, copy_in_stream };
enum class Transport { native, tunnelled };
enum class Compression { automatic, off, multithread, xbzrle, lz4 };
enum class ClearText { refuse, allow };

/// As mig-block-size: chosen by how the guest writes.
constexpr Bytes kAutomaticBlockSize{0};

struct Options {
    BytesPerSecond bandwidth{};  ///< 0 = pick from link and history
    unsigned bandwidth_share_percent = 90;
    milliseconds downtime_limit{300};
    unsigned downtime_steps = 5;
    milliseconds blackout_ceiling{1000};
    CeilingAction ceiling_action = CeilingAction::keep;
    milliseconds switchover_reserve{50};
    milliseconds switchover_hold{500};
    unsigned max_iterations = 30;
    unsigned early_exit_percent = 50;
    unsigned stall_percent = 10;
    milliseconds timeout{std::chrono::hours(1)};
    TimeoutAction timeout_action = TimeoutAction::abort;
    AutoSwitch auto_converge = AutoSwitch::automatic;
    unsigned throttle_stall_percent = 5;
    milliseconds throttle_direct_within{5000};
    milliseconds throttle_hold{3000};
    IoQos io_qos = IoQos::automatic;
    unsigned io_qos_stall_percent = 10;
    BytesPerSecond io_qos_start{};  ///< 0 = from what the guest writes alone
    unsigned io_qos_step_percent = 25;
    BytesPerSecond io_qos_floor{mebibytes(1).count};
    bool postcopy = false;
    milliseconds postcopy_resume{std::chrono::minutes(10)};
    Compression compression = Compression::automatic;
    unsigned lz4_acceleration = 8;
    bool bypass_compression = true;
    milliseconds ram_save_max_wait{50};
    unsigned ram_delay_save_percent = 30;
    Bytes mig_block_size = kAutomaticBlockSize;
    bool verify_ram = false;
    bool verify_disks = false;
    unsigned parallel_connections = 0;
    Transport transport = Transport::native;
    bool peer_to_peer = true;
    bool tls = false;
    StorageMode storage = StorageMode::automatic;
    bool persist_destination = true;
    bool undefine_source = true;
    bool remove_source_disks = true;
    bool measure = true;
    milliseconds sample_interval{250};
    std::set<std::string> asked;  ///< keys that somebody set; the others are at their default
};

/// One key: its name in TOML and on the command line, the form of its value, and its contract.
struct OptionKey {
    std::string_view key;             ///< "downtime-limit"
    std::string_view form;            ///< "time", "rate", "percent", "count", "yes|no", "a|b|c"
    std::string_view summary;         ///< one sentence: what it does
    std::string_view when_to_change;  ///< one sentence
    std::string_view cost;            ///< one sentence
    std::function<Result<void>(Options&, std::string_view value)> set;
    std::function<std::string(const Options&)> get;  ///< as `set` accepts it
};

/// All keys, in the order of the manual.
std::span<const OptionKey> option_keys();

/// Sets one key from text. Error (usage): unknown key (with the nearest known one), wrong form,
/// out of range.
Result<void> set_option(Options& options, std::string_view key, std::string_view value);

/// Contradictions between keys (for instance a ceiling below the switchover reserve). Error
/// (usage).
Result<void> validate(const Options& options);

}  // namespace vmigrate
