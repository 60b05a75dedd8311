// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/request_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/text.h"

namespace vmigrate::cli {
namespace {

Result<std::optional<std::string>> contents(std::string_view option,
                                            const std::optional<std::string>& path) {
    if (!path) {
        return std::optional<std::string>();
    }
    errno = 0;
    std::ifstream file(*path);
    const int error = errno;
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file.is_open() || text.empty()) {
        return fail(ErrorKind::usage,
                    fmt::format("{} {}: {}", option, quoted(*path),
                                file.is_open() ? "nothing to read there" : std::strerror(error)));
    }
    return std::optional(std::move(text));
}

/// virsh takes a bare number for MiB/s and for seconds; our own forms say their unit.
std::string with_unit(const std::string& value, std::string_view unit) {
    const bool bare = !value.empty() && std::all_of(value.begin(), value.end(),
                                                    [](char c) { return c >= '0' && c <= '9'; });
    return bare ? fmt::format("{}{}", value, unit) : value;
}

}  // namespace

RequestOptions::RequestOptions(CLI::App& app, Offers offers) {
    if (offers == Offers::everything) {
        add_move(app);
    }
    add_policy(app);
    add_transport(app);
    add_qemu(app);
    add_storage(app);
    if (offers == Offers::everything) {
        add_guest(app);
    }
}

void RequestOptions::add_move(CLI::App& app) {
    app.add_option("GUEST", guest_, "Name or UUID of the guest")->required()->type_name("");
    app.add_option("--from", plain_.from, "Host it runs on; default: every host is asked")
        ->type_name("HOST");
    app.add_option("--to", plain_.to, "Host it moves to; default: the best one, with the reason")
        ->type_name("HOST");
    app.add_option_function<std::string>(
           "--measured",
           [this](const std::string& text) {
               auto measured = measured_from_json(text);
               if (!measured) {
                   throw CLI::ValidationError("--measured", measured.error().message);
               }
               measured_ = std::move(*measured);
           },
           "What 'plan --json' said lately of guest and hosts: not measured again")
        ->type_name("JSON");
}

CLI::Option* RequestOptions::add_key_flag(CLI::App& app, const char* option, const char* key,
                                          const char* value, const char* help) {
    return app.add_flag_callback(
        option,
        [=, this] {
            assignments_.push_back({option, key, value});
        },
        help);
}

void RequestOptions::add_key_option(CLI::App& app, const char* option, const char* key,
                                    const char* bare_unit, const char* form, const char* help) {
    app.add_option_function<std::string>(
           option,
           [=, this](const std::string& value) {
               assignments_.push_back({option, key, with_unit(value, bare_unit)});
           },
           help)
        ->type_name(form);
}

void RequestOptions::add_policy(CLI::App& app) {
    app.add_option("--policy", policy_, "Policy from the configuration; default: default")
        ->type_name("NAME");
    app.add_option("--set", sets_, "Set one key of the policy, as in vmigrate.toml(5); repeatable")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    app.add_flag("--observe-only", plain_.observe_only,
                 "The live policies say what they would do, and set nothing");
    add_key_flag(app, "--no-measure", "measure", "no",
                 "Do not measure the guest's memory first (saves 1 s)");
    add_key_option(app, "--bandwidth", "bandwidth", "MiB/s", "RATE",
                   "Bandwidth limit; a bare number is MiB/s");
    add_key_option(app, "--timeout", "timeout", "s", "TIME",
                   "Longest time in pre-copy; a bare number is seconds");
    auto* suspend = add_key_flag(app, "--timeout-suspend", "timeout-action", "force",
                                 "At the timeout: switch over whatever the blackout");
    add_key_flag(app, "--postcopy", "postcopy", "yes", "Allow post-copy");
    add_key_flag(app, "--timeout-postcopy", "timeout-action", "postcopy",
                 "At the timeout: go on in post-copy (with --postcopy)")
        ->excludes(suspend);
    add_key_flag(app, "--auto-converge", "auto-converge", "on",
                 "Throttle the guest when it does not converge");
}

