// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
#include <doctest/doctest.h>

#include "libvirt/domain_xml.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

const std::string kGuest =
    R"(<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>a &lt;b&gt; &amp; "c"</name>
  <uuid>9eeabda2-0590-4e97-a9ee-eab4e815c7c3</uuid>
  <maxMemory slots='4' unit='GiB'>4</maxMemory>
  <memory unit='KiB'>2097152</memory>
  <currentMemory unit='MiB'>1024</currentMemory>
  <vcpu placement='static' current='2'>4</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Haswell</model></cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none'/>
      <source file='/pool/a.qcow2'/>
      <backingStore type='file'><format type='raw'/><source file='/pool/base.raw'/></backingStore>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='block' device='disk'>
      <driver name='qemu' type='raw'/>
      <source dev='/dev/vg/data'/><target dev='vdb' bus='virtio'/><shareable/>
    </disk>
    <disk type='network' device='disk'>
      <source protocol='rbd' name='rbd/img'/><target dev='vdc' bus='virtio'/>
    </disk>
    <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
    <interface type='bridge'>
      <mac address='52:54:00:00:00:01'/><source bridge='br0'/>
      <virtualport type='openvswitch'><parameters interfaceid='an-id'/></virtualport>
    </interface>
    <interface type='network'>
      <mac address='52:54:00:00:00:02'/><source network='default'/>
    </interface>
    <graphics type='vnc' port='5900' autoport='yes' listen='10.0.0.1' passwd='secret'>
      <listen type='address' address='10.0.0.1'/>
    </graphics>
    <graphics type='spice' listen='127.0.0.1'><listen type='address' address='127.0.0.1'/></graphics>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source><address domain='0x0000' bus='0x3b' slot='0x00' function='0x1'/></source>
    </hostdev>
  </devices>
  <qemu:commandline><qemu:arg value='-global'/></qemu:commandline>
</domain>)";

}  // namespace

TEST_CASE("a description tells what planning needs") {
    const auto guest = read_domain_xml(kGuest);
    REQUIRE(guest);
    CHECK(guest->ref.name == "a <b> & \"c\"");
    CHECK(guest->ref.uuid == "9eeabda2-0590-4e97-a9ee-eab4e815c7c3");
    CHECK(guest->domain_type == "kvm");
    CHECK(guest->machine == "pc-q35-7.2");
    CHECK(guest->emulator == "/usr/bin/qemu-system-x86_64");
    CHECK(guest->memory == gibibytes(1));
    CHECK(guest->memory_max == gibibytes(4));
    CHECK(guest->vcpus == 2);
    CHECK(guest->cpu_xml.find("Haswell") != std::string::npos);
    CHECK(guest->xml == kGuest);
    CHECK(arch_in(kGuest) == "x86_64");
    CHECK(guest->host_devices == std::vector<std::string>{"pci 0000:3b:00.1"});
    CHECK(guest->graphics_listen == std::vector<std::string>{"10.0.0.1"});
}

TEST_CASE("disks and network cards are listed in order") {
    const auto guest = read_domain_xml(kGuest);
    REQUIRE(guest);
    REQUIRE(guest->disks.size() == 4);
    CHECK(guest->disks[0].target == "vda");
    CHECK(guest->disks[0].source == "/pool/a.qcow2");
    CHECK(guest->disks[0].format == "qcow2");
    CHECK(guest->disks[0].cache == "none");
    CHECK(!guest->disks[0].read_only);
    CHECK(guest->disks[1].source == "/dev/vg/data");
    CHECK(guest->disks[1].shareable);
    CHECK(guest->disks[2].source == "rbd:rbd/img");
    CHECK(guest->disks[3].source.empty());
    CHECK(guest->disks[3].removable);
    CHECK(guest->disks[3].read_only);
    REQUIRE(guest->nics.size() == 2);
    CHECK(guest->nics[0].type == "bridge");
    CHECK(guest->nics[0].source == "br0");
    CHECK(guest->nics[0].interface_id == "an-id");
    CHECK(guest->nics[1].interface_id.empty());
    CHECK(guest->nics[1].source == "default");
    CHECK(guest->nics[1].mac == "52:54:00:00:00:02");
}

