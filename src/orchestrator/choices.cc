// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/choices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "orchestrator/qemu_choice.h"
#include "orchestrator/storage_plan.h"
#include "orchestrator/write_profile.h"

namespace vmigrate {
namespace {

/// Measured on pages like a database's, for each processor: what is compressed at acceleration 8
/// and at 1, and what is unpacked.
constexpr double kPacked = 900e6;
constexpr double kPackedBest = 560e6;
constexpr double kUnpacked = 2800e6;
/// QEMU's own numbers of threads.
constexpr double kPackingThreads = 8;
constexpr double kUnpackingThreads = 2;
/// What one thread puts on the wire without compression.
constexpr double kOneStream = 1.2e9;
/// Pages that do not get smaller than this are left as they are.
constexpr double kShrinks = 0.8;
/// Anything beyond a plain stream has to be that much faster.
constexpr double kWorthIt = 1.2;
/// As much of what is idle may be taken: the guest gets busier, and other guests do.
constexpr double kShareOfIdle = 0.5;
/// With so little of the idle processors the best compression is had as well.
constexpr double kEasily = 0.25;
constexpr unsigned kMostConnections = 16;

constexpr unsigned kBestAcceleration = 1;
constexpr unsigned kFastAcceleration = 8;

/// Fewer writes say nothing about their size.
constexpr std::uint64_t kTellingWrites = 16;
constexpr Bytes kLeastBlock = kibibytes(4);
constexpr Bytes kMostBlock = mebibytes(1);
constexpr Bytes kUsualBlock = kibibytes(64);

/// Of a guest that dirties no more than this share of what is sent, each iteration leaves no more
/// than this share of the one before.
constexpr double kDirtiesLittle = 0.25;
constexpr milliseconds kShortLimit{20};

constexpr unsigned kMostDelayed = 60;
constexpr double kRoomForHot = 1.25;

std::string rate_text(double rate) {
    return format_rate({static_cast<std::uint64_t>(rate)});
}

/// How memory can be sent, and how fast.
struct Way {
    bool lz4 = false;
    unsigned connections = 0;
    double pages_per_s = 0;  ///< bytes of pages, whatever they are on the wire
};

class CompressionChooser {
  public:
    CompressionChooser(const Request& request, const GuestFacts& guest, const HostFacts& source,
                       const DestinationFacts& destination, const MemoryFacts& memory,
                       const BandwidthChoice& bandwidth)
        : options_(request.options),
          guest_(guest),
          source_(source),
          destination_(destination),
          memory_(memory),
          link_(static_cast<double>(bandwidth.expected.count)),
          wide_link_(static_cast<double>(bandwidth.limit.count)) {}

    /// Returns the reason.
    std::string choose(Options& options) const {
        options.compression = Compression::off;
        if (const auto unknown = what_is_unknown(); !unknown.empty()) {
            return fmt::format("compression off: {}", unknown);
        }
        const Way plain = way(false, options_.parallel_connections);
        Way best = plain;
        const auto consider = [&](const Way& other) {
            if (other.pages_per_s >= kWorthIt * best.pages_per_s) {
                best = other;
            }
        };
        if (may_pack()) {
            consider(way(true, options_.parallel_connections));
        }
        if (const auto connections = worthwhile_connections(); connections > 0) {
            consider(way(false, connections));
            if (may_pack()) {
                consider(way(true, connections));
            }
        }
        options.parallel_connections = best.connections;
        if (!best.lz4) {
            return why_not(plain, best);
        }
        options.compression = Compression::lz4;
        if (!options_.asked.contains("lz4-acceleration")) {
            options.lz4_acceleration = processors_for(best, kPackedBest) <= kEasily * idle()
                                           ? kBestAcceleration
                                           : kFastAcceleration;
        }
        return why(plain, best, options.lz4_acceleration);
    }

  private:
    std::string what_is_unknown() const {
        if (link_ == 0) {
            return "neither link nor history tells what the link carries";
        }
        if (memory_.pages_sampled == 0) {
            return "the content of the memory was not sampled";
        }
        if (!source_.idle_cpus || !destination_.host.idle_cpus) {
            return fmt::format("how busy the processors of {} are is not known",
                               !source_.idle_cpus ? source_.name : destination_.host.name);
        }
        return {};
    }

