// SPDX-License-Identifier: GPL-2.0-or-later
//
// From a request and facts to a Plan: checks, choice of the destination, what will be asked of
// libvirt, and a prediction. Pure: nothing here touches a guest. `vmigrate plan` prints a Plan,
// `vmigrate start` carries the same one out.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/facts.h"
#include "orchestrator/options.h"
#include "orchestrator/types.h"

namespace vmigrate {

/// What the user asked for.
struct Request {
    std::string guest;                ///< name or UUID
    std::optional<std::string> from;  ///< host name; searched for when absent
    std::optional<std::string> to;    ///< host name; chosen when absent
    std::string policy = "default";   ///< where the options came from
    Options options;
    std::optional<std::string> emulator;
    std::optional<std::string> destination_xml;  ///< file contents given by the user
    std::optional<std::string> persistent_xml;
    std::optional<std::string> destination_name;
    std::optional<std::string> migrate_uri;
    std::optional<std::string> listen_address;
    std::optional<std::string> graphics_uri;
    std::vector<std::string> migrate_disks;  ///< targets; empty = every disk that needs it
    bool unsafe = false;
    bool suspend = false;  ///< leave the guest paused on the destination
    bool offline = false;  ///< move the definition of a guest that is shut off
    bool abort_on_error = false;
    /// Hosts whose network had better be turned before the guest stops; it takes both ends of a
    /// move.
    std::set<std::string> held_networks;
    bool observe_only = false;  ///< the live policies decide but set nothing
};

struct Check {
    enum class Verdict { passed, failed, undecided, not_applicable };
    std::string name;  ///< stable, kebab-case: "destination-memory"
    Verdict verdict = Verdict::passed;
    std::string finding;  ///< one sentence with the numbers
    std::string fix;      ///< how to make it pass; only when failed or undecided
};

std::string_view name_of(Check::Verdict verdict);

/// A volume to make on the destination before, and to remove after a failure.
struct VolumeMove {
    std::string target;  ///< disk target, "vda"
    std::string source_path;
    std::string path;  ///< on the destination
    std::string format;
    Bytes capacity;
    bool make = true;  ///< false: it exists there and is written over, never removed
};

/// What a guest that does not converge can be throttled by.
enum class ThrottleMeans {
    none,           ///< not at all, or QEMU does it by itself (auto-converge)
    value,          ///< cpu-throttle-value: at once, and only for a while
    auto_converge,  ///< QEMU's own, kept at nothing until it is needed: at one of its iterations
};

std::string_view name_of(ThrottleMeans means);

/// What libvirt is asked for, in our words; libvirt/ turns it into flags and typed parameters.
struct MigrationCall {
    Transport transport = Transport::native;
    bool peer_to_peer = true;
    bool tls = false;
    bool live = true;
    bool offline = false;
    bool paused = false;
    bool persist_destination = true;
    bool undefine_source = true;
    bool remove_source_disks = false;
    bool unsafe = false;
    bool abort_on_error = false;
    bool postcopy = false;
    bool resume_postcopy = false;  ///< it is under way already, and paused
    bool auto_converge = false;
    ThrottleMeans throttle = ThrottleMeans::none;
    unsigned auto_converge_initial = 20;    ///< percent
    unsigned auto_converge_increment = 10;  ///< percent
    Compression compression = Compression::off;
    unsigned parallel_connections = 0;
    StorageMode storage = StorageMode::shared;
    std::vector<VolumeMove> volumes;
    bool verify_disks = false;   ///< before the guest runs there, for which it arrives paused
    bool limit_writes = false;   ///< to disks that are copied, when that does not converge
    BytesPerSecond bandwidth{};  ///< 0 = unlimited
    milliseconds downtime_limit{300};
    std::optional<std::string> emulator;
    std::optional<std::string> destination_xml;
    std::optional<std::string> persistent_xml;
    std::optional<std::string> destination_name;
    std::optional<std::string> migrate_uri;
    std::optional<std::string> listen_address;
    std::optional<std::string> graphics_uri;
    QemuSettings qemu;  ///< set in the source's QEMU before the call, and taken back at its end
};

/// Something of the policy that takes a QEMU which knows it, and what became of it.
struct QemuWish {
    enum class Fate {
        used,
        idle,  ///< would have no effect
        unknown_to_source,
        unknown_to_destination
    };
    std::string key;     ///< of the policy: "compression"
    std::string value;   ///< as the policy writes it: "lz4"
    bool asked = false;  ///< by configuration or command line; else it is the default
    Fate fate = Fate::used;
    std::string reason;  ///< in words
};

std::string_view name_of(QemuWish::Fate fate);

struct Prediction {
    bool converges = true;
    bool unaided = true;   ///< without throttle, post-copy or force
    bool assumed = false;  ///< the dirty rate is not known: the figures are for an idle guest
    BytesPerSecond bandwidth;
    std::uint32_t iterations = 0;
    Bytes memory_sent;
    Bytes disk_sent;
    milliseconds total{};
    milliseconds blackout{};
    milliseconds pause{};      ///< of the blackout: until what remains is sent
    milliseconds throttled{};  ///< how long, and at most how hard
    unsigned throttle_percent_max = 0;
    /// Below this bandwidth it will not converge under the ceiling (0 = any will do).
    BytesPerSecond bandwidth_needed{};
    /// With this bandwidth it will not converge under a ceiling below this.
    milliseconds ceiling_needed{};
    std::string confidence;            ///< how sure the dirty rate is, in words
    std::vector<std::string> reasons;  ///< in words, in the order of the argument
};

struct Plan {
    Request request;
    GuestFacts guest;
    HostFacts source;
    DestinationFacts destination;
    std::string destination_reason;  ///< why this host, when it was chosen for the user
    MemoryFacts memory;
    std::vector<Check> checks;
    std::vector<QemuWish> qemu;
    MigrationCall call;
    Prediction prediction;
    std::vector<std::string> notes;  ///< choices that were made for the user, one sentence each

