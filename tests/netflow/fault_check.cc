// SPDX-License-Identifier: GPL-2.0-or-later
//
// fault_check DIRECTORY: what goes wrong with the switches a, b and c at each step of a move from a
// to b, see tests/lab/network-faults.sh. DIRECTORY/fault makes things go wrong and right again:
//   restart | kill | start | stop | continue NAME       ovs-vswitchd; its flows are gone with it
//   cut NAME                                            all OpenFlow connections
//   database-off | database-on NAME                     for us, not for ovs-vswitchd
//   full | roomy NAME                                   its first table takes no further flow
//   unplug NAME PORT | plug NAME PORT
#include <cstdio>
#include <cstdlib>
#include <future>
#include <sstream>

#include "handover/ovs_survey.h"
#include "three_switches.h"

using namespace three_switches;
using vmigrate::test::checks;

namespace {

std::string last_fault;

void fault(const std::string& words) {
    last_fault = words;
    CHECK(std::system((directory + "/fault " + words).c_str()) == 0);
}

/// By TCP, so that connections can be cut, and by a socket of the database that can be closed.
void by_ways_of_ours(OvsHost& host) {
    host.openflow =
        MUST(parse_endpoint("tcp:127.0.0.1:" + std::to_string(6600 + (host.name[0] - 'a'))));
    host.ovsdb = MUST(parse_endpoint("unix:" + directory + "/" + host.name + "/ours.sock"));
}

OvsTask faulty_task(seconds alarm = seconds(10), seconds relay_idle = seconds(2)) {
    auto result = task("a", "b");
    result.times.request = milliseconds(400);
    result.times.port = milliseconds(300);
    result.times.relay_idle = relay_idle;
    result.times.alarm = alarm;
    by_ways_of_ours(result.source);
    by_ways_of_ours(result.destination);
    for (auto& peer : result.peers) {
        by_ways_of_ours(peer);
    }
    return result;
}

/// All flows of all switches, in an order of their own.
std::string everything() {
    std::string text;
    for (const std::string name : {"a", "b", "c"}) {
        std::vector<std::string> lines;
        std::istringstream flows(dump(name));
        for (std::string line; std::getline(flows, line);) {
            lines.push_back(name + ": " + line + "\n");
        }
        std::ranges::sort(lines);
        for (const auto& line : lines) {
            text += line;
        }
    }
    return text;
}

bool nothing_left() {
    return ours("a").empty() && ours("b").empty() && ours("c").empty();
}

bool relays(const std::string& name) {
    return has(ours(name), "IN_PORT") && !has(ours(name), "hard_timeout");
}

bool copied() {
    const auto copies = ours("b");
    return has(copies, "in_port=64200,dl_dst=52:54:00:00:00:01") &&
           has(copies, "in_port=9,dl_dst=52:54:00:00:00:02");
}

/// What the guest's traffic needs until its controller has flows of its own for it.
bool handed_over() {
    return has(dump("b"),
               "cookie=0x5d4c0001, table=0, idle_timeout=300, priority=60050,"
               "in_port=64200,dl_dst=52:54:00:00:00:01");
}

/// Fails, and names the switch.
void must_name(const std::string& name, const Result<void>& result) {
    CHECK(!result);
    CHECK(has(result.error().message, "switch of " + name + ": "));
}

/// A guest on a, and a move of it to b that has not begun.
struct Scenario {
    explicit Scenario(seconds alarm = seconds(10), seconds relay_idle = seconds(2))
        : task(faulty_task(alarm, relay_idle)) {
        settle_on_a();
        before = everything();
    }

    /// Up to before the redirect.
    void begin() {
        MUST(network.lock());
        MUST(network.begin());
        CHECK(soon([] { return copied(); }));
    }
    /// As the runner asks while QEMU holds the guest, which may be too soon after a restart.
    void redirect() {
        CHECK(soon([this] { return network.redirect().has_value(); }));
        CHECK(has(ours("a"), "IN_PORT"));
    }
    void drain() {
        MUST(network.drain());
        CHECK(soon([] { return nothing_left(); }));
        CHECK(handed_over());
    }
    void rollback() {
        MUST(network.rollback());
        CHECK(nothing_left());
        CHECK(everything() == before);
        CHECK(registry.places.empty() || !registry.places.at("guest").locked);
        CHECK(registry.places.empty() || registry.places.at("guest").host == "a");
    }

