// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
//
// Whatever two daemons may say, the verdict on it is in the tables of vmigrate-recover(1), and
// judge() gives it.
#include <doctest/doctest.h>

#include <array>
#include <map>

#include "manual_tables.h"
#include "orchestrator/verdict.h"

using namespace vmigrate;
using S = GuestState;
using P = PostcopyState;

namespace {

constexpr std::array kStates = {S::running,  S::paused, S::incoming,
                                S::shut_off, S::absent, S::unreachable};

/// From (source, destination) to the word of the table.
using Matrix = std::map<std::pair<S, S>, std::string>;

std::vector<test::Row> rows_of(const std::string& name) {
    return test::table_of("man/vmigrate-recover.1", name);
}

Matrix matrix(const std::string& name) {
    const auto rows = rows_of(name);
    Matrix cells;
    REQUIRE(rows.size() == kStates.size() + 1);
    for (std::size_t i = 0; i < kStates.size(); ++i) {
        const auto& row = rows.at(i + 1);
        REQUIRE(row.size() == kStates.size() + 1);
        CHECK(row.front() == name_of(kStates.at(i)));
        CHECK(rows.front().at(i + 1) == name_of(kStates.at(i)));
        for (std::size_t j = 0; j < kStates.size(); ++j) {
            cells[{kStates.at(i), kStates.at(j)}] = row.at(j + 1);
        }
    }
    return cells;
}

std::string word(Verdict::Kind kind) {
    switch (kind) {
        case Verdict::Kind::still_migrating:
            return "wait";
        case Verdict::Kind::half_moved:
            return "resume";
        case Verdict::Kind::on_source:
            return "stays";
        case Verdict::Kind::on_destination:
            return "moved";
        case Verdict::Kind::unknown:
            return "unknown";
    }
    return "?";
}

/// All tables of the page, and which of them is asked.
class Manual {
  public:
    std::string verdict(const Truth& truth) const {
        const std::pair both(truth.source, truth.destination);
        if (truth.before == S::shut_off) {
            return was_shut_off_.at(both);
        }
        const bool runs_there = truth.destination == S::running;
        if (truth.postcopy && *truth.postcopy != P::none &&
            !(runs_there && truth.source == S::running)) {
            const auto& row = postcopy_.at(*truth.postcopy);
            return runs_there ? row.first : row.second;
        }
        const auto& table = truth.job_active.value_or(false) ? job_
                            : truth.before == S::paused      ? was_paused_
                            : truth.paused_on_purpose        ? to_be_paused_
                                                             : ran_;
        auto cell = table.at(both);
        if (cell.back() == '*') {
            cell.pop_back();
            return truth.job_active ? cell : "wait";
        }
        return cell;
    }

  private:
    static std::map<P, std::pair<std::string, std::string>> postcopy_rows() {
        const std::map<std::string, P> named = {{"arriving", P::arriving},
                                                {"running", P::running},
                                                {"broken", P::broken},
                                                {"unnoticed", P::unnoticed},
                                                {"stranded", P::stranded}};
        std::map<P, std::pair<std::string, std::string>> rows;
        for (const auto& row : rows_of("post-copy")) {
            if (const auto state = named.find(row.at(0)); state != named.end()) {
                rows[state->second] = {row.at(1), row.at(2)};
            }
        }
        REQUIRE(rows.size() == named.size());
        return rows;
    }

    Matrix ran_ = matrix("ran, no job");
    Matrix job_ = matrix("job");
    Matrix was_paused_ = matrix("was paused, no job");
    Matrix to_be_paused_ = matrix("to be paused, no job");
    Matrix was_shut_off_ = matrix("was shut off");
    std::map<P, std::pair<std::string, std::string>> postcopy_ = postcopy_rows();
};

constexpr std::array<std::optional<bool>, 3> kJobs = {false, true, std::nullopt};
constexpr std::array<std::optional<P>, 7> kPostcopies = {
    std::nullopt, P::none, P::arriving, P::running, P::broken, P::unnoticed, P::stranded};

}  // namespace

TEST_CASE("every cell of the manual, and nothing beside them") {
    const Manual manual;
    for (const auto before : {S::running, S::paused, S::shut_off}) {
        for (const bool on_purpose : {false, true}) {
            for (const auto job : kJobs) {
                for (const auto postcopy : kPostcopies) {
                    for (const auto source : kStates) {
                        for (const auto destination : kStates) {
                            const Truth truth{source, destination, job,
                                              before, on_purpose,  postcopy};
                            const auto verdict = judge(truth);
                            CAPTURE(name_of(before));
                            CAPTURE(on_purpose);
                            CAPTURE(job.has_value());
                            CAPTURE(job.value_or(false));
                            CAPTURE(static_cast<int>(postcopy.value_or(P::none)));
                            CAPTURE(name_of(source));
                            CAPTURE(name_of(destination));
                            CHECK(word(verdict.kind) == manual.verdict(truth));
                            CHECK(!verdict.reason.empty());
                        }
                    }
                }
            }
        }
    }
}

TEST_CASE("a guest that was lost is said to run nowhere") {
    for (const auto source : {S::shut_off, S::absent}) {
        for (const auto destination : {S::absent, S::shut_off, S::incoming}) {
            Truth truth;
            truth.source = source;
            truth.destination = destination;
            truth.job_active = false;
            const auto verdict = judge(truth);
            CHECK(verdict.kind == Verdict::Kind::unknown);
            CHECK(verdict.reason.find("runs nowhere") != std::string::npos);
        }
    }
}
