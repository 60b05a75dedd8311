// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/checks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "base/text.h"

namespace vmigrate::cli {
namespace {

Check passed(std::string name, std::string finding) {
    return {std::move(name), Check::Verdict::passed, std::move(finding), {}};
}

Check failed(std::string name, std::string finding, std::string fix) {
    return {std::move(name), Check::Verdict::failed, std::move(finding), std::move(fix)};
}

/// "qemu:///system": on another host the same words mean that other host.
bool means_own_machine(const std::string& uri) {
    const auto authority = uri.find("://");
    return authority != std::string::npos && uri.compare(authority, 4, ":///") == 0;
}

bool is_loopback_name(const std::string& hostname) {
    return hostname.empty() || hostname == "localhost" || hostname.starts_with("localhost.");
}

}  // namespace

Check check_history(const Config& config) {
    std::filesystem::path path = config.history_path;
    std::error_code ignored;
    // What is not there yet is made by the first migration, if its folder lets it.
    while (!std::filesystem::exists(path, ignored) && path.has_relative_path()) {
        path = path.parent_path();
    }
    if (access(path.c_str(), W_OK) == 0) {
        return passed("history", fmt::format("{} can be written", path.string()));
    }
    return failed("history", fmt::format("{} cannot be written", path.string()),
                  "run vmigrate as root, or set path in [history] to a place that can be written");
}

std::vector<Check> check_host(const HostAnswer& answer, bool alone) {
    const auto& access = answer.access;
    const auto name = [&](const char* what) { return fmt::format("{}: {}", access.name, what); };
    std::vector<Check> checks;
    if (!answer.facts) {
        return {
            failed(name("answer"), answer.facts.error().message,
                   fmt::format("'virsh -c {} version' must work from this machine", access.uri))};
    }
    const auto& facts = *answer.facts;
    checks.push_back(passed(name("answer"),
                            fmt::format("{} in {}", access.uri, format_time(facts.answer_time))));
    checks.push_back(facts.hypervisor == "QEMU"
                         ? passed(name("hypervisor"), "QEMU")
                         : failed(name("hypervisor"), facts.hypervisor + " instead of QEMU",
                                  "give a qemu:// URI"));
    if (!alone) {
        const bool reachable = !access.peer_uri.empty() || !means_own_machine(access.uri);
        checks.push_back(
            reachable
                ? passed(name("peer-uri"), access.peer_uri.empty() ? access.uri : access.peer_uri)
                : failed(
                      name("peer-uri"),
                      fmt::format("{} means another machine when another host uses it", access.uri),
                      fmt::format("set peer-uri in [hosts.{}] to how the other hosts "
                                  "reach it",
                                  access.name)));
        const bool named = !access.migration_host.empty() || !is_loopback_name(facts.hostname);
        checks.push_back(
            named ? passed(name("migration-host"),
                           access.migration_host.empty() ? facts.hostname : access.migration_host)
                  : failed(name("migration-host"),
                           fmt::format("it calls itself {}", quoted(facts.hostname)),
                           fmt::format("set migration-host in [hosts.{}] to an address that the "
                                       "other hosts reach",
                                       access.name)));
    }
    return checks;
}

std::optional<Error> twins(const std::vector<const HostFacts*>& facts, const Config& config) {
    std::map<std::string, std::string> seen;
    for (const auto* host : facts) {
        if (host->uuid.empty()) {
            continue;
        }
        const auto [known, fresh] = seen.emplace(host->uuid, host->name);
        if (!fresh) {
            return Error{
                ErrorKind::blocked,
                fmt::format("hosts {} and {} have one host UUID ({}): remove one from {}, "
                            "or give each its own host_uuid in libvirtd.conf",
                            quoted(known->second), quoted(host->name), host->uuid, config.path)};
        }
    }
    return std::nullopt;
}

std::vector<Check> check_hosts_together(const std::vector<HostAnswer>& answers,
                                        const Config& config) {
    std::vector<const HostFacts*> facts;
    for (const auto& answer : answers) {
        if (answer.facts) {
            facts.push_back(&*answer.facts);
        }
    }
    std::vector<Check> checks;
    const auto same = twins(facts, config);
    checks.push_back(same ? failed("host-uuids", same->message,
                                   "each [hosts.NAME] has to lead to a libvirt of its own")
                          : passed("host-uuids", "each host has its own"));
    if (answers.size() < 2) {
        checks.push_back(failed("hosts", "only one host", "add another [hosts.NAME]"));
    }
    return checks;
}

}  // namespace vmigrate::cli
