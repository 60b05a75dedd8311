// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/verify_tour.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "cli/carry_out.h"
#include "cli/exit_code.h"
#include "cli/progress.h"
#include "libvirt/console.h"

namespace vmigrate::cli {
namespace {

/// The verifier speaks each second; QEMU takes up to a second to see that somebody listens, and a
/// busy host may keep both waiting.
constexpr milliseconds kSilence = seconds(15);
/// Each finding has its turn, one with each status.
constexpr unsigned kTurns = 3;

/// Puts together what comes line by line.
class Listening {
  public:
    explicit Listening(const std::function<bool(const verify::GuestStatus&)>& enough)
        : enough_(enough) {}

    /// True: that was all.
    bool take(const std::string& line) {
        if (auto bug = verify::read_bug(line)) {
            if (std::ranges::find(heard.bugs, *bug) == heard.bugs.end()) {
                heard.bugs.push_back(std::move(*bug));
            }
            return heard.bugs.size() >= heard.status.errors && known;
        }
        auto status = verify::read_status(line);
        if (!status) {
            return false;
        }
        heard.status = std::move(*status);
        known = true;
        if (heard.status.errors > 0) {
            return ++turns_ > kTurns;
        }
        return enough_(heard.status);
    }

    Heard heard;
    bool known = false;  ///< there was a status

  private:
    const std::function<bool(const verify::GuestStatus&)>& enough_;
    unsigned turns_ = 0;
};

/// Passes everything on, and keeps what only is said on the way.
class NotingStatus final : public Status {
  public:
    explicit NotingStatus(Status& shown) : shown_(shown) {}
    void started(std::int64_t id) override { shown_.started(id); }
    void progress(const Progress& progress) override { shown_.progress(progress); }
    void phase(Phase phase, std::string_view note) override { shown_.phase(phase, note); }
    void notice(std::string_view text) override {
        postcopy = postcopy || text.starts_with("post-copy: ");
        shown_.notice(text);
    }
    bool ask(std::string_view question, milliseconds time_limit) override {
        return shown_.ask(question, time_limit);
    }

    bool postcopy = false;

