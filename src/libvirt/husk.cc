// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/husk.h"

#include <fmt/format.h>

#include <algorithm>

#include "libvirt/domain.h"
#include "libvirt/domain_xml.h"
#include "libvirt/handles.h"
#include "libvirt/qmp.h"
#include "libvirt/session.h"

namespace vmigrate::libvirt {
namespace {

std::string status_in(const Json& answer) {
    return answer.is_object() ? member(answer, "status", std::string()) : std::string();
}

bool completed(const QemuWords& words) {
    return status_in(words.migration) == "completed";
}

std::string text_of(const QemuWords& words) {
    return fmt::format("guest {}, migration {}", status_in(words.status),
                       status_in(words.migration));
}

Result<QemuWords> words_of(virDomainPtr domain) {
    auto status = execute(domain, "query-status");
    if (!status) {
        return fail(std::move(status.error()));
    }
    auto migration = execute(domain, "query-migrate");
    if (!migration) {
        return fail(std::move(migration.error()));
    }
    return QemuWords{std::move(*status), std::move(*migration)};
}

Result<bool> is_in(virDomainPtr domain, int wanted) {
    int state = 0;
    if (virDomainGetState(domain, &state, nullptr, 0) < 0) {
        return fail(last_error("state of the guest"));
    }
    return state == wanted;
}

}  // namespace

bool has_it_all(const QemuWords& destination) {
    return status_in(destination.status) == "running" && completed(destination);
}

bool has_given_it_away(const QemuWords& source) {
    return status_in(source.status) == "postmigrate" && completed(source);
}

std::optional<std::string> shared_disk(const std::vector<DiskFacts>& disks,
                                       const std::vector<VolumeMove>& copied) {
    for (const auto& disk : disks) {
        const bool is_copied =
            std::ranges::find(copied, disk.target, &VolumeMove::target) != copied.end();
        if (!disk.source.empty() && !disk.read_only && !is_copied) {
            return disk.target;
        }
    }
    return std::nullopt;
}

Result<void> check_arrival(virDomainPtr on_destination) {
    const auto runs = is_in(on_destination, VIR_DOMAIN_RUNNING);
    if (!runs) {
        return fail(runs.error());
    }
    const auto words = words_of(on_destination);
    if (!words) {
        return fail(words.error());
    }
    if (!*runs || !has_it_all(*words)) {
        return fail(ErrorKind::hypervisor,
                    fmt::format("it is not certain that the destination has all of it, QEMU there "
                                "says: {}",
                                text_of(*words)));
    }
    return {};
}

Result<void> end_husk(virDomainPtr on_source, const std::vector<VolumeMove>& copied) {
    const auto active = is_active(on_source);
    if (!active) {
        return fail(active.error());
    }
    if (!*active) {
        return {};
    }
    const auto guest = read_domain_xml(take(virDomainGetXMLDesc(on_source, 0)));
    if (!guest) {
        return fail(guest.error());
    }
    if (const auto disk = shared_disk(guest->disks, copied)) {
        return fail(ErrorKind::hypervisor,
                    fmt::format("all of it is on the destination, but its disk {} is, too: only "
                                "libvirt can end it and leave the disk's owner as it is, when its "
                                "daemon on the source is started anew",
                                *disk));
    }
    const auto paused = is_in(on_source, VIR_DOMAIN_PAUSED);
    if (!paused) {
        return fail(paused.error());
    }
    const auto words = words_of(on_source);
    if (!words) {
        return fail(words.error());
    }
    if (!*paused || !has_given_it_away(*words)) {
        return fail(ErrorKind::hypervisor,
                    fmt::format("it is not certain that it has given the guest away, its QEMU "
                                "says: {}",
                                text_of(*words)));
    }
    if (virDomainDestroy(on_source) < 0) {
        return fail(last_error("it is not ended"));
    }
    return {};
}

}  // namespace vmigrate::libvirt
