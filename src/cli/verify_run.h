// SPDX-License-Identifier: GPL-2.0-or-later
//
// Carries out `vmigrate verify`: rounds with one set of features, or all rows of the matrix that
// fit the guest. Thread rule: main thread.
#pragma once

#include "cli/arguments.h"
#include "cli/verify_book.h"
#include "orchestrator/plan.h"
#include "verify/covering.h"

namespace vmigrate::cli {

struct VerifyRequest {
    Words between;  ///< two hosts, or none
    unsigned rounds = 4;
    bool matrix = false;
    std::vector<verify::Choice> only;  ///< of the matrix, the rows that have them all
    bool json = false;
    milliseconds patience{};
};

/// Prints each round, and the sum. Gives the exit code: 1 at the first mismatch, where the guest
/// stays, or when a migration has failed; else as of `vmigrate start`.
int verify_guest(const Config& config, const Request& request, const VerifyRequest& verify,
                 VerifyBook& book);

}  // namespace vmigrate::cli
