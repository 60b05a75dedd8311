// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/own_log.h"

#include <fmt/format.h>
#include <libvirt/libvirt.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace vmigrate::libvirt {
namespace {

int own_log = -1;  // a file in memory, open for as long as the process lives

std::string contents_of(int fd) {
    std::string text;
    std::array<char, 4096> buffer{};
    for (;;) {
        const auto count = pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(text.size()));
        if (count <= 0) {
            return text;
        }
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
}

// libvirt has words for an unknown authority and for weak or revoked certificates; for one that is
// wrong in time only it says no more than this.
std::string explained(std::string reason) {
    if (reason.ends_with("The certificate is not trusted.")) {
        reason += " It has expired, or is not valid yet";
    }
    return reason;
}

}  // namespace

void keep_own_log() {
    constexpr const char* variable = "LIBVIRT_LOG_OUTPUTS";
    if (own_log >= 0 || getenv(variable) != nullptr) {
        return;
    }
    own_log = memfd_create("libvirt-log", MFD_CLOEXEC);
    if (own_log < 0) {
        return;
    }
    setenv(variable, fmt::format("3:file:/proc/self/fd/{}", own_log).c_str(), 1);
    virInitialize();
    unsetenv(variable);  // it means nothing to what this process may start
}

std::string certificate_refusal() {
    return own_log < 0 ? std::string() : certificate_refusal_in(contents_of(own_log), gettid());
}

// "2026-11-27 18:48:38.453+0000: 35: warning : FUNCTION:1086 : Certificate check failed REASON"
std::string certificate_refusal_in(const std::string& log, long id) {
    constexpr std::string_view before = "Certificate check failed ";
    const auto whose = fmt::format("+0000: {}: ", id);
    for (auto end = log.find_last_not_of('\n'); end != std::string::npos;) {
        const auto newline = log.rfind('\n', end);
        const auto begin = newline == std::string::npos ? 0 : newline + 1;
        const auto line = std::string_view(log).substr(begin, end + 1 - begin);
        const auto reason = line.find(before);
        if (reason != std::string_view::npos && line.find(whose) < reason) {
            return explained(std::string(line.substr(reason + before.size())));
        }
        end = newline == std::string::npos || newline == 0 ? std::string::npos : newline - 1;
    }
    return {};
}

}  // namespace vmigrate::libvirt
