// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include "orchestrator/choices.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace vmigrate;

namespace {

QemuFeatures stock() {
    QemuFeatures qemu;
    qemu.capabilities = {{"xbzrle", false}, {"multifd", false}};
    return qemu;
}

QemuFeatures patched() {
    auto qemu = stock();
    qemu.capabilities["lz4"] = false;
    return qemu;
}

/// Everything speaks for lz4: pages shrink, the link is slow, both hosts are idle and patched.
struct Case {
    Request request;
    GuestFacts guest;
    HostFacts source;
    DestinationFacts destination;
    MemoryFacts memory;
    BandwidthChoice bandwidth;

    Case() {
        guest.state = GuestState::running;
        guest.memory = gibibytes(1);
        guest.qemu = patched();
        source.name = "host1";
        source.idle_cpus = 2;
        destination.host.name = "host2";
        destination.host.idle_cpus = 2;
        destination.qemu = patched();
        memory.pages_sampled = 768;
        memory.compressed_share = 0.5;
        bandwidth.limit = bandwidth.expected = {100'000'000};
    }

    Chosen chosen() const {
        return choose_options(request, guest, source, destination, memory, bandwidth);
    }
    bool packs() const { return chosen().options.compression == Compression::lz4; }
    bool says(const char* part) const {
        const auto notes = chosen().notes;
        return std::ranges::any_of(notes, [part](const std::string& note) {
            return note.find(part) != std::string::npos;
        });
    }
};

}  // namespace

TEST_CASE("lz4 where the link is the bottleneck and pages shrink") {
    const Case c;
    CHECK(c.packs());
    CHECK(c.chosen().options.lz4_acceleration == 1);  // 200 MB/s is little for two processors
    CHECK(
        c.says("compression lz4, acceleration 1: pages shrink to 50 %, so 190.7 MiB/s of them "
               "instead of 95.4 MiB/s go over the link; that takes 0.4 of 2.0 idle processors"));
}

