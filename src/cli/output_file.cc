// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/output_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "base/text.h"

namespace vmigrate::cli {

Result<void> write_at_once(const std::string& path, const std::string& text, Readers readers) {
    const auto failed = [&](const std::string& name) {
        return fail(ErrorKind::storage,
                    fmt::format("cannot write {}: {}", quoted(name), std::strerror(errno)));
    };
    const auto draft = fmt::format("{}.{}", path, getpid());
    {
        std::ofstream file(draft, std::ios::trunc);
        file << text << std::flush;
        if (!file) {
            const auto error = failed(draft);
            std::remove(draft.c_str());
            return error;
        }
    }
    if ((readers == Readers::everybody && chmod(draft.c_str(), 0644) != 0) ||
        std::rename(draft.c_str(), path.c_str()) != 0) {
        const auto error = failed(path);
        std::remove(draft.c_str());
        return error;
    }
    return {};
}

}  // namespace vmigrate::cli
