// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/definition.h"

#include <cstdlib>
#include <memory>

#include "libvirt/domain.h"
#include "libvirt/handles.h"
#include "libvirt/session.h"

namespace vmigrate::libvirt {

Result<void> define_for_good(virDomainPtr domain) {
    const auto active = is_active(domain);
    if (!active) {
        return fail(active.error());
    }
    if (!*active) {
        return fail(ErrorKind::hypervisor, "the guest does not run on the destination");
    }
    if (virDomainIsPersistent(domain) == 1) {
        return {};
    }
    const std::unique_ptr<char, decltype(&std::free)> xml(
        virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE), &std::free);
    if (!xml) {
        return fail(last_error("the guest on the destination is not described"));
    }
    const DomainHandle defined(virDomainDefineXML(virDomainGetConnect(domain), xml.get()));
    return defined ? Result<void>()
                   : fail(last_error("the guest is not defined on the destination"));
}

Result<void> undefine_idle(virDomainPtr domain) {
    const auto active = is_active(domain);
    if (!active) {
        return fail(active.error());
    }
    if (*active) {
        return fail(ErrorKind::hypervisor, "the guest has a process on the source");
    }
    if (virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_KEEP_NVRAM) < 0) {
        return fail(last_error("the guest is not undefined on the source"));
    }
    return {};
}

}  // namespace vmigrate::libvirt
