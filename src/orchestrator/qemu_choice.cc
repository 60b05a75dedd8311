// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/qemu_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "orchestrator/storage_plan.h"

namespace vmigrate {
namespace {

constexpr std::array kCapabilities = {"lz4", "verify-ram"};
constexpr std::array kParameters = {
    "lz4-acceleration", "bypass-compression", "ram-save-max-wait",   "ram-delay-save-percent",
    "mig-block-size",   "cpu-throttle-value", "cpu-throttle-expire", "switchover-hold"};
constexpr const char* kMultifdLz4 = "\"lz4\"";
constexpr const char* kMultifdNone = "\"none\"";
constexpr const char* kNoDisk = "no disk is copied in the stream";
constexpr const char* kNotCompared = "memory is not compared";

using Known = const std::optional<QemuFeatures>&;

bool has_qemu(const Request& request, const GuestFacts& guest) {
    return !request.offline &&
           (guest.state == GuestState::running || guest.state == GuestState::paused);
}

bool is_on(Known qemu, const std::string& capability) {
    if (!qemu) {
        return false;
    }
    const auto found = qemu->capabilities.find(capability);
    return found != qemu->capabilities.end() && found->second;
}

std::string value_of(const Options& options, std::string_view key) {
    for (const auto& candidate : option_keys()) {
        if (candidate.key == key) {
            return candidate.get(options);
        }
    }
    return {};
}

class Chooser {
  public:
    Chooser(const Request& request, const GuestFacts& guest, const DestinationFacts& destination)
        : options_(request.options),
          network_wants_hold_(request.held_networks.contains(guest.host) &&
                              request.held_networks.contains(destination.host.name)),
          guest_(guest),
          destination_(destination),
          storage_mode_(plan_storage(request, guest, destination).mode) {}

    QemuChoice choose() {
        const bool lz4 = compression();
        if (applies(lz4, "lz4-acceleration", "lz4 is not used")) {
            parameter("lz4-acceleration", options_.lz4_acceleration, "");
        }
        if (applies(lz4, "bypass-compression", "lz4 is not used")) {
            parameter("bypass-compression", options_.bypass_compression, "");
        }
        const bool in_stream = storage();
        if (applies(in_stream, "ram-save-max-wait", kNoDisk)) {
            parameter("ram-save-max-wait", options_.ram_save_max_wait.count(), "");
        }
        if (options_.ram_delay_save_percent > 0) {
            parameter("ram-delay-save-percent", options_.ram_delay_save_percent,
                      "memory that the guest keeps writing is sent each time");
        }
        if (options_.mig_block_size != kAutomaticBlockSize &&
            applies(in_stream, "mig-block-size", kNoDisk)) {
            parameter("mig-block-size", options_.mig_block_size.count, "");
        }
        if (options_.switchover_hold.count() > 0 && guest_.state == GuestState::running &&
            applies(network_wants_hold_, "switchover-hold",
                    "the network is not turned before the guest stops")) {
            parameter("switchover-hold", options_.switchover_hold.count(),
                      "the network is turned when the guest has stopped, and what arrives in "
                      "between is lost");
        }
        if (options_.verify_ram && !missing("verify-ram", "verify-ram", true, kNotCompared)) {
            choice_.settings.capabilities["verify-ram"] = true;
            use("verify-ram");
        }
        switch_off_leftovers();
        return std::move(choice_);
    }

  private:
    bool asked(std::string_view key) const { return options_.asked.contains(std::string(key)); }

    void say(const std::string& key, QemuWish::Fate fate, std::string reason) {
        choice_.wishes.push_back(
            {key, value_of(options_, key), asked(key), fate, std::move(reason)});
    }

    /// Why `name` cannot be used; false when it can. `otherwise` is what happens instead.
    bool missing(const std::string& key, const std::string& name, bool on_both,
                 const std::string& otherwise) {
        const auto what = name == key ? "it" : name;
        const auto tail = otherwise.empty() ? "" : ": " + otherwise;
        if (!guest_.qemu) {
            say(key, QemuWish::Fate::unknown_to_source,
                fmt::format("the source's QEMU does not say whether it knows {}{}", what, tail));
        } else if (!knows(guest_.qemu, name)) {
            say(key, QemuWish::Fate::unknown_to_source,
                fmt::format("the source's QEMU does not know {}{}", what, tail));
        } else if (on_both && !destination_.qemu) {
            const auto why = destination_.qemu_detail.empty()
                                 ? ""
                                 : fmt::format(" ({})", destination_.qemu_detail);
            say(key, QemuWish::Fate::unknown_to_destination,
                fmt::format("whether the destination's QEMU knows {} could not be found out{}{}",
                            what, why, tail));
        } else if (on_both && !knows(destination_.qemu, name)) {
            say(key, QemuWish::Fate::unknown_to_destination,
                fmt::format("the destination's QEMU does not know {}{}", what, tail));
        } else {
            return false;
        }
        return true;
    }