void RequestOptions::add_transport(CLI::App& app) {
    app.add_flag("--live", accepted_, "Accepted as in virsh: a running guest always moves live");
    app.add_flag("--verbose", accepted_, "Accepted as in virsh: progress is always shown");
    auto* p2p = add_key_flag(app, "--p2p", "peer-to-peer", "yes",
                             "The source's libvirt drives the migration (default)");
    auto* tunnelled = add_key_flag(app, "--tunnelled", "transport", "tunnelled",
                                   "Through both libvirt daemons instead of QEMU to QEMU");
    add_key_flag(app, "--managed", "peer-to-peer", "no", "vmigrate drives the migration, not p2p")
        ->excludes(p2p)
        ->excludes(tunnelled);
    app.add_flag("--direct", direct_, "Refused: QEMU has no direct migration");
    add_key_flag(app, "--tls", "tls", "yes", "Encrypt the memory stream and the storage copy");
    add_key_flag(app, "--compressed", "compression", "xbzrle", "Compress memory with xbzrle");
    add_key_option(app, "--comp-methods", "compression", "", "METHOD",
                   "Compress memory with mt, xbzrle or lz4; off, auto");
    add_key_flag(app, "--parallel", "parallel-connections", "2", "Two connections for memory");
    add_key_option(app, "--parallel-connections", "parallel-connections", "", "N",
                   "That many connections for memory");
    app.add_option("--migrateuri", plain_.migrate_uri, "Where the memory stream goes")
        ->type_name("URI");
    app.add_option("--listen-address", plain_.listen_address, "Where the destination listens")
        ->type_name("ADDRESS");
    app.add_option("--graphicsuri", plain_.graphics_uri, "Where graphics clients reconnect")
        ->type_name("URI");
}

/// What libvirt has no word for: the names are those of the keys.
void RequestOptions::add_qemu(CLI::App& app) {
    add_key_option(app, "--compression", "compression", "", "METHOD", "The same as --comp-methods");
    add_key_option(app, "--lz4-acceleration", "lz4-acceleration", "", "N",
                   "How much lz4 gives up of its effect for its speed");
    add_key_option(app, "--bypass-compression", "bypass-compression", "", "YES|NO",
                   "Whether lz4 leaves memory alone that does not get smaller");
    add_key_option(app, "--ram-save-max-wait", "ram-save-max-wait", "ms", "TIME",
                   "Longest turn of memory while QEMU copies disks; a bare number is ms");
    add_key_option(app, "--ram-delay-save-percent", "ram-delay-save-percent", "", "PERCENT",
                   "Share of the memory that is sent late");
    add_key_option(app, "--mig-block-size", "mig-block-size", "", "SIZE",
                   "What one write makes QEMU send again while it copies disks");
    add_key_flag(app, "--verify-ram", "verify-ram", "yes",
                 "Compare all memory of both sides before the guest runs there");
    add_key_flag(app, "--verify-disks", "verify-disks", "yes",
                 "Compare copied disks of both sides before the guest runs there");
}

void RequestOptions::add_storage(CLI::App& app) {
    auto* whole = add_key_flag(app, "--copy-storage-all", "storage", "copy", "Copy whole disks");
    add_key_flag(app, "--copy-storage-inc", "storage", "copy-incremental",
                 "Copy disks above their shared backing file")
        ->excludes(whole);
    app.add_option("--migrate-disks", migrate_disks_, "Disks to copy, as in vda,vdb")
        ->type_name("TARGETS")
        ->delimiter(',')
        ->allow_extra_args(false);
    app.add_flag("--unsafe", plain_.unsafe, "Accept disk caches that libvirt holds for unsafe");
    app.add_flag("--abort-on-error", plain_.abort_on_error, "Cancel on a disk error on the way");
}

