// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include <doctest/doctest.h>

#include <algorithm>

#include "orchestrator/plan.h"
#include "orchestrator/storage_plan.h"

using namespace vmigrate;

namespace {

/// A guest and a destination with which everything is fine.
struct Case {
    Request request;
    GuestFacts guest;
    HostFacts source;
    DestinationFacts destination;
    ClearText clear_text = ClearText::allow;

    Case() {
        guest.ref = {"11111111-2222-3333-4444-555555555555", "web"};
        guest.state = GuestState::running;
        guest.persistent = true;
        guest.memory = gibibytes(1);
        guest.disks.push_back({.target = "vda",
                               .type = "file",
                               .source = "/pool/web.img",
                               .format = "raw",
                               .cache = "none",
                               .capacity = gibibytes(10)});
        source = {.name = "host1",
                  .uuid = "a",
                  .hypervisor = "QEMU",
                  .arch = "x86_64",
                  .libvirt_version = 9'000'000,
                  .qemu_version = 7'002'022};
        destination.host = source;
        destination.host.name = "host2";
        destination.host.uuid = "b";
        destination.host.memory_total = gibibytes(8);
        destination.host.memory_free = gibibytes(4);
        destination.emulator_works = true;
        destination.cpu = CpuFit::same;
        destination.cpu_detail = "same model";
        destination.disks.push_back({"vda", "/pool/web.img", DiskReach::shared, ""});
    }

