// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/verify_image.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "verify/archive.h"

namespace vmigrate::cli {
namespace {

namespace fs = std::filesystem;

/// In the order in which they are loaded; what the kernel has built in is not there.
constexpr std::array kModules = {"drivers/virtio/virtio_ring",
                                 "drivers/virtio/virtio",
                                 "drivers/virtio/virtio_pci_modern_dev",
                                 "drivers/virtio/virtio_pci_legacy_dev",
                                 "drivers/virtio/virtio_pci",
                                 "net/core/failover",
                                 "drivers/net/net_failover",
                                 "drivers/net/virtio_net",
                                 "drivers/block/virtio_blk",
                                 "drivers/virtio/virtio_balloon"};

constexpr const char* kDescription = R"(<domain type='kvm'>
  <name>checker</name>
  <memory unit='MiB'>256</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64'>hvm</type>
    <kernel>{0}/vmlinuz</kernel>
    <initrd>{0}/initramfs</initrd>
    <cmdline>console=ttyS0 quiet load.report=1 load.disk-fill=1</cmdline>
  </os>
  <features><acpi/><apic/></features>
  <devices>
    <serial type='pty'><target port='0'/></serial>
    <!-- All of them are overwritten, by default the first 64 MiB:
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none' discard='unmap'/>
      <source file='/path/to/checker.raw'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    -->
  </devices>
</domain>
)";

Result<std::string> contents(const fs::path& path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file.is_open() || text.empty()) {
        return fail(ErrorKind::usage,
                    fmt::format("{}: {}", quoted(path.string()),
                                errno != 0 ? std::strerror(errno) : "nothing to read there"));
    }
    return text;
}

Result<void> write(const fs::path& path, const std::string& text) {
    errno = 0;
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file) {
        return fail(ErrorKind::storage, fmt::format("cannot write {}: {}", quoted(path.string()),
                                                    std::strerror(errno)));
    }
    return {};
}

std::string running_kernel() {
    utsname name{};
    uname(&name);
    return name.release;
}

/// Beside this program where it was built, else where it is installed.
Result<std::string> verifier() {
    std::error_code ignored;
    const auto self = fs::read_symlink("/proc/self/exe", ignored);
    const auto built = self.parent_path() / "vmigrate-verifier";
    return contents(fs::exists(built, ignored) ? built
                                               : fs::path(VMIGRATE_LIBEXEC) / "vmigrate-verifier");
}

/// Nothing: the kernel has it built in.
Result<std::optional<std::string>> module(const fs::path& folder, const std::string& name) {
    std::error_code ignored;
    for (const auto* below : {"kernel", "."}) {
        const auto path = folder / below / (name + ".ko");
        if (fs::exists(path, ignored)) {
            const auto text = contents(path);
            return text ? Result<std::optional<std::string>>(*text) : fail(text.error());
        }
    }
    std::ifstream built_in(folder / "modules.builtin");
    for (std::string line; std::getline(built_in, line);) {
        if (line == "kernel/" + name + ".ko") {
            return std::optional<std::string>();
        }
    }
    return fail(ErrorKind::usage,
                fmt::format("{} has no {}.ko, neither built in nor as a file (it must not be "
                            "compressed); name another kernel by --kernel and --modules",
                            quoted(folder.string()), name));
}

Result<std::string> initramfs(const fs::path& modules) {
    verify::Archive archive;
    archive.add_folder("dev");
    archive.add_character_device("dev/console", 5, 1);  // for what is printed before /dev is made
    archive.add_folder("modules");
    const auto program = verifier();
    if (!program) {
        return fail(program.error());
    }
    archive.add_file("init", *program, true);
    unsigned number = 10;
    for (const std::string name : kModules) {
        const auto text = module(modules, name);
        if (!text) {
            return fail(text.error());
        }
        if (*text) {
            const auto file = name.substr(name.rfind('/') + 1);
            archive.add_file(fmt::format("modules/{}-{}.ko", number, file), **text);
        }
        ++number;
    }
    return archive.finish();
}

}  // namespace

Result<void> make_image(const ImageRequest& request) {
    const auto kernel = contents(request.kernel.value_or("/boot/vmlinuz-" + running_kernel()));
    if (!kernel) {
        return fail(kernel.error());
    }
    const auto archive = initramfs(request.modules.value_or("/lib/modules/" + running_kernel()));
    if (!archive) {
        return fail(archive.error());
    }
    std::error_code error;
    fs::create_directories(request.folder, error);
    if (error) {
        return fail(ErrorKind::storage,
                    fmt::format("cannot make {}: {}", quoted(request.folder), error.message()));
    }
    const auto folder = fs::absolute(request.folder).lexically_normal();
    const std::array<std::pair<const char*, std::string>, 3> files = {
        {{"vmlinuz", *kernel},
         {"initramfs", *archive},
         {"guest.xml", fmt::format(kDescription, folder.string())}}};
    for (const auto& [name, text] : files) {
        if (auto written = write(folder / name, text); !written) {
            return written;
        }
    }
    return {};
}

}  // namespace vmigrate::cli
