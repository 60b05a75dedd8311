// LINK: vmigrate_history
// LABELS: unit
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A file system or a file that does not do what we want: one sentence that names the file, says
// what happened and what to do, and nothing lost.
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "history/schema.h"
#include "unit/history_fixture.h"

using namespace vmigrate;
using namespace vmigrate::history;
using Access = Store::Access;

namespace {

const SystemClock kClock;

std::string message_of_opening(const std::string& path, Access access) {
    const auto store = Store::open(path, access, kClock);
    if (!store && store.error().kind != ErrorKind::storage) {
        return "wrong kind of error";
    }
    return message_of(store);
}

/// What goes wrong when one migration is begun, if anything.
std::string message_of_beginning(const std::string& path, const std::string& uuid = kUuid) {
    const auto store = Store::open(path, Access::read_write, kClock);
    return store ? message_of((*store)->journal()->begin(plan_of("web", uuid))) : message_of(store);
}

std::size_t count(const std::string& path) {
    const auto store = Store::open(path, Access::read_only, kClock);
    const auto listed = store ? (*store)->list({.limit = 0}) : fail(store.error());
    return listed ? listed->size() : 9999;
}

std::string about(const std::string& path, const std::string& rest) {
    return "history '" + path + "': " + rest;
}

bool is_root() {
    return geteuid() == 0;
}

/// What `body` says when run by a user who owns nothing. REQUIRES: root.
std::string said_by_nobody(const std::function<std::string()>& body) {
    constexpr uid_t kNobody = 65534;
    return said_by_child([&]() -> std::string {
        if (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0) {
            return "cannot become nobody";
        }
        return body();
    });
}

const std::string kNoMount = "may not mount";

/// What `body` says in a mount namespace of its own, with `options` of a tmpfs over `folder`.
std::string said_on_tmpfs(const std::string& folder, const std::string& options,
                          const std::function<std::string()>& body) {
    return said_by_child([&]() -> std::string {
        const bool mounted = unshare(CLONE_NEWNS) == 0 &&
                             mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                             mount("none", folder.c_str(), "tmpfs", 0, options.c_str()) == 0;
        return mounted ? body() : kNoMount;
    });
}

void write_file(const std::string& path, const std::string& contents) {
    std::ofstream(path) << contents;
}

/// Leaves no byte free on the file system of `folder`.
void fill_up(const std::string& folder) {
    std::ofstream file(folder + "/filler");
    const std::string block(4096, 'x');
    while (file << block << std::flush) {
    }
}

}  // namespace

TEST_CASE("missing folders are made; what stands in their way is named") {
    const TemporaryFolder folder;
    const auto path = folder.file("a/b/history.db");
    CHECK(message_of_opening(path, Access::read_write) == "no error");
    CHECK(message_of_opening(folder.file("none/history.db"), Access::read_only) == "no error");
    CHECK_FALSE(std::filesystem::exists(folder.file("none")));

    write_file(folder.file("plain"), "x");
    const auto below = folder.file("plain/history.db");
    CHECK(message_of_opening(below, Access::read_write) ==
          about(below, "cannot create the folder '" + folder.file("plain") +
                           "': Not a directory; create it, or choose another path for the "
                           "history"));
    CHECK(message_of_opening(below, Access::read_only).find("Not a directory") !=
          std::string::npos);
    CHECK(message_of_opening(folder.path(), Access::read_write) ==
          about(folder.path(), "is not a regular file; choose another path for the history"));
    CHECK(message_of_opening(folder.path(), Access::read_only).find("is not a regular file") !=
          std::string::npos);
    CHECK(Store::open("", Access::read_write, kClock).error().kind == ErrorKind::config);
}

TEST_CASE("a name that means something to SQLite is only a name") {
    const TemporaryFolder folder;
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder.path());
    CHECK(message_of_beginning(":memory:") == "no error");
    CHECK(count(":memory:") == 1);
    CHECK(message_of_beginning("file:x?mode=ro") == "no error");
    std::filesystem::current_path(before);
    CHECK(std::filesystem::exists(folder.file(":memory:")));
    CHECK(std::filesystem::exists(folder.file("file:x?mode=ro")));
}

