// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/domain_xml.h"

#include <fmt/format.h>

#include <array>
#include <pugixml.hpp>
#include <sstream>
#include <string_view>

namespace vmigrate::libvirt {
namespace {

// As libvirt's scaled integers; the default is what the element's own default is.
Bytes scaled(pugi::xml_node node, std::string_view default_unit) {
    const std::string_view given = node.attribute("unit").value();
    const std::string_view unit = given.empty() ? default_unit : given;
    const std::uint64_t number = node.text().as_ullong();
    struct Unit {
        std::string_view name;
        std::uint64_t factor;
    };
    static constexpr std::array kUnits{
        Unit{"b", 1},         Unit{"bytes", 1},       Unit{"KB", 1000},
        Unit{"k", 1U << 10U}, Unit{"KiB", 1U << 10U}, Unit{"MB", 1000000},
        Unit{"M", 1U << 20U}, Unit{"MiB", 1U << 20U}, Unit{"GB", 1000000000},
        Unit{"G", 1U << 30U}, Unit{"GiB", 1U << 30U}, Unit{"TiB", 1ULL << 40U},
    };
    for (const auto& known : kUnits) {
        if (unit == known.name) {
            return {number * known.factor};
        }
    }
    return {number};
}

// The attribute of <source> that names where a disk of this type lives.
const char* path_attribute(std::string_view disk_type) {
    if (disk_type == "file") {
        return "file";
    }
    if (disk_type == "block") {
        return "dev";
    }
    if (disk_type == "dir") {
        return "dir";
    }
    return "";
}

std::string disk_source(pugi::xml_node disk) {
    const std::string_view type = disk.attribute("type").value();
    const auto source = disk.child("source");
    if (type == "network") {
        return fmt::format("{}:{}", source.attribute("protocol").value(),
                           source.attribute("name").value());
    }
    if (type == "volume") {
        return fmt::format("{}/{}", source.attribute("pool").value(),
                           source.attribute("volume").value());
    }
    return source.attribute(path_attribute(type)).value();
}

DiskFacts read_disk(pugi::xml_node disk) {
    DiskFacts facts;
    const std::string_view device = disk.attribute("device").value();
    facts.target = disk.child("target").attribute("dev").value();
    facts.type = disk.attribute("type").value();
    facts.source = disk_source(disk);
    facts.format = disk.child("driver").attribute("type").value();
    facts.cache = disk.child("driver").attribute("cache").value();
    facts.read_only = disk.child("readonly") != nullptr || device == "cdrom";
    facts.shareable = disk.child("shareable") != nullptr;
    facts.removable = device == "cdrom" || device == "floppy";
    return facts;
}

NicFacts read_nic(pugi::xml_node interface) {
    NicFacts facts;
    facts.type = interface.attribute("type").value();
    const auto source = interface.child("source");
    if (facts.type == "bridge" || facts.type == "network") {
        facts.source = source.attribute(facts.type.c_str()).value();
    } else if (facts.type == "direct") {
        facts.source = source.attribute("dev").value();
    }
    facts.mac = interface.child("mac").attribute("address").value();
    facts.interface_id =
        interface.child("virtualport").child("parameters").attribute("interfaceid").value();
    if (facts.type == "bridge" || facts.type == "network" || facts.type == "ethernet") {
        facts.tap = interface.child("target").attribute("dev").value();
    }
    return facts;
}

std::string describe_host_device(pugi::xml_node hostdev) {
    const auto address = hostdev.child("source").child("address");
    std::string text = hostdev.attribute("type").value();
    if (text.empty()) {
        text = hostdev.name();
    }
    if (address.attribute("uuid") != nullptr) {
        return fmt::format("{} {}", text, address.attribute("uuid").value());
    }
    if (address.attribute("domain") != nullptr) {
        return fmt::format("{} {:04x}:{:02x}:{:02x}.{:x}", text,
                           address.attribute("domain").as_uint(),
                           address.attribute("bus").as_uint(), address.attribute("slot").as_uint(),
                           address.attribute("function").as_uint());
    }
    return text;
}

bool is_one_interface(std::string_view address) {
    return !address.empty() && address != "0.0.0.0" && address != "::" && address != "localhost" &&
           address != "::1" && !address.starts_with("127.");
}

std::vector<std::string> listen_addresses(pugi::xml_node devices) {
    std::vector<std::string> addresses;
    for (const auto graphics : devices.children("graphics")) {
        std::string_view address = graphics.attribute("listen").value();
        if (address.empty()) {
            address = graphics.child("listen").attribute("address").value();
        }
        if (is_one_interface(address)) {
            addresses.emplace_back(address);
        }
    }
    return addresses;
}

std::string as_text(pugi::xml_node node) {
    if (node == nullptr) {
        return {};
    }
    std::ostringstream out;
    node.print(out, "  ");
    return out.str();
}

Result<pugi::xml_node> load(pugi::xml_document& document, const std::string& xml) {
    const auto parsed =
        document.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_comments);
    const auto domain = document.child("domain");
    if (!parsed || domain == nullptr) {
        return fail(ErrorKind::hypervisor,
                    fmt::format("not a description of a guest: {}",
                                parsed ? "no <domain> element" : parsed.description()));
    }
    return domain;
}

bool set_attribute(pugi::xml_attribute attribute, const std::string& value) {
    if (attribute == nullptr || attribute.value() == value) {
        return false;
    }
    attribute.set_value(value.c_str());
    return true;
}

bool adapt_emulator(pugi::xml_node devices, const std::string& emulator) {
    auto node = devices.child("emulator");
    if (emulator.empty() || node.text().get() == emulator) {
        return false;
    }
    if (node == nullptr) {
        node = devices.prepend_child("emulator");
    }
    node.text().set(emulator.c_str());
    return true;
}

bool adapt_disks(pugi::xml_node devices, const PathMap& map) {
    bool changed = false;
    for (const auto disk : devices.children("disk")) {
        // an image and what it is based on, down the chain
        auto layer = disk;
        while (layer != nullptr) {
            const auto path =
                layer.child("source").attribute(path_attribute(layer.attribute("type").value()));
            changed |= set_attribute(path, map_path(path.value(), map));
            layer = layer.child("backingStore");
        }
    }
    return changed;
}

bool adapt_graphics(pugi::xml_node devices, const std::string& listen) {
    if (listen.empty()) {
        return false;
    }
    bool changed = false;
    for (const auto graphics : devices.children("graphics")) {
        if (is_one_interface(graphics.attribute("listen").value())) {
            changed |= set_attribute(graphics.attribute("listen"), listen);
        }
        for (const auto child : graphics.children("listen")) {
            if (is_one_interface(child.attribute("address").value())) {
                changed |= set_attribute(child.attribute("address"), listen);
            }
        }
    }
    return changed;
}

MemoryBacking backing_of(pugi::xml_node domain) {
    const auto backing = domain.child("memoryBacking");
    if (backing.child("hugepages") != nullptr) {
        return MemoryBacking::huge_pages;
    }
    const std::string_view access = backing.child("access").attribute("mode").value();
    return access == "shared" ? MemoryBacking::shared : MemoryBacking::anonymous;
}

}  // namespace

