// SPDX-License-Identifier: GPL-2.0-or-later
//
// What has been done of the matrix, so that it can be gone on with: a file with one line of JSON
// for each migration that moved a guest which was intact afterwards, as `vmigrate verify --matrix
// --json` prints it. Lines are only added; of a process that died while it wrote one, what it left
// of it is overwritten. Thread rule: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/units.h"
#include "orchestrator/json.h"
#include "verify/covering.h"

namespace vmigrate::cli {

class VerifyBook {
  public:
    /// Without a file it is kept only in memory. One that is not there is begun with the first
    /// line. Errors: usage: it is no such file; storage: it cannot be read.
    static Result<VerifyBook> open(const std::optional<std::string>& path);

    /// `line`: as to_json(Round), with "combination". Error (storage): it cannot be written.
    Result<void> add(const Json& line);

    unsigned done(const verify::Row& row) const;
    unsigned migrations() const { return migrations_; }
    Bytes verified() const { return verified_; }

  private:
    /// False: it is no line of this file.
    bool count(const Json& line);

    std::optional<std::string> path_;
    bool endless_ = false;  ///< the last line lacks its end
    std::optional<std::int64_t>
        torn_;  ///< where the last line begins, of which only a part is there
    std::map<std::string, unsigned> done_;  ///< by the text of the row
    unsigned migrations_ = 0;
    Bytes verified_;
};

}  // namespace vmigrate::cli
