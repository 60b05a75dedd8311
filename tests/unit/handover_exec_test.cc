// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_handover
// LABELS: unit
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "handover/exec.h"
#include "orchestrator/json.h"
#include "temporary_folder.h"

using namespace vmigrate;
using namespace vmigrate::handover;

namespace {

/// A program that notes its step and its input, and does what else it is told.
struct Adapter {
    explicit Adapter(const std::string& more) {
        std::ofstream(path) << "#!/bin/sh\n{ echo \"$1\"; cat; } >>" << notes.string() << "\n"
                            << more << "\n";
        std::filesystem::permissions(path, std::filesystem::perms::owner_all);
        task.program = path;
        task.guest_name = "a \"guest\"\n";
        task.guest_uuid = "6f2a";
        task.source = "here";
        task.destination = "there";
        task.cards = {{"52:54:00:00:00:01", "br-int", "card-1"}, {"52:54:00:00:00:02", "", ""}};
    }

    std::string noted() const {
        std::ifstream file(notes);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    TemporaryFolder dir;
    std::filesystem::path path = dir.path() / "adapter";
    std::filesystem::path notes = dir.path() / "notes";
    ExecTask task;
};

}  // namespace

TEST_CASE("each step is a run of the program that knows what it is about") {
    Adapter adapter("");
    Exec exec(adapter.task);
    CHECK(exec.lock());
    const auto noted = adapter.noted();
    const auto line = noted.find('\n');
    CHECK(noted.substr(0, line) == "lock");
    const auto told = Json::parse(noted.substr(line + 1));
    CHECK(told.dump() ==
          R"({"step":"lock","guest":"a \"guest\"\n","uuid":"6f2a","source":"here",)"
          R"("destination":"there","cards":[{"mac":"52:54:00:00:00:01","bridge":"br-int",)"
          R"("interface_id":"card-1"},{"mac":"52:54:00:00:00:02","bridge":null,)"
          R"("interface_id":null}]})");

    CHECK(exec.begin());
    CHECK(exec.redirect());
    CHECK(exec.withdraw());
    CHECK(exec.commit());
    CHECK(exec.drain());
    CHECK(exec.rollback());
    for (const auto* step : {"begin", "redirect", "withdraw", "commit", "drain", "rollback"}) {
        CHECK(adapter.noted().find("\n" + std::string(step) + "\n{\"step\":\"" + step) !=
              std::string::npos);
    }
}

TEST_CASE("what is done is not done again") {
    Adapter adapter("");
    Exec exec(adapter.task);
    const auto steps = [&adapter] {
        std::string words;
        std::ifstream file(adapter.notes);
        for (std::string line; std::getline(file, line);) {
            if (line.front() != '{') {
                words += line + " ";
            }
        }
        return words;
    };
    CHECK(exec.withdraw());
    CHECK(exec.redirect());
    CHECK(exec.redirect());
    CHECK(exec.withdraw());
    CHECK(exec.redirect());
    CHECK(exec.commit());
    CHECK(exec.commit());
    CHECK(steps() == "redirect withdraw redirect commit ");
}

TEST_CASE("a program that fails is quoted by its last line") {
    Adapter adapter("echo starting; echo 'no such address' >&2; echo; exit 4");
    const auto done = Exec(adapter.task).commit();
    REQUIRE(!done);
    CHECK(done.error().kind == ErrorKind::network);
    CHECK(done.error().message ==
          "'" + adapter.task.program + "' commit ended with 4: no such address");
}

TEST_CASE("a program that hangs is ended") {
    Adapter adapter("sleep 3600");
    adapter.task.limit = milliseconds(100);
    const auto done = Exec(adapter.task).lock();
    REQUIRE(!done);
    CHECK(done.error().kind == ErrorKind::unreachable);
}

TEST_CASE("the redirect is held only where the program can do that") {
    Adapter adapter("");
    CHECK(!Exec(adapter.task).wants_hold());
    adapter.task.redirect_held = true;
    CHECK(Exec(adapter.task).wants_hold());
}
