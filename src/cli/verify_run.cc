// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/verify_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/carry_out.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/verify_list.h"
#include "cli/verify_tour.h"

namespace vmigrate::cli {
namespace {

/// What the guest is, where it is, and where it can go to: a plan that is not carried out.
Result<Planned> look(const Config& config, Request request, const Words& between,
                     history::Store& store) {
    request.options.measure = false;
    if (between.empty()) {
        return plan_migration(config, request, store);
    }
    request.from = between[0];
    request.to = between[1];
    auto planned = plan_migration(config, request, store);
    if (!planned && planned.error().kind == ErrorKind::not_found) {
        std::swap(request.from, request.to);
        return plan_migration(config, request, store);
    }
    return planned;
}

class VerifyRun {
  public:
    VerifyRun(const VerifyRequest& verify, VerifyTour& tour, VerifyBook& book, const Clock& clock)
        : verify_(verify), tour_(tour), book_(book), clock_(clock), begin_(clock.now()) {}

    int plain(const Request& request) {
        for (unsigned round = 1; round <= verify_.rounds && goes_on_; ++round) {
            one(request, nullptr, round);
            goes_on_ = goes_on_ && code_ != kExitStays && code_ != kExitBlocked;
        }
        sum({});
        return code_;
    }

    int matrix(const Request& request, const verify::GuestKind& kind) {
        unsigned number = 0;
        for (const auto& row : verify::matrix()) {
            ++number;
            if (verify::kind_for(row) != kind || !wanted(row)) {
                continue;
            }
            ++fitting_;
            bool works = true;
            while (goes_on_ && works && book_.done(row) < verify_.rounds) {
                works = one(request, &row, number);
            }
        }
        sum(verify::text_of(kind));
        return code_;
    }

  private:
    bool wanted(const verify::Row& row) const {
        return std::ranges::all_of(
            verify_.only, [&](const verify::Choice& choice) { return verify::has(row, choice); });
    }

    /// One migration, of a row of the matrix when there is one. False: it is of no use to try it
    /// again.
    bool one(Request request, const verify::Row* row, unsigned number) {
        if (row != nullptr && !apply(request.options, *row, number)) {
            return false;
        }
        const auto round = tour_.round(std::move(request));
        if (!round) {
            return no_round(round.error(), row, number);
        }
        migrations_ += round->moved() ? 1 : 0;
        verified_ += round->verified;
        mismatches_ += round->intact() ? 0 : std::max<std::uint64_t>(1, round->heard.status.errors);
        auto json = to_json(*round);
        json["guest"] = tour_.guest().name;
        json[row != nullptr ? "row" : "round"] = number;
        if (row != nullptr) {
            json["combination"] = verify::text_of(*row);
        }
        show(*round, row, number, json);
        judge(*round);
        if (row == nullptr || !round->moved() || !round->intact()) {
            return false;
        }
        if (const auto kept = book_.add(json); !kept) {
            print_error(kept.error().message);
            worse(kExitBlocked);
            goes_on_ = false;
        }
        return true;
    }

    bool apply(Options& options, const verify::Row& row, unsigned number) {
        Result<void> done;
        for (const auto& [key, value] : verify::settings_of(row)) {
            if (done) {
                done = set_option(options, key, value);
            }
        }
        if (done) {
            done = validate(options);
        }
        return done || no_round(done.error(), &row, number);
    }

    bool no_round(const Error& error, const verify::Row* row, unsigned number) {
        worse(exit_code(error));
        const auto what = row != nullptr ? fmt::format("row {} ({})", number, verify::text_of(*row))
                                         : fmt::format("round {}", number);
        print_error(fmt::format("{}: {}", what, error.message));
        // who is not heard may have been lost
        goes_on_ = goes_on_ && row != nullptr && error.kind != ErrorKind::unreachable;
        return false;
    }

