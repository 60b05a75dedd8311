// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
#include <doctest/doctest.h>
#include <libvirt/libvirt.h>

#include <future>
#include <vector>

#include "libvirt/events.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

const WallTime kStamp{microseconds(1234567)};

struct Rig {
    EventQueue queue;
    Translator translator{"uuid", queue};

    void qemu(Side side, const char* name, const char* details = "") {
        translator.qemu_event(side, name, kStamp, details);
    }
    std::vector<Event> taken() {
        std::vector<Event> events;
        while (auto event = queue.next(std::chrono::steady_clock::now())) {
            events.push_back(*event);
        }
        return events;
    }
};

template <class What>
bool is(const Event& event, Side side) {
    return std::holds_alternative<What>(event.what) && event.side == side;
}

}  // namespace

TEST_CASE("a migration as QEMU and libvirt tell it becomes one event for each thing") {
    Rig rig;
    rig.qemu(Side::destination, "MIGRATION", R"({"status":"setup"})");
    rig.translator.lifecycle(Side::destination, VIR_DOMAIN_EVENT_STARTED,
                             VIR_DOMAIN_EVENT_STARTED_MIGRATED);
    rig.qemu(Side::source, "MIGRATION", R"({"status":"setup"})");
    rig.qemu(Side::source, "MIGRATION_PASS", R"({"pass":1})");
    rig.translator.pass(Side::source, 1, std::nullopt);
    rig.qemu(Side::source, "MIGRATION", R"({"status":"active"})");
    rig.qemu(Side::source, "MIGRATION_PASS", R"({"pass":2})");
    rig.qemu(Side::source, "STOP");
    rig.translator.lifecycle(Side::source, VIR_DOMAIN_EVENT_SUSPENDED,
                             VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED);
    rig.qemu(Side::source, "MIGRATION", R"({"status":"device"})");
    CHECK(rig.translator.stage() == JobState::device);
    rig.qemu(Side::destination, "MIGRATION", R"({"status":"completed"})");
    rig.qemu(Side::source, "MIGRATION", R"({"status":"completed"})");
    rig.qemu(Side::destination, "RESUME");
    rig.translator.lifecycle(Side::destination, VIR_DOMAIN_EVENT_RESUMED,
                             VIR_DOMAIN_EVENT_RESUMED_MIGRATED);
    rig.translator.call_returned(std::nullopt);

    const auto events = rig.taken();
    REQUIRE(events.size() == 8);
    CHECK(is<DestinationCreated>(events[0], Side::destination));
    CHECK(is<IterationStarted>(events[1], Side::source));
    CHECK(std::get<IterationStarted>(events[1].what).iteration == 0);
    CHECK(is<MigrationActive>(events[2], Side::source));
    CHECK(std::get<IterationStarted>(events[3].what).iteration == 1);
    CHECK(is<GuestStopped>(events[4], Side::source));
    CHECK(events[4].time.stamped == kStamp);
    CHECK(is<StreamCompleted>(events[5], Side::source));
    CHECK(is<GuestResumed>(events[6], Side::destination));
    CHECK(events[6].time.stamped == kStamp);
    CHECK(is<CallReturned>(events[7], Side::source));
    CHECK(!events[7].time.stamped);
}

TEST_CASE("libvirt's events do when QEMU's do not come") {
    Rig rig;
    rig.translator.lifecycle(Side::destination, VIR_DOMAIN_EVENT_STARTED, 0);
    rig.translator.pass(Side::source, 1, std::nullopt);
    rig.translator.lifecycle(Side::source, VIR_DOMAIN_EVENT_SUSPENDED, 0);
    rig.translator.lifecycle(Side::destination, VIR_DOMAIN_EVENT_RESUMED, 0);
    const auto events = rig.taken();
    REQUIRE(events.size() == 4);
    CHECK(is<DestinationCreated>(events[0], Side::destination));
    CHECK(is<IterationStarted>(events[1], Side::source));
    CHECK(is<GuestStopped>(events[2], Side::source));
    CHECK(is<GuestResumed>(events[3], Side::destination));
    CHECK(!events[3].time.stamped);
}

