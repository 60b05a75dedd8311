// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/exec.h"

#include <fmt/format.h>

#include <thread>

#include "base/text.h"
#include "handover/program.h"
#include "orchestrator/json.h"

namespace vmigrate::handover {
namespace {

Json text_or_null(const std::string& text) {
    return text.empty() ? Json() : Json(text);
}

Json describe(const ExecTask& task, const std::string& step) {
    auto cards = Json::array();
    for (const auto& card : task.cards) {
        cards.push_back({{"mac", card.mac},
                         {"bridge", text_or_null(card.bridge)},
                         {"interface_id", text_or_null(card.interface_id)}});
    }
    return {
        {"step", step},          {"guest", task.guest_name},        {"uuid", task.guest_uuid},
        {"source", task.source}, {"destination", task.destination}, {"cards", std::move(cards)}};
}

/// The last line that says something.
std::string last_line(std::string_view said) {
    const auto end = said.find_last_not_of(" \t\r\n");
    if (end == std::string_view::npos) {
        return "it said nothing";
    }
    said = said.substr(0, end + 1);
    const auto line = said.find_last_of('\n');
    return std::string(line == std::string_view::npos ? said : said.substr(line + 1));
}

}  // namespace

Result<void> run_step(const ExecTask& task, const std::string& step) {
    const auto ended =
        run_program({task.program, step}, describe(task, step).dump() + "\n", task.limit);
    if (!ended) {
        return fail(ended.error());
    }
    if (ended->code != 0) {
        return fail(ErrorKind::network, fmt::format("{} {} ended with {}: {}", quoted(task.program),
                                                    step, ended->code, last_line(ended->said)));
    }
    return {};
}

Result<void> Exec::once(const std::string& step, bool& done) const {
    if (done) {
        return {};
    }
    auto result = run(step);
    done = result.has_value();
    return result;
}

Result<void> Exec::redirect() {
    const bool was_redirected = redirected_;
    auto result = once("redirect", redirected_);
    if (result && !was_redirected && task_.redirect_held) {
        std::this_thread::sleep_for(task_.settle);
    }
    return result;
}

Result<void> Exec::withdraw() {
    if (!redirected_) {
        return {};
    }
    auto result = run("withdraw");
    redirected_ = !result.has_value();
    return result;
}

}  // namespace vmigrate::handover