    bool shrinks() const { return memory_.compressed_share < kShrinks; }
    bool known() const { return knows(guest_.qemu, "lz4") && knows(destination_.qemu, "lz4"); }
    bool may_pack() const { return shrinks() && known(); }
    double share() const { return std::max(0.01, memory_.compressed_share); }
    double idle() const { return std::min(*source_.idle_cpus, *destination_.host.idle_cpus); }

    Way way(bool lz4, unsigned connections) const {
        const double streams = std::max(1U, connections);
        const double wire = std::min(link_limit(connections), streams * kOneStream);
        if (!lz4) {
            return {false, connections, wire};
        }
        const double threads = connections > 0 ? streams : kPackingThreads;
        const double unpackers = connections > 0 ? streams : kUnpackingThreads;
        const double packed = kPacked * std::min(threads, kShareOfIdle * *source_.idle_cpus);
        const double unpacked =
            kUnpacked * std::min(unpackers, kShareOfIdle * *destination_.host.idle_cpus);
        return {true, connections, std::min({wire / share(), packed, unpacked})};
    }

    /// What earlier migrations reached may be what one stream could do; a link's own speed is not.
    double link_limit(unsigned connections) const {
        return connections > options_.parallel_connections ? std::max(link_, wide_link_) : link_;
    }

    /// 0 when one stream fills the link, or when parallel ones are not possible.
    unsigned worthwhile_connections() const {
        const auto* name = "multifd";
        if (options_.asked.contains("parallel-connections") || options_.parallel_connections > 0 ||
            options_.postcopy || options_.storage == StorageMode::copy_in_stream ||
            options_.transport == Transport::tunnelled || !knows(guest_.qemu, name)) {
            return 0;
        }
        const double wanted = std::ceil(wide_link_ / kOneStream);
        return wanted >= 2 && wanted <= kShareOfIdle * idle()
                   ? static_cast<unsigned>(std::min<double>(kMostConnections, wanted))
                   : 0;
    }

    double processors_for(const Way& way, double each) const { return way.pages_per_s / each; }

    std::string sample_text() const {
        return fmt::format("pages shrink to {:.0f} %", memory_.compressed_share * 100);
    }

    std::string why_not(const Way& plain, const Way& best) const {
        const auto how =
            best.connections > plain.connections
                ? fmt::format("{} connections, as one fills {} of {}", best.connections,
                              rate_text(kOneStream), rate_text(wide_link_))
                : std::string();
        std::string reason;
        if (!shrinks()) {
            reason = sample_text();
        } else if (!known()) {
            // xbzrle gains only where pages change little between two sends, which nobody knows
            // before; the threads of mt are slower than nearly every link, and a stock QEMU can
            // lose a page in them.
            reason = fmt::format(
                "{}, but QEMU does not know lz4 on both hosts, and what a stock "
                "one has (xbzrle, mt) may well be slower",
                sample_text());
        } else {
            reason = fmt::format(
                "{}, but {:.1f} and {:.1f} idle processors make {} of them, the "
                "link carries {}",
                sample_text(), *source_.idle_cpus, *destination_.host.idle_cpus,
                rate_text(way(true, plain.connections).pages_per_s), rate_text(plain.pages_per_s));
        }
        return fmt::format("compression off: {}{}{}", reason, how.empty() ? "" : "; ", how);
    }

    std::string why(const Way& plain, const Way& best, unsigned acceleration) const {
        return fmt::format(
            "compression lz4, acceleration {}{}: {}, so {} of them instead of {} go over the link; "
            "that takes {:.1f} of {:.1f} idle processors",
            acceleration,
            best.connections > 0 ? fmt::format(", {} connections", best.connections) : "",
            sample_text(), rate_text(best.pages_per_s), rate_text(plain.pages_per_s),
            processors_for(best, acceleration == kBestAcceleration ? kPackedBest : kPacked),
            *source_.idle_cpus);
    }

