// SPDX-License-Identifier: GPL-2.0-or-later
//
// The description of a guest, as libvirt gives it, or its hook, or somebody who calls the hook by
// hand.
#include "libvirt/domain_xml.h"
#include "libvirt/hook_xml.h"
#include "must.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

void read(const std::string& xml) {
    static_cast<void>(arch_in(xml));
    if (const auto taps = taps_of(xml); !taps) {
        test::must(!taps.error().message.empty(), "a refusal says why");
    }
    if (const auto facts = read_domain_xml(xml)) {
        test::must(facts->xml == xml, "the description is kept");
    } else {
        test::must(!facts.error().message.empty(), "a refusal says why");
    }
}

void adapt(const std::string& xml) {
    const Adaptation adaptation{"/opt/qemu/bin/qemu", {{"/var/lib", "/srv"}}, "192.0.2.1"};
    const auto adapted = adapt_domain_xml(xml, adaptation);
    if (!adapted || !*adapted) {
        return;
    }
    const auto again = adapt_domain_xml(**adapted, adaptation);
    test::must(again.has_value(), "what is adapted can be read", **adapted);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string xml(reinterpret_cast<const char*>(data), size);
    read(xml);
    adapt(xml);
    HostAccess host;
    host.emulator = "/opt/qemu/bin/qemu";
    host.graphics_listen = "192.0.2.1";
    if (const auto arrival = arrival_at(host, xml); arrival && arrival->xml) {
        test::must(arrival_at(host, *arrival->xml).has_value(), "what the hook answers is a guest");
    }
    return 0;
}