    void show(const Round& round, const verify::Row* row, unsigned number, const Json& json) const {
        if (verify_.json) {
            print_line(json);
            return;
        }
        if (row != nullptr) {
            fmt::print("row {} ({}): {}\n", number, verify::text_of(*row), text_of(round));
        } else {
            fmt::print("round {}: {}\n", number, text_of(round));
        }
        for (const auto& problem : round.record.problems) {
            fmt::print("  problem: {}\n", problem);
        }
        for (const auto& bug : round.heard.bugs) {
            fmt::print("  BUG {}\n", bug);
        }
        std::fflush(stdout);
    }

    void judge(const Round& round) {
        worse(exit_code(round.record));
        if (round.record.outcome == Outcome::unknown || round.record.interrupted) {
            code_ = exit_code(round.record);
            goes_on_ = false;
        } else if (!round.intact()) {
            code_ = kExitStays;
            goes_on_ = false;
            print_error(fmt::format(
                "{} on {} is not what it was: {}; it is left as it is", quoted(tour_.guest().name),
                tour_.here(),
                round.restarted ? "it was started again" : "its verifier has found a mismatch"));
        }
    }

    /// Problems are the least, then what was not done at all, then what failed.
    void worse(int code) {
        const auto rank = [](int one) {
            return one == kExitDone ? 0 : one == kExitProblems ? 1 : one == kExitStays ? 3 : 2;
        };
        code_ = rank(code) > rank(code_) ? code : code_;
    }

    /// `kind` is empty without a matrix.
    void sum(const std::string& kind) const {
        const auto time = std::chrono::duration_cast<milliseconds>(clock_.now() - begin_);
        const auto left =
            kind.empty() ? std::vector<std::string>() : left_over(book_, verify_.rounds);
        if (verify_.json) {
            Json result = {{"event", "result"},
                           {"guest", tour_.guest().name},
                           {"host", tour_.here()},
                           {"migrations", migrations_},
                           {"verified_bytes", verified_.count},
                           {"mismatches", mismatches_},
                           {"total_ms", time.count()}};
            if (!kind.empty()) {
                result["rows"] = fitting_;
                result["left"] = left;
            }
            print_line(result);
            return;
        }
        if (!kind.empty()) {
            fmt::print("{} of {} rows fit {} ({})\n", fitting_, verify::matrix().size(),
                       quoted(tour_.guest().name), kind);
            for (const auto& line : left) {
                fmt::print("left, {}\n", line);
            }
            fmt::print("all guests so far: {} migrations, {} verified\n", book_.migrations(),
                       format_bytes(book_.verified()));
        }
        fmt::print("{} migrations, {} verified, {} mismatches, {}; {} is on {}\n", migrations_,
                   format_bytes(verified_), mismatches_, format_time(time),
                   quoted(tour_.guest().name), tour_.here());
    }

    const VerifyRequest& verify_;
    VerifyTour& tour_;
    VerifyBook& book_;
    const Clock& clock_;
    TimePoint begin_;
    int code_ = kExitDone;
    bool goes_on_ = true;
    unsigned fitting_ = 0;  ///< rows
    unsigned migrations_ = 0;
    Bytes verified_;
    std::uint64_t mismatches_ = 0;
};

}  // namespace

int verify_guest(const Config& config, const Request& request, const VerifyRequest& verify,
                 VerifyBook& book) {
    Interrupts interrupts;
    const SystemClock clock;
    auto store = open_history(config, history::Store::Access::read_write, clock);
    if (!store) {
        return complain(store.error());
    }
    const libvirt::EventLoop loop;
    auto first = request;
    if (verify.matrix) {
        first.options.storage = StorageMode::automatic;
    }
    const auto planned = look(config, first, verify.between, **store);
    if (!planned) {
        return complain(planned.error());
    }
    if (exit_code(planned->plan) != kExitDone) {
        return refuse(planned->plan, verify.json);
    }
    auto tour = VerifyTour::begin(
        {config, **store, interrupts, clock, verify.json, verify.patience}, planned->plan);
    if (!tour) {
        return complain(tour.error());
    }
    VerifyRun run(verify, *tour, book, clock);
    if (!verify.matrix) {
        return run.plain(request);
    }
    return run.matrix(request, kind_of(planned->plan));
}

}  // namespace vmigrate::cli
