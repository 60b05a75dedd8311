// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
#include <doctest/doctest.h>

#include "libvirt/progress.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

TEST_CASE("a running job is told in bytes, not pages, and its full copy is iteration 0") {
    JobStats stats;
    stats.type = VIR_DOMAIN_JOB_UNBOUNDED;
    const auto set = [&stats](const char* name, unsigned long long value) {
        stats.params.add(name, value);
    };
    set(VIR_DOMAIN_JOB_MEMORY_TOTAL, 1000);
    set(VIR_DOMAIN_JOB_MEMORY_REMAINING, 400);
    set(VIR_DOMAIN_JOB_MEMORY_PROCESSED, 700);
    set(VIR_DOMAIN_JOB_MEMORY_ITERATION, 3);
    set(VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE, 10);
    set(VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE, 4096);
    set(VIR_DOMAIN_JOB_MEMORY_BPS, 5000);
    set(VIR_DOMAIN_JOB_DISK_TOTAL, 90);
    set(VIR_DOMAIN_JOB_DISK_REMAINING, 30);
    set(VIR_DOMAIN_JOB_DISK_PROCESSED, 60);
    set(VIR_DOMAIN_JOB_DOWNTIME, 250);
    stats.params.add(VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE, 20);
    const auto sample = to_sample(stats);
    CHECK(sample.job == JobState::active);
    CHECK(sample.iteration == 2);
    CHECK(sample.memory_total.count == 1000);
    CHECK(sample.memory_remaining.count == 400);
    CHECK(sample.memory_sent.count == 700);
    CHECK(sample.disk_total.count == 90);
    CHECK(sample.disk_remaining.count == 30);
    CHECK(sample.disk_sent.count == 60);
    CHECK(sample.dirty_rate.count == 40960);
    CHECK(sample.bandwidth.count == 5000);
    CHECK(sample.expected_downtime == milliseconds(250));
    CHECK(sample.throttle_percent == 20);
}

TEST_CASE("disks in the stream, as the patched QEMU tells them") {
    const auto disks = stream_disks_in(Json::parse(
        R"({"status": "active", "block-migration": {"bulk-completed": true, "dirty-bytes": 65536,
            "dirty-bytes-rate": 1, "in-flight-bytes": 2, "iterations": 3,
            "iteration-dirty-bytes": 131072, "iteration-new-dirty-bytes": 4096}})"));
    REQUIRE(disks);
    CHECK(disks->bulk_completed);
    CHECK(disks->dirty.count == 65536);
    CHECK(disks->iterations == 3);
    CHECK(disks->iteration_dirty.count == 131072);
    CHECK(disks->iteration_new_dirty.count == 4096);
    CHECK(!stream_disks_in(Json::parse(R"({"status": "active"})")));
    CHECK(!stream_disks_in(Json::parse(R"({"block-migration": 1})")));
}

TEST_CASE("memory that is sent late, as the patched QEMU tells it") {
    const auto delayed = delayed_memory_in(Json::parse(
        R"({"status": "active", "ram-delay": {"active": true, "rounds": 3, "segments": 5,
            "bytes": 8192, "saved-bytes": 4096}})"));
    REQUIRE(delayed);
    CHECK(delayed->active);
    CHECK(delayed->iterations == 3);
    CHECK(delayed->size == mebibytes(10));
    CHECK(delayed->dirty.count == 8192);
    CHECK(delayed->saved.count == 4096);
    CHECK(!delayed_memory_in(Json::parse(R"({"status": "active"})")));
    CHECK(!delayed_memory_in(Json::parse(R"({"ram-delay": 1})")));
}

TEST_CASE("what libvirt does not tell is nothing") {
    const auto sample = to_sample({});
    CHECK(sample.job == JobState::none);
    CHECK(sample.iteration == 0);
    CHECK(sample.memory_total.count == 0);
    CHECK(!sample.expected_downtime);
}

TEST_CASE("how a job ended") {
    const auto state_of = [](int type) {
        JobStats stats;
        stats.type = type;
        return to_sample(stats).job;
    };
    CHECK(state_of(VIR_DOMAIN_JOB_COMPLETED) == JobState::completed);
    CHECK(state_of(VIR_DOMAIN_JOB_FAILED) == JobState::failed);
    CHECK(state_of(VIR_DOMAIN_JOB_CANCELLED) == JobState::cancelled);
}

TEST_CASE("numbers of any type, and none below zero") {
    TypedParams params;
    params.add("int", 7);
    params.add("negative", -1);
    params.add("long", 1ULL << 40U);
    params.add("text", std::string("x"));
    CHECK(params.number("int") == 7);
    CHECK(!params.number("negative"));
    CHECK(params.number("long") == 1ULL << 40U);
    CHECK(!params.number("text"));
    CHECK(!params.number("none"));
    CHECK(params.text("text") == "x");
    CHECK(!params.text("int"));
    const auto moved = std::move(params);
    CHECK(moved.size() == 4);
}

TEST_CASE("hot memory is asked about only while QEMU may delay it") {
    Sample sample;
    sample.memory_total = mebibytes(1000);
    sample.memory_remaining = mebibytes(900);
    CHECK(!may_delay(sample));  // the full copy
    sample.iteration = 1;
    CHECK(may_delay(sample));
    sample.memory_remaining = mebibytes(100);
    CHECK(may_delay(sample));
    sample.memory_remaining = mebibytes(99);
    CHECK(!may_delay(sample));
}
