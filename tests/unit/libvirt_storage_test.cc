// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
#include <doctest/doctest.h>

#include "libvirt/disk_reach.h"
#include "libvirt/volumes.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

VolumeIdentity file(std::string modified, std::string changed, std::uint64_t capacity = 100) {
    return {"file", "/p/x", capacity, std::move(modified), std::move(changed)};
}

}  // namespace

TEST_CASE("a path is a folder and a file in it") {
    CHECK(folder_of("/a/b/c.img") == "/a/b");
    CHECK(file_of("/a/b/c.img") == "c.img");
    CHECK(folder_of("/c.img") == "/");
    CHECK(file_of("/c.img") == "c.img");
    for (const auto* none : {"", "c.img", "a/c.img", "/a/", "/"}) {
        CHECK(folder_of(none).empty());
        CHECK(file_of(none).empty());
    }
}

TEST_CASE("a new volume is sparse, of the disk's format and full size") {
    const auto xml = volume_xml({"vda", "/a/x", "/b/it's <x>.img", "qcow2", gibibytes(3)});
    CHECK(xml.find("<name>it's &lt;x&gt;.img</name>") != std::string::npos);
    CHECK(xml.find("<capacity unit=\"bytes\">3221225472</capacity>") != std::string::npos);
    CHECK(xml.find("<allocation unit=\"bytes\">0</allocation>") != std::string::npos);
    CHECK(xml.find("<format type=\"qcow2\"") != std::string::npos);
}

TEST_CASE("libvirt's description of a volume is read") {
    const auto volume = read_volume_xml(R"(<volume type='file'><name>x</name><key>/p/x</key>
        <capacity unit='bytes'>1048576</capacity><target><path>/p/x</path><timestamps>
        <mtime>1795298111.296096698</mtime><ctime>1795298112.297883076</ctime>
        </timestamps></target></volume>)");
    CHECK(volume.type == "file");
    CHECK(volume.key == "/p/x");
    CHECK(volume.capacity == 1048576);
    CHECK(volume.modified == "1795298111.296096698");
    CHECK(volume.changed == "1795298112.297883076");
    CHECK(read_volume_xml("nonsense").modified.empty());
}

TEST_CASE("files are the same if their times agree to the nanosecond") {
    const auto here = file("10.000000005", "11.000000007");
    CHECK(is_same_volume(here, here, here));
    CHECK(!is_same_volume(here, file("10.000000006", "11.000000007"), here));
    CHECK(!is_same_volume(here, file("10.000000005", "11.000000008"), here));
    CHECK(!is_same_volume(here, file("10.000000005", "11.000000007", 99), here));
    CHECK(!is_same_volume(file("", ""), file("", ""), file("", "")));
}

TEST_CASE("a file that is written to meanwhile is bracketed") {
    const auto before = file("10.000000005", "10.000000005");
    const auto after = file("10.000000900", "10.000000900");
    CHECK(is_same_volume(before, file("10.000000100", "10.000000100"), after));
    CHECK(!is_same_volume(before, file("9.999999999", "10.000000100"), after));
    CHECK(!is_same_volume(before, file("10.000000901", "10.000000901"), after));
}

TEST_CASE("block devices are the same if their unique keys agree") {
    const VolumeIdentity lun{"block", "3600c0ff000", 100, "1.1", "1.1"};
    auto there = lun;
    there.modified = "2.2";
    CHECK(is_same_volume(lun, there, lun));
    there.key = "3600c0ff001";
    CHECK(!is_same_volume(lun, there, lun));
    const VolumeIdentity by_path{"block", "/dev/sda", 100, "1.1", "1.1"};
    CHECK(!is_same_volume(by_path, by_path, by_path));
}

TEST_CASE("shared folders hold what is below them") {
    CHECK(lies_under("/shared/a", {"/x", "/shared"}));
    CHECK(lies_under("/shared/a/b", {"/shared/"}));
    CHECK(lies_under("/shared", {"/shared"}));
    CHECK(!lies_under("/shared2/a", {"/shared"}));
    CHECK(!lies_under("/shared/a", {}));
}
