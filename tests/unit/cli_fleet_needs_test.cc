// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
#include "cli/fleet_needs.h"

#include <doctest/doctest.h>

using namespace vmigrate;
using namespace vmigrate::cli;

namespace {

using Names = std::set<std::string>;

Check failed(const std::string& name, const std::string& finding = "no") {
    return {name, Check::Verdict::failed, finding, "fix it"};
}

Sight sight(const std::string& host, std::vector<Check> checks) {
    Sight result;
    result.facts.host.name = host;
    result.facts.nic_sources["bridge br0"] = true;
    result.checks = std::move(checks);
    return result;
}

GuestFacts guest() {
    GuestFacts facts;
    facts.ref = {"u", "web"};
    facts.host = "here";
    facts.emulator = "/usr/bin/qemu";
    facts.machine = "pc";
    facts.cpu_xml = "<cpu mode='custom'><model fallback='forbid'>Skylake-Server</model></cpu>";
    DiskFacts disk;
    disk.target = "vda";
    disk.source = "/srv/web.img";
    facts.disks = {disk};
    return facts;
}

}  // namespace

TEST_CASE("a guest needs what some host has not, and its networks") {
    auto without_bridge = sight("b", {failed("network"), failed("cpu")});
    without_bridge.facts.nic_sources["bridge br0"] = false;
    without_bridge.facts.nic_sources["network unknown"] = std::nullopt;
    const auto found =
        needs_of(guest(), {sight("a", {}), without_bridge, sight("c", {failed("disk vda")})});
    CHECK(found.unmovable.empty());
    CHECK(found.needs ==
          Names{"bridge br0", "network unknown", "cpu Skylake-Server", "storage /srv/web.img"});
    CHECK(found.lacks.at("a").empty());
    CHECK(found.lacks.at("b") == Names{"bridge br0", "cpu Skylake-Server"});
    CHECK(found.lacks.at("c") == Names{"storage /srv/web.img"});
}

TEST_CASE("what will be another answer in a moment is no need") {
    const auto found = needs_of(
        guest(),
        {sight("a", {failed("destination-memory"), failed("guest-idle"), failed("lease")})});
    CHECK(found.needs == Names{"bridge br0"});
    CHECK(found.lacks.at("a").empty());
}

TEST_CASE("a passed-through device keeps a guest where it is, whether or not a host was seen") {
    auto bound = guest();
    bound.host_devices = {"pci 0000:00:1f.2"};
    const auto with =
        needs_of(bound, {sight("a", {failed("devices", "passed-through devices: pci 1")})});
    CHECK(with.unmovable == "passed-through devices: pci 1");
    CHECK(needs_of(bound, {}).unmovable == "passed-through devices: pci 0000:00:1f.2");
}

TEST_CASE("the word for a processor") {
    CHECK(processor_need("<cpu mode='host-passthrough' check='none'/>") == "cpu host-passthrough");
    CHECK(processor_need("<cpu mode=\"host-model\"></cpu>") == "cpu host-model");
    CHECK(processor_need("<cpu mode='custom' match='exact'>\n  <model fallback='allow'>EPYC</model>"
                         "\n</cpu>") == "cpu EPYC");
    CHECK(processor_need("") == "cpu of its machine type");
}