  private:
    Status& shown_;
};

/// How many disks are its own, for its verifier to overwrite.
std::size_t disks_of(const GuestFacts& guest) {
    return static_cast<std::size_t>(std::ranges::count_if(
        guest.disks, [](const DiskFacts& disk) { return !disk.removable && !disk.read_only; }));
}

std::string backing_of(const Plan& plan) {
    switch (plan.guest.backing) {
        case MemoryBacking::shared:
            return "shared";
        case MemoryBacking::huge_pages:
            return "huge";
        case MemoryBacking::anonymous:
            break;
    }
    return plan.guest.mergeable && plan.source.merges_pages ? "ksm" : "private";
}

std::string multifd_of(const GuestFacts& guest) {
    if (!guest.qemu) {
        return "none";
    }
    const auto found = guest.qemu->parameters.find("multifd-compression");
    auto value = found != guest.qemu->parameters.end() ? found->second : "none";
    std::erase(value, '"');
    return value;
}

}  // namespace

Result<Heard> listen(const libvirt::HostAccess& host, const GuestRef& guest,
                     const std::function<bool(const verify::GuestStatus&)>& enough,
                     milliseconds patience) {
    const auto session = libvirt::Session::open(host);
    if (!session) {
        return fail(session.error());
    }
    const auto console = libvirt::Console::open(**session, guest.uuid);
    if (!console) {
        return fail(console.error());
    }
    const auto now = [] { return std::chrono::steady_clock::now(); };
    const auto end = now() + patience;
    auto silent = now() + kSilence;
    Listening listening(enough);
    while (now() < std::min(end, silent)) {
        const auto line = (*console)->line(std::min(end, silent));
        if (!line) {
            return fail(line.error());
        }
        if (!*line) {
            continue;
        }
        if (verify::read_status(**line)) {
            silent = now() + kSilence;
        }
        if (listening.take(**line)) {
            return std::move(listening.heard);
        }
    }
    if (now() >= silent) {
        return fail(ErrorKind::unreachable,
                    fmt::format("the verifier of {} on {} says nothing on its serial console for "
                                "{}; see vmigrate-verify(1) for such a guest",
                                quoted(guest.name), host.name, format_time(kSilence)));
    }
    return fail(ErrorKind::unreachable,
                fmt::format("the verifier of {} on {} has not checked everything within {} (passes "
                            "{}); let it check faster, or see --patience",
                            quoted(guest.name), host.name, format_time(patience),
                            fmt::join(listening.heard.status.passes, ",")));
}

bool Round::moved() const {
    return record.outcome == Outcome::moved || record.outcome == Outcome::moved_with_problems;
}

Json to_json(const Round& round) {
    Json json = {{"event", "round"}, {"source", round.source}, {"destination", round.destination}};
    json.update(to_json(round.record));
    json["verified_bytes"] = round.verified.count;
    json["mismatches"] = round.heard.status.errors;
    json["bugs"] = round.heard.bugs;
    json["postcopy"] = round.postcopy;
    json["restarted"] = round.restarted;
    return json;
}

std::string text_of(const Round& round) {
    const auto& record = round.record;
    std::string how = round.moved() ? round.postcopy ? "moved by post-copy" : "moved"
                                    : "not moved: " + record.reason;
    if (record.measures.total) {
        how += fmt::format(", {}", format_time(*record.measures.total));
    }
    if (record.measures.blackout) {
        how += fmt::format(
            ", blackout {}",
            format_time(std::chrono::duration_cast<milliseconds>(*record.measures.blackout)));
    }
    if (record.measures.throttle_percent_max > 0) {
        how += fmt::format(", throttled to {} %", record.measures.throttle_percent_max);
    }
    return fmt::format("{} -> {}: {}; {} verified, {} mismatches{}", round.source,
                       round.destination, how, format_bytes(round.verified),
                       round.heard.status.errors,
                       round.restarted ? "; the guest was started again" : "");
}

VerifyTour::VerifyTour(const Means& means, GuestRef guest, std::string here, std::string there,
                       Heard heard)
    : means_(means),
      guest_(std::move(guest)),
      here_(std::move(here)),
      there_(std::move(there)),
      heard_(std::move(heard)) {}

Result<VerifyTour> VerifyTour::begin(const Means& means, const Plan& plan) {
    const auto host = means.config.host(plan.source.name);
    if (!host) {
        return fail(host.error());
    }
    const auto& guest = plan.guest.ref;
    auto heard = listen(
        *host, guest, [](const verify::GuestStatus& status) { return status.ready; },
        means.patience);
    if (!heard) {
        return fail(heard.error());
    }
    if (heard->status.errors > 0) {
        return fail(ErrorKind::blocked,
                    fmt::format("the verifier of {} has found something before the first "
                                "migration: {}; start the guest again",
                                quoted(guest.name), fmt::join(heard->bugs, "; ")));
    }
    return VerifyTour(means, guest, plan.source.name, plan.destination.host.name,
                      std::move(*heard));
}

Result<Round> VerifyTour::migrate(const Request& request) {
    const auto planned = plan_migration(means_.config, request, means_.store);
    if (!planned) {
        return fail(planned.error());
    }
    if (exit_code(planned->plan) != kExitDone) {
        return fail(ErrorKind::blocked,
                    fmt::format("{}", fmt::join(why_refused(planned->plan), "; ")));
    }
    EventQueue events;
    TerminalLine line(stderr);
    TerminalStatus shown(line, means_.clock);
    DetachedStatus hidden([](std::int64_t) {});
    NotingStatus status(means_.silent ? static_cast<Status&>(hidden) : shown);
    const auto record = carry_out(
        *planned, {means_.config, means_.store, events, means_.interrupts, status, means_.clock});
    means_.interrupts.abort_through(nullptr);  // `events` end here
    if (!record) {
        return fail(record.error());
    }
    return Round{here_, there_, *record, {}, {}, status.postcopy, false};
}

Result<Round> VerifyTour::round(Request request) {
    request.guest = guest_.uuid;
    request.from = here_;
    request.to = there_;
    auto migrated = migrate(request);
    if (!migrated || migrated->record.outcome == Outcome::unknown) {
        return migrated;
    }
    auto round = std::move(*migrated);
    if (round.moved()) {
        std::swap(here_, there_);
    }
    const auto host = means_.config.host(here_);
    if (!host) {
        return fail(host.error());
    }
    std::optional<verify::GuestStatus> first;
    auto heard = listen(
        *host, guest_,
        [&](const verify::GuestStatus& status) {
            if (!first) {
                first = status;
            }
            return checked_since(*first, status);
        },
        means_.patience);
    if (!heard) {
        return fail(heard.error());
    }
    round.restarted = heard->status.boot != heard_.status.boot;
    const Bytes before = round.restarted ? Bytes{} : heard_.status.verified;
    round.verified = {heard->status.verified.count - before.count};
    heard_ = *heard;
    round.heard = std::move(*heard);
    return round;
}

verify::GuestKind kind_of(const Plan& plan) {
    const auto disks = disks_of(plan.guest);
    return {backing_of(plan), disks >= 7 ? "7" : std::to_string(disks),
            plan.call.volumes.empty() ? "shared" : "local", multifd_of(plan.guest)};
}

}  // namespace vmigrate::cli
