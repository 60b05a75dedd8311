// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/options.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "base/text.h"
#include "orchestrator/names.h"

namespace vmigrate {
namespace {

constexpr NameTable<TimeoutAction, 3> kTimeoutActions = {{{TimeoutAction::abort, "abort"},
                                                          {TimeoutAction::force, "force"},
                                                          {TimeoutAction::postcopy, "postcopy"}}};
constexpr NameTable<CeilingAction, 2> kCeilingActions = {
    {{CeilingAction::keep, "keep"}, {CeilingAction::exceed, "exceed"}}};
constexpr NameTable<AutoSwitch, 3> kAutoSwitches = {
    {{AutoSwitch::automatic, "auto"}, {AutoSwitch::on, "on"}, {AutoSwitch::off, "off"}}};
constexpr NameTable<IoQos, 2> kIoQos = {{{IoQos::automatic, "auto"}, {IoQos::off, "off"}}};
constexpr NameTable<StorageMode, 5> kStorageModes = {
    {{StorageMode::automatic, "auto"},
     {StorageMode::shared, "shared"},
     {StorageMode::copy, "copy"},
     {StorageMode::copy_incremental, "copy-incremental"},
     {StorageMode::copy_in_stream, "copy-in-stream"}}};
constexpr NameTable<Transport, 2> kTransports = {
    {{Transport::native, "native"}, {Transport::tunnelled, "tunnelled"}}};
constexpr NameTable<Compression, 5> kCompressions = {{{Compression::automatic, "auto"},
                                                      {Compression::off, "off"},
                                                      {Compression::multithread, "mt"},
                                                      {Compression::xbzrle, "xbzrle"},
                                                      {Compression::lz4, "lz4"}}};
/// QEMU takes powers of two from a page up to its own default.
constexpr NameTable<Bytes, 10> kBlockSizes = {{{kAutomaticBlockSize, "auto"},
                                               {kibibytes(4), "4KiB"},
                                               {kibibytes(8), "8KiB"},
                                               {kibibytes(16), "16KiB"},
                                               {kibibytes(32), "32KiB"},
                                               {kibibytes(64), "64KiB"},
                                               {kibibytes(128), "128KiB"},
                                               {kibibytes(256), "256KiB"},
                                               {kibibytes(512), "512KiB"},
                                               {mebibytes(1), "1MiB"}}};

/// The form of the value is said once, here; `set` and `get` follow from the member's type.
struct Described {
    std::string_view key;
    std::string_view summary;
    std::string_view when_to_change;
    std::string_view cost;
};

OptionKey time_key(Described text, milliseconds Options::*member) {
    return {text.key,
            "time",
            text.summary,
            text.when_to_change,
            text.cost,
            [member](Options& options, std::string_view value) -> Result<void> {
                const auto parsed = parse_time(value);
                if (!parsed) {
                    return fail(parsed.error());
                }
                options.*member = *parsed;
                return {};
            },
            [member](const Options& options) {
                return fmt::format("{}ms", (options.*member).count());
            }};
}

OptionKey rate_key(Described text, BytesPerSecond Options::*member) {
    return {
        text.key,
        "rate",
        text.summary,
        text.when_to_change,
        text.cost,
        [member](Options& options, std::string_view value) -> Result<void> {
            const auto parsed = parse_rate(value);
            if (!parsed) {
                return fail(parsed.error());
            }
            options.*member = *parsed;
            return {};
        },
        [member](const Options& options) { return fmt::format("{}B/s", (options.*member).count); }};
}

OptionKey count_key(Described text, std::string_view form, unsigned Options::*member,
                    unsigned least, unsigned most) {
    return {text.key,
            form,
            text.summary,
            text.when_to_change,
            text.cost,
            [member, least, most](Options& options, std::string_view value) -> Result<void> {
                unsigned number = 0;
                const auto* end = value.data() + value.size();
                const auto [stop, error] = std::from_chars(value.data(), end, number);
                if (error != std::errc() || stop != end || number < least || number > most) {
                    return fail(ErrorKind::usage,
                                fmt::format("{} is not a whole number from {} to {}", quoted(value),
                                            least, most));
                }
                options.*member = number;
                return {};
            },
            [member](const Options& options) { return fmt::format("{}", options.*member); }};
}

OptionKey yes_key(Described text, bool Options::*member) {
    return {
        text.key,
        "yes|no",
        text.summary,
        text.when_to_change,
        text.cost,
        [member](Options& options, std::string_view value) -> Result<void> {
            if (value != "yes" && value != "no" && value != "true" && value != "false") {
                return fail(ErrorKind::usage,
                            fmt::format("{} is neither yes nor no", quoted(value)));
            }
            options.*member = value == "yes" || value == "true";
            return {};
        },
        [member](const Options& options) { return std::string(options.*member ? "yes" : "no"); }};
}

template <class E, std::size_t count>
OptionKey choice_key(Described text, std::string_view form, const NameTable<E, count>& table,
                     E Options::*member) {
    return {text.key,
            form,
            text.summary,
            text.when_to_change,
            text.cost,
            [member, form, &table](Options& options, std::string_view value) -> Result<void> {
                const auto parsed = value_in(table, value);
                if (!parsed) {
                    return fail(ErrorKind::usage,
                                fmt::format("{} is none of {}", quoted(value), form));
                }
                options.*member = *parsed;
                return {};
            },
            [member, &table](const Options& options) {
                return std::string(name_in(table, options.*member));
            }};
}

std::vector<OptionKey> make_keys() {
    constexpr unsigned kMany = 1'000'000;
    return {
        rate_key({"bandwidth",
                  "Most that the migration may send; 0 picks a share of the link, or no limit when "
                  "the link's speed is not known.",
                  "When other traffic on the migration network must keep its share.",
                  "Less bandwidth means more iterations, and that fewer guests converge."},
                 &Options::bandwidth),
        count_key(
            {"bandwidth-share", "Share of the link's speed that is used when bandwidth is 0.",
             "Lower it when the link carries storage or guest traffic too.", "As for bandwidth."},
            "percent", &Options::bandwidth_share_percent, 1, 100),
        time_key({"downtime-limit",
                  "Downtime limit asked of QEMU at the start, 20ms of a guest that dirties little "
                  "unless this is set; raised in steps while it does not converge.",
                  "Lower it for guests that notice short pauses.",
                  "A lower limit means more iterations before the switchover."},
                 &Options::downtime_limit),
        count_key({"downtime-steps",
                   "In how many steps the downtime limit rises to the blackout ceiling.",
                   "Fewer steps end a migration sooner, more steps search longer for a short "
                   "blackout.",
                   "Each step lasts one iteration."},
                  "count", &Options::downtime_steps, 1, 100),
        time_key({"blackout-ceiling",
                  "Longest blackout that is allowed; the downtime limit never goes above it less "
                  "the switchover reserve.",
                  "Raise it for guests that would not converge otherwise.",
                  "The guest may stand still this long."},
                 &Options::blackout_ceiling),
        choice_key({"ceiling-action",
                    "What happens when the guest will not converge further, throttled or not, and "
                    "what remains at its least does not fit under the blackout ceiling: keep (go "
                    "on, in the end timeout-action is taken), exceed (switch over at the next such "
                    "moment, whatever the blackout).",
                    "exceed when a long pause is better than no move.",
                    "exceed: the guest may stand still longer than the ceiling says."},
                   "keep|exceed", kCeilingActions, &Options::ceiling_action),
        time_key({"switchover-reserve",
                  "What device state and the two daemons need beyond QEMU's downtime limit.",
                  "Raise it when measured blackouts exceed the ceiling.",
                  "It is taken off the ceiling."},
                 &Options::switchover_reserve),
        time_key({"switchover-hold",
                  "Longest time that QEMU holds the switchover, with the guest running, while the "
                  "network is turned to the destination; 0 = the network is turned when the guest "
                  "has stopped. Only where the network's back end turns it.",
                  "Raise it where switches are slow to answer.",
                  "The switchover comes up to this much later."},
                 &Options::switchover_hold),
        count_key({"max-iterations",
                   "After this many iterations the guest is switched over if that fits under the "
                   "ceiling, else timeout-action is taken.",
                   "Raise it for guests whose load comes in waves.",
                   "Each iteration sends again what the guest has written."},
                  "count", &Options::max_iterations, 1, kMany),
        count_key({"early-exit",
                   "Switch over early when iterations no longer help and at most this share of the "
                   "guest's memory remains; 0 = never early.",
                   "Set 0 to search for the shortest blackout whatever it costs.",
                   "A longer blackout, still under the ceiling, for a shorter migration."},
                  "percent", &Options::early_exit_percent, 0, 100),
        count_key({"stall",
                   "Iterations no longer help when one leaves not even this much less than the one "
                   "before.",
                   "Rarely.", "A larger value gives up sooner."},
                  "percent", &Options::stall_percent, 1, 100),
        time_key(
            {"timeout",
             "Longest time in pre-copy, then timeout-action is taken; also the longest time in "
             "which a copy of disks before it gets no nearer to its end, then the guest stays; "
             "0 = none.",
             "Set it to the length of the maintenance window.", "None until it is reached."},
            &Options::timeout),
        choice_key({"timeout-action",
                    "What happens at the timeout or after max-iterations: abort (the guest stays), "
                    "force (switch over whatever the blackout), postcopy (needs postcopy = yes; "
                    "early enough to end within the timeout, but not while the network carries "
                    "less than usual).",
                    "force or postcopy when the guest has to leave the host.",
                    "force may exceed the blackout ceiling; with postcopy the guest waits for its "
                    "memory while the network fails half-way."},
                   "abort|force|postcopy", kTimeoutActions, &Options::timeout_action),
        choice_key({"auto-converge",
                    "Throttle the guest when it does not converge: auto (vmigrate decides when and "
                    "how much, for as short as it takes), on (QEMU does, step by step), off "
                    "(never).",
                    "off for guests that must keep their speed.",
                    "A throttled guest runs slower, up to 99 percent."},
                   "auto|on|off", kAutoSwitches, &Options::auto_converge),
        count_key({"throttle-stall",
                   "Throttle when an iteration leaves not even this much less than the one before, "
                   "and what it leaves does not fit under the blackout ceiling.",
                   "Raise it to throttle sooner.", "The guest is throttled sooner, or later."},
                  "percent", &Options::throttle_stall_percent, 0, 100),
        time_key({"throttle-direct-within",
                  "What can be sent in this time is got rid of by 90 and then 99 percent, each for "
                  "throttle-hold; more than that by stages, as much as it takes. 0s = always by "
                  "stages.",
                  "Lower it for guests that rather run slowly for long than hardly at all.",
                  "By stages it takes longer."},
                 &Options::throttle_direct_within),
        time_key({"throttle-hold",
                  "How long 90 percent, and 99 percent, are held, the latter up to a second longer "
                  "when that is enough; then timeout-action is taken.",
                  "Lower it for guests that notice a standstill of seconds.",
                  "The guest hardly runs for up to twice this time."},
                 &Options::throttle_hold),
        choice_key({"io-qos",
                    "Limit what the guest writes to a disk while its copy does not converge: auto "
                    "(as much as it takes, until the end of the migration), off (never).",
                    "off for guests that must keep the speed of their disks.",
                    "The guest writes slower; without a limit the copy may never end."},
                   "auto|off", kIoQos, &Options::io_qos),
        count_key({"io-qos-stall",
                   "Limit writes, or limit them more, when an iteration of a disk's copy leaves "
                   "not even this much less than the one before.",
                   "Raise it for copies that have to end soon.",
                   "A larger value limits sooner, and more."},
                  "percent", &Options::io_qos_stall_percent, 1, 90),
        rate_key({"io-qos-start",
                  "The first limit is at most this; 0 = one step below what the guest was measured "
                  "to write, whatever that is.",
                  "When it is known how much the hosts and the link can take.",
                  "A small value takes more of the guest's writes than may be needed."},
                 &Options::io_qos_start),
        count_key({"io-qos-step",
                   "A limit is at least this much lower than the one before; more when the guest "
                   "makes far more dirty than is sent.",
                   "Lower it to find the highest limit that will do.",
                   "Each step lasts one iteration of the copy."},
                  "percent", &Options::io_qos_step_percent, 1, 90),
        rate_key(
            {"io-qos-floor", "No limit is lower than this.", "To what the guest cannot do without.",
             "With a high floor the copy may never end."},
            &Options::io_qos_floor),
        yes_key({"postcopy",
                 "Allow post-copy: the guest runs on the destination before all its "
                 "memory is there.",
                 "For guests that must move and may not be throttled.",
                 "A host that fails during post-copy takes the guest with it."},
                &Options::postcopy),
        time_key(
            {"postcopy-resume",
             "How long a post-copy that the network interrupted is tried to be resumed, before "
             "the outcome is unknown.",
             "Raise it where the network may be away for longer.",
             "What the guest needs of its memory it waits for meanwhile."},
            &Options::postcopy_resume),
        choice_key({"compression",
                    "Compress memory pages: off, mt (zlib threads), xbzrle (differences), lz4 (LZ4 "
                    "threads; takes the patched QEMU on both hosts), auto (lz4 or parallel "
                    "connections where memory, link and idle processors say that it is faster).",
                    "off when the hosts' processors are needed otherwise.",
                    "Processor time on both hosts; lz4 takes a small part of what mt takes."},
                   "auto|off|mt|xbzrle|lz4", kCompressions, &Options::compression),
        count_key({"lz4-acceleration",
                   "How much lz4 gives up of its effect for its speed; 1 compresses best. Where "
                   "compression is auto and this is not set, 1 is taken when processors are idle.",
                   "Lower it when the link is slow, raise it when processors are busy.",
                   "A larger value sends more bytes."},
                  "count", &Options::lz4_acceleration, 1, 65537),
        yes_key(
            {"bypass-compression", "lz4 leaves memory alone for a while that does not get smaller.",
             "no to compress all that can be compressed.",
             "Memory that gets smaller again is noticed a little later."},
            &Options::bypass_compression),
        time_key({"ram-save-max-wait",
                  "Longest turn of memory while QEMU copies disks in the stream, at most 1024ms; 0 "
                  "sends no memory before the disks are nearly done.",
                  "Lower it when the disks do not get done.", "A small value delays the memory."},
                 &Options::ram_save_max_wait),
        count_key({"ram-delay-save-percent",
                   "Up to this share of the memory, that which the guest writes most, is sent when "
                   "the rest is done; at most 90, 0 = never.",
                   "Set it as a limit; else the share follows what waiting is seen to save.",
                   "A little processor time; what is sent late may come in one go."},
                  "percent", &Options::ram_delay_save_percent, 0, 90),
        choice_key({"mig-block-size",
                    "What one write of the guest makes QEMU send again while it copies disks in "
                    "the stream; anything but 1MiB takes the patched QEMU on both hosts. auto: as "
                    "large as the guest's writes are on average, 64KiB when that is not known.",
                    "Lower it for guests that write little here and there.",
                    "A small value takes memory for the list of blocks."},
                   "auto|4KiB|8KiB|16KiB|32KiB|64KiB|128KiB|256KiB|512KiB|1MiB", kBlockSizes,
                   &Options::mig_block_size),
        yes_key({"verify-ram",
                 "Compare all memory of both sides before the guest runs on the destination, else "
                 "it stays; takes the patched QEMU on both hosts.",
                 "For tests, and where a wrong page would be worse than a longer blackout.",
                 "The blackout grows by the time it takes to read all memory."},
                &Options::verify_ram),
        yes_key({"verify-disks",
                 "Compare each disk that is copied with its copy before the guest runs on the "
                 "destination, and remove none of the source's that differs; raw disks only. Not "
                 "with postcopy.",
                 "For tests, and where a wrong block would be worse than a longer blackout.",
                 "The blackout grows by the time it takes to read all that the disks hold, and a "
                 "guest whose vmigrate dies waits, paused, for recover."},
                &Options::verify_disks),
        count_key(
            {"parallel-connections",
             "Number of parallel connections for memory; 0 = one plain stream. Not with postcopy.",
             "On links faster than one processor can fill.",
             "One thread on each side for each connection."},
            "count", &Options::parallel_connections, 0, 255),
        choice_key({"transport",
                    "native (QEMU to QEMU) or tunnelled (through both libvirt daemons, one port, "
                    "more copies; no storage copy).",
                    "tunnelled when a firewall allows libvirt's port alone.",
                    "tunnelled: lower bandwidth, more processor time."},
                   "native|tunnelled", kTransports, &Options::transport),
        yes_key({"peer-to-peer",
                 "The source's libvirt drives the migration, which then survives the end of "
                 "vmigrate.",
                 "no when the source host cannot reach the destination's libvirt.",
                 "no: the migration is cancelled when vmigrate dies."},
                &Options::peer_to_peer),
        yes_key({"tls", "Encrypt the memory stream and the storage copy.",
                 "Wherever the migration network is not trusted.",
                 "Processor time on both hosts; certificates are needed."},
                &Options::tls),
        choice_key({"storage",
                    "shared (disks are reachable from both hosts), copy (copy whole disks), "
                    "copy-incremental (copy what lies above a shared backing file), copy-in-stream "
                    "(copy whole disks in the stream of the memory; takes the patched QEMU on both "
                    "hosts), auto (copy those that the destination does not reach).",
                    "When auto cannot tell.", "A copy reads and sends the whole disk."},
                   "auto|shared|copy|copy-incremental|copy-in-stream", kStorageModes,
                   &Options::storage),
        yes_key({"persist-destination", "A persistent guest stays defined on the destination.",
                 "no for guests that a higher manager defines itself.", "None."},
                &Options::persist_destination),
        yes_key({"undefine-source", "Remove the guest's definition from the source after the move.",
                 "no to keep it there, shut off, as a spare.",
                 "no: two hosts define the same guest; never start both."},
                &Options::undefine_source),
        yes_key({"remove-source-disks",
                 "Remove the source's disks after they were copied and the guest runs from the "
                 "copies, if the guest's definition goes too.",
                 "no to keep the old, stale disks.",
                 "no: a guest that comes back finds a stale volume in its place."},
                &Options::remove_source_disks),
        yes_key(
            {"measure", "Measure dirty rate and page content before the start, for the prediction.",
             "no to start a second sooner.", "One second before the start."},
            &Options::measure),
        time_key({"sample-interval", "How often a running migration is looked at between events.",
                  "Rarely.", "One call to the source's libvirt each time."},
                 &Options::sample_interval),
    };
}

}  // namespace

std::span<const OptionKey> option_keys() {
    static const std::vector<OptionKey> keys = make_keys();
    return keys;
}

Result<void> set_option(Options& options, std::string_view key, std::string_view value) {
    std::vector<std::string> names;
    for (const auto& candidate : option_keys()) {
        if (candidate.key == key) {
            auto set = candidate.set(options, value);
            if (!set) {
                return fail(set.error().kind, fmt::format("{}: {}", key, set.error().message));
            }
            options.asked.emplace(key);
            return {};
        }
        names.emplace_back(candidate.key);
    }
    const auto near = nearest(key, names);
    return fail(ErrorKind::usage,
                near ? fmt::format("unknown key {}; did you mean '{}'?", quoted(key), *near)
                     : fmt::format("unknown key {}; vmigrate.toml(5) lists them", quoted(key)));
}

Result<void> validate(const Options& options) {
    const auto complain = [](std::string text) { return fail(ErrorKind::usage, std::move(text)); };
    if (options.blackout_ceiling <= options.switchover_reserve) {
        return complain(fmt::format(
            "blackout-ceiling ({}) leaves nothing after switchover-reserve ({}); raise the ceiling "
            "or lower the reserve",
            format_time(options.blackout_ceiling), format_time(options.switchover_reserve)));
    }
    if (options.downtime_limit.count() < 1) {
        return complain("downtime-limit must be at least 1ms");
    }
    if (options.timeout_action == TimeoutAction::postcopy && !options.postcopy) {
        return complain("timeout-action is postcopy but postcopy is no; set postcopy to yes");
    }
    if (options.timeout_action == TimeoutAction::force &&
        options.ceiling_action == CeilingAction::keep && options.asked.contains("ceiling-action")) {
        return complain(
            "timeout-action force switches over whatever the blackout, which ceiling-action keep "
            "forbids; set ceiling-action to exceed, or timeout-action to abort or postcopy");
    }
    if (options.timeout_action == TimeoutAction::postcopy &&
        options.ceiling_action == CeilingAction::exceed) {
        return complain(
            "timeout-action postcopy and ceiling-action exceed are two answers to the same guest; "
            "set ceiling-action to keep, or timeout-action to abort or force");
    }
    if (options.throttle_hold < milliseconds(100)) {
        return complain("throttle-hold must be at least 100ms");
    }
    if (options.io_qos_floor.count == 0) {
        return complain("io-qos-floor must be at least 1B/s: a limit of 0 is none");
    }
    if (options.io_qos_start.count > 0 && options.io_qos_floor > options.io_qos_start) {
        return complain(fmt::format(
            "io-qos-floor ({}) is above io-qos-start ({}); lower the floor or raise the start",
            format_rate(options.io_qos_floor), format_rate(options.io_qos_start)));
    }
    if (options.sample_interval < milliseconds(10)) {
        return complain("sample-interval must be at least 10ms");
    }
    if (options.transport == Transport::tunnelled) {
        if (!options.peer_to_peer) {
            return complain("transport tunnelled needs peer-to-peer yes");
        }
        if (options.storage == StorageMode::copy ||
            options.storage == StorageMode::copy_incremental) {
            return complain(
                "transport tunnelled cannot copy storage; use native, with tls yes for "
                "an encrypted stream");
        }
        if (options.parallel_connections > 0) {
            return complain("transport tunnelled has one stream; set parallel-connections to 0");
        }
        if (options.tls) {
            return complain(
                "transport tunnelled is encrypted by libvirt's own connection; set tls "
                "to no");
        }
        if (options.postcopy) {
            return complain("transport tunnelled cannot do post-copy; set postcopy to no");
        }
        if (options.verify_ram) {
            return complain(
                "transport tunnelled and verify-ram exclude each other: the source would not hear "
                "of the result");
        }
    }
    if (options.parallel_connections > 0 && (options.compression == Compression::multithread ||
                                             options.compression == Compression::xbzrle)) {
        return complain(
            fmt::format("parallel-connections and compression {} exclude each other; lz4 goes "
                        "together with them",
                        name_in(kCompressions, options.compression)));
    }
    if (options.storage == StorageMode::copy_in_stream && options.postcopy) {
        return complain("storage copy-in-stream and postcopy exclude each other");
    }
    if (options.verify_ram && options.postcopy) {
        return complain("verify-ram and postcopy exclude each other");
    }
    if (options.verify_disks && options.postcopy) {
        return complain("verify-disks and postcopy exclude each other");
    }
    if (options.ram_save_max_wait > milliseconds(1024)) {
        return complain("ram-save-max-wait must be at most 1024ms");
    }
    if (options.postcopy && options.compression == Compression::multithread) {
        return complain("postcopy and compression mt exclude each other");
    }
    // QEMU 7.2 takes both, and then the destination's process may end in post-copy, and the guest
    // with it; later ones refuse them.
    if (options.postcopy && options.parallel_connections > 0) {
        return complain("postcopy and parallel-connections exclude each other");
    }
    return {};
}

}  // namespace vmigrate
