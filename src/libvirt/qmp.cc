// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/qmp.h"

#include <fmt/format.h>
#include <libvirt/libvirt-qemu.h>

#include "libvirt/session.h"

namespace vmigrate::libvirt {

Result<Json> execute(virDomainPtr domain, const std::string& command, const Json& arguments) {
    Json request{{"execute", command}};
    if (!arguments.is_null()) {
        request["arguments"] = arguments;
    }
    char* reply = nullptr;
    if (virDomainQemuMonitorCommand(domain, line(request).c_str(), &reply, 0) < 0) {
        return fail(last_error(command));
    }
    const std::string text = take(reply);
    auto json = Json::parse(text, nullptr, false);
    if (!json.is_object() || (!json.contains("return") && !json.contains("error"))) {
        return fail(ErrorKind::hypervisor,
                    fmt::format("{}: QEMU's answer is not understood: {}", command, text));
    }
    if (json.contains("error")) {
        const auto& error = json["error"];
        return fail(
            ErrorKind::hypervisor,
            fmt::format("{}: {}", command, error.is_object() ? member(error, "desc", text) : text));
    }
    return std::move(json["return"]);
}

}  // namespace vmigrate::libvirt
