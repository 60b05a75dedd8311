// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/exit_code.h"

namespace vmigrate::cli {

int exit_code(const Error& error) {
    switch (error.kind) {
        case ErrorKind::usage:
        case ErrorKind::config:
        case ErrorKind::not_found:
            return kExitUsage;
        case ErrorKind::cancelled:
            return kExitInterrupted;
        case ErrorKind::internal:
            return kExitUnknown;
        case ErrorKind::unreachable:
        case ErrorKind::denied:
        case ErrorKind::busy:
        case ErrorKind::blocked:
        case ErrorKind::storage:
        case ErrorKind::hypervisor:
        case ErrorKind::network:
            return kExitBlocked;
    }
    return kExitUnknown;
}

int exit_code(Outcome outcome) {
    switch (outcome) {
        case Outcome::moved:
            return kExitDone;
        case Outcome::moved_with_problems:
            return kExitProblems;
        case Outcome::failed_on_source:
            return kExitStays;
        case Outcome::unknown:
            return kExitUnknown;
    }
    return kExitUnknown;
}

int exit_code(const Record& record) {
    if (record.outcome == Outcome::failed_on_source && record.interrupted) {
        return kExitInterrupted;
    }
    return exit_code(record.outcome);
}

int exit_code(const Plan& plan) {
    if (plan.blocked()) {
        return kExitBlocked;
    }
    return plan.prediction.converges ? kExitDone : kExitDiverges;
}

}  // namespace vmigrate::cli
