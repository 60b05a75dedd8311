// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/csv.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "cli/follow.h"

namespace vmigrate::cli {
namespace {

/// The same members for each migration, whether it has ended or not.
Json columns_of(const history::Entry& entry) {
    Json columns = entry_json(entry);
    columns.erase("process_alive");
    columns.erase("process_id");
    const auto& drain = columns["drain"];
    columns["drain"] = drain.is_object() ? drain.value("state", Json(nullptr)) : Json(nullptr);
    return columns;
}

std::string as_text(const Json& value) {
    if (value.is_null()) {
        return "";
    }
    if (value.is_array()) {
        std::vector<std::string> texts;
        for (const auto& one : value) {
            texts.push_back(as_text(one));
        }
        return fmt::format("{}", fmt::join(texts, "; "));
    }
    return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) {
        return text;
    }
    std::string quoted = "\"";
    for (const char c : text) {
        quoted += c;
        if (c == '"') {
            quoted += c;
        }
    }
    return quoted + '"';
}

}  // namespace

std::string csv_heading() {
    std::vector<std::string> names;
    const auto columns = columns_of(history::Entry());
    for (const auto& [name, value] : columns.items()) {
        names.push_back(name);
    }
    return fmt::format("{}\n", fmt::join(names, ","));
}

std::string csv_line(const history::Entry& entry) {
    std::vector<std::string> fields;
    const auto columns = columns_of(entry);
    for (const auto& [name, value] : columns.items()) {
        fields.push_back(field(as_text(value)));
    }
    return fmt::format("{}\n", fmt::join(fields, ","));
}

}  // namespace vmigrate::cli