Result<GuestFacts> read_domain_xml(const std::string& xml) {
    pugi::xml_document document;
    const auto loaded = load(document, xml);
    if (!loaded) {
        return fail(loaded.error());
    }
    const auto domain = *loaded;
    const auto devices = domain.child("devices");

    GuestFacts facts;
    facts.xml = xml;
    facts.ref = {domain.child("uuid").text().get(), domain.child("name").text().get()};
    facts.domain_type = domain.attribute("type").value();
    facts.machine = domain.child("os").child("type").attribute("machine").value();
    facts.emulator = devices.child("emulator").text().get();
    facts.cpu_xml = as_text(domain.child("cpu"));
    facts.memory_max = scaled(domain.child("memory"), "KiB");
    facts.memory = domain.child("currentMemory") != nullptr
                       ? scaled(domain.child("currentMemory"), "KiB")
                       : facts.memory_max;
    if (const auto hotplug = domain.child("maxMemory"); hotplug != nullptr) {
        facts.memory_max = scaled(hotplug, "KiB");
    }
    facts.backing = backing_of(domain);
    facts.mergeable = domain.child("memoryBacking").child("nosharepages") == nullptr;
    const auto vcpu = domain.child("vcpu");
    facts.vcpus = vcpu.attribute("current").as_uint(vcpu.text().as_uint());
    for (const auto disk : devices.children("disk")) {
        facts.disks.push_back(read_disk(disk));
    }
    for (const auto interface : devices.children("interface")) {
        facts.nics.push_back(read_nic(interface));
        if (std::string_view(interface.attribute("type").value()) == "hostdev") {
            facts.host_devices.push_back(describe_host_device(interface));
        }
    }
    for (const auto hostdev : devices.children("hostdev")) {
        facts.host_devices.push_back(describe_host_device(hostdev));
    }
    facts.graphics_listen = listen_addresses(devices);
    return facts;
}

std::string arch_in(const std::string& domain_xml) {
    pugi::xml_document document;
    const auto domain = load(document, domain_xml);
    return domain ? domain->child("os").child("type").attribute("arch").value() : "";
}

std::string map_path(const std::string& path, const PathMap& map) {
    const std::pair<std::string, std::string>* best = nullptr;
    for (const auto& entry : map) {
        std::string_view prefix = entry.first;
        while (prefix.size() > 1 && prefix.ends_with('/')) {
            prefix.remove_suffix(1);
        }
        const bool matches = !prefix.empty() && path.starts_with(prefix) &&
                             (path.size() == prefix.size() || path[prefix.size()] == '/');
        if (matches && (best == nullptr || entry.first.size() > best->first.size())) {
            best = &entry;
        }
    }
    if (best == nullptr) {
        return path;
    }
    const auto stripped = [](std::string text) {
        while (text.size() > 1 && text.ends_with('/')) {
            text.pop_back();
        }
        return text;
    };
    return stripped(best->second) + path.substr(stripped(best->first).size());
}

Result<std::optional<std::string>> adapt_domain_xml(const std::string& xml,
                                                    const Adaptation& adaptation) {
    pugi::xml_document document;
    const auto domain = load(document, xml);
    if (!domain) {
        return fail(domain.error());
    }
    const auto devices = domain->child("devices");
    bool changed = adapt_emulator(devices, adaptation.emulator);
    changed |= adapt_disks(devices, adaptation.path_map);
    changed |= adapt_graphics(devices, adaptation.graphics_listen);
    if (!changed) {
        return std::optional<std::string>();
    }
    std::ostringstream out;
    document.save(out, "  ", pugi::format_default | pugi::format_no_declaration);
    return std::optional<std::string>(out.str());
}

}  // namespace vmigrate::libvirt
