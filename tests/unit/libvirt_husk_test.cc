// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
//
// What has to be known before a process is ended: nothing of it is anybody's guest.
#include "libvirt/husk.h"

#include <doctest/doctest.h>

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

QemuWords words(const std::string& guest, const std::string& migration) {
    return {Json{{"status", guest}, {"running", guest == "running"}},
            migration.empty() ? Json::object() : Json{{"status", migration}}};
}

constexpr auto kGuestStates = {
    "running",  "paused",   "postmigrate",    "finish-migrate", "inmigrate", "prelaunch",
    "shutdown", "io-error", "guest-panicked", "suspended",      ""};
constexpr auto kMigrations = {
    "completed", "active",     "device", "postcopy-active", "postcopy-paused",
    "cancelled", "cancelling", "failed", "pre-switchover",  "setup",
    ""};

}  // namespace

TEST_CASE("only who runs and has completed has all of it; only who gave it away has nothing") {
    for (const auto* const guest : kGuestStates) {
        for (const auto* const migration : kMigrations) {
            CAPTURE(guest);
            CAPTURE(migration);
            const bool completed = migration == std::string("completed");
            const auto said = words(guest, migration);
            CHECK(has_it_all(said) == (completed && guest == std::string("running")));
            CHECK(has_given_it_away(said) == (completed && guest == std::string("postmigrate")));
        }
    }
}

TEST_CASE("an answer that is none proves nothing") {
    for (const auto& nothing : {Json(), Json(7), Json::array(), Json{{"status", 1}}}) {
        CHECK_FALSE(has_it_all({nothing, Json{{"status", "completed"}}}));
        CHECK_FALSE(has_it_all({Json{{"status", "running"}}, nothing}));
        CHECK_FALSE(has_given_it_away({nothing, Json{{"status", "completed"}}}));
        CHECK_FALSE(has_given_it_away({Json{{"status", "postmigrate"}}, nothing}));
    }
}

TEST_CASE("a disk that was not copied is on the destination, too") {
    const auto disk = [](const char* target, const char* source, bool read_only) {
        DiskFacts facts;
        facts.target = target;
        facts.source = source;
        facts.read_only = read_only;
        return facts;
    };
    const std::vector<VolumeMove> copied{{.target = "vda"}};
    CHECK_FALSE(shared_disk({}, {}));
    CHECK_FALSE(shared_disk({disk("vda", "/pool/a.img", false)}, copied));
    CHECK_FALSE(shared_disk({disk("sda", "", false), disk("sdb", "/iso/x.iso", true)}, {}));
    CHECK(shared_disk({disk("vda", "/pool/a.img", false)}, {}) == "vda");
    CHECK(shared_disk({disk("vda", "/pool/a.img", false), disk("vdb", "rbd:pool/b", false)},
                      copied) == "vdb");
}