TEST_CASE("a stream that fails is told before the source runs again") {
    for (const auto* status : {"failed", "cancelled"}) {
        Rig rig;
        rig.qemu(Side::source, "STOP");
        rig.qemu(Side::source, "MIGRATION",
                 (R"({"status":")" + std::string(status) + R"("})").c_str());
        rig.qemu(Side::source, "RESUME");
        const auto events = rig.taken();
        REQUIRE(events.size() == 3);
        CHECK(is<GuestStopped>(events[0], Side::source));
        CHECK(is<StreamFailed>(events[1], Side::source));
        CHECK(is<GuestResumed>(events[2], Side::source));
    }
}

TEST_CASE("a migration that fails after the stop is told to run on, each time") {
    Rig rig;
    for (int i = 0; i < 2; ++i) {
        rig.qemu(Side::source, "STOP");
        CHECK(rig.translator.source_stopped());
        rig.qemu(Side::source, "RESUME");
        rig.translator.lifecycle(Side::source, VIR_DOMAIN_EVENT_RESUMED, 0);
        CHECK(!rig.translator.source_stopped());
    }
    const auto events = rig.taken();
    REQUIRE(events.size() == 4);
    CHECK(is<GuestStopped>(events[0], Side::source));
    CHECK(is<GuestResumed>(events[1], Side::source));
    CHECK(is<GuestStopped>(events[2], Side::source));
    CHECK(is<GuestResumed>(events[3], Side::source));
    CHECK(rig.translator.stops() == 2);
}

TEST_CASE("post-copy that lost its connection is told") {
    Rig rig;
    rig.qemu(Side::source, "MIGRATION", R"({"status":"postcopy-active"})");
    CHECK(rig.translator.stage() == JobState::postcopy);
    rig.qemu(Side::source, "MIGRATION", R"({"status":"postcopy-paused"})");
    CHECK(rig.translator.stage() == JobState::postcopy_paused);
    const auto events = rig.taken();
    REQUIRE(events.size() == 1);
    CHECK(is<PostcopyPaused>(events[0], Side::source));
}

TEST_CASE("a release that waits on the source is told to who waits for that") {
    Rig rig;
    const auto tells = [](const std::future<void>& told) {
        return told.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    };
    rig.qemu(Side::source, "MIGRATION_SWITCHOVER_RELEASE_WAIT");  // nobody's
    auto told = rig.translator.next_release_wait();
    CHECK_FALSE(tells(told));
    rig.qemu(Side::destination, "MIGRATION_SWITCHOVER_RELEASE_WAIT");
    CHECK_FALSE(tells(told));
    rig.qemu(Side::source, "MIGRATION_SWITCHOVER_RELEASE_WAIT");
    CHECK(tells(told));
    rig.translator.release_is_over();

    told = rig.translator.next_release_wait();
    CHECK_FALSE(tells(told));
    rig.translator.release_is_over();
    CHECK(tells(told));
    rig.qemu(Side::source, "MIGRATION_SWITCHOVER_RELEASE_WAIT");
    CHECK(rig.taken().empty());
}

TEST_CASE("what is not understood is not told") {
    Rig rig;
    rig.qemu(Side::source, "MIGRATION", "no json");
    rig.qemu(Side::source, "MIGRATION", "[]");
    rig.qemu(Side::source, "MIGRATION", R"({"status":7})");
    rig.qemu(Side::source, "MIGRATION_PASS", R"({"pass":"x"})");
    rig.qemu(Side::source, "MIGRATION_PASS", R"({"pass":0})");
    rig.qemu(Side::source, "RTC_CHANGE", "{}");
    rig.qemu(Side::destination, "STOP");
    rig.qemu(Side::source, "RESUME");
    CHECK(rig.taken().empty());
}

TEST_CASE("nothing is told after the end") {
    Rig rig;
    rig.translator.close();
    rig.qemu(Side::source, "STOP");
    rig.translator.connection_lost(Side::source);
    CHECK(rig.taken().empty());
}
