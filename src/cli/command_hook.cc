// SPDX-License-Identifier: GPL-2.0-or-later
//
// `vmigrate hook`: what libvirt runs for each step of a guest's life (hooks/qemu.d). It waits for
// the answer with the guest locked, so the answer comes at once, and never depends on libvirt.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "cli/background.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "handover/tap_queue.h"
#include "libvirt/hook_xml.h"

namespace vmigrate::cli {
namespace {

/// Of the whole command: then libvirt goes on with what it has.
constexpr unsigned kSeconds = 3;
constexpr std::size_t kLargestXml = 16UL << 20;

void give_up(int) {
    constexpr std::string_view text = "vmigrate: hook: out of time, left everything as it is\n";
    static_cast<void>(write(STDERR_FILENO, text.data(), text.size()) + 0);
    _exit(kExitDone);
}

Result<std::string> read_input() {
    std::string text;
    std::array<char, 65536> buffer{};
    for (;;) {
        const auto got = read(STDIN_FILENO, buffer.data(), buffer.size());
        if (got == 0) {
            return text;
        }
        if (got < 0) {
            return fail(ErrorKind::usage,
                        fmt::format("cannot read the guest's XML: {}", std::strerror(errno)));
        }
        text.append(buffer.data(), static_cast<std::size_t>(got));
        if (text.size() > kLargestXml) {
            return fail(ErrorKind::usage, "the guest's XML is larger than 16 MiB");
        }
    }
}

Result<void> start_following(const Config& config, const std::string& uuid) {
    return start_in_background(
        {{"net", "follow", "--config", config.path, "--to", config.hook.host, "--", uuid},
         "vmigrate-follow-" + uuid,
         "Network of a guest that moves",
         config.hook.log});
}

/// A guest is about to arrive: its QEMU settings of this host, and its network.
Result<void> prepare_arrival(const Config& config) {
    if (config.hook.host.empty()) {
        return fail(ErrorKind::config,
                    fmt::format("{}: [hook] does not say which host this is; add host = \"NAME\"",
                                config.path));
    }
    const auto access = config.host(config.hook.host);
    if (!access) {
        return fail(access.error());
    }
    const auto xml = read_input();
    if (!xml) {
        return fail(xml.error());
    }
    const auto arrival = libvirt::arrival_at(*access, *xml);
    if (!arrival) {
        return fail(arrival.error());
    }
    if (backend_of(config.network, access->name) != "none") {
        if (auto started = start_following(config, arrival->uuid); !started) {
            return started;
        }
    }
    // last: what libvirt has read it goes by
    if (arrival->xml) {
        fmt::print("{}", *arrival->xml);
        std::fflush(stdout);
    }
    return {};
}

/// Its taps are there, and nobody has sent to them yet.
Result<void> lengthen_taps(std::uint32_t packets) {
    const auto xml = read_input();
    if (!xml) {
        return fail(xml.error());
    }
    const auto taps = libvirt::taps_of(*xml);
    if (!taps) {
        return fail(taps.error());
    }
    for (const auto& tap : *taps) {
        if (auto done = handover::set_tap_queue(tap, packets); !done) {
            return done;
        }
    }
    return {};
}

bool is(const Words& words, std::string_view operation, std::string_view part) {
    return words.size() >= 3 && words[1] == operation && words[2] == part;
}

/// Whatever else libvirt tells is of no interest, and it may come to tell more.
Result<void> answer(const Config& config, const Words& words) {
    if (is(words, "migrate", "begin")) {
        return prepare_arrival(config);
    }
    if (is(words, "started", "begin") && config.hook.tap_queue > 0) {
        return lengthen_taps(config.hook.tap_queue);
    }
    return {};
}

}  // namespace

int run_hook(const Words& words) {
    std::signal(SIGALRM, give_up);
    alarm(kSeconds);
    Arguments arguments("hook", "Answer libvirt's hook for QEMU guests.",
                        "vmigrate hook web1 migrate begin - <web1.xml");
    Words rest;
    arguments.app()
        .add_option("WORD", rest, "As libvirt gives them: the guest, the operation, its part, -")
        ->type_name("");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    if (!is(rest, "migrate", "begin") && !is(rest, "started", "begin")) {
        return kExitDone;
    }
    const auto config = load_or_complain(arguments.config_path());
    const bool strict = config && config->hook.strict;
    const auto done = config ? answer(*config, rest) : Result<void>();
    if (!done) {
        print_error("hook: " + done.error().message);
    }
    return done || !strict ? kExitDone : kExitStays;
}

}  // namespace vmigrate::cli
