// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include "orchestrator/qemu_choice.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace vmigrate;

namespace {

using Fate = QemuWish::Fate;

QemuFeatures stock() {
    QemuFeatures qemu;
    qemu.version = "7.2.22";
    qemu.capabilities = {{"xbzrle", false}, {"multifd", false}, {"block", false}};
    qemu.parameters = {{"multifd-compression", "\"none\""}, {"downtime-limit", "300"}};
    return qemu;
}

QemuFeatures patched() {
    auto qemu = stock();
    qemu.capabilities["lz4"] = false;
    qemu.capabilities["verify-ram"] = false;
    for (const auto* name : {"lz4-acceleration", "bypass-compression", "ram-save-max-wait",
                             "ram-delay-save-percent", "mig-block-size", "switchover-hold"}) {
        qemu.parameters[name] = "0";
    }
    return qemu;
}

/// A running guest of a patched QEMU, on its way to one.
struct Case {
    Request request;
    GuestFacts guest;
    DestinationFacts destination;

    Case() {
        guest.state = GuestState::running;
        guest.qemu = patched();
        destination.qemu = patched();
    }

    /// As configuration and command line do.
    void ask(const char* key, const char* value) {
        REQUIRE(set_option(request.options, key, value));
    }
    QemuChoice choice() const { return choose_qemu(request, guest, destination); }
    const QemuWish wish(const std::string& key) const {
        for (const auto& wish : choice().wishes) {
            if (wish.key == key) {
                return wish;
            }
        }
        return {.key = "none"};
    }
    Check check() const { return check_qemu(choice()); }
    bool needs_destination() const { return needs_destination_qemu(request, guest); }
};

bool has(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the defaults use what needs nothing of the destination, and do not ask it") {
    Case c;
    c.request.options.measure = false;  // nothing is compressed without knowing what
    CHECK(!c.needs_destination());
    c.destination.qemu.reset();
    const auto choice = c.choice();
    CHECK(choice.settings.capabilities.empty());
    CHECK(choice.settings.parameters ==
          std::map<std::string, std::string>{{"ram-delay-save-percent", "30"}});
    CHECK(c.wish("ram-delay-save-percent").fate == Fate::used);
    CHECK(c.check().verdict == Check::Verdict::passed);
}

TEST_CASE("a stock QEMU gets nothing; what was only a default is left out in words") {
    Case c;
    c.guest.qemu = stock();
    const auto choice = c.choice();
    CHECK(choice.settings.capabilities.empty());
    CHECK(choice.settings.parameters.empty());
    const auto wish = c.wish("ram-delay-save-percent");
    CHECK(wish.fate == Fate::unknown_to_source);
    CHECK(!wish.asked);
    CHECK(has(wish.reason, "source's QEMU does not know it: "));
    CHECK(c.check().verdict == Check::Verdict::passed);
    c.guest.qemu.reset();
    CHECK(has(c.wish("ram-delay-save-percent").reason, "does not say"));
    CHECK(c.check().verdict == Check::Verdict::passed);
}

TEST_CASE("what was asked for and is not known to the source is refused") {
    Case c;
    c.guest.qemu = stock();
    c.ask("ram-delay-save-percent", "20");
    CHECK(!c.needs_destination());
    const auto check = c.check();
    CHECK(check.verdict == Check::Verdict::failed);
    CHECK(has(check.finding, "ram-delay-save-percent=20: the source's QEMU does not know"));
    CHECK(has(check.fix, "leave out ram-delay-save-percent"));
    c.ask("ram-delay-save-percent", "0");
    CHECK(c.check().verdict == Check::Verdict::passed);
}

TEST_CASE("lz4: the capability, or the method of parallel connections, never both") {
    Case c;
    c.ask("compression", "lz4");
    CHECK(c.needs_destination());
    auto settings = c.choice().settings;
    CHECK(settings.capabilities == std::map<std::string, bool>{{"lz4", true}});
    CHECK(settings.parameters.at("lz4-acceleration") == "8");
    CHECK(settings.parameters.at("bypass-compression") == "true");
    CHECK(!settings.parameters.contains("multifd-compression"));

    c.ask("parallel-connections", "4");
    REQUIRE(validate(c.request.options));
    c.guest.qemu->capabilities["lz4"] = true;
    settings = c.choice().settings;
    CHECK(settings.capabilities == std::map<std::string, bool>{{"lz4", false}});
    CHECK(settings.parameters.at("multifd-compression") == "\"lz4\"");
    CHECK(has(c.wish("compression").reason, "on 4 connections"));
}

TEST_CASE("lz4 with a destination that does not know it: refused, or left out as a default") {
    for (const bool known_to_be_stock : {true, false}) {
        Case c;
        if (known_to_be_stock) {
            c.destination.qemu = stock();
        } else {
            c.destination.qemu.reset();
            c.destination.qemu_detail = "no answer";
        }
        c.ask("compression", "lz4");
        CHECK(c.wish("compression").fate == Fate::unknown_to_destination);
        CHECK(c.check().verdict == Check::Verdict::failed);
        CHECK(has(c.check().finding, known_to_be_stock ? "does not know lz4" : "no answer"));
        c.request.options.asked.clear();
        const auto choice = c.choice();
        CHECK(!choice.settings.capabilities.contains("lz4"));
        CHECK(!choice.settings.parameters.contains("lz4-acceleration"));
        CHECK(has(c.wish("compression").reason, ": pages are sent as they are"));
        CHECK(c.check().verdict == Check::Verdict::passed);
    }
}

TEST_CASE("what an unused setting belongs to is said to who asked for it, and is no failure") {
    Case c;
    CHECK(c.wish("lz4-acceleration").key == "none");
    c.ask("lz4-acceleration", "2");
    c.ask("mig-block-size", "4KiB");
    CHECK(c.wish("lz4-acceleration").fate == Fate::idle);
    CHECK(c.wish("mig-block-size").fate == Fate::idle);
    CHECK(!c.choice().settings.parameters.contains("lz4-acceleration"));
    c.request.options.measure = false;
    CHECK(!c.needs_destination());
    CHECK(c.check().verdict == Check::Verdict::passed);
}

TEST_CASE("disks in the stream take a patched QEMU on both sides") {
    Case c;
    c.guest.disks.push_back({.target = "vda", .type = "file", .source = "/pool/a.img"});
    c.destination.disks.push_back({"vda", "/pool/a.img", DiskReach::missing, ""});
    c.ask("storage", "copy-in-stream");
    CHECK(c.needs_destination());
    CHECK(!c.choice().settings.parameters.contains("mig-block-size"));  // not chosen yet
    c.request.options.mig_block_size = kibibytes(64);
    const auto settings = c.choice().settings;
    CHECK(settings.capabilities == std::map<std::string, bool>{{"block", true}});
    CHECK(settings.parameters.at("mig-block-size") == "65536");
    CHECK(settings.parameters.at("ram-save-max-wait") == "50");
    CHECK(c.check().verdict == Check::Verdict::passed);

    c.destination.qemu = stock();
    CHECK(c.check().verdict == Check::Verdict::failed);
    CHECK(has(c.check().finding, "storage=copy-in-stream: the destination's QEMU"));
    CHECK(!c.choice().settings.parameters.contains("mig-block-size"));
    CHECK(!c.choice().settings.capabilities.contains("block"));
    // even if it were a default: nobody else would copy them
    c.request.options.asked.clear();
    CHECK(c.check().verdict == Check::Verdict::failed);

    // nothing to copy, nothing to set
    c.destination.disks.front().reach = DiskReach::shared;
    CHECK(c.choice().settings.capabilities.empty());
    CHECK(c.check().verdict == Check::Verdict::passed);
}

TEST_CASE("a destination is asked when compression may be chosen, and only then") {
    Case c;
    CHECK(c.needs_destination());
    c.request.options.measure = false;
    CHECK(!c.needs_destination());
    c.request.options.measure = true;
    c.guest.qemu = stock();
    CHECK(!c.needs_destination());
    c.guest.qemu = patched();
    c.ask("compression", "off");
    CHECK(!c.needs_destination());
    // "auto" itself is no wish: nothing is refused for it
    c.ask("compression", "auto");
    c.destination.qemu = stock();
    CHECK(c.check().verdict == Check::Verdict::passed);
    CHECK(c.wish("compression").key == "none");
}

TEST_CASE("verify-ram is set only where the destination takes it") {
    Case c;
    c.ask("verify-ram", "yes");
    CHECK(c.needs_destination());
    CHECK(c.choice().settings.capabilities == std::map<std::string, bool>{{"verify-ram", true}});
    c.destination.qemu = stock();
    CHECK(c.choice().settings.capabilities.empty());
    CHECK(c.check().verdict == Check::Verdict::failed);
}

TEST_CASE("what somebody left on does not go along with a plain migration") {
    Case c;
    c.guest.qemu->capabilities["lz4"] = true;
    c.guest.qemu->capabilities["verify-ram"] = true;
    c.guest.qemu->capabilities["block"] = true;
    c.guest.qemu->parameters["multifd-compression"] = "\"lz4\"";
    const auto settings = c.choice().settings;
    CHECK(settings.capabilities ==
          std::map<std::string, bool>{{"block", false}, {"lz4", false}, {"verify-ram", false}});
    CHECK(settings.parameters.at("multifd-compression") == "\"none\"");
}

TEST_CASE("a guest without QEMU needs and gets nothing") {
    Case c;
    c.ask("compression", "lz4");
    c.guest.state = GuestState::shut_off;
    CHECK(!c.needs_destination());
    CHECK(c.choice().wishes.empty());
    c.guest.state = GuestState::running;
    c.request.offline = true;
    CHECK(!c.needs_destination());
    CHECK(c.choice().settings.capabilities.empty());
}

TEST_CASE("extras are what a stock QEMU has not") {
    CHECK(extras_of(stock()).empty());
    const auto extras = extras_of(patched());
    CHECK(extras.size() == 8);
    CHECK(std::ranges::count(extras, "lz4") == 1);
}

TEST_CASE("libvirt is not told of lz4, and a plan has what QEMU gets") {
    Case c;
    c.ask("compression", "lz4");
    const auto plan = make_plan(c.request, c.guest, {}, c.destination, {}, {}, ClearText::allow);
    CHECK(plan.call.compression == Compression::off);
    CHECK(plan.call.qemu.capabilities.at("lz4"));
    CHECK(plan.qemu.front().key == "compression");
}
