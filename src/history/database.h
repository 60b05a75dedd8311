// SPDX-License-Identifier: GPL-2.0-or-later
//
// One connection to the history file, and the edge where SQLite's exceptions end: `read` and
// `write` run their body in a transaction and turn whatever goes wrong into an Error
// (ErrorKind::storage) that names the file, what happened and what to do about it.
// Thread rule: one thread. Not across fork().
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "history/schema.h"
#include "history/store.h"

namespace vmigrate::history {

/// How much a write is worth waiting for.
enum class Write {
    durable,  ///< on the disk on return; waits for others up to 5 s
    soon,     ///< on the disk with the next durable one, seen by others at once; waits as well
    fleeting  ///< as `soon`, but given up rather than holding up a migration
};

class Database {
  public:
    Database(std::string path, Store::Access access);

    /// Opens, creates, upgrades. A file that does not exist is no error when only reading: it may
    /// come later.
    Result<void> connect();

    /// Runs `body(SQLite::Database&) -> Result<T>` on one snapshot; `without_file` is the answer
    /// as long as there is no file.
    template <class T, class Body>
    Result<T> read(Result<T> without_file, Body body) {
        return guarded<T>([&]() -> Result<T> {
            if (auto ready = reconnect(); !ready) {
                return fail(ready.error());
            }
            if (!connection_) {
                return without_file;
            }
            const SQLite::Transaction snapshot(*connection_);
            return body(*connection_);
        });
    }

    /// Runs `body(SQLite::Database&) -> Result<T>` in a transaction that excludes other writers
    /// from its start; committed only when the body gives a value.
    template <class T, class Body>
    Result<T> write(Write kind, Body body) {
        return guarded<T>([&]() -> Result<T> {
            if (access_ == Store::Access::read_only) {
                return fail(ErrorKind::internal, "the history was opened for reading only");
            }
            prepare_for(kind);
            SQLite::Transaction transaction(*connection_, SQLite::TransactionBehavior::IMMEDIATE);
            Result<T> result = body(*connection_);
            if (result) {
                transaction.commit();
            }
            return result;
        });
    }

    const std::string& path() const { return path_; }

  private:
    template <class T, class Body>
    Result<T> guarded(Body body) {
        try {
            return body();
        } catch (const SQLite::Exception& error) {
            return fail(explain(error));
        } catch (const std::exception& error) {
            return fail(damaged(error.what()));
        }
    }

    Result<void> connect_to_read();
    Result<void> connect_to_write();
    /// For a reader without a file so far, or whose view of it may have become stale.
    Result<void> reconnect();
    /// There is a file with something in it. Error: it is not a file, or cannot be looked at.
    Result<bool> exists() const;
    Result<void> check(const SchemaState& schema) const;
    void prepare_for(Write kind);

    Error trouble(const std::string& what, const std::string& fix) const;
    Error not_writable() const;
    Error damaged(const std::string& what) const;
    Error explain(const SQLite::Exception& error) const;

    std::string path_;
    Store::Access access_;
    std::unique_ptr<SQLite::Database> connection_;
    /// Reading a file that nobody writes and whose folder we cannot write: SQLite then looks for
    /// no changes, so the connection serves one question only.
    bool immutable_ = false;
    std::optional<Write> prepared_for_;
};

}  // namespace vmigrate::history
