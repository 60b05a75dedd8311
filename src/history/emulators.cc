// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/emulators.h"

#include "history/sql.h"
#include "orchestrator/json.h"

namespace vmigrate::history {
namespace {

Json to_json(const QemuFeatures& answer) {
    return {{"version", answer.version},
            {"package", answer.package},
            {"capabilities", answer.capabilities},
            {"parameters", answer.parameters}};
}

/// Nothing: it is not what to_json() makes.
std::optional<QemuFeatures> features_in(const std::string& text) {
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_object()) {
        return std::nullopt;
    }
    QemuFeatures answer;
    answer.version = member(json, "version", std::string());
    answer.package = member(json, "package", std::string());
    const auto capabilities = json.value("capabilities", Json::object());
    for (const auto& [name, on] : capabilities.items()) {
        if (on.is_boolean()) {
            answer.capabilities[name] = on.get<bool>();
        }
    }
    const auto parameters = json.value("parameters", Json::object());
    for (const auto& [name, value] : parameters.items()) {
        if (value.is_string()) {
            answer.parameters[name] = value.get<std::string>();
        }
    }
    return answer;
}

}  // namespace

std::optional<QemuFeatures> SqliteEmulators::recall(const EmulatorKey& key) {
    using Found = std::optional<QemuFeatures>;
    const auto now = clock_.wall();
    const auto found = database_.read<Found>(Found{}, [&](SQLite::Database& db) -> Result<Found> {
        // an answer from the future is of a clock that was set back
        auto statement =
            prepared(db,
                     "SELECT answer FROM emulators WHERE host_uri = ? AND emulator = ? "
                     "AND arch = ? AND asked_unix_us BETWEEN ? AND ?",
                     key.host_uri, key.emulator, key.arch, now - kAnswerCounts, now);
        if (!statement.executeStep()) {
            return Found{};
        }
        return features_in(Row(statement).take<std::string>());
    });
    return found.value_or(Found{});
}

void SqliteEmulators::keep(const EmulatorKey& key, const QemuFeatures& answer) {
    // an error: the history is only read here, or full; then the next one asks again
    static_cast<void>(
        database_.write<void>(Write::fleeting, [&](SQLite::Database& db) -> Result<void> {
            execute(db, "INSERT OR REPLACE INTO emulators VALUES (?, ?, ?, ?, ?)", key.host_uri,
                    key.emulator, key.arch, clock_.wall(), line(to_json(answer)));
            return {};
        }));
}

}  // namespace vmigrate::history
