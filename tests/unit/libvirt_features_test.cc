// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
#include <doctest/doctest.h>

#include "libvirt/features.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

QemuFeatures features() {
    QemuFeatures qemu;
    qemu.capabilities = {{"events", false}, {"xbzrle", false}};
    qemu.parameters = {{"downtime-limit", "300"}, {"tls-creds", "\"\""}};
    return qemu;
}

}  // namespace

TEST_CASE("settings are QEMU's own values, not text") {
    const auto settings = settings_in(features());
    CHECK(settings["capabilities"]["events"] == false);
    CHECK(settings["parameters"]["downtime-limit"] == 300);
    CHECK(settings["parameters"]["tls-creds"] == "");
}

TEST_CASE("only what differs is put back") {
    const auto then = settings_in(features());
    const auto nothing = settings_to_restore(then, then);
    CHECK(nothing["capabilities"].empty());
    CHECK(nothing["parameters"].empty());

    auto changed = features();
    changed.capabilities["xbzrle"] = true;
    changed.parameters["downtime-limit"] = "1";
    const auto back = settings_to_restore(then, settings_in(changed));
    CHECK(back["capabilities"] == Json{{"xbzrle", false}});
    CHECK(back["parameters"] == Json{{"downtime-limit", 300}});
}

TEST_CASE("enums and lists are put back, also one that was never set") {
    auto qemu = features();
    qemu.parameters["multifd-compression"] = "\"none\"";
    qemu.parameters["block-bitmap-mapping"] = "[]";
    const auto then = settings_in(qemu);
    qemu.parameters["multifd-compression"] = "\"lz4\"";
    qemu.parameters["block-bitmap-mapping"] = R"([{"node-name":"a","alias":"b","bitmaps":[]}])";
    qemu.parameters["block-devices"] = R"(["/machine/peripheral/virtio-disk0"])";
    const auto back = settings_to_restore(then, settings_in(qemu))["parameters"];
    CHECK(back == Json{{"block-bitmap-mapping", Json::array()},
                       {"multifd-compression", "none"},
                       {"block-devices", {"*"}}});
    qemu.parameters = {{"block-devices", R"(["*"])"}};
    CHECK(settings_to_restore(then, settings_in(qemu))["parameters"].empty());
}

TEST_CASE("another QEMU is not asked for what it does not know") {
    auto other = features();
    other.capabilities.erase("xbzrle");
    other.capabilities["new"] = true;
    other.parameters.erase("tls-creds");
    const auto back = settings_to_restore(settings_in(features()), settings_in(other));
    CHECK(back["capabilities"].empty());
    CHECK(back["parameters"].empty());
}

TEST_CASE("saved settings that are not ours restore nothing") {
    for (const auto* text : {"{}", "[]", "null", R"({"capabilities":{}})"}) {
        const auto back = settings_to_restore(Json::parse(text), settings_in(features()));
        CHECK(back["capabilities"].empty());
        CHECK(back["parameters"].empty());
    }
    CHECK(settings_to_restore(settings_in(features()), Json())["capabilities"].empty());
}