TEST_CASE("memory defaults to what the guest boots with") {
    const auto guest = read_domain_xml("<domain><memory>1048576</memory><vcpu>3</vcpu></domain>");
    REQUIRE(guest);
    CHECK(guest->memory == gibibytes(1));
    CHECK(guest->memory_max == gibibytes(1));
    CHECK(guest->vcpus == 3);
}

TEST_CASE("what is no description is refused") {
    CHECK(!read_domain_xml(""));
    CHECK(!read_domain_xml("<network/>"));
    CHECK(!read_domain_xml("<domain><name>x"));
    CHECK(!adapt_domain_xml("no xml", {"/x", {}, ""}));
    CHECK(arch_in("").empty());
}

TEST_CASE("paths are mapped by whole components, the longest prefix first") {
    const PathMap map{{"/pool", "/data"}, {"/pool/fast/", "/nvme/"}, {"/x", "/"}};
    CHECK(map_path("/pool/a.img", map) == "/data/a.img");
    CHECK(map_path("/pool/fast/a.img", map) == "/nvme/a.img");
    CHECK(map_path("/pool/faster/a.img", map) == "/data/faster/a.img");
    CHECK(map_path("/pools/a.img", map) == "/pools/a.img");
    CHECK(map_path("/pool", map) == "/data");
    CHECK(map_path("/other", map) == "/other");
    CHECK(map_path("", map).empty());
}

TEST_CASE("a description is adapted only where the destination differs") {
    SUBCASE("nothing to do") {
        const auto same = adapt_domain_xml(
            kGuest, {"/usr/bin/qemu-system-x86_64", {{"/elsewhere", "/y"}}, "10.0.0.1"});
        REQUIRE(same);
        CHECK(!same->has_value());
        const auto empty = adapt_domain_xml(kGuest, {});
        REQUIRE(empty);
        CHECK(!empty->has_value());
    }
    SUBCASE("emulator, disks down to what they are based on, addresses of one interface") {
        const auto adapted = adapt_domain_xml(
            kGuest, {"/opt/qemu", {{"/pool", "/data"}, {"/dev/vg", "/dev/vg2"}}, "10.0.0.2"});
        REQUIRE(adapted);
        REQUIRE(adapted->has_value());
        const auto& xml = **adapted;
        const auto guest = read_domain_xml(xml);
        REQUIRE(guest);
        CHECK(guest->emulator == "/opt/qemu");
        CHECK(guest->disks[0].source == "/data/a.qcow2");
        CHECK(guest->disks[1].source == "/dev/vg2/data");
        CHECK(guest->disks[2].source == "rbd:rbd/img");
        CHECK(xml.find("/data/base.raw") != std::string::npos);
        CHECK(xml.find("10.0.0.1") == std::string::npos);
        CHECK(xml.find("127.0.0.1") != std::string::npos);
        CHECK(guest->graphics_listen == std::vector<std::string>{"10.0.0.2"});
        // and what has nothing to do with it stays
        CHECK(guest->ref.name == "a <b> & \"c\"");
        CHECK(xml.find("passwd=\"secret\"") != std::string::npos);
        CHECK(xml.find("qemu:arg value=\"-global\"") != std::string::npos);
        CHECK(xml.find("<?xml") == std::string::npos);
    }
}

TEST_CASE("what a guest's memory is on its host") {
    const auto guest = [](const std::string& backing) {
        return *read_domain_xml("<domain><memory>1024</memory>" + backing + "</domain>");
    };
    CHECK(guest("").backing == MemoryBacking::anonymous);
    CHECK(guest("").mergeable);
    CHECK(guest("<memoryBacking><nosharepages/></memoryBacking>").backing ==
          MemoryBacking::anonymous);
    CHECK(!guest("<memoryBacking><nosharepages/></memoryBacking>").mergeable);
    CHECK(guest("<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>")
              .backing == MemoryBacking::shared);
    CHECK(guest("<memoryBacking><access mode='private'/></memoryBacking>").backing ==
          MemoryBacking::anonymous);
    CHECK(guest("<memoryBacking><hugepages/><access mode='shared'/></memoryBacking>").backing ==
          MemoryBacking::huge_pages);
}