    std::vector<std::string> failed() const {
        std::vector<std::string> names;
        for (const auto& check : preflight(request, guest, source, destination, clear_text)) {
            if (check.verdict == Check::Verdict::failed) {
                CHECK(!check.fix.empty());
                CHECK(!check.finding.empty());
                names.push_back(check.name);
            }
        }
        return names;
    }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a sound guest passes every check") {
    CHECK(Case().failed().empty());
}

TEST_CASE("each fault fails its own check and no other") {
    const auto with = [](auto change) {
        Case c;
        change(c);
        return c.failed();
    };
    CHECK(with([](Case& c) { c.guest.state = GuestState::shut_off; }) == Names{"guest-state"});
    CHECK(with([](Case& c) { c.request.offline = true; }) == Names{"guest-state"});
    CHECK(with([](Case& c) { c.guest.job_active = true; }) == Names{"guest-idle"});
    CHECK(with([](Case& c) { c.destination.host.uuid = "a"; }) == Names{"other-host"});
    CHECK(with([](Case& c) { c.destination.host.hypervisor = "Xen"; }) == Names{"hypervisor-type"});
    CHECK(with([](Case& c) { c.destination.host.qemu_version = 5'002'000; }) == Names{"version"});
    CHECK(with([](Case& c) { c.destination.emulator_works = false; }) == Names{"emulator"});
    CHECK(with([](Case& c) { c.destination.cpu = CpuFit::incompatible; }) == Names{"cpu"});
    CHECK(with([](Case& c) { c.destination.host.memory_free = mebibytes(512); }) ==
          Names{"destination-memory"});
    CHECK(with([](Case& c) { c.destination.same_uuid = GuestState::running; }) ==
          Names{"name-free"});
    CHECK(with([](Case& c) { c.destination.same_name = GuestState::shut_off; }) ==
          Names{"name-free"});
    CHECK(with([](Case& c) { c.guest.host_devices = {"pci 0000:01:00.0"}; }) == Names{"devices"});
    CHECK(with([](Case& c) { c.destination.disks[0].reach = DiskReach::occupied; }) ==
          Names{"disk vda"});
    CHECK(with([](Case& c) {
              c.destination.nic_sources = {{"bridge br0", false}};
          }) == Names{"network"});
    CHECK(with([](Case& c) { c.guest.graphics_listen = {"10.0.0.1"}; }) == Names{"graphics"});
    CHECK(with([](Case& c) { c.clear_text = ClearText::refuse; }) == Names{"encryption"});
    CHECK(with([](Case& c) { c.request.migrate_disks = {"vdb"}; }) == Names{"disk vdb"});
}

TEST_CASE("clear text is fine where nobody else listens, or under TLS") {
    Case c;
    c.clear_text = ClearText::refuse;
    c.destination.stream_stays_local = true;
    CHECK(c.failed().empty());
    c.destination.stream_stays_local = false;
    c.request.options.tls = true;
    CHECK(c.failed().empty());
    c.request.options.tls = false;
    c.request.options.transport = Transport::tunnelled;
    CHECK(c.failed() == Names{"encryption"});
    c.destination.host.uri = "qemu+ssh://host2/system";
    CHECK(c.failed().empty());
}

TEST_CASE("a disk that is missing is copied, unless told otherwise") {
    Case c;
    c.destination.disks[0].reach = DiskReach::missing;
    auto storage = plan_storage(c.request, c.guest, c.destination);
    REQUIRE(storage.volumes.size() == 1);
    CHECK(storage.mode == StorageMode::copy);
    CHECK(storage.volumes[0].make);
    CHECK(storage.volumes[0].capacity == gibibytes(10));
    CHECK(c.failed().empty());

    c.request.options.storage = StorageMode::shared;
    CHECK(c.failed() == Names{"disk vda"});
    c.request.options.storage = StorageMode::automatic;
    c.request.options.transport = Transport::tunnelled;
    c.destination.host.uri = "qemu+tls://host2/system";
    CHECK(c.failed() == Names{"disk vda"});
}

TEST_CASE("another volume is never written over without the word") {
    Case c;
    c.destination.disks[0].reach = DiskReach::occupied;
    c.request.options.storage = StorageMode::copy;
    CHECK(c.failed() == Names{"disk vda"});
    c.request.unsafe = true;
    const auto storage = plan_storage(c.request, c.guest, c.destination);
    REQUIRE(storage.volumes.size() == 1);
    CHECK(!storage.volumes[0].make);
}

TEST_CASE("the destination with most memory left is chosen, and the reason said") {
    Case c;
    auto small = c.destination;
    small.host.name = "host3";
    small.host.memory_free = gibibytes(2);
    auto broken = c.destination;
    broken.host.name = "host4";
    broken.host.memory_free = gibibytes(7);
    broken.cpu = CpuFit::incompatible;
    const auto choice = choose_destination(c.request, c.guest, c.source,
                                           {small, c.destination, broken}, ClearText::allow);
    REQUIRE(choice);
    CHECK(choice->index == 1);
    CHECK(choice->reason.find("host2") != std::string::npos);

    const auto none = choose_destination(c.request, c.guest, c.source, {broken}, ClearText::allow);
    REQUIRE(!none);
    CHECK(none.error().kind == ErrorKind::blocked);
    CHECK(none.error().message.find("host4") != std::string::npos);
}

TEST_CASE("bandwidth: as asked, else a share of the slower link, else none; never made up") {
    Case c;
    Options options;
    CHECK(choose_bandwidth(options, c.source, c.destination.host, {}).limit.count == 0);
    c.source.link = BytesPerSecond{1'000'000'000};
    c.destination.host.link = BytesPerSecond{500'000'000};
    CHECK(choose_bandwidth(options, c.source, c.destination.host, {}).limit.count == 450'000'000);
    const PairHistory history{3, BytesPerSecond{100'000'000}, std::nullopt};
    const auto choice = choose_bandwidth(options, c.source, c.destination.host, history);
    CHECK(choice.limit.count == 450'000'000);
    CHECK(choice.expected.count == 100'000'000);
    options.bandwidth = {7};
    CHECK(choose_bandwidth(options, c.source, c.destination.host, history).limit.count == 7);
}

TEST_CASE(
    "prediction: an idle guest takes one copy, a busy one takes more, a wild one never ends") {
    Case c;
    c.request.options.auto_converge = AutoSwitch::off;
    MemoryFacts memory;
    memory.dirty_rate = BytesPerSecond{0};
    memory.dirty_window = seconds(1);
    memory.zero_share = 0.5;
    BytesPerSecond bandwidth{100 << 20};
    const auto predicted = [&] {
        c.request.options.bandwidth = bandwidth;
        return make_plan(c.request, c.guest, c.source, c.destination, memory, {}, c.clear_text)
            .prediction;
    };
    const auto idle = predicted();
    CHECK(idle.converges);
    CHECK(!idle.assumed);
    CHECK(idle.memory_sent == mebibytes(512));

    memory.dirty_rate = BytesPerSecond{60 << 20};
    const auto busy = predicted();
    CHECK(busy.converges);
    CHECK(busy.iterations > idle.iterations);
    CHECK(busy.total > idle.total);
    CHECK(busy.blackout <= c.request.options.blackout_ceiling);

    memory.dirty_rate = BytesPerSecond{200 << 20};
    const auto wild = predicted();
    CHECK(!wild.converges);
    CHECK(!wild.unaided);
    CHECK(wild.bandwidth_needed > bandwidth);
    CHECK(wild.ceiling_needed > c.request.options.blackout_ceiling);
    // What it asks for is enough, and not much less would be.
    bandwidth = wild.bandwidth_needed;
    CHECK(predicted().converges);
    bandwidth = {wild.bandwidth_needed.count - 1};
    CHECK(!predicted().converges);
    bandwidth = {100 << 20};
    c.request.options.blackout_ceiling = wild.ceiling_needed;
    CHECK(predicted().converges);

    memory.dirty_rate = std::nullopt;
    CHECK(predicted().assumed);
}

TEST_CASE("prediction: compression, a paused guest, disks, an earlier setup") {
    Case c;
    c.request.options.bandwidth = {100 << 20};
    MemoryFacts memory;
    memory.dirty_rate = BytesPerSecond{0};
    memory.dirty_window = memory.window = seconds(1);
    memory.pages_sampled = 768;
    memory.compressed_share = 0.5;
    PairHistory history;
    const auto plan = [&] {
        return make_plan(c.request, c.guest, c.source, c.destination, memory, history,
                         c.clear_text);
    };
    const auto plain = plan().prediction;
    c.guest.qemu = QemuFeatures{};
    c.guest.qemu->capabilities["lz4"] = false;
    c.destination.qemu = c.guest.qemu;
    c.source.idle_cpus = c.destination.host.idle_cpus = 4;
    const auto packed = plan();
    CHECK(packed.call.qemu.capabilities.at("lz4"));
    CHECK(packed.prediction.memory_sent.count * 2 == plain.memory_sent.count);
    CHECK(packed.prediction.total < plain.total - seconds(4));
    CHECK(packed.request.options.compression == Compression::lz4);
    CHECK(std::ranges::any_of(packed.qemu, [](const QemuWish& wish) {
        return wish.key == "compression" && wish.value == "lz4" && !wish.asked;
    }));

    history.setup = milliseconds(2500);
    history.overhead = milliseconds(150);
    history.migrations = 2;  // too few to tell
    CHECK(plan().prediction.total == packed.prediction.total);
    history.migrations = 3;
    CHECK(plan().prediction.total == packed.prediction.total + milliseconds(2120));
    CHECK(plan().prediction.blackout == packed.prediction.blackout + milliseconds(120));
    history = {};
    c.guest.state = GuestState::paused;
    CHECK(plan().prediction.blackout == milliseconds(0));
    CHECK(!plan().prediction.assumed);

    // A sparse disk takes what is in it, and every write to it meanwhile a block.
    c.destination.disks[0].reach = DiskReach::missing;
    c.guest.disks[0].format = "qcow2";
    c.guest.disks[0].allocation = mebibytes(1000);
    const auto copied = plan().prediction;
    CHECK(copied.disk_sent == gibibytes(10));
    CHECK(copied.total >= packed.prediction.total + seconds(11));
    CHECK(copied.total <= packed.prediction.total + seconds(12));
    c.guest.disks[0].recent = {800, kibibytes(800 * 4)};  // 50 MiB of blocks
    CHECK(plan().prediction.total >= copied.total + seconds(9));
    c.guest.disks[0].format = "raw";  // holes are copied, too
    CHECK(plan().prediction.total >= copied.total + seconds(190));
}

TEST_CASE("prediction: the throttle is part of it") {
    Case c;
    c.request.options.bandwidth = {100 << 20};
    c.guest.qemu = QemuFeatures{};
    c.guest.qemu->parameters["cpu-throttle-value"] = "0";
    MemoryFacts memory;
    memory.dirty_rate = BytesPerSecond{300 << 20};
    memory.dirty_window = seconds(1);
    const auto plan =
        make_plan(c.request, c.guest, c.source, c.destination, memory, {}, c.clear_text);
    CHECK(plan.prediction.converges);
    CHECK(!plan.prediction.unaided);
    CHECK(plan.prediction.throttle_percent_max > 0);
    CHECK(plan.prediction.throttled > milliseconds(0));
    CHECK(plan.prediction.blackout <= c.request.options.blackout_ceiling);
    CHECK(std::ranges::any_of(plan.prediction.reasons, [](const std::string& reason) {
        return reason.starts_with("throttled for ");
    }));
}

TEST_CASE("a plan that will not converge says so, unless something makes it") {
    Case c;
    MemoryFacts memory;
    memory.dirty_rate = BytesPerSecond{200 << 20};
    memory.dirty_window = seconds(1);
    c.request.options.bandwidth = {100 << 20};
    const auto plan = [&] {
        return make_plan(c.request, c.guest, c.source, c.destination, memory, {}, c.clear_text);
    };
    CHECK(plan().prediction.converges);
    CHECK(plan().call.auto_converge);
    c.request.options.auto_converge = AutoSwitch::off;
    CHECK(!plan().prediction.converges);
    c.request.options.timeout_action = TimeoutAction::force;
    CHECK(plan().prediction.converges);
    c.request.options.timeout_action = TimeoutAction::abort;
    c.request.options.postcopy = true;
    CHECK(plan().prediction.converges);
    CHECK(plan().call.postcopy);
}

TEST_CASE("a timeout that will be over too soon is said, and refuses nothing") {
    Case c;
    MemoryFacts memory;
    memory.dirty_rate = BytesPerSecond{1 << 20};
    memory.dirty_window = seconds(1);
    c.request.options.bandwidth = {100 << 20};
    c.request.options.timeout = milliseconds(100);
    const auto plan =
        make_plan(c.request, c.guest, c.source, c.destination, memory, {}, c.clear_text);
    CHECK(plan.prediction.converges);
    CHECK(plan.prediction.unaided);
    CHECK(std::ranges::any_of(plan.prediction.reasons, [](const std::string& reason) {
        return reason.find("longer than the timeout (100 ms)") != std::string::npos;
    }));
}

TEST_CASE("writes may be limited only to disks that are copied, and the plan says so") {
    Case c;
    const auto plan = [&] {
        return make_plan(c.request, c.guest, c.source, c.destination, {}, {}, c.clear_text);
    };
    const auto says = [](const Plan& made) {
        return std::ranges::any_of(made.notes, [](const std::string& note) {
            return note.find("writes to vda is limited, to no less than 1.0 MiB/s") !=
                   std::string::npos;
        });
    };
    CHECK(!plan().call.limit_writes);
    CHECK(!says(plan()));
    c.destination.disks[0].reach = DiskReach::missing;
    CHECK(plan().call.limit_writes);
    CHECK(says(plan()));
    c.guest.state = GuestState::paused;
    CHECK(!plan().call.limit_writes);
    c.guest.state = GuestState::running;
    c.request.options.io_qos = IoQos::off;
    CHECK(!plan().call.limit_writes);
    CHECK(!says(plan()));
}

TEST_CASE("disks are compared only where that can be done, and what it costs is said before") {
    Case c;
    c.request.options.verify_disks = true;
    const auto plan = [&] {
        return make_plan(c.request, c.guest, c.source, c.destination, {}, {}, c.clear_text);
    };
    const auto verdict = [&] {
        for (const auto& check : plan().checks) {
            if (check.name == "disk-comparison") {
                return std::pair(check.verdict, check.finding);
            }
        }
        return std::pair(Check::Verdict::undecided, std::string("no such check"));
    };
    // shared
    CHECK(verdict().first == Check::Verdict::not_applicable);
    CHECK(!plan().call.verify_disks);
    CHECK(!plan().call.paused);

    c.destination.disks[0].reach = DiskReach::missing;
    c.destination.disks[0].source_in_pool = true;
    c.guest.disks[0].allocation = gibibytes(1);
    c.request.options.blackout_ceiling = seconds(60);
    CHECK(c.failed().empty());
    CHECK(plan().call.verify_disks);
    CHECK(plan().call.paused);
    c.request.options.verify_disks = false;
    const auto without = plan().prediction;
    CHECK(verdict().second == "no such check");
    c.request.options.verify_disks = true;
    CHECK(plan().prediction.blackout >= without.blackout + seconds(10));
    CHECK(plan().prediction.blackout <= without.blackout + seconds(11));
    CHECK(plan().prediction.total >= without.total + seconds(10));

    c.request.options.blackout_ceiling = seconds(10);
    CHECK(c.failed() == Names{"disk-comparison"});
    CHECK(verdict().second.find("blackout-ceiling is 10.0 s") != std::string::npos);
    c.request.options.ceiling_action = CeilingAction::exceed;
    CHECK(c.failed().empty());
    c.request.options.ceiling_action = CeilingAction::keep;
    c.guest.state = GuestState::paused;
    CHECK(c.failed().empty());
    CHECK(plan().prediction.blackout == milliseconds(0));

    c.destination.disks[0].source_in_pool = false;
    CHECK(c.failed() == Names{"disk-comparison"});
    c.destination.disks[0].source_in_pool = true;
    c.guest.disks[0].format = "qcow2";
    CHECK(c.failed() == Names{"disk-comparison"});
    CHECK(verdict().second.find("disk vda cannot be compared: its format is qcow2") !=
          std::string::npos);
}

TEST_CASE("who throttles: vmigrate by the best means that the QEMU knows, QEMU itself, or nobody") {
    Case c;
    c.guest.qemu = QemuFeatures{};
    const auto call = [&] {
        return make_plan(c.request, c.guest, c.source, c.destination, {}, {}, c.clear_text).call;
    };
    CHECK(call().throttle == ThrottleMeans::auto_converge);
    CHECK(call().auto_converge);  // from the start, and kept at nothing
    CHECK(call().auto_converge_initial == 1);
    CHECK(call().auto_converge_increment == 1);
    c.guest.qemu->parameters["cpu-throttle-value"] = "0";
    CHECK(call().throttle == ThrottleMeans::value);
    CHECK(!call().auto_converge);
    c.request.options.auto_converge = AutoSwitch::on;
    CHECK(call().throttle == ThrottleMeans::none);
    CHECK(call().auto_converge);
    CHECK(call().auto_converge_initial == 20);
    c.request.options.auto_converge = AutoSwitch::off;
    CHECK(call().throttle == ThrottleMeans::none);
    CHECK(!call().auto_converge);
    c.request.options.auto_converge = AutoSwitch::automatic;
    c.guest.state = GuestState::paused;
    CHECK(call().throttle == ThrottleMeans::none);
    CHECK(!call().auto_converge);
}

TEST_CASE("the downtime limit gives way to the ceiling, and it is said") {
    Case c;
    c.request.options.blackout_ceiling = milliseconds(200);
    const auto plan = make_plan(c.request, c.guest, c.source, c.destination, {}, {}, c.clear_text);
    CHECK(plan.call.downtime_limit == milliseconds(150));
    CHECK(std::ranges::any_of(plan.notes, [](const std::string& note) {
        return note.find("150 ms") != std::string::npos;
    }));
}

TEST_CASE("a transient guest stays transient") {
    Case c;
    c.guest.persistent = false;
    const auto plan = make_plan(c.request, c.guest, c.source, c.destination, {}, {}, c.clear_text);
    CHECK(!plan.call.persist_destination);
    CHECK(!plan.call.undefine_source);
}
