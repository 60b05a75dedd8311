// LINK: vmigrate_history
// LABELS: unit threads
// SPDX-License-Identifier: GPL-2.0-or-later
#include <atomic>
#include <thread>
#include <vector>

#include "unit/history_fixture.h"

using namespace vmigrate;
using namespace vmigrate::history;

TEST_CASE("readers with stores of their own watch several migrations at work") {
    const TemporaryFolder folder;
    const SystemClock clock;
    constexpr int kWriters = 2;
    constexpr int kSamples = 150;
    std::atomic<int> at_work{kWriters};
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;

    for (int i = 0; i < kWriters; ++i) {
        threads.emplace_back([&, i] {
            const auto store =
                Store::open(folder.file("history.db"), Store::Access::read_write, clock);
            const auto name = "guest" + std::to_string(i);
            if (store) {
                const auto journal = (*store)->journal();
                failures += journal->begin(plan_of(name, name)) ? 0 : 1;
                for (int n = 1; n <= kSamples; ++n) {
                    Sample sample;
                    sample.iteration = static_cast<std::uint32_t>(n);
                    sample.memory_sent = Bytes{static_cast<std::uint64_t>(n) * 1000};
                    // Given up when the other one is writing: allowed.
                    static_cast<void>(journal->sample(sample, 50, {}).has_value());
                    failures += n % 50 != 0 || journal->phase(Phase::precopy, "") ? 0 : 1;
                    failures += journal->abort_requested() ? 1 : 0;
                }
                failures += journal->finish({}) ? 0 : 1;
            } else {
                ++failures;
            }
            --at_work;
        });
    }
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] {
            const auto store =
                Store::open(folder.file("history.db"), Store::Access::read_only, clock);
            if (!store) {
                ++failures;
                return;
            }
            std::uint32_t newest = 0;
            while (at_work > 0) {
                const auto listed = (*store)->list({});
                const auto sample = (*store)->last_sample(1);
                failures += listed && sample ? 0 : 1;
                if (sample && *sample) {
                    const auto& seen = (*sample)->sample;
                    failures += seen.iteration < newest ? 1 : 0;
                    failures += seen.memory_sent.count == seen.iteration * 1000ULL ? 0 : 1;
                    newest = seen.iteration;
                }
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    CHECK(failures == 0);
    const auto reader = opened(folder.file("history.db"), clock, Store::Access::read_only);
    CHECK(reader->list({}).value().size() == kWriters);
    CHECK_FALSE(reader->story(1).value().samples.empty());
}
