// SPDX-License-Identifier: GPL-2.0-or-later
// Both ends of a probe on the lab's side; "lab" runs it, its arguments are not for people:
//   respond | run ADDRESS RATE SECONDS PATIENCE text|json stream|- [FD...]
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "probe/exchange.h"
#include "probe/responder.h"
#include "probe/stream.h"

using namespace vmigrate::lab;
using std::chrono::duration_cast;
using std::chrono::nanoseconds;

namespace {

unsigned long long ull(std::uint64_t value) {
    return value;
}

double ms(std::uint64_t ns) {
    return static_cast<double>(ns) / 1e6;
}

void print_json(const char* name, const Direction& d) {
    std::printf(
        "\"%s\": {\"sent\": %llu, \"received\": %llu, \"lost\": %llu, \"duplicated\": %llu, "
        "\"reordered\": %llu, \"first_reordered_monotonic_ns\": %llu, "
        "\"last_reordered_monotonic_ns\": %llu, \"longest_loss\": %llu, ",
        name, ull(d.sent), ull(d.tally.received), ull(d.tally.lost), ull(d.tally.duplicated),
        ull(d.tally.reordered), ull(d.first_reordered_ns), ull(d.last_reordered_ns),
        ull(d.tally.longest_loss));
}

void print_json(const ExchangeResult& e) {
    std::printf("{");
    print_json("outward", e.outward);
    std::printf("\"longest_loss_start_monotonic_ns\": %llu}, ", ull(e.longest_loss_start_ns));
    print_json("back", e.back);
    std::printf("\"longest_gap_ms\": %.3f, \"longest_gap_start_monotonic_ns\": %llu}, \"taps\": [",
                ms(e.longest_gap_ns), ull(e.longest_gap_start_ns));
    const char* between = "";
    for (const auto& gap : e.taps) {
        std::printf("%s{\"gap_ms\": %.3f, \"start_monotonic_ns\": %llu}", between,
                    ms(gap.length_ns), ull(gap.start_ns));
        between = ", ";
    }
    std::printf("]");
}

void print_json(const StreamResult& s) {
    std::printf(
        ", \"stream\": {\"whole\": %s, \"reset\": %s, \"bytes\": %llu, "
        "\"retransmitted_outward\": %llu, \"retransmitted_back\": %llu, "
        "\"timeouts_outward\": %llu, \"timeouts_back\": %llu, \"longest_gap_ms\": %.3f}",
        s.error.empty() ? "true" : "false", s.reset ? "true" : "false", ull(s.bytes),
        ull(s.retransmitted_out), ull(s.retransmitted_back), ull(s.timeouts_out),
        ull(s.timeouts_back), ms(s.longest_gap_ns));
}

void print_text(const char* name, const Direction& d) {
    std::printf("%-9s %llu sent: lost %llu, duplicated %llu, reordered %llu", name, ull(d.sent),
                ull(d.tally.lost), ull(d.tally.duplicated), ull(d.tally.reordered));
}

void print_text(const ExchangeResult& e) {
    print_text("outward", e.outward);
    std::printf("; most lost in a row %llu\n", ull(e.outward.tally.longest_loss));
    print_text("back", e.back);
    std::printf("; longest gap %.1f ms\n", ms(e.longest_gap_ns));
    std::printf("taps      longest gap %.1f ms\n", e.taps.empty() ? 0 : ms(e.taps[0].length_ns));
}

void print_text(const StreamResult& s) {
    std::printf(
        "stream    %llu bytes there and back, %s: timeouts %llu and %llu, retransmitted %llu and "
        "%llu segments, longest gap %.1f ms\n",
        ull(s.bytes), s.error.empty() ? "whole" : s.error.c_str(), ull(s.timeouts_out),
        ull(s.timeouts_back), ull(s.retransmitted_out), ull(s.retransmitted_back),
        ms(s.longest_gap_ns));
}

std::atomic<bool> ending{false};

// A signal ends the probe early, not the report.
void end_on_signals() {
    struct sigaction action = {};
    action.sa_handler = [](int) { ending = true; };
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

nanoseconds seconds(const std::string& text) {
    return duration_cast<nanoseconds>(std::chrono::duration<double>(std::atof(text.c_str())));
}

int run(const std::vector<std::string>& a) {
    end_on_signals();
    ExchangeOptions options = {a[0],
                               nanoseconds(std::chrono::seconds(1)) / std::atoi(a[1].c_str()),
                               seconds(a[2]),
                               seconds(a[3]),
                               {}};
    for (std::size_t i = 6; i < a.size(); ++i) {
        options.taps.push_back(std::atoi(a[i].c_str()));
    }
    const bool json = a[4] == "json";
    const bool with_stream = a[5] == "stream";
    StreamResult stream;
    std::thread beside;
    if (with_stream) {
        beside = std::thread([&] {
            stream = run_stream(options.address, options.duration, options.patience, ending);
        });
    }
    const ExchangeResult result = exchange(options, ending);
    if (with_stream) {
        beside.join();
    }
    if (!result.error.empty()) {
        std::fprintf(stderr, "lab: probe: %s\n", result.error.c_str());
        return 1;
    }
    json ? print_json(result) : print_text(result);
    if (with_stream) {
        json ? print_json(stream) : print_text(stream);
    }
    std::printf(json ? "}\n" : "");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> all(argv + 1, argv + argc);
    if (all.size() == 1 && all[0] == "respond") {
        std::thread(respond_forever).detach();
        echo_streams_forever();
    }
    if (all.size() >= 7 && all[0] == "run") {
        return run({all.begin() + 1, all.end()});
    }
    std::fprintf(stderr, "lab: probe: bad arguments; it is for lab's own use\n");
    return 1;
}
