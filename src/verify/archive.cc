// SPDX-License-Identifier: GPL-2.0-or-later
#include "verify/archive.h"

#include <fmt/format.h>

#include <utility>

namespace vmigrate::verify {
namespace {

// of stat(2)
constexpr std::uint32_t kFolder = 0040755;
constexpr std::uint32_t kFile = 0100644;
constexpr std::uint32_t kExecutable = 0100755;
constexpr std::uint32_t kCharacterDevice = 0020600;

constexpr std::size_t kAlignment = 4;

}  // namespace

void Archive::add_folder(std::string_view name) {
    add(name, {kFolder, 2}, {});
}

void Archive::add_file(std::string_view name, std::string_view content, bool executable) {
    add(name, {executable ? kExecutable : kFile}, content);
}

void Archive::add_character_device(std::string_view name, std::uint32_t major,
                                   std::uint32_t minor) {
    add(name, {kCharacterDevice, 1, major, minor}, {});
}

std::string Archive::finish() {
    next_inode_ = 0;
    add("TRAILER!!!", {}, {});
    return std::move(bytes_);
}

void Archive::add(std::string_view name, const Entry& entry, std::string_view content) {
    // number, mode, owner, group, links, time, size, device, device of the node, length of the
    // name with its end, sum (none)
    bytes_ += fmt::format(
        "070701{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}",
        next_inode_++, entry.mode, 0, 0, entry.links, 0, content.size(), 0, 0, entry.major,
        entry.minor, name.size() + 1, 0);
    bytes_ += name;
    bytes_ += '\0';
    pad();
    bytes_ += content;
    pad();
}

void Archive::pad() {
    while (bytes_.size() % kAlignment != 0) {
        bytes_ += '\0';
    }
}

}  // namespace vmigrate::verify