    OvsTask task;
    Registry registry;
    Ovs network{task, registry};
    std::string before;
};

/// Between any two steps; whatever the switch has lost comes back.
void disturbed_at_each_step(const std::string& fault_of, const std::string& name) {
    Scenario move(seconds(10), seconds(4));  // no relay goes before it is looked for
    const auto disturb = [&] { fault(fault_of + " " + name); };
    disturb();
    MUST(move.network.lock());
    disturb();
    settle_on_a();  // nobody guards anything yet: its controller does
    move.begin();
    const auto at_a = dump("a");
    disturb();
    CHECK(soon([] { return copied(); }));
    CHECK(soon([&] { return dump("a").size() == at_a.size(); }));
    move.redirect();
    disturb();
    CHECK(soon([] { return has(ours("a"), "IN_PORT") && copied(); }));
    MUST(move.network.commit());
    CHECK(relays("a"));
    CHECK(has(dump("c"), "set_field:10.0.0.2->tun_dst"));
    disturb();
    CHECK(soon([] { return relays("a") && copied(); }));
    move.drain();
}

/// A relay that a restart has taken away is back as long as the drain lasts.
void restarted_while_it_drains() {
    Scenario move;
    move.begin();
    move.redirect();
    MUST(move.network.commit());
    auto drained = std::async(std::launch::async, [&] { return move.network.drain(); });
    std::this_thread::sleep_for(milliseconds(300));
    fault("restart a");
    CHECK(soon([] { return relays("a"); }));
    MUST(drained.get());
    CHECK(soon([] { return nothing_left(); }));
}

/// `off` makes the switch useless, `on` useful again; what it had may be gone then.
struct Trouble {
    std::string off;
    std::string on;
    std::string name;

