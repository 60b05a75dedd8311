// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
#include <doctest/doctest.h>

#include "cli/fleet_load.h"

using namespace vmigrate;

namespace {

constexpr milliseconds kFixed{1'700};

Plan plan_of_a_gibibyte() {
    Plan plan;
    plan.guest.state = GuestState::running;
    plan.guest.memory = gibibytes(1);
    plan.memory.dirty_rate = BytesPerSecond{mebibytes(10).count};
    plan.memory.dirty_window = milliseconds(1'000);
    plan.memory.pages_sampled = 768;
    plan.memory.zero_share = 0.25;
    plan.memory.compressed_share = 0.5;
    return plan;
}

/// So many pieces of 16 pages, of which so many pages changed.
void add_pieces(Plan& plan, unsigned count, unsigned changed) {
    plan.memory.pieces.insert(plan.memory.pieces.end(), count, PieceFacts{16, changed});
    plan.memory.piece_window = milliseconds(1'000);
}

}  // namespace

TEST_CASE("memory that is zero is not sent") {
    const auto load = cli::load_of(plan_of_a_gibibyte(), kFixed);
    CHECK(load.to_send == mebibytes(768));
    CHECK(static_cast<double>(load.dirty_rate.count) ==
          doctest::Approx(static_cast<double>(mebibytes(10).count)).epsilon(0.01));
    CHECK(load.fixed == kFixed);
    CHECK(load.disks == Bytes{0});
    CHECK(load.hot == Bytes{0});
}

TEST_CASE("what is compressed is less on the wire, when it is sent again, too") {
    auto plan = plan_of_a_gibibyte();
    const auto plain = cli::load_of(plan, kFixed);
    plan.call.qemu.capabilities["lz4"] = true;
    const auto packed = cli::load_of(plan, kFixed);
    CHECK(packed.to_send.count == plain.to_send.count / 2);
    CHECK(packed.dirty_rate.count == plain.dirty_rate.count / 2);
}

TEST_CASE("a paused guest writes nothing") {
    auto plan = plan_of_a_gibibyte();
    plan.guest.state = GuestState::paused;
    CHECK(cli::load_of(plan, kFixed).dirty_rate == BytesPerSecond{0});
}

TEST_CASE("where the guest writes") {
    auto plan = plan_of_a_gibibyte();
    add_pieces(plan, 12, 12);
    add_pieces(plan, 36, 0);
    const auto load = cli::load_of(plan, kFixed);
    CHECK(static_cast<double>(load.hot.count) ==
          doctest::Approx(0.25 * static_cast<double>(load.to_send.count)).epsilon(0.1));
    CHECK(load.hot_writes > 0.95);
}

TEST_CASE("disks that are copied, and what libvirt takes around that") {
    auto plan = plan_of_a_gibibyte();
    plan.call.volumes.push_back({.target = "vda", .capacity = gibibytes(3)});
    plan.call.storage = StorageMode::copy;
    const auto by_libvirt = cli::load_of(plan, kFixed);
    CHECK(by_libvirt.disks == gibibytes(3));
    CHECK(by_libvirt.fixed > kFixed);
    CHECK(by_libvirt.once() == gibibytes(3) + mebibytes(768));
    plan.call.storage = StorageMode::copy_in_stream;
    CHECK(cli::load_of(plan, kFixed).fixed == kFixed);
}
