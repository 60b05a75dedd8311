// LINK: vmigrate_history
// LABELS: unit
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Several processes and one history: leases, sudden death, what others see.
#include "history/process.h"

#include <sys/prctl.h>

#include <csignal>
#include <thread>

#include "unit/history_fixture.h"

using namespace vmigrate;
using namespace vmigrate::history;

namespace {

/// A child that runs `body`, says so, and then waits to be killed.
class Victim {
  public:
    explicit Victim(const std::function<bool()>& body) {
        std::array<int, 2> ends{};
        REQUIRE(pipe(ends.data()) == 0);
        pid_ = fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            const char answer = body() ? 'y' : 'n';
            if (write(ends[1], &answer, 1) == 1) {
                pause();
            }
            _exit(0);
        }
        close(ends[1]);
        char answer = 'n';
        ready_ = read(ends[0], &answer, 1) == 1 && answer == 'y';
        close(ends[0]);
    }
    ~Victim() { die(); }
    Victim(const Victim&) = delete;
    Victim& operator=(const Victim&) = delete;

    bool ready() const { return ready_; }
    pid_t pid() const { return pid_; }
    void kill() const {
        ::kill(pid_, SIGKILL);
        // Dead, but not waited for: a zombie.
        siginfo_t info{};
        waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
    }
    void die() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
            pid_ = 0;
        }
    }

  private:
    pid_t pid_ = 0;
    bool ready_ = false;
};

}  // namespace

TEST_CASE("a process is alive until it is killed, also when its name is odd") {
    const auto self = this_process();
    CHECK(life_of(self) == Life::alive);
    auto reused = self;
    reused.started -= 1;
    CHECK(life_of(reused) == Life::dead);
    const std::string said = said_by_child([&] {
        prctl(PR_SET_NAME, ") Z 1 (", 0, 0, 0);
        const auto child = this_process();
        return child.started > 0 && life_of(child) == Life::alive ? "alive" : "not alive";
    });
    CHECK(said == "alive");
}

TEST_CASE("the lease of another process: alive, killed, taken over") {
    const TemporaryFolder folder;
    const SystemClock clock;
    Victim victim([&] {
        const auto own = Store::open(folder.file("history.db"), Store::Access::read_write, clock);
        if (!own) {
            return false;
        }
        static std::unique_ptr<Journal> journal;  // must outlive the body
        journal = (*own)->journal();
        const bool begun = journal->begin(plan_of("web", kUuid)).has_value() &&
                           journal->intend(Step::migrate, "").has_value() &&
                           journal->phase(Phase::precopy, "").has_value();
        const bool sampled = journal->sample({}, 12, {}).has_value();
        return begun && sampled;
    });
    REQUIRE(victim.ready());
    const auto store = opened(folder.file("history.db"), clock);

    const auto alive = store->journal()->begin(plan_of("web", kUuid));
    CHECK(message_of(alive) ==
          "guest 'web' is being moved by migration 1 (pid " + std::to_string(victim.pid()) + ")");
    CHECK(store->story(1).value().entry.holder_alive);
    CHECK(store->story(1).value().entry.holder_pid == victim.pid());
    CHECK(store->adopt(1).error().kind == ErrorKind::busy);
    CHECK(store->request_abort(1).has_value());

    SUBCASE("a zombie") {
        victim.kill();
    }
    SUBCASE("gone") {
        victim.die();
    }
    const auto dead = store->journal()->begin(plan_of("web", kUuid));
    CHECK(dead.error().kind == ErrorKind::busy);
    CHECK(message_of(dead) ==
          "an earlier migration (ID 1) of guest 'web' ended without a verdict: run 'vmigrate "
          "recover 1'");
    CHECK(message_of(store->request_abort(1)) ==
          "the process of migration 1 is dead: run 'vmigrate recover 1'");
    const auto story = store->story(1).value();
    CHECK_FALSE(story.entry.holder_alive);
    CHECK(story.entry.phase == Phase::precopy);
    CHECK(story.steps.size() == 1);
    CHECK(story.samples.size() == 1);

    auto heir = store->adopt(1);
    REQUIRE_MESSAGE(heir.has_value(), message_of(heir));
    Record record;
    record.outcome = Outcome::failed_on_source;
    CHECK((*heir)->finish(record).has_value());
    CHECK(store->journal()->begin(plan_of("web", kUuid)).value() == 2);
}

TEST_CASE("of many that adopt one dead migration, one succeeds") {
    const TemporaryFolder folder;
    const SystemClock clock;
    {
        Victim victim([&] {
            const auto own =
                Store::open(folder.file("history.db"), Store::Access::read_write, clock);
            return own && (*own)->journal()->begin(plan_of("web", kUuid)).has_value();
        });
        REQUIRE(victim.ready());
    }
    constexpr int kMany = 6;
    std::vector<std::unique_ptr<Victim>> heirs;
    int adopted = 0;
    for (int i = 0; i < kMany; ++i) {
        heirs.push_back(std::make_unique<Victim>([&] {
            const auto own =
                Store::open(folder.file("history.db"), Store::Access::read_write, clock);
            return own && (*own)->adopt(1).has_value();
        }));
        adopted += heirs.back()->ready() ? 1 : 0;
    }
    CHECK(adopted == 1);
}

TEST_CASE("many processes create the same history and all begin at once") {
    const TemporaryFolder folder;
    const SystemClock clock;
    constexpr int kMany = 8;
    std::array<int, 2> gate{};
    REQUIRE(pipe(gate.data()) == 0);
    std::vector<pid_t> children;
    for (int i = 0; i < kMany; ++i) {
        const pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            close(gate[1]);
            char unused = 0;
            const auto opened_gate = read(gate[0], &unused, 1);
            const auto own =
                Store::open(folder.file("history.db"), Store::Access::read_write, clock);
            const auto name = "guest" + std::to_string(i);
            const bool good = opened_gate == 0 && own &&
                              (*own)->journal()->begin(plan_of(name, name)).has_value();
            _exit(good ? 0 : 1);
        }
        children.push_back(child);
    }
    close(gate[0]);
    close(gate[1]);
    for (const pid_t child : children) {
        int status = -1;
        waitpid(child, &status, 0);
        CHECK(status == 0);
    }
    const auto reader = opened(folder.file("history.db"), clock, Store::Access::read_only);
    CHECK(reader->list({}).value().size() == kMany);
}

TEST_CASE("a sample is seen by another process at once, and by a reader that came before") {
    const TemporaryFolder folder;
    const SystemClock clock;
    const auto reader = opened(folder.file("history.db"), clock, Store::Access::read_only);
    const Victim victim([&] {
        const auto own = Store::open(folder.file("history.db"), Store::Access::read_write, clock);
        if (!own) {
            return false;
        }
        const auto journal = (*own)->journal();
        return journal->begin(plan_of("web", kUuid)).has_value() &&
               journal->sample({}, 37, {}).has_value();
    });
    REQUIRE(victim.ready());
    const auto seen = reader->last_sample(1).value();
    REQUIRE(seen.has_value());
    CHECK(seen->progress_percent == 37);
}
