// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/page.h"

#include "report/embedded.h"

namespace vmigrate::report {
namespace {

std::string escaped(const std::string& text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '&':
                result += "&amp;";
                break;
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            default:
                result += c;
        }
    }
    return result;
}

void put(std::string& text, std::string_view mark, std::string_view value) {
    if (const auto at = text.find(mark); at != std::string::npos) {
        text.replace(at, mark.size(), value);
    }
}

}  // namespace

std::string script_json(const Json& data) {
    std::string result;
    for (const char c : line(data)) {
        if (c == '<') {
            result += "\\u003c";  // only in texts
        } else {
            result += c;
        }
    }
    return result;
}

Result<std::string> page(const std::string& title, const Json& data) {
    if (chart_library().empty()) {
        return fail(ErrorKind::usage,
                    "this vmigrate was built without the chart library (Debian: libjs-chart.js), "
                    "and has no reports; 'vmigrate show' tells the same in text");
    }
    std::string text(page_template());
    // What others have named comes last: no mark in it is looked for.
    put(text, "@CHART_LIBRARY@", chart_library());
    put(text, "@TITLE@", escaped(title));
    put(text, "@DATA@", script_json(data));
    return text;
}

}  // namespace vmigrate::report
