// SPDX-License-Identifier: GPL-2.0-or-later
//
// refresh_check DIRECTORY: a guest has moved from bridge a to bridge b, and a controller that is
// asked makes its flows anew; against real bridges, see tests/lab/network-engine.sh.
#include <cstdio>

#include "handover/ovs_refresh.h"
#include "three_switches.h"

using namespace three_switches;
using vmigrate::test::checks;

namespace {

const std::map<std::string, Ipv4> bridges{{"a", ip_a}, {"b", ip_b}, {"c", ip_c}};

/// Flows with this cookie were there before; the controller's are others.
Flow before(Flow flow) {
    flow.cookie = {0x1111};
    return flow;
}
const std::string made = "cookie=0x5d4c0001";

/// As a move has left them, the copy at b included.
void settle_on_b() {
    for (const auto& [name, address] : bridges) {
        MUST(connect(name).change(FlowMod::remove_all({})));
    }
    auto copy = flow(from_tunnel(mac(1)), to_port(Port{9}));
    copy.cookie = cookie_of(a_to_b(), FlowKind::synced);
    put("a", before(flow(from_port(Port{2}, mac(1)), by_tunnel(ip_b))));
    put("b", before(flow(from_port(Port{4}, mac(1)), to_port(Port{9}))));
    put("b", copy);
    put("c", before(flow(from_port(Port{3}, mac(1)), by_tunnel(ip_b))));
}

/// Answers each packet that reaches it with one flow, as it believes the guest to be.
class Controller {
  public:
    explicit Controller(std::string place) : place_(std::move(place)) {
        for (const auto& [name, address] : bridges) {
            ends_.emplace(name, connect(name));
            MUST(
                ends_.at(name).subscribe({.packet_in = 0x3f, .port_status = 0, .flow_removed = 0}));
        }
        thread_ = std::thread([this] { run(); });
    }
    ~Controller() {
        stop_ = true;
        thread_.join();
    }
    void learn(const std::string& place) {
        const std::scoped_lock lock(mutex_);
        place_ = place;
    }
    /// As a cloud's does, whoever made the flows.
    void forget() {
        for (const auto& [name, address] : bridges) {
            FlowMod removal;
            removal.command = FlowCommand::remove;
            removal.flow.table = TableId::all;
            removal.flow.match.set(field::eth_dst, mac(1));
            MUST(connect(name).change(removal));
        }
    }
    int asked() {
        const std::scoped_lock lock(mutex_);
        return asked_;
    }

  private:
    void run() {
        while (!stop_) {
            for (auto& [name, end] : ends_) {
                MUST(end.on_ready());
                while (auto event = end.next_event()) {
                    if (const auto* in = std::get_if<PacketIn>(&event->message)) {
                        answer(name, end, *in);
                    }
                }
            }
            std::this_thread::sleep_for(milliseconds(1));
        }
    }

    void answer(const std::string& name, Switch& end, const PacketIn& in) {
        const std::scoped_lock lock(mutex_);
        ++asked_;
        Mac to;
        std::copy_n(in.packet.begin(), to.octets.size(), to.octets.begin());
        CHECK(to == mac(1));
        const auto from = in.match.get(field::in_port).value_or(Port::any);
        auto match = from_port(from, to);
        if (from == tunnel) {
            CHECK(in.match.get(field::tunnel_id) == vni);
            match.set(field::tunnel_id, vni);
        }
        if (name == place_) {
            MUST(end.change(FlowMod::add(flow(match, to_port(name == "a" ? Port{5} : Port{9})))));
        } else if (from != tunnel && !place_.empty()) {
            MUST(end.change(FlowMod::add(flow(match, by_tunnel(bridges.at(place_))))));
        }
    }

    std::map<std::string, Switch> ends_;
    std::mutex mutex_;
    std::string place_;  ///< empty: it does not know the guest
    int asked_ = 0;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

/// As a move does: connected before, and begun when its flows are there.
struct Refreshed : OvsRefresh {
    Refreshed() : OvsRefresh(task("a", "b")) {
        std::this_thread::sleep_for(milliseconds(100));
        settle_on_b();
        for (const auto* name : {"a", "b", "c"}) {
            begin(name, a_to_b());
        }
    }
};

TimePoint in(milliseconds time) {
    return std::chrono::steady_clock::now() + time;
}

void check_all_made() {
    for (const auto& [name, address] : bridges) {
        const auto flows = dump(name);
        CHECK(has(flows, made));
        CHECK(!has(flows, "cookie=0x766d"));
        CHECK(!has(flows, "cookie=0x1111"));
    }
    CHECK(has(dump("a"),
              "in_port=2,dl_dst=52:54:00:00:00:01 actions=set_field:0x64->tun_id,"
              "set_field:10.0.0.2->tun_dst,output:64200"));
    CHECK(has(dump("b"), "in_port=64200,dl_dst=52:54:00:00:00:01,tun_id=0x64 actions=output:9"));
    CHECK(has(dump("c"), "set_field:10.0.0.2->tun_dst"));
}

void makes_all_anew() {
    settle_on_b();
    Controller controller("b");
    Refreshed refresh;
    refresh.wait(in(seconds(10)));
    const auto problems = refresh.end();
    CHECK(problems.empty());
    CHECK(controller.asked() >= 4);
    check_all_made();
}

void asks_again_when_its_answer_is_deleted() {
    settle_on_b();
    Controller controller("b");
    Refreshed refresh;
    int asked = 0;
    // its own late deletion meets what it has made; copies are not for the refresh to put back
    std::thread late([&] {
        CHECK(soon([] { return !has(dump("c"), "cookie=0x766d") && has(dump("c"), made); }));
        std::this_thread::sleep_for(milliseconds(300));
        asked = controller.asked();
        controller.forget();
    });
    refresh.wait(in(seconds(10)));
    late.join();
    CHECK(refresh.end().empty());
    CHECK(controller.asked() > asked);
    check_all_made();
}

void puts_wrong_answers_right() {
    settle_on_b();
    Controller controller("a");
    Refreshed refresh;
    refresh.wait(in(milliseconds(1500)));
    CHECK(controller.asked() > 0);
    CHECK(!has(dump("c"), "10.0.0.1"));
    CHECK(!has(dump("a"), "output:5"));
    controller.learn("b");
    refresh.wait(in(seconds(15)));
    CHECK(refresh.end().empty());
    check_all_made();
}

void names_what_was_not_made() {
    settle_on_b();
    const auto at_c = dump("c");
    Controller controller("");
    Refreshed refresh;
    refresh.wait(in(milliseconds(1500)));
    CHECK(has(dump("c"), "cookie=0x766d6"));
    const auto problems = refresh.end();
    CHECK(problems.size() == 3);
    CHECK(problems.back() == "switch of c: the controller has not made one flow to the guest anew");
    CHECK(dump("c") == at_c);
}

}  // namespace

int main(int argc, char** argv) {
    CHECK(argc == 2);
    directory = argv[1];
    makes_all_anew();
    asks_again_when_its_answer_is_deleted();
    puts_wrong_answers_right();
    names_what_was_not_made();
    std::printf("%d checks\n", checks);
    return 0;
}
