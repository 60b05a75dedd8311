// SPDX-License-Identifier: GPL-2.0-or-later
//
// sync_check DIRECTORY FLOWS: copies many flows from a real bridge a to a real bridge b, whose
// sockets are in DIRECTORY, while both are changed all the time: see tests/lab/network-sync.sh.
#include <cstdio>
#include <cstdlib>
#include <set>
#include <thread>

#include "flow_scene.h"
#include "handover/ovs_follower.h"
#include "must.h"

using namespace scene;
using namespace vmigrate::handover;
using vmigrate::test::checks;

namespace {

std::string directory;
constexpr seconds patience{30};
/// Of flows that change while they are copied.
constexpr std::uint32_t every = 20;

OvsHost host(const std::string& name, Ipv4 address) {
    OvsHost result;
    result.name = name;
    result.openflow = MUST(parse_endpoint("unix:" + directory + "/" + name + "/" + name + ".mgmt"));
    result.bridge = name;
    result.tunnel_address = address;
    return result;
}

Switch connect(const std::string& name) {
    return MUST(Switch::connect(host(name, {}).openflow, patience));
}

/// What the guest sends to one neighbour, which is behind `end`.
Flow numbered(std::uint32_t number, Ipv4 end) {
    const Mac neighbour{
        {2, 1, 0, 0, static_cast<std::uint8_t>(number >> 8U), static_cast<std::uint8_t>(number)}};
    return flow(from_port(Port{5}, neighbour), by_tunnel(end));
}

std::multiset<std::string> texts(const std::string& name, const CookieFilter& cookies = {}) {
    FlowFilter filter;
    filter.cookies = cookies;
    std::multiset<std::string> result;
    for (const auto& one : MUST(connect(name).dump_flows(filter))) {
        result.insert(format(one.flow));
    }
    return result;
}

std::multiset<std::string> copies_that_should_be() {
    std::multiset<std::string> result;
    for (const auto& one : MUST(connect("a").dump_flows())) {
        const auto copied = copy_for_destination(one.flow, a_to_b(), empty_b());
        CHECK(copied.flow);
        result.insert(format(*copied.flow));
    }
    return result;
}

bool equal_soon() {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (texts("b", own_flows()) != copies_that_should_be()) {
        if (std::chrono::steady_clock::now() > until) {
            return false;
        }
        std::this_thread::sleep_for(milliseconds(50));
    }
    return true;
}

void fill(Switch& a, Switch& b, std::uint32_t flows) {
    std::vector<FlowMod> changes;
    for (std::uint32_t number = 0; number < flows; ++number) {
        changes.push_back(FlowMod::add(numbered(number, ip_c)));
    }
    changes.push_back(FlowMod::add(flow(from_tunnel(mac(1)), to_port(Port{5}))));
    MUST(a.change_all(changes));
    MUST(b.change(FlowMod::add(flow(from_port(Port{4}, mac(7)), by_tunnel(ip_c)))));
}

/// From one end to the other, so that some are copied already and others are not.
void change_meanwhile(Switch& a, Switch& b, std::uint32_t flows) {
    for (std::uint32_t number = 0; number + 4 < flows; number += every) {
        MUST(a.change(FlowMod::modify_strict(numbered(number, Ipv4{{10, 0, 0, 4}}))));
        MUST(a.change(FlowMod::remove_strict(FlowKey::of(numbered(number + 1, ip_c)))));
        MUST(a.change(FlowMod::add(numbered(flows + number, ip_c))));
        // gone and back, with something else in between
        MUST(a.change(FlowMod::remove_strict(FlowKey::of(numbered(number + 2, ip_c)))));
        MUST(a.change(FlowMod::add(numbered(number + 2, ip_a))));
        MUST(a.change(FlowMod::add(numbered(number + 2, ip_c))));
        // a copy, if it is there
        const auto copy = copy_for_destination(numbered(number + 3, ip_c), a_to_b(), empty_b());
        MUST(b.change(FlowMod::remove_strict(FlowKey::of(*copy.flow))));
    }
}

void copies_all_while_both_change(std::uint32_t flows) {
    auto a = connect("a");
    auto b = connect("b");
    fill(a, b, flows);
    OvsFollower follower(a_to_b(), host("a", ip_a), host("b", ip_b), patience);
    follower.copy(a_to_b());
    std::thread meanwhile([&] { change_meanwhile(a, b, flows); });
    MUST(follower.wait_for_copies(std::chrono::steady_clock::now() + patience));
    meanwhile.join();
    CHECK(equal_soon());
    CHECK(texts("b").size() == texts("b", own_flows()).size() + 1);
    // more than are put back at once
    MUST(b.change(FlowMod::remove_all(own_flows())));
    CHECK(equal_soon());
    FlowMod all_that_is_sent{.command = FlowCommand::remove};
    all_that_is_sent.flow.match.set(field::in_port, Port{5});
    MUST(a.change(all_that_is_sent));
    CHECK(equal_soon());
    CHECK(texts("b").size() == 2);
}

}  // namespace

int main(int argc, char** argv) {
    CHECK(argc == 3);
    directory = argv[1];
    copies_all_while_both_change(static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)));
    std::printf("%d checks\n", checks);
    return 0;
}
