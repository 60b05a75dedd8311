// SPDX-License-Identifier: GPL-2.0-or-later
//
// What was found out about guests and hosts before a migration: the input of preflight, choice of
// the destination and prediction. Gathered by libvirt/ (read only, nothing is touched), judged by
// pure functions. `std::nullopt` = could not be found out. Values only; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "orchestrator/types.h"

namespace vmigrate {

/// Settings of QEMU's migration, by QEMU's own names.
struct QemuSettings {
    std::map<std::string, bool> capabilities;       ///< name -> on
    std::map<std::string, std::string> parameters;  ///< name -> value as JSON text
};

/// What one running QEMU can do; from query-version, query-migrate-capabilities and -parameters:
/// it knows the settings that it has.
struct QemuFeatures : QemuSettings {
    std::string version;  ///< "7.2.22"
    std::string package;  ///< vendor's suffix
};

/// What a guest's memory is on its host.
enum class MemoryBacking { anonymous, shared, huge_pages };

struct HostFacts {
    std::string name;  ///< the key in vmigrate.toml
    std::string uri;
    std::string hostname;
    std::string uuid;
    std::string hypervisor;  ///< "QEMU"
    std::string arch;
    std::uint64_t libvirt_version = 0;  ///< major * 1000000 + minor * 1000 + release
    std::uint64_t qemu_version = 0;     ///< of the default emulator, same form
    Bytes memory_total;
    Bytes memory_free;
    unsigned cpus = 0;
    unsigned guests_running = 0;
    std::optional<BytesPerSecond> link;  ///< of the interface that carries migrations
    std::optional<double> idle_cpus;     ///< on average while the guest was measured
    bool merges_pages = false;           ///< KSM has merged some of its guests' pages
    milliseconds answer_time{};          ///< of the connection and first call
};

/// What a guest wrote to a disk.
struct DiskWrites {
    std::uint64_t requests = 0;
    Bytes bytes;
};

struct DiskFacts {
    std::string target;  ///< "vda"
    std::string type;    ///< "file", "block", "network"
    std::string source;  ///< path, or protocol:name for network disks
    std::string format;
    std::string cache;
    bool read_only = false;
    bool shareable = false;
    bool removable = false;  ///< CD-ROM, floppy
    Bytes capacity;
    Bytes allocation;
    std::optional<DiskWrites> writes;  ///< since its QEMU was started
    DiskWrites recent;                 ///< of those, while the guest was measured
};

struct NicFacts {
    std::string type;    ///< "bridge", "network", "direct", ...
    std::string source;  ///< bridge, network or device name
    std::string mac;
    std::string interface_id;  ///< of its port on an Open vSwitch; empty where it has none
    std::string tap;           ///< device on the host while the guest runs there; empty: none
};

struct GuestFacts {
    GuestRef ref;
    std::string host;  ///< name of the host it was found on
    GuestState state = GuestState::absent;
    bool persistent = false;
    bool job_active = false;
    std::string job;          ///< what the active job is, as far as libvirt says
    std::string domain_type;  ///< "kvm", "qemu"
    std::string machine;
    std::string emulator;
    std::string cpu_xml;  ///< its <cpu> element, empty when it has none
    std::string xml;      ///< migratable description
    Bytes memory;         ///< what it has now
    Bytes memory_max;     ///< what it may balloon or plug up to
    MemoryBacking backing = MemoryBacking::anonymous;
    bool mergeable = true;  ///< KSM may take its pages
    unsigned vcpus = 0;
    std::vector<DiskFacts> disks;
    std::vector<NicFacts> nics;
    std::vector<std::string> host_devices;     ///< passed-through devices, as text
    std::vector<std::string> graphics_listen;  ///< addresses that are not wildcard or loopback
    std::optional<QemuFeatures> qemu;          ///< absent for a guest that is shut off
    CpuUse cpu;                                ///< at `asked_at`
    TimePoint asked_at{};
};

/// Whether the destination reaches a disk.
enum class DiskReach {
    shared,     ///< the very same storage
    missing,    ///< no such volume there; room and a pool for a copy exist
    no_place,   ///< no such volume and no pool covers its path
    no_room,    ///< a pool covers it but has not enough room
    occupied,   ///< a different volume of that name is there
    undecided,  ///< cannot be told from here
};

struct DiskReachFacts {
    std::string target;
    std::string path;  ///< on the destination, after mapping
    DiskReach reach = DiskReach::undecided;
    std::string detail;
    bool source_in_pool = false;  ///< a storage pool of the source has its folder
};

enum class CpuFit { same, superset, incompatible, undecided };

/// One possible destination, looked at with one guest in mind.
struct DestinationFacts {
    HostFacts host;
    std::string emulator;                ///< what the guest would run with there
    std::optional<bool> emulator_works;  ///< libvirt there accepts it for the guest's machine type
    std::string emulator_detail;
    CpuFit cpu = CpuFit::undecided;
    std::string cpu_detail;
    GuestState same_uuid = GuestState::absent;  ///< a guest of this UUID there
    GuestState same_name = GuestState::absent;  ///< a guest of this name and another UUID there
    std::vector<DiskReachFacts> disks;
    std::map<std::string, std::optional<bool>> nic_sources;  ///< "bridge br0" -> exists there
    std::string graphics_listen;      ///< what displays listen on there; empty = as they do now
    std::string migration_address;    ///< where the memory stream goes, as far as known
    bool stream_stays_local = false;  ///< that address is loopback
    /// What the emulator there can do; asked only when the request depends on it.
    std::optional<QemuFeatures> qemu;
    std::string qemu_detail;  ///< why that could not be found out
};

/// A piece of memory that was read twice.
struct PieceFacts {
    unsigned pages = 0;    ///< of it that are not zero
    unsigned changed = 0;  ///< of those between the two times
};

/// How the guest writes its memory and what that memory is like. Not all of it is always known.
struct MemoryFacts {
    std::optional<BytesPerSecond> dirty_rate;
    milliseconds dirty_window{};
    std::string dirty_method;  ///< "page-sampling"
    std::uint32_t pages_sampled = 0;
    double zero_share = 0;           ///< 0..1 of the sampled pages
    double compressed_share = 1;     ///< size after lz4 / size before, of pages that are not zero
    std::vector<PieceFacts> pieces;  ///< in no order; empty when nothing was read twice
    milliseconds piece_window{};     ///< between the two times, on average
    milliseconds window{};           ///< that the measuring took as a whole
};

/// What earlier migrations between two hosts achieved.
struct PairHistory {
    std::uint32_t migrations = 0;
    std::optional<BytesPerSecond> bandwidth;  ///< median of the means
    std::optional<milliseconds> overhead;     ///< median of blackout beyond a short predicted pause
    std::optional<milliseconds> setup;        ///< median, of those that copied no disk
};

}  // namespace vmigrate
