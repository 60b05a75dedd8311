// LINK: vmigrate_history
// LABELS: unit
// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/emulators.h"

#include "unit/history_fixture.h"

using namespace vmigrate;
using namespace vmigrate::history;

namespace {

const EmulatorKey kThere{"qemu+tls://south/system", "/usr/bin/qemu-system-x86_64", "x86_64"};

QemuFeatures answer() {
    QemuFeatures features;
    features.version = "7.2.22";
    features.package = "v7.2-vmigrate";
    features.capabilities = {{"lz4", false}, {"multifd", true}};
    features.parameters = {{"max-bandwidth", "1048576"}, {"tls-creds", "\"\""}};
    return features;
}

void check_is_answer(const std::optional<QemuFeatures>& found) {
    REQUIRE(found.has_value());
    CHECK(found->version == answer().version);
    CHECK(found->package == answer().package);
    CHECK(found->capabilities == answer().capabilities);
    CHECK(found->parameters == answer().parameters);
}

}  // namespace

TEST_CASE("what an emulator has answered is known to other processes for a while") {
    const TemporaryFolder folder;
    HandClock clock;
    {
        const auto store = opened(folder.file("history.db"), clock);
        CHECK_FALSE(store->emulators()->recall(kThere).has_value());
        store->emulators()->keep(kThere, {});
        store->emulators()->keep(kThere, answer());  // the last one counts
    }
    const auto store = opened(folder.file("history.db"), clock, Store::Access::read_only);
    clock.advance(kAnswerCounts);
    check_is_answer(store->emulators()->recall(kThere));
    clock.advance(microseconds(1));
    CHECK_FALSE(store->emulators()->recall(kThere).has_value());
}

TEST_CASE("an answer from the future does not count") {
    const TemporaryFolder folder;
    HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    store->emulators()->keep(kThere, answer());
    clock.advance(-microseconds(1));
    CHECK_FALSE(store->emulators()->recall(kThere).has_value());
}

TEST_CASE("another host, emulator or architecture has not answered") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    store->emulators()->keep(kThere, answer());
    auto other = kThere;
    other.host_uri = "qemu+tls://north/system";
    CHECK_FALSE(store->emulators()->recall(other).has_value());
    other = kThere;
    other.emulator = "/usr/bin/kvm";
    CHECK_FALSE(store->emulators()->recall(other).has_value());
    other = kThere;
    other.arch = "aarch64";
    CHECK_FALSE(store->emulators()->recall(other).has_value());
    check_is_answer(store->emulators()->recall(kThere));
}

TEST_CASE("a history that is only read keeps nothing, and says nothing") {
    const TemporaryFolder folder;
    const HandClock clock;
    static_cast<void>(opened(folder.file("history.db"), clock));
    const auto store = opened(folder.file("history.db"), clock, Store::Access::read_only);
    store->emulators()->keep(kThere, answer());
    CHECK_FALSE(store->emulators()->recall(kThere).has_value());
}
