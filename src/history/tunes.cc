// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/tunes.h"

#include <nlohmann/json.hpp>

#include "history/sql.h"

namespace vmigrate::history {
namespace {

std::string to_text(const std::vector<Setting>& settings) {
    auto list = nlohmann::json::array();
    for (const auto& setting : settings) {
        list.push_back(text_of({setting}));
    }
    return list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Whether the keys and values are any good is for whoever applies them.
std::vector<Setting> from_text(const std::string& json) {
    std::vector<Setting> settings;
    const auto texts = nlohmann::json::parse(json).get<std::vector<std::string>>();
    for (const auto& text : texts) {
        const auto equals = text.find('=');
        settings.push_back(
            {text.substr(0, equals), equals == std::string::npos ? "" : text.substr(equals + 1)});
    }
    return settings;
}

}  // namespace

std::int64_t add_tune(const SQLite::Database& database, std::int64_t id,
                      const std::vector<Setting>& settings, WallTime now) {
    auto last = prepared(database,
                         "SELECT coalesce(max(sequence), 0) FROM tunes WHERE migration_id = ?", id);
    last.executeStep();
    const auto sequence = Row(last).take<std::int64_t>() + 1;
    execute(database,
            "INSERT INTO tunes (migration_id, sequence, asked_unix_us, settings) "
            "VALUES (?, ?, ?, ?)",
            id, sequence, now, to_text(settings));
    return sequence;
}

std::vector<TuneRequest> open_tunes(const SQLite::Database& database, std::int64_t id) {
    auto statement = prepared(database,
                              "SELECT sequence, settings FROM tunes WHERE migration_id = ? AND "
                              "fate IS NULL ORDER BY sequence",
                              id);
    std::vector<TuneRequest> requests;
    while (statement.executeStep()) {
        Row row(statement);
        auto& request = requests.emplace_back();
        row >> request.sequence;
        request.settings = from_text(row.take<std::string>());
    }
    return requests;
}

std::optional<TuneAnswer> answer_of_tune(const SQLite::Database& database, std::int64_t id,
                                         std::int64_t sequence) {
    auto statement = prepared(database,
                              "SELECT fate, reason FROM tunes WHERE migration_id = ? AND "
                              "sequence = ? AND fate IS NOT NULL",
                              id, sequence);
    if (!statement.executeStep()) {
        return std::nullopt;
    }
    TuneAnswer answer;
    Row(statement) >> answer.fate >> answer.reason;
    return answer;
}

}  // namespace vmigrate::history