void RequestOptions::add_guest(CLI::App& app) {
    auto* persistent = add_key_flag(app, "--persistent", "persist-destination", "yes",
                                    "Define the guest on the destination (default)");
    auto* transient = add_key_flag(app, "--transient", "persist-destination", "no",
                                   "Do not define it on the destination");
    transient->excludes(persistent);
    auto* undefine = add_key_flag(app, "--undefinesource", "undefine-source", "yes",
                                  "Remove its definition from the source (default)");
    add_key_flag(app, "--keep-source", "undefine-source", "no",
                 "Keep its definition on the source, shut off")
        ->excludes(undefine);
    app.add_flag("--suspend", plain_.suspend, "Leave the guest paused on the destination");
    app.add_flag("--offline", plain_.offline, "Move the definition of a guest that is shut off");
    app.add_option("--emulator", plain_.emulator, "QEMU to run the guest with on the destination")
        ->type_name("PATH");
    app.add_option("--dname", plain_.destination_name, "The guest's name on the destination")
        ->type_name("NAME");
    app.add_option("--xml", xml_, "Description for the destination")->type_name("FILE");
    app.add_option("--persistent-xml", persistent_xml_, "Definition for the destination")
        ->type_name("FILE")
        ->excludes(transient);
}

/// Elsewhere the last word wins; but lz4 is done by another part of QEMU than the other methods.
Result<void> RequestOptions::one_compression() const {
    const auto is_lz4 = [](const Assignment& one) { return one.value == "lz4"; };
    const auto is_other = [](const Assignment& one) {
        return one.value == "mt" || one.value == "xbzrle";
    };
    std::vector<Assignment> methods;
    for (const auto& one : assignments_) {
        if (one.key == "compression") {
            methods.push_back(one);
        }
    }
    constexpr std::string_view kSet = "compression=";
    for (const auto& text : sets_) {
        if (text.starts_with(kSet)) {
            methods.push_back({"--set compression", "compression", text.substr(kSet.size())});
        }
    }
    const auto lz4 = std::ranges::find_if(methods, is_lz4);
    const auto other = std::ranges::find_if(methods, is_other);
    if (lz4 != methods.end() && other != methods.end()) {
        return fail(ErrorKind::usage, fmt::format("{} (lz4) and {} ({}) exclude each other",
                                                  lz4->option, other->option, other->value));
    }
    return {};
}

Result<void> RequestOptions::apply(Options& options) const {
    if (auto one = one_compression(); !one) {
        return one;
    }
    for (const auto& [option, key, value] : assignments_) {
        if (const auto done = set_option(options, key, value); !done) {
            return fail(ErrorKind::usage, fmt::format("{}: {}", option, done.error().message));
        }
    }
    for (const auto& text : sets_) {
        const auto equals = text.find('=');
        if (equals == std::string::npos) {
            return fail(ErrorKind::usage, fmt::format("--set {}: write KEY=VALUE", quoted(text)));
        }
        const auto done = set_option(options, text.substr(0, equals), text.substr(equals + 1));
        if (!done) {
            return fail(ErrorKind::usage, fmt::format("--set: {}", done.error().message));
        }
    }
    return validate(options);
}

Result<Request> RequestOptions::request_for(const Config& config, const std::string& guest) const {
    Request request = plain_;
    request.guest = guest;
    request.policy = policy_;
    request.migrate_disks = migrate_disks_;
    request.held_networks = held_networks(config);
    if (guest.empty()) {
        return fail(ErrorKind::usage, "the guest's name is empty");
    }
    if (direct_) {
        return fail(ErrorKind::usage,
                    "--direct: libvirt's QEMU driver has no direct migration; leave it out");
    }
    if (request.emulator && !request.emulator->starts_with('/')) {
        return fail(ErrorKind::usage, fmt::format("--emulator {}: write the path from the root",
                                                  quoted(*request.emulator)));
    }
    const auto policy = config.policy(policy_);
    if (!policy) {
        return fail(policy.error());
    }
    request.options = *policy;
    if (const auto done = apply(request.options); !done) {
        return fail(done.error());
    }
    auto xml = contents("--xml", xml_);
    auto persistent_xml = contents("--persistent-xml", persistent_xml_);
    if (!xml || !persistent_xml) {
        return fail(!xml ? xml.error() : persistent_xml.error());
    }
    request.destination_xml = std::move(*xml);
    request.persistent_xml = std::move(*persistent_xml);
    return request;
}

}  // namespace vmigrate::cli
