// SPDX-License-Identifier: GPL-2.0-or-later
//
// A configuration is understood, or refused with lines that say where.
#include "cli/config.h"
#include "must.h"

using namespace vmigrate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto config = cli::parse_config(text, "vmigrate.toml");
    if (config) {
        test::must(config->policies.contains("default"), "there is always a policy");
        return 0;
    }
    test::must(!config.error().empty(), "a refusal says why");
    for (const auto& error : config.error()) {
        test::must(error.starts_with("vmigrate.toml:"), "an error says where", error);
        test::must(error.find('\n') == std::string::npos, "an error is one line", error);
    }
    return 0;
}
