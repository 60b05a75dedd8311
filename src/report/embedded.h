// SPDX-License-Identifier: GPL-2.0-or-later
//
// Files that are part of the program: the page of reports and the library that draws its charts.
// Private to report/; any thread.
#pragma once

#include <string_view>

namespace vmigrate::report {

std::string_view page_template();
/// Empty where the program was built without it.
std::string_view chart_library();

}  // namespace vmigrate::report