TEST_CASE("each missing condition leaves it off, with the reason") {
    const auto off = [](auto change, const char* reason) {
        Case c;
        change(c);
        CAPTURE(reason);
        CHECK(c.chosen().options.compression == Compression::off);
        CHECK(c.says(reason));
    };
    off([](Case& c) { c.memory.compressed_share = 0.8; }, "pages shrink to 80 %");
    off([](Case& c) { c.memory.pages_sampled = 0; }, "not sampled");
    off([](Case& c) { c.bandwidth = {}; }, "neither link nor history");
    off([](Case& c) { c.source.idle_cpus.reset(); }, "how busy the processors of host1");
    off([](Case& c) { c.destination.host.idle_cpus.reset(); }, "how busy the processors of host2");
    off([](Case& c) { c.source.idle_cpus = 0.1; }, "0.1 and 2.0 idle processors");
    off([](Case& c) { c.destination.host.idle_cpus = 0.02; }, "2.0 and 0.0 idle processors");
    // as fast as the processors: nothing to win
    off([](Case& c) { c.bandwidth.limit = c.bandwidth.expected = {1'000'000'000}; },
        "the link carries 953.7 MiB/s");
    off([](Case& c) { c.guest.qemu = stock(); }, "does not know lz4 on both hosts");
    off([](Case& c) { c.destination.qemu = stock(); }, "does not know lz4 on both hosts");
    off([](Case& c) { c.destination.qemu.reset(); }, "does not know lz4 on both hosts");
    off([](Case& c) { c.guest.qemu.reset(); }, "does not know lz4 on both hosts");
}

TEST_CASE("the better compression is for processors that have nothing else to do") {
    Case c;
    c.source.idle_cpus = c.destination.host.idle_cpus = 1;
    CHECK(c.packs());
    CHECK(c.chosen().options.lz4_acceleration == 8);
    c.request.options.lz4_acceleration = 3;
    c.request.options.asked.insert("lz4-acceleration");
    CHECK(c.chosen().options.lz4_acceleration == 3);
}

TEST_CASE("what was said stays as it is") {
    for (const auto method :
         {Compression::off, Compression::xbzrle, Compression::multithread, Compression::lz4}) {
        Case c;
        c.request.options.compression = method;
        CHECK(c.chosen().options.compression == method);
        CHECK(!c.says("compression"));
    }
}

TEST_CASE("a link that one stream does not fill gets several, if processors are idle for them") {
    Case c;
    c.bandwidth.limit = {10'000'000'000};
    c.bandwidth.expected = {1'200'000'000};  // what one stream did so far
    c.memory.compressed_share = 1;
    CHECK(c.chosen().options.parallel_connections == 0);
    c.source.idle_cpus = c.destination.host.idle_cpus = 32;
    CHECK(c.chosen().options.parallel_connections == 9);
    CHECK(c.chosen().options.compression == Compression::off);
    CHECK(c.says("9 connections"));
    REQUIRE(validate(c.chosen().options));

    auto again = c;
    again.request.options.asked.insert("parallel-connections");
    CHECK(again.chosen().options.parallel_connections == 0);
    again = c;
    again.request.options.postcopy = true;
    CHECK(again.chosen().options.parallel_connections == 0);
    again = c;
    again.guest.qemu->capabilities.erase("multifd");
    CHECK(again.chosen().options.parallel_connections == 0);
}

TEST_CASE("with parallel connections lz4 goes over them") {
    Case c;
    c.request.options.parallel_connections = 4;
    c.source.idle_cpus = c.destination.host.idle_cpus = 8;
    CHECK(c.packs());
    CHECK(c.chosen().options.parallel_connections == 4);
    CHECK(c.says("4 connections"));
}

TEST_CASE("a definition alone is not compressed") {
    Case c;
    c.request.offline = true;
    c.guest.state = GuestState::shut_off;
    CHECK(c.chosen().options.compression == Compression::off);
    CHECK(c.chosen().notes.empty());
}

TEST_CASE("the block size follows the guest's writes, in the stream only") {
    Case c;
    DiskFacts disk{.target = "vda", .type = "file", .source = "/pool/a.img"};
    c.guest.disks.push_back(disk);
    c.destination.disks.push_back({"vda", "/pool/a.img", DiskReach::missing, ""});
    const auto size = [&] { return c.chosen().options.mig_block_size; };
    CHECK(size() == kibibytes(64));
    CHECK(!c.says("mig-block-size"));  // libvirt copies it

    c.request.options.storage = StorageMode::copy_in_stream;
    CHECK(size() == kibibytes(64));
    CHECK(c.says("hardly written"));
    auto& facts = c.guest.disks.front();
    facts.writes = DiskWrites{1000, kibibytes(1000 * 20)};
    CHECK(size() == kibibytes(32));
    CHECK(c.says("20.0 KiB on average (1000 writes since its start)"));
    facts.recent = {100, kibibytes(100 * 8)};
    CHECK(size() == kibibytes(8));
    CHECK(c.says("while it was measured"));
    facts.recent = {15, kibibytes(15 * 4)};  // too few to tell
    CHECK(size() == kibibytes(32));
    facts.recent = {100, Bytes{100 * 512}};
    CHECK(size() == kibibytes(4));
    facts.recent = {100, mebibytes(400)};
    CHECK(size() == mebibytes(1));
    REQUIRE(set_option(c.request.options, "mig-block-size", "128KiB"));
    CHECK(size() == kibibytes(128));
}

TEST_CASE("more room for hot memory only where more is seen to be hot") {
    Case c;
    const auto percent = [&] { return c.chosen().options.ram_delay_save_percent; };
    CHECK(percent() == 30);
    c.memory.piece_window = milliseconds(700);
    const auto see = [&](int hot) {
        c.memory.pieces.assign(100, {16, 0});
        for (int i = 0; i < hot; ++i) {
            c.memory.pieces[static_cast<std::size_t>(i)].changed = 15;
        }
    };
    see(10);
    CHECK(percent() == 30);
    CHECK(c.says("100 % of the writes go to 10 % of the memory"));
    see(40);
    CHECK(percent() == 50);
    see(70);
    CHECK(percent() == 60);
    c.request.options.ram_delay_save_percent = 0;
    CHECK(percent() == 0);
    c.request.options.ram_delay_save_percent = 20;
    c.request.options.asked.insert("ram-delay-save-percent");
    CHECK(percent() == 20);
}

TEST_CASE("a short downtime limit for a guest that dirties little of what can be sent") {
    Case c;
    const auto limit = [&] { return c.chosen().options.downtime_limit; };
    CHECK(limit() == milliseconds(300));  // nobody knows what it dirties
    c.memory.dirty_rate = BytesPerSecond{10'000'000};
    CHECK(limit() == milliseconds(20));
    CHECK(c.says("downtime limit 20 ms: the guest dirties 9.5 MiB/s and 95.4 MiB/s can be sent"));
    CHECK(c.chosen().options.asked.empty());

    c.memory.dirty_rate = BytesPerSecond{25'000'000};
    CHECK(limit() == milliseconds(20));
    c.memory.dirty_rate = BytesPerSecond{25'000'001};
    CHECK(limit() == milliseconds(300));
    c.memory.dirty_rate = BytesPerSecond{};
    c.request.options.downtime_limit = milliseconds(10);  // as a default that is shorter
    CHECK(limit() == milliseconds(10));
    c.request.options.downtime_limit = milliseconds(100);
    c.request.options.asked.insert("downtime-limit");
    CHECK(limit() == milliseconds(100));
    c.request.options.asked.clear();
    c.guest.state = GuestState::paused;
    CHECK(limit() == milliseconds(100));
    c.guest.state = GuestState::running;
    c.bandwidth.expected = {};
    CHECK(limit() == milliseconds(100));
}
