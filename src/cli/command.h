// SPDX-License-Identifier: GPL-2.0-or-later
//
// The commands, one function and one file for each, and what several of them need. Each takes the
// words after its name, prints its result on stdout, and returns the exit code.
#pragma once

#include "cli/arguments.h"
#include "cli/config.h"
#include "history/store.h"

namespace vmigrate::cli {

int run_abort(const Words& words);
int run_doctor(const Words& words);
int run_evacuate(const Words& words);
int run_history(const Words& words);
int run_hook(const Words& words);
int run_hosts(const Words& words);
int run_metrics(const Words& words);
int run_net(const Words& words);
int run_plan(const Words& words);
int run_rebalance(const Words& words);
int run_recover(const Words& words);
int run_report(const Words& words);
int run_restore(const Words& words);
int run_show(const Words& words);
int run_start(const Words& words);
int run_status(const Words& words);
int run_tune(const Words& words);
int run_verify(const Words& words);
int run_version(const Words& words);

/// The whole command line, without the program's name: finds the command and runs it.
int run_command_line(Words words);

Result<std::unique_ptr<history::Store>> open_history(const Config& config,
                                                     history::Store::Access access,
                                                     const Clock& clock);

/// The migration that `word` means: an id, else the unfinished (or newest) one of a guest of that
/// name or UUID. Error (not_found).
Result<history::Entry> find_migration(history::Store& store, const std::string& word);

struct FoundMigration {
    std::unique_ptr<history::Store> store;
    history::Entry entry;
};

/// Both of the above.
Result<FoundMigration> open_migration(const Config& config, history::Store::Access access,
                                      const Clock& clock, const std::string& word);

/// "17  'web1'  a -> b", for messages.
std::string describe(const history::Entry& entry);

}  // namespace vmigrate::cli