TEST_CASE("files that are no history are left as they are") {
    const TemporaryFolder folder;
    const auto path = folder.file("history.db");
    SUBCASE("text") {
        const std::string text(5000, 'x');
        write_file(path, text);
        for (const auto access : {Access::read_only, Access::read_write}) {
            CHECK(message_of_opening(path, access) ==
                  about(path,
                        "is not a database; move it away, or choose another path for the "
                        "history"));
        }
        CHECK(std::filesystem::file_size(path) == text.size());
    }
    SUBCASE("a database of another program") {
        {
            SQLite::Database other(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
            other.exec("CREATE TABLE migrations (x)");
        }
        for (const auto access : {Access::read_only, Access::read_write}) {
            CHECK(message_of_opening(path, access) ==
                  about(path,
                        "is a database of another program; choose another path for the history"));
        }
    }
    SUBCASE("an empty file becomes one") {
        write_file(path, "");
        CHECK(count(path) == 0);
        CHECK(message_of_beginning(path) == "no error");
        CHECK(count(path) == 1);
    }
}

TEST_CASE("a newer schema is refused and not touched") {
    const TemporaryFolder folder;
    const auto path = folder.file("history.db");
    const auto known = schema_steps().size();
    REQUIRE(message_of_beginning(path) == "no error");
    SQLite::Database(path, SQLite::OPEN_READWRITE)
        .exec(fmt::format("PRAGMA user_version = {}", known + 1));
    for (const auto access : {Access::read_only, Access::read_write}) {
        CHECK(message_of_opening(path, access) ==
              about(path, fmt::format("written by a newer vmigrate (schema {}, this one knows {}); "
                                      "use that vmigrate, or choose another path for the history",
                                      known + 1, known)));
    }
    SQLite::Database(path, SQLite::OPEN_READWRITE)
        .exec(fmt::format("PRAGMA user_version = {}", known));
    CHECK(count(path) == 1);
}

TEST_CASE("a damaged file is said to be damaged") {
    const TemporaryFolder folder;
    const auto path = folder.file("history.db");
    REQUIRE(message_of_beginning(path) == "no error");
    SUBCASE("pages overwritten") {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(4096);
        const std::string garbage(40960, '\x5a');
        file << garbage;
    }
    SUBCASE("a word that we do not know") {
        SQLite::Database(path, SQLite::OPEN_READWRITE)
            .exec("UPDATE migrations SET phase = 'flying'");
    }
    SUBCASE("problems that are not JSON") {
        SQLite::Database(path, SQLite::OPEN_READWRITE)
            .exec("UPDATE migrations SET problems = 'flying'");
    }
    const auto store = Store::open(path, Access::read_only, kClock);
    const auto message = store ? message_of((*store)->list({})) : message_of(store);
    CHECK(message.starts_with(about(path, "is damaged: ")));
    CHECK(message.ends_with(
        "; move it away, and save what can be saved with sqlite3's command .recover"));
}

TEST_CASE("a locked file is waited for, then said to be locked; samples do not wait long") {
    const TemporaryFolder folder;
    const auto path = folder.file("history.db");
    const auto store = opened(path, kClock);
    const auto journal = store->journal();
    REQUIRE(journal->begin(plan_of("web", kUuid)).has_value());
    SQLite::Database rival(path, SQLite::OPEN_READWRITE);
    rival.exec("BEGIN IMMEDIATE");

    using std::chrono::steady_clock;
    auto since = steady_clock::now();
    const auto lost = journal->sample({}, 1, {});
    CHECK(steady_clock::now() - since < seconds(4));  // a durable write waits for 5
    CHECK(message_of(lost) ==
          about(path,
                "locked by another process (database is locked); try again, or look for the "
                "holder with fuser"));

    SUBCASE("for good") {
        since = steady_clock::now();
        CHECK(message_of(journal->phase(Phase::locked, "")).starts_with(about(path, "locked by")));
        CHECK(steady_clock::now() - since >= seconds(4));
        rival.exec("ROLLBACK");
        CHECK(journal->phase(Phase::locked, "").has_value());
    }
    SUBCASE("for a while") {
        std::thread release([&] {
            std::this_thread::sleep_for(milliseconds(500));
            rival.exec("ROLLBACK");
        });
        CHECK(journal->phase(Phase::locked, "").has_value());
        release.join();
    }
    CHECK(store->list({}).value().at(0).phase == Phase::locked);
}

TEST_CASE("without permission: what may be read is read, the rest is said" *
          doctest::skip(!is_root())) {
    const TemporaryFolder folder;
    const auto path = folder.file("history.db");
    REQUIRE(message_of_beginning(path) == "no error");
    chmod(path.c_str(), 0644);  // as who wants to share it does
    const auto counted = [&] { return std::to_string(count(path)); };
    const auto read = [&] { return message_of_opening(path, Access::read_only); };
    const auto begun = [&] { return message_of_beginning(path); };
    const std::string owner = "run as root, or as the owner of the file and its folder";

    SUBCASE("a folder that others may look into") {
        chmod(folder.path().c_str(), 0755);
        CHECK(said_by_nobody(counted) == "1");
        CHECK(said_by_nobody(begun) ==
              about(path, "cannot be written: Permission denied; " + owner));
        CHECK(said_by_nobody([&] { return message_of_beginning(folder.file("new/x.db")); }) ==
              about(folder.file("new/x.db"),
                    "cannot create the folder '" + folder.file("new") +
                        "': Permission denied; create it, or choose another path for the "
                        "history"));
        // While a writer is at work its files are there to be shared.
        const auto store = opened(path, kClock);
        REQUIRE(store->journal()->begin(plan_of("db", kOtherUuid)).has_value());
        CHECK(said_by_nobody(counted) == "2");
    }
    SUBCASE("a file that anybody may write in a folder that only root may") {
        chmod(folder.path().c_str(), 0755);
        chmod(path.c_str(), 0666);
        CHECK(said_by_nobody(counted) == "1");
        CHECK(said_by_nobody(begun) ==
              about(path, "cannot be written: Permission denied; " + owner));
    }
    SUBCASE("a reader that came before the writer sees what comes") {
        chmod(folder.path().c_str(), 0755);
        std::array<int, 2> ask{};
        std::array<int, 2> answer{};
        REQUIRE(pipe(ask.data()) == 0);
        REQUIRE(pipe(answer.data()) == 0);
        std::unique_ptr<Store> writer;
        std::string wrote;
        std::thread other([&] {
            char turn = 'b';
            // Whoever forks while a thread begins may get a heap that is locked for ever.
            if (write(answer[1], &turn, 1) == 1 && ::read(ask[0], &turn, 1) == 1) {
                writer = opened(path, kClock);
                wrote = message_of(writer->journal()->begin(plan_of("db", kOtherUuid)));
                wrote += write(answer[1], &turn, 1) == 1 ? "" : ", no answer";
            }
        });
        char ready = 0;
        REQUIRE(::read(answer[0], &ready, 1) == 1);
        const auto told = said_by_nobody([&] {
            const auto reader = Store::open(path, Access::read_only, kClock);
            const auto before = reader ? (*reader)->list({}).value().size() : 0;
            char turn = 'w';
            const bool waited = write(ask[1], &turn, 1) == 1 && ::read(answer[0], &turn, 1) == 1;
            const auto after = waited ? (*reader)->list({}).value().size() : 0;
            return std::to_string(before) + ", then " + std::to_string(after);
        });
        other.join();
        for (const int end : {ask[0], ask[1], answer[0], answer[1]}) {
            close(end);
        }
        CHECK(wrote == "no error");
        CHECK(told == "1, then 2");
    }
    SUBCASE("a file that others may not read") {
        chmod(folder.path().c_str(), 0755);
        chmod(path.c_str(), 0600);
        CHECK(said_by_nobody(read) ==
              about(path,
                    "cannot be read: Permission denied; run as root, or as the owner of the "
                    "file"));
    }
    SUBCASE("a folder that others may not enter") {
        chmod(folder.path().c_str(), 0700);
        CHECK(said_by_nobody(read) ==
              about(path, "Permission denied; run as root, or as its owner"));
        CHECK(said_by_nobody(begun).find("Permission denied") != std::string::npos);
    }
    SUBCASE("changes that wait in the log of a dead writer") {
        chmod(folder.path().c_str(), 0755);
        const auto died = said_by_child([&]() -> std::string {
            const auto store = Store::open(path, Access::read_write, kClock);
            const auto begun_there = (*store)->journal()->begin(plan_of("db", kOtherUuid));
            _exit(begun_there ? 1 : 0);  // leaves the log behind
        });
        CHECK(died == "died");
        REQUIRE(std::filesystem::file_size(path + "-wal") > 0);
        SUBCASE("with its index") {
            CHECK(said_by_nobody(counted) == "2");
        }
        SUBCASE("without its index") {
            std::filesystem::remove(path + "-shm");
            CHECK(said_by_nobody(read) ==
                  about(path,
                        "was not closed properly and its folder cannot be written; read it once "
                        "as root, or where its folder can be written"));
            CHECK(count(path) == 2);
        }
    }
}

TEST_CASE("a read-only file system can be read and is named when writing" *
          doctest::skip(!is_root())) {
    const TemporaryFolder folder;
    const auto path = folder.file("history.db");
    const auto said = said_on_tmpfs(folder.path(), "size=4m", [&]() -> std::string {
        const auto first = message_of_beginning(path);
        if (mount("none", folder.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
            return kNoMount;
        }
        return first + "|" + std::to_string(count(path)) + "|" + message_of_beginning(path) + "|" +
               message_of_beginning(folder.file("other.db")) + "|" +
               message_of_beginning(folder.file("deep/other.db"));
    });
    if (said == kNoMount) {
        MESSAGE("skipped: no right to mount");
        return;
    }
    const std::string fix = "mount it writable, or choose another path for the history";
    CHECK(said ==
          "no error|1|" + about(path, "its file system is read-only; " + fix) + "|" +
              about(folder.file("other.db"), "its file system is read-only; " + fix) + "|" +
              about(folder.file("deep/other.db"),
                    "cannot create the folder '" + folder.file("deep") +
                        "': Read-only file system; create it, or choose another path for the "
                        "history"));
}

TEST_CASE("a full disk: nothing is begun, what is stored stays, and it goes on with space" *
          doctest::skip(!is_root())) {
    const TemporaryFolder folder;
    const auto path = folder.file("history.db");
    const std::string full =
        about(path, "the disk is full; free space on the file system that holds it");
    std::function<std::string()> body;
    std::string expected;

    SUBCASE("before the first migration") {
        body = [&] {
            fill_up(folder.path());
            return message_of_opening(path, Access::read_write) + "|" + std::to_string(count(path));
        };
        expected = full + "|0";
    }
    SUBCASE("between two migrations") {
        body = [&] {
            const auto first = message_of_beginning(path);
            fill_up(folder.path());
            return first + "|" + message_of_beginning(path, kOtherUuid) + "|" +
                   std::to_string(count(path));
        };
        expected = "no error|" + full + "|1";
    }
    SUBCASE("in the middle of a migration") {
        body = [&]() -> std::string {
            auto store = Store::open(path, Access::read_write, kClock);
            const auto journal = (*store)->journal();
            if (!journal->begin(plan_of("web", kUuid))) {
                return "not begun";
            }
            fill_up(folder.path());
            std::string lost = "no sample was lost";
            for (int i = 0; i < 10000; ++i) {
                if (const auto stored = journal->sample({}, 1, {}); !stored) {
                    lost = message_of(stored);
                    break;
                }
            }
            const auto stuck = message_of(journal->phase(Phase::locked, std::string(9000, 'x')));
            const auto seen = std::to_string(count(path));
            std::filesystem::remove(folder.file("filler"));
            Record record;
            record.outcome = Outcome::moved;
            const auto phase = message_of(journal->phase(Phase::locked, ""));
            const auto finish = message_of(journal->finish(record));
            return lost + "|" + stuck + "|" + seen + "|" + phase + "|" + finish;
        };
        expected = full + "|" + full + "|1|no error|no error";
    }
    const auto said = said_on_tmpfs(folder.path(), "size=2m", body);
    if (said == kNoMount) {
        MESSAGE("skipped: no right to mount");
        return;
    }
    CHECK(said == expected);
}
