// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
#include "libvirt/probe.h"

#include <doctest/doctest.h>

#include <utility>

#include "libvirt/domain_xml.h"
#include "libvirt/survey.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

class OneAnswer final : public EmulatorMemory {
  public:
    explicit OneAnswer(std::string emulator) : emulator_(std::move(emulator)) {}
    std::optional<QemuFeatures> recall(const EmulatorKey& key) override {
        if (key.emulator != emulator_) {
            return std::nullopt;
        }
        QemuFeatures features;
        features.version = "remembered";
        return features;
    }
    void keep(const EmulatorKey& /*key*/, const QemuFeatures& /*answer*/) override { ++kept; }

    int kept = 0;

  private:
    std::string emulator_;
};

}  // namespace

TEST_CASE("the guest that is asked is like the one to come, and has nothing") {
    const auto xml = probe_xml({"/q/<&>", "kvm", "x86_64", "pc-q35-7.2"}, "vmigrate-probe-1");
    const auto facts = read_domain_xml(xml);
    REQUIRE(facts);
    CHECK(facts->ref.name == "vmigrate-probe-1");
    CHECK(facts->emulator == "/q/<&>");
    CHECK(facts->domain_type == "kvm");
    CHECK(facts->machine == "pc-q35-7.2");
    CHECK(arch_in(xml) == "x86_64");
    CHECK(facts->disks.empty());
    CHECK(facts->nics.empty());
    CHECK(facts->memory <= mebibytes(16));
}

TEST_CASE("a host that cannot start it says why, and keeps nothing") {
    const EventLoop loop;
    HostAccess host;
    host.name = "a";
    host.uri = "test:///default";
    const auto answer = probe_emulator(host, {"/q", "kvm", "x86_64", "pc"}, nullptr);
    REQUIRE(!answer);
    CHECK(!answer.error().message.empty());
    const auto session = Session::open(host);
    REQUIRE(session);
    const auto guests = list_guests(**session);
    REQUIRE(guests);
    CHECK(guests->size() == 1);
    host.uri = "test:///no/such/file";
    CHECK(!probe_emulator(host, {"/q", "kvm", "x86_64", "pc"}, nullptr));
}

TEST_CASE("an emulator that has answered to another process is not started again") {
    const EventLoop loop;
    HostAccess host;
    host.name = "b";
    host.uri = "test:///no/such/file";  // nobody could be asked
    OneAnswer memory("/known");
    const auto answer = probe_emulator(host, {"/known", "kvm", "x86_64", "pc"}, &memory);
    REQUIRE(answer);
    CHECK(answer->version == "remembered");
    CHECK(!probe_emulator(host, {"/unknown", "kvm", "x86_64", "pc"}, &memory));
    CHECK(memory.kept == 0);
}