    void use(const std::string& key) { say(key, QemuWish::Fate::used, "used"); }

    /// What does not apply is mentioned only to who asked for it.
    bool applies(bool condition, const std::string& key, const std::string& why_not) {
        if (!condition && asked(key)) {
            say(key, QemuWish::Fate::idle, why_not);
        }
        return condition;
    }

    template <class Value>
    void parameter(const std::string& key, Value value, const std::string& otherwise) {
        if (!missing(key, key, false, otherwise)) {
            choice_.settings.parameters[key] = fmt::format("{}", value);
            use(key);
        }
    }

    bool compression() {
        if (options_.compression != Compression::lz4 ||
            missing("compression", "lz4", true, "pages are sent as they are")) {
            return false;
        }
        if (options_.parallel_connections > 0) {
            choice_.settings.parameters["multifd-compression"] = kMultifdLz4;
            say("compression", QemuWish::Fate::used,
                fmt::format("used, on {} connections", options_.parallel_connections));
        } else {
            choice_.settings.capabilities["lz4"] = true;
            use("compression");
        }
        return true;
    }

    /// Every QEMU has the capability, but a stock one does not find disks that libvirt gave it.
    bool storage() {
        if (storage_mode_ != StorageMode::copy_in_stream) {
            return false;
        }
        if (missing("storage", "mig-block-size", true, "disks cannot be copied in the stream")) {
            choice_.wishes.back().asked = true;  // never left out: nobody else would copy them
            return false;
        }
        choice_.settings.capabilities["block"] = true;
        use("storage");
        return true;
    }

    /// What somebody left on in the source's QEMU may be too much for the destination's, or copy
    /// a shared disk onto itself.
    void switch_off_leftovers() {
        for (const auto* capability : {"lz4", "verify-ram", "block"}) {
            if (is_on(guest_.qemu, capability)) {
                choice_.settings.capabilities.try_emplace(capability, false);
            }
        }
        const std::string method = "multifd-compression";
        if (knows(guest_.qemu, method) && guest_.qemu->parameters.at(method) == kMultifdLz4) {
            choice_.settings.parameters.try_emplace(method, kMultifdNone);
        }
    }

    const Options& options_;
    const bool network_wants_hold_;
    const GuestFacts& guest_;
    const DestinationFacts& destination_;
    const StorageMode storage_mode_;
    QemuChoice choice_;
};

/// Without content of the memory nothing is chosen that would depend on the destination.
bool may_choose_lz4(const Options& options) {
    return options.compression == Compression::lz4 ||
           (options.compression == Compression::automatic && options.measure);
}

}  // namespace

bool knows(const std::optional<QemuFeatures>& qemu, const std::string& name) {
    return qemu && (qemu->capabilities.contains(name) || qemu->parameters.contains(name));
}

bool needs_destination_qemu(const Request& request, const GuestFacts& guest) {
    const auto& options = request.options;
    const auto wanted = [&](bool by_policy, const char* name) {
        return by_policy && knows(guest.qemu, name);
    };
    return has_qemu(request, guest) &&
           (wanted(may_choose_lz4(options), "lz4") || wanted(options.verify_ram, "verify-ram") ||
            wanted(options.storage == StorageMode::copy_in_stream, "mig-block-size"));
}

QemuChoice choose_qemu(const Request& request, const GuestFacts& guest,
                       const DestinationFacts& destination) {
    return has_qemu(request, guest) ? Chooser(request, guest, destination).choose() : QemuChoice{};
}

Check check_qemu(const QemuChoice& choice) {
    std::vector<std::string> used;
    std::vector<std::string> refused;
    std::vector<std::string> keys;
    for (const auto& wish : choice.wishes) {
        if (wish.fate == QemuWish::Fate::used) {
            used.push_back(wish.key);
        } else if (wish.fate != QemuWish::Fate::idle && wish.asked) {
            refused.push_back(fmt::format("{}={}: {}", wish.key, wish.value, wish.reason));
            keys.push_back(wish.key);
        }
    }
    const auto* name = "qemu-settings";
    if (!refused.empty()) {
        return {name, Check::Verdict::failed, fmt::format("{}", fmt::join(refused, "; ")),
                fmt::format("leave out {}, or use a QEMU that knows it (--emulator PATH or "
                            "'emulator' of the host for the destination; the source's guest has to "
                            "be started with it)",
                            fmt::join(keys, " and "))};
    }
    return {name,
            Check::Verdict::passed,
            used.empty() ? "none beyond libvirt's own" : fmt::format("{}", fmt::join(used, ", ")),
            {}};
}

std::vector<std::string> extras_of(const QemuFeatures& qemu) {
    std::vector<std::string> names;
    for (const auto* name : kCapabilities) {
        if (qemu.capabilities.contains(name)) {
            names.emplace_back(name);
        }
    }
    for (const auto* name : kParameters) {
        if (qemu.parameters.contains(name)) {
            names.emplace_back(name);
        }
    }
    return names;
}

}  // namespace vmigrate