    const Options& options_;
    const GuestFacts& guest_;
    const HostFacts& source_;
    const DestinationFacts& destination_;
    const MemoryFacts& memory_;
    double link_;
    double wide_link_;
};

/// A block that is smaller than a write is marked with its neighbours anyway; a larger one sends
/// again what was not written.
std::string choose_block_size(const GuestFacts& guest, const std::vector<VolumeMove>& volumes,
                              Options& options) {
    DiskWrites ever;
    DiskWrites recent;
    for (const auto& volume : volumes) {
        const auto disk = std::ranges::find(guest.disks, volume.target, &DiskFacts::target);
        if (disk != guest.disks.end() && disk->writes) {
            ever.requests += disk->writes->requests;
            ever.bytes += disk->writes->bytes;
            recent.requests += disk->recent.requests;
            recent.bytes += disk->recent.bytes;
        }
    }
    const bool now = recent.requests >= kTellingWrites;
    const auto& writes = now ? recent : ever;
    if (writes.requests < kTellingWrites) {
        options.mig_block_size = kUsualBlock;
        return fmt::format("mig-block-size {}: the guest has hardly written to these disks",
                           format_bytes(options.mig_block_size));
    }
    const Bytes mean{writes.bytes.count / writes.requests};
    options.mig_block_size = kLeastBlock;
    while (options.mig_block_size < mean && options.mig_block_size < kMostBlock) {
        options.mig_block_size = options.mig_block_size * 2.0;
    }
    return fmt::format(
        "mig-block-size {}: one write of the guest has {} on average ({} writes {}), more would be "
        "sent again with it",
        format_bytes(options.mig_block_size), format_bytes(mean), writes.requests,
        now ? "while it was measured" : "since its start");
}

/// What remains is sent while nothing runs, and an iteration or two more leave next to nothing of
/// it. Should they leave more than was expected, the live policy raises the limit.
std::string choose_downtime_limit(const MemoryFacts& memory, const BandwidthChoice& bandwidth,
                                  Options& options) {
    if (!memory.dirty_rate || *memory.dirty_rate > bandwidth.expected * kDirtiesLittle ||
        options.downtime_limit <= kShortLimit) {
        return {};
    }
    options.downtime_limit = kShortLimit;
    return fmt::format("downtime limit {}: the guest dirties {} and {} can be sent",
                       format_time(kShortLimit), format_rate(*memory.dirty_rate),
                       format_rate(bandwidth.expected));
}

/// QEMU itself leaves alone what is not hot; only its room for hot memory is chosen here.
std::string choose_delay(const GuestFacts& guest, const MemoryFacts& memory, Options& options) {
    const auto profile = profile_of(memory, guest.memory);
    if (!profile.split) {
        return {};
    }
    const double hot = 100.0 * profile.parts.front().bytes /
                       static_cast<double>(std::max<std::uint64_t>(1, guest.memory.count));
    const auto room = static_cast<unsigned>(std::ceil(hot * kRoomForHot));
    options.ram_delay_save_percent = std::clamp(room, options.ram_delay_save_percent, kMostDelayed);
    return fmt::format(
        "ram-delay-save-percent {}: {:.0f} % of the writes go to {:.0f} % of the "
        "memory",
        options.ram_delay_save_percent, profile.first_share_of_writes() * 100, hot);
}

}  // namespace

Chosen choose_options(const Request& request, const GuestFacts& guest, const HostFacts& source,
                      const DestinationFacts& destination, const MemoryFacts& memory,
                      const BandwidthChoice& bandwidth) {
    Chosen chosen{request.options, {}};
    auto& options = chosen.options;
    const bool has_memory = guest.state == GuestState::running || guest.state == GuestState::paused;
    if (options.compression == Compression::automatic) {
        options.compression = Compression::off;
        if (!request.offline && has_memory) {
            chosen.notes.push_back(
                CompressionChooser(request, guest, source, destination, memory, bandwidth)
                    .choose(options));
        }
    }
    const auto storage = plan_storage(request, guest, destination);
    if (options.mig_block_size == kAutomaticBlockSize) {
        options.mig_block_size = kUsualBlock;
        if (storage.mode == StorageMode::copy_in_stream) {
            chosen.notes.push_back(choose_block_size(guest, storage.volumes, options));
        }
    }
    if (guest.state == GuestState::running && bandwidth.expected.count > 0 &&
        !options.asked.contains("downtime-limit")) {
        if (auto note = choose_downtime_limit(memory, bandwidth, options); !note.empty()) {
            chosen.notes.push_back(std::move(note));
        }
    }
    if (guest.state == GuestState::running && options.ram_delay_save_percent > 0 &&
        !options.asked.contains("ram-delay-save-percent")) {
        if (auto note = choose_delay(guest, memory, options); !note.empty()) {
            chosen.notes.push_back(std::move(note));
        }
    }
    return chosen;
}

}  // namespace vmigrate
