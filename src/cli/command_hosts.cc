// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <future>

#include "base/text.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "libvirt/survey.h"

namespace vmigrate::cli {
namespace {

constexpr milliseconds kPatience = seconds(5);

struct HostReport {
    HostFacts facts;
    std::vector<GuestRef> guests;
    std::optional<QemuFeatures> features;  ///< of a guest that runs there: libvirt asks no other
};

Result<HostReport> look_at(const libvirt::HostAccess& access) {
    auto session = libvirt::Session::open(access, kPatience);
    if (!session) {
        return fail(session.error());
    }
    auto facts = libvirt::survey_host(**session);
    if (!facts) {
        return fail(facts.error());
    }
    HostReport report{std::move(*facts), {}, {}};
    report.guests = libvirt::list_guests(**session).value_or(std::vector<GuestRef>{});
    for (const auto& guest : report.guests) {
        if (auto features = libvirt::query_features(**session, guest)) {
            report.features = std::move(*features);
            break;
        }
    }
    return report;
}

std::string version(std::uint64_t number) {
    return number == 0
               ? "-"
               : fmt::format("{}.{}.{}", number / 1'000'000, number / 1000 % 1000, number % 1000);
}

/// The capabilities that decide what a migration can do, in people's words.
std::string features_text(const std::optional<QemuFeatures>& features) {
    if (!features) {
        return "not known: no guest runs there";
    }
    const std::pair<const char*, const char*> kWords[] = {{"auto-converge", "auto-converge"},
                                                          {"postcopy-ram", "post-copy"},
                                                          {"multifd", "parallel"},
                                                          {"compress", "mt"},
                                                          {"xbzrle", "xbzrle"},
                                                          {"lz4", "lz4"},
                                                          {"verify-ram", "verify-ram"},
                                                          {"zero-copy-send", "zero-copy"},
                                                          {"dirty-limit", "dirty-limit"},
                                                          {"mapped-ram", "mapped-ram"}};
    std::vector<std::string> words;
    for (const auto& [capability, text] : kWords) {
        if (features->capabilities.contains(capability)) {
            words.emplace_back(text);
        }
    }
    return fmt::format("QEMU {} {}: {}", features->version, features->package,
                       fmt::join(words, ", "));
}

Json report_json(const libvirt::HostAccess& access, const Result<HostReport>& report) {
    if (!report) {
        return {{"host", access.name},
                {"uri", access.uri},
                {"reachable", false},
                {"error", report.error().message}};
    }
    auto json = to_json(report->facts);
    json["reachable"] = true;
    json["guests"] = Json::array();
    for (const auto& guest : report->guests) {
        json["guests"].push_back({{"guest", guest.name}, {"guest_uuid", guest.uuid}});
    }
    json["features"] = nullptr;
    if (report->features) {
        json["features"] = {{"version", report->features->version},
                            {"package", report->features->package},
                            {"capabilities", report->features->capabilities},
                            {"parameters", report->features->parameters}};
    }
    json["labels"] = Json::object();
    for (const auto& [key, value] : access.labels) {
        json["labels"][key] = value;
    }
    return json;
}

std::vector<std::string> report_row(const HostFacts& facts) {
    return {
        facts.name,
        "up",
        facts.hostname,
        version(facts.libvirt_version),
        version(facts.qemu_version),
        fmt::format("{} of {}", format_bytes(facts.memory_free), format_bytes(facts.memory_total)),
        fmt::format("{}", facts.cpus),
        fmt::format("{}", facts.guests_running),
        facts.link ? format_rate(*facts.link) : "-",
        format_time(facts.answer_time)};
}

void print_text(const std::vector<libvirt::HostAccess>& hosts,
                const std::vector<Result<HostReport>>& reports, bool guests) {
    std::vector<std::vector<std::string>> rows = {{"HOST", "STATE", "HOSTNAME", "LIBVIRT", "QEMU",
                                                   "MEMORY FREE", "CPUS", "RUNNING", "LINK",
                                                   "ANSWERED IN"}};
    std::string silent;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        if (reports[i]) {
            rows.push_back(report_row(reports[i]->facts));
        } else {
            silent += fmt::format("{}: {}\n", hosts[i].name, reports[i].error().message);
            rows.push_back({hosts[i].name, "unreachable"});
        }
    }
    fmt::print("{}{}", table(rows), silent);
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        if (!reports[i]) {
            continue;
        }
        fmt::print("{}: {}\n", hosts[i].name, features_text(reports[i]->features));
        for (const auto& guest : guests ? reports[i]->guests : std::vector<GuestRef>{}) {
            fmt::print("  {}  {}\n", guest.uuid, quoted(guest.name));
        }
    }
}

}  // namespace

int run_hosts(const Words& words) {
    Arguments arguments("hosts", "Show the hosts: health, versions, free memory, features.",
                        "vmigrate hosts\n"
                        "vmigrate hosts host1 --guests\n"
                        "vmigrate hosts --json");
    Words wanted;
    bool guests = false;
    arguments.app().add_option("HOST", wanted, "Only these")->type_name("");
    arguments.app().add_flag("--guests", guests, "List the guests of each host, too");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    std::vector<libvirt::HostAccess> hosts;
    for (const auto& name : wanted) {
        auto host = config->host(name);
        if (!host) {
            return complain(host.error());
        }
        hosts.push_back(std::move(*host));
    }
    if (wanted.empty()) {
        hosts = config->hosts;
    }
    if (hosts.empty()) {
        return complain(no_hosts(*config));
    }
    const libvirt::EventLoop loop;
    std::vector<std::future<Result<HostReport>>> asked;
    for (const auto& host : hosts) {
        asked.push_back(std::async(std::launch::async, [&host] { return look_at(host); }));
    }
    std::vector<Result<HostReport>> reports;
    bool all_up = true;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        reports.push_back(asked[i].get());
        all_up = all_up && reports.back();
        if (arguments.json()) {
            print_line(report_json(hosts[i], reports.back()));
        }
    }
    if (!arguments.json()) {
        print_text(hosts, reports, guests);
    }
    return all_up ? kExitDone : kExitBlocked;
}

}  // namespace vmigrate::cli
