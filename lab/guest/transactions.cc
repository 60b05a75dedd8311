// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/transactions.h"

#include <vector>

#include "guest/pace.h"

namespace vmigrate::lab {

void transact_forever(SettingsStore& settings, Counters& counters) {
    // a few pages only: this load measures, it must not dirty
    std::vector<std::uint64_t> table(4096, 1);
    Random random(42);
    Pacer pacer;
    for (;;) {
        const std::uint64_t due = pacer.wait(settings.get().transactions);
        for (std::uint64_t i = 0; i < due; ++i) {
            for (int step = 0; step < 2000; ++step) {
                const std::uint64_t r = random.next();
                table[r % table.size()] += table[(r >> 32) % table.size()] ^ r;
            }
            counters.transactions += 1;
        }
    }
}

}  // namespace vmigrate::lab