    void begin() const { fault(off + " " + name); }
    void end() const { fault(on + " " + name); }
};

/// Nothing has been done when the lock fails, and nothing stays when it is taken back.
void fails_at_lock_and_begin(const Trouble& trouble) {
    {
        Scenario move;
        trouble.begin();
        must_name(trouble.name, move.network.lock());
        CHECK(move.registry.places.empty());
        MUST(move.network.rollback());
        trouble.end();
        CHECK(nothing_left());
    }
    Scenario move;
    MUST(move.network.lock());
    trouble.begin();
    if (const auto begun = move.network.begin(); trouble.name == "b") {
        must_name("b", begun);
    }
    must_name(trouble.name, move.network.rollback());
    trouble.end();
    MUST(move.network.rollback());
    CHECK(nothing_left());
    CHECK(!move.registry.places.at("guest").locked);
}

/// The guest stays where it is; whoever could not be told is told later, by another process, too.
void fails_at_redirect(const Trouble& trouble) {
    Scenario move;
    move.begin();
    trouble.begin();
    must_name(trouble.name, move.network.redirect());
    must_name(trouble.name, move.network.rollback());
    trouble.end();
    Ovs next(faulty_task(), move.registry);
    MUST(next.rollback());
    CHECK(nothing_left());
    CHECK(!move.registry.places.at("guest").locked);
}

/// Forward: the others have been told, and who could not be is, or is covered by the relay.
void fails_at_commit(const Trouble& trouble) {
    Scenario move;
    move.begin();
    move.redirect();
    trouble.begin();
    must_name(trouble.name, move.network.commit());
    CHECK(move.registry.places.at("guest").host == "b");
    CHECK(trouble.name == "a" || relays("a"));
    CHECK(trouble.name == "c" || has(dump("c"), "set_field:10.0.0.2->tun_dst"));
    trouble.end();
    CHECK(soon([] { return relays("a") && copied(); }));
    move.drain();
}

/// What could not be taken away can be later.
void fails_at_drain(const Trouble& trouble) {
    Scenario move(seconds(1));
    move.begin();
    move.redirect();
    MUST(move.network.commit());
    trouble.begin();
    must_name(trouble.name, move.network.drain());
    trouble.end();
    MUST(remove_own_flows({move.task.source, move.task.destination}, {}, seconds(5)));
    CHECK(nothing_left());
}

/// Of those that know the ports; traffic needs none of them.
void databases_gone() {
    for (const std::string name : {"a", "b"}) {
        const Trouble trouble{"database-off", "database-on", name};
        fails_at_lock_and_begin(trouble);
        Scenario move;
        move.begin();
        trouble.begin();
        move.redirect();
        MUST(move.network.commit());
        must_name(name, move.network.drain());  // its note that a move is under way stays
        CHECK(soon([] { return nothing_left(); }));
        trouble.end();
    }
    fails_at_commit({"database-off", "database-on", "c"});
}

void tables_full() {
    {
        Scenario move;
        MUST(move.network.lock());
        fault("full b");
        MUST(move.network.begin());
        const auto refused = move.network.redirect();
        must_name("b", refused);
        CHECK(has(refused.error().message, "full"));
        move.rollback();
        fault("roomy b");
    }
    Scenario move;
    move.begin();
    fault("full a");
    must_name("a", move.network.redirect());
    CHECK(!has(ours("a"), "priority=60200"));
    fault("roomy a");
    move.redirect();
    MUST(move.network.withdraw());
    // and if it has moved all the same, forward
    fault("full a");
    must_name("a", move.network.redirect());
    must_name("a", move.network.commit());
    CHECK(has(dump("c"), "set_field:10.0.0.2->tun_dst"));
    fault("roomy a");
    CHECK(soon([] { return relays("a"); }));
    fault("full a");
    fault("full b");
    move.drain();
    fault("roomy a");
    fault("roomy b");
}

void ports_gone() {
    {
        Scenario move;
        fault("unplug a 5");
        must_name("a", move.network.lock());
        CHECK(everything() == move.before);
        fault("plug a 5");
        MUST(move.network.lock());
        fault("unplug b 9");
        must_name("b", move.network.begin());
        move.rollback();
        fault("plug b 9");
    }
    {
        Scenario move;
        move.begin();
        fault("unplug b 9");
        const auto turned = move.network.redirect();
        must_name("b", turned);
        CHECK(has(turned.error().message, "no port 9"));
        move.rollback();
        fault("plug b 9");
    }
    Scenario move;
    move.begin();
    move.redirect();
    fault("unplug a 5");
    MUST(move.network.commit());
    CHECK(relays("a"));
    fault("unplug b 9");
    MUST(move.network.drain());
    CHECK(soon([] { return nothing_left(); }));
    CHECK(!handed_over());  // to a port that is no more: the controller is asked instead
    fault("plug a 5");
    fault("plug b 9");
}

}  // namespace

int main(int argc, char** argv) {
    CHECK(argc == 2);
    directory = argv[1];
    vmigrate::test::at_failure = [] {
        std::fprintf(stderr, "after %s\na:\n%sb:\n%s", last_fault.c_str(), dump("a").c_str(),
                     dump("b").c_str());
    };
    for (const std::string name : {"a", "b"}) {
        disturbed_at_each_step("restart", name);
        disturbed_at_each_step("cut", name);
        const Trouble dead{"kill", "start", name};
        const Trouble silent{"stop", "continue", name};
        fails_at_lock_and_begin(dead);
        fails_at_lock_and_begin(silent);
        fails_at_redirect(dead);
        fails_at_redirect(silent);
        fails_at_commit(dead);
        fails_at_commit(silent);
        fails_at_drain(dead);
        fails_at_drain(silent);
    }
    restarted_while_it_drains();
    fails_at_commit({"kill", "start", "c"});
    fails_at_commit({"stop", "continue", "c"});
    databases_gone();
    tables_full();
    ports_gone();
    std::printf("%d checks\n", checks);
    return 0;
}
