// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/recover_all.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "base/text.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/report.h"

namespace vmigrate::cli {
namespace {

/// As many as a host has migrations at a time, and more.
constexpr std::size_t kAtOnce = 16;
constexpr milliseconds kBetweenLooks{100};

/// Several speak at once, so each says who it is.
class NamedStatus final : public Status {
  public:
    NamedStatus(const history::Entry& entry, bool json) : entry_(entry), json_(json) {}
    void started(std::int64_t /*id*/) override {}
    void progress(const Progress& /*progress*/) override {}
    void phase(Phase /*phase*/, std::string_view /*note*/) override {}
    void notice(std::string_view text) override {
        if (json_) {
            print_line({{"event", "notice"}, {"id", entry_.id}, {"text", text}});
        } else {
            fmt::print(stderr, "{}: {}\n", quoted(entry_.guest.name), text);
        }
    }

  private:
    const history::Entry& entry_;
    const bool json_;
};

Json result_json(const history::Entry& entry, const Result<Record>& record) {
    Json json = {{"event", "result"},
                 {"guest", entry.guest.name},
                 {"source", entry.source},
                 {"destination", entry.destination}};
    json.update(record ? to_json(*record)
                       : Json{{"id", entry.id},
                              {"outcome", nullptr},
                              {"reason", record.error().message},
                              {"problems", Json::array()}});
    return json;
}

std::string result_text(const history::Entry& entry, const Result<Record>& record) {
    if (!record) {
        return fmt::format("{}: not touched: {}", describe(entry), record.error().message);
    }
    auto text = fmt::format("{}: {}", describe(entry), name_of(record->outcome));
    if (!record->reason.empty()) {
        text += ": " + record->reason;
    }
    for (const auto& problem : record->problems) {
        text += "; problem: " + problem;
    }
    return text;
}

class Recoveries {
  public:
    Recoveries(const Config& config, const std::vector<history::Entry>& entries,
               const RecoveryRules& rules, bool json)
        : config_(config), entries_(entries), rules_(rules), json_(json) {
        for (std::size_t i = 0; i < entries.size(); ++i) {
            events_.push_back(std::make_unique<EventQueue>());
        }
    }

    int run(EventQueue& signals) {
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < std::min(kAtOnce, entries_.size()); ++i) {
            threads.emplace_back([this] { work(); });
        }
        const SystemClock clock;
        while (ended_ < entries_.size()) {
            if (const auto event = signals.next(clock.now() + kBetweenLooks)) {
                for (const auto& queue : events_) {
                    queue->push(*event);
                }
            }
        }
        for (auto& thread : threads) {
            thread.join();
        }
        return code_;
    }

  private:
    /// One after the other, as long as there are any.
    void work() {
        const SystemClock clock;
        const auto store = open_history(config_, history::Store::Access::read_write, clock);
        for (auto i = next_++; i < entries_.size(); i = next_++) {
            const auto& entry = entries_[i];
            NamedStatus status(entry, json_);
            const auto record =
                store ? recover_migration(config_, **store, entry, rules_, status, *events_[i])
                      : fail(store.error());
            tell(entry, record);
            ++ended_;
        }
    }

    void tell(const history::Entry& entry, const Result<Record>& record) {
        const std::scoped_lock lock(telling_);
        code_ = worse(code_, record ? exit_code(*record) : exit_code(record.error()));
        if (json_) {
            print_line(result_json(entry, record));
        } else {
            fmt::print("{}\n", result_text(entry, record));
            std::fflush(stdout);
        }
    }

    const Config& config_;
    const std::vector<history::Entry>& entries_;
    const RecoveryRules& rules_;
    const bool json_;
    std::vector<std::unique_ptr<EventQueue>> events_;
    std::atomic<std::size_t> next_ = 0;
    std::atomic<std::size_t> ended_ = 0;
    std::mutex telling_;
    int code_ = kExitDone;
};

}  // namespace

int recover_all(const Config& config, const std::vector<history::Entry>& entries,
                const RecoveryRules& rules, bool json, Interrupts& interrupts) {
    EventQueue signals;
    interrupts.abort_through(&signals);
    const int code = Recoveries(config, entries, rules, json).run(signals);
    interrupts.abort_through(nullptr);
    return code;
}

int worse(int one, int other) {
    const auto rank = [](int code) {
        switch (code) {
            case kExitDone:
                return 0;
            case kExitStays:
                return 1;
            case kExitInterrupted:
                return 2;
            case kExitProblems:
                return 3;
            case kExitUnknown:
                return 5;
            default:
                return 4;
        }
    };
    return rank(one) >= rank(other) ? one : other;
}

}  // namespace vmigrate::cli
