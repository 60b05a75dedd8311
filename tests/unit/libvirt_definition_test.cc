// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
//
// A guest's definition is handed over while libvirt may do the same: the driver is libvirt's own
// test driver, whose guests live in this process.
#include "libvirt/definition.h"

#include <doctest/doctest.h>
#include <libvirt/libvirt.h>

#include "libvirt/handles.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

struct Host {
    virConnectPtr connection = virConnectOpen("test:///default");
    DomainHandle guest{connection == nullptr ? nullptr : virDomainLookupByName(connection, "test")};

    Host() { REQUIRE(guest); }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    ~Host() {
        guest.reset();
        virConnectClose(connection);
    }
};

}  // namespace

TEST_CASE("only a guest without a process is undefined") {
    const Host host;
    const auto refused = undefine_idle(host.guest.get());
    REQUIRE(!refused);
    CHECK(refused.error().message == "the guest has a process on the source");
    CHECK(virDomainIsPersistent(host.guest.get()) == 1);
}

TEST_CASE("a guest that libvirt has removed meanwhile is not found, and has no process") {
    const Host host;
    REQUIRE(virDomainDestroy(host.guest.get()) == 0);
    REQUIRE(virDomainUndefine(host.guest.get()) == 0);
    const auto gone = undefine_idle(host.guest.get());
    REQUIRE(!gone);
    CHECK(gone.error().kind == ErrorKind::not_found);
    const auto nowhere = define_for_good(host.guest.get());
    REQUIRE(!nowhere);
    CHECK(nowhere.error().kind == ErrorKind::not_found);
}

TEST_CASE("only a guest that runs is defined for good") {
    const Host host;
    CHECK(define_for_good(host.guest.get()));
    REQUIRE(virDomainDestroy(host.guest.get()) == 0);
    const auto refused = define_for_good(host.guest.get());
    REQUIRE(!refused);
    CHECK(refused.error().message == "the guest does not run on the destination");
}
