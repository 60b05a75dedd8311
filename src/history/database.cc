// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <thread>

#include "base/text.h"
#include "history/schema.h"

// No function here may open the history file other than through SQLite: closing any descriptor of
// it would drop the locks that SQLite holds for this process.

namespace vmigrate::history {
namespace {

using std::chrono::steady_clock;

constexpr milliseconds kPatience{5000};
constexpr milliseconds kFleetingPatience{200};

int in_ms(milliseconds time) {
    return static_cast<int>(time.count());
}

int primary_code(const SQLite::Exception& error) {
    return error.getErrorCode() & 0xff;
}

std::string folder_of(const std::string& path) {
    return std::filesystem::path(path).parent_path();
}

std::string text_of(int error_number) {
    return std::generic_category().message(error_number);
}

/// The errno of what the file system refuses, where SQLite only says that it could not.
int refusal(const std::string& path, int mode) {
    return faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0 ? 0 : errno;
}

bool disk_is_full(const std::string& path, int system_errno) {
    if (system_errno == ENOSPC || system_errno == EDQUOT) {
        return true;
    }
    struct statvfs info {};
    constexpr std::uint64_t kLeastForSqlite = 65536;
    return statvfs(folder_of(path).c_str(), &info) == 0 &&
           std::uint64_t{info.f_bavail} * info.f_frsize < kLeastForSqlite;
}

std::string immutable_uri(const std::string& path) {
    std::string uri = "file:";
    for (const char c : path) {
        const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/' ||
                           c == '.' || c == '-' || c == '_';
        uri += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
    return uri + "?immutable=1";
}

/// Names of guests and hosts are not for everybody; SQLite takes the mode of what is there for its
/// other files, too. mknod() opens nothing. What goes wrong, SQLite says.
void create_private(const std::string& path) {
    static_cast<void>(mknod(path.c_str(), S_IFREG | 0640, 0));
}

std::error_code create_private_folder(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder.parent_path(), error);
    if (error || mkdir(folder.c_str(), 0750) == 0) {
        return error;
    }
    const int why = errno == EEXIST ? ENOTDIR : errno;
    return std::filesystem::is_directory(folder, error)
               ? std::error_code()
               : std::error_code(why, std::generic_category());
}

void use_wal(SQLite::Database& connection) {
    const auto deadline = steady_clock::now() + kPatience;
    for (;;) {
        try {
            connection.exec("PRAGMA journal_mode = WAL");
            return;
        } catch (const SQLite::Exception& error) {
            // The busy timeout does not cover this change when two processes make it at once.
            if (primary_code(error) != SQLITE_BUSY || steady_clock::now() > deadline) {
                throw;
            }
            std::this_thread::sleep_for(milliseconds(10));
        }
    }
}

}  // namespace

Database::Database(std::string path, Store::Access access)
    : path_(path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string()),
      access_(access) {}

Result<void> Database::connect() {
    if (path_.empty()) {
        return fail(ErrorKind::config, "the path of the history is empty");
    }
    return guarded<void>([&] {
        return access_ == Store::Access::read_only ? connect_to_read() : connect_to_write();
    });
}

Result<void> Database::reconnect() {
    const bool stale = !connection_ || immutable_;
    return access_ == Store::Access::read_only && stale ? connect() : Result<void>{};
}

Result<bool> Database::exists() const {
    struct stat info {};
    if (stat(path_.c_str(), &info) != 0) {
        if (errno == ENOENT) {
            return false;
        }
        return fail(trouble(text_of(errno), "run as root, or as its owner"));
    }
    if (!S_ISREG(info.st_mode)) {
        return fail(trouble("is not a regular file", "choose another path for the history"));
    }
    // SQLite creates the file empty and fills it in its first transaction.
    return info.st_size > 0;
}

Result<void> Database::connect_to_read() {
    connection_.reset();
    immutable_ = false;
    const auto found = exists();
    if (!found) {
        return fail(found.error());
    }
    if (!*found) {
        return {};
    }
    std::unique_ptr<SQLite::Database> connection;
    SchemaState schema;
    try {
        connection =
            std::make_unique<SQLite::Database>(path_, SQLite::OPEN_READONLY, in_ms(kPatience));
        schema = schema_of(*connection);
    } catch (const SQLite::Exception& error) {
        const int code = primary_code(error);
        const bool no_index =
            code == SQLITE_CANTOPEN || code == SQLITE_READONLY || code == SQLITE_IOERR;
        if (!no_index || refusal(path_, R_OK) != 0) {
            throw;
        }
        std::error_code ignored;
        const auto pending = std::filesystem::file_size(path_ + "-wal", ignored);
        if (!ignored && pending > 0) {
            return fail(trouble("was not closed properly and its folder cannot be written",
                                "read it once as root, or where its folder can be written"));
        }
        connection = std::make_unique<SQLite::Database>(immutable_uri(path_),
                                                        SQLite::OPEN_READONLY | SQLite::OPEN_URI);
        schema = schema_of(*connection);
        immutable_ = true;
    }
    if (schema.empty) {
        return {};
    }
    auto fit = check(schema);
    if (!fit) {
        return fit;
    }
    if (schema.number < static_cast<int>(schema_steps().size())) {
        connection.reset();
        Database upgraded(path_, Store::Access::read_write);
        const auto done = upgraded.connect();
        return done ? connect_to_read() : done;
    }
    connection_ = std::move(connection);
    return {};
}

Result<void> Database::connect_to_write() {
    const auto folder = folder_of(path_);
    if (const auto error = create_private_folder(folder)) {
        return fail(trouble(fmt::format("cannot create the folder {}: {}", vmigrate::quoted(folder),
                                        error.message()),
                            "create it, or choose another path for the history"));
    }
    if (const auto found = exists(); !found) {
        return fail(found.error());
    }
    create_private(path_);
    auto connection = std::make_unique<SQLite::Database>(
        path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, in_ms(kPatience));
    const auto schema = schema_of(*connection);
    if (auto fit = check(schema); !fit) {
        return fit;
    }
    // SQLite falls back to reading when it may not write.
    if (sqlite3_db_readonly(connection->getHandle(), "main") == 1) {
        return fail(not_writable());
    }
    use_wal(*connection);
    connection->exec("PRAGMA foreign_keys = ON");
    upgrade(*connection, schema_steps());
    connection_ = std::move(connection);
    return {};
}

Result<void> Database::check(const SchemaState& schema) const {
    const auto known = static_cast<int>(schema_steps().size());
    if (!schema.ours && !schema.empty) {
        return fail(
            trouble("is a database of another program", "choose another path for the history"));
    }
    if (schema.number > known) {
        return fail(
            trouble(fmt::format("written by a newer vmigrate (schema {}, this one knows {})",
                                schema.number, known),
                    "use that vmigrate, or choose another path for the history"));
    }
    return {};
}

void Database::prepare_for(Write kind) {
    if (prepared_for_ == kind) {
        return;
    }
    connection_->exec(kind == Write::durable ? "PRAGMA synchronous = FULL"
                                             : "PRAGMA synchronous = NORMAL");
    connection_->setBusyTimeout(in_ms(kind == Write::fleeting ? kFleetingPatience : kPatience));
    prepared_for_ = kind;
}

Error Database::trouble(const std::string& what, const std::string& fix) const {
    return {ErrorKind::storage,
            fmt::format("history {}: {}; {}", vmigrate::quoted(path_), what, fix)};
}

Error Database::not_writable() const {
    const auto folder = folder_of(path_);
    int refused = refusal(path_, W_OK);
    if (refused == 0 || refused == ENOENT) {
        refused = refusal(folder, W_OK | X_OK);
    }
    if (refused == EROFS) {
        return trouble("its file system is read-only",
                       "mount it writable, or choose another path for the history");
    }
    if (refused == 0) {
        return trouble("cannot be written", "look at its permissions and those of its folder");
    }
    return trouble(fmt::format("cannot be written: {}", text_of(refused)),
                   "run as root, or as the owner of the file and its folder");
}

Error Database::damaged(const std::string& what) const {
    return trouble(fmt::format("is damaged: {}", what),
                   "move it away, and save what can be saved with sqlite3's command .recover");
}

Error Database::explain(const SQLite::Exception& error) const {
    const int code = primary_code(error);
    const bool io = code == SQLITE_IOERR || code == SQLITE_CANTOPEN;
    const int system_errno = io && connection_ ? sqlite3_system_errno(connection_->getHandle()) : 0;
    if (code == SQLITE_FULL || (io && disk_is_full(path_, system_errno))) {
        return trouble("the disk is full", "free space on the file system that holds it");
    }
    switch (code) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL:
            return trouble(fmt::format("locked by another process ({})", error.what()),
                           "try again, or look for the holder with fuser");
        case SQLITE_NOTADB:
            return trouble("is not a database",
                           "move it away, or choose another path for the history");
        case SQLITE_CORRUPT:
            return damaged(error.what());
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_READONLY:
            if (const int refused = refusal(path_, R_OK); refused != 0 && refused != ENOENT) {
                return trouble(fmt::format("cannot be read: {}", text_of(refused)),
                               "run as root, or as the owner of the file");
            }
            return not_writable();
        case SQLITE_IOERR:
            return trouble(fmt::format("cannot be read or written: {}{}", error.what(),
                                       system_errno == 0 ? "" : ", " + text_of(system_errno)),
                           "look for disk errors in the kernel's log");
        default:
            return trouble(error.what(), "report this as a bug of vmigrate");
    }
}

}  // namespace vmigrate::history
