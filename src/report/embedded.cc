// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/embedded.h"

// A file as it is, between two symbols; the assembler reads it.
#define EMBED(name, path)                                   \
    asm(".pushsection .rodata\n"                            \
        ".global vmigrate_" #name "_begin\nvmigrate_" #name \
        "_begin:\n"                                         \
        ".incbin \"" path                                   \
        "\"\n"                                              \
        ".global vmigrate_" #name "_end\nvmigrate_" #name   \
        "_end:\n"                                           \
        ".popsection\n");                                   \
    extern "C" const char vmigrate_##name##_begin[];        \
    extern "C" const char vmigrate_##name##_end[];

EMBED(page, VMIGRATE_PAGE_HTML)
#ifdef VMIGRATE_CHART_JS
EMBED(chart, VMIGRATE_CHART_JS)
#endif

namespace vmigrate::report {

std::string_view page_template() {
    return {vmigrate_page_begin, vmigrate_page_end};
}

std::string_view chart_library() {
#ifdef VMIGRATE_CHART_JS
    return {vmigrate_chart_begin, vmigrate_chart_end};
#else
    return {};
#endif
}

}  // namespace vmigrate::report
