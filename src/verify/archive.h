// SPDX-License-Identifier: GPL-2.0-or-later
//
// An archive of the kind that Linux unpacks as its initial memory file system ("newc"): the same
// content gives the same bytes. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vmigrate::verify {

class Archive {
  public:
    /// Names are paths without a leading slash; a folder comes before what is in it.
    void add_folder(std::string_view name);
    void add_file(std::string_view name, std::string_view content, bool executable = false);
    void add_character_device(std::string_view name, std::uint32_t major, std::uint32_t minor);

    /// The whole archive. REQUIRES: called once, last.
    std::string finish();

  private:
    struct Entry {
        std::uint32_t mode = 0;
        std::uint32_t links = 1;
        std::uint32_t major = 0;
        std::uint32_t minor = 0;
    };
    void add(std::string_view name, const Entry& entry, std::string_view content);
    void pad();

    std::uint32_t next_inode_ = 1;
    std::string bytes_;
};

}  // namespace vmigrate::verify