    bool blocked() const;  ///< some check failed
};

/// Every check on one destination, in a fixed order; the same names whatever the facts.
std::vector<Check> preflight(const Request& request, const GuestFacts& guest,
                             const HostFacts& source, const DestinationFacts& destination,
                             ClearText clear_text);

struct Choice {
    std::size_t index = 0;  ///< into the candidates
    std::string reason;
};

/// The candidate with no failed check and most memory left after the move. Error (blocked) names
/// the first failed check of each candidate.
Result<Choice> choose_destination(const Request& request, const GuestFacts& guest,
                                  const HostFacts& source,
                                  const std::vector<DestinationFacts>& candidates,
                                  ClearText clear_text);

/// The bandwidth to ask for, and why: the policy's own figure, else a share of the slower link,
/// else unlimited. `expected` is what to predict with (history or limit), 0 when unknown.
struct BandwidthChoice {
    BytesPerSecond limit{};
    BytesPerSecond expected{};
    std::optional<BytesPerSecond> full;  ///< what the link carries, whatever the limit
    std::string reason;
};
BandwidthChoice choose_bandwidth(const Options& options, const HostFacts& source,
                                 const HostFacts& destination, const PairHistory& history);

/// How the migration will go, by simulation (simulation.h): what is dirtied and how that saturates,
/// compression, the steps of the live policies, the throttle, disks.
/// REQUIRES: all but checks, notes and the prediction itself is in `plan`.
Prediction predict(const Plan& plan, const BandwidthChoice& bandwidth, const PairHistory& history);

/// Puts everything together. `destination` and `memory` are of the chosen host.
Plan make_plan(const Request& request, const GuestFacts& guest, const HostFacts& source,
               const DestinationFacts& destination, const MemoryFacts& memory,
               const PairHistory& history, ClearText clear_text);

}  // namespace vmigrate
