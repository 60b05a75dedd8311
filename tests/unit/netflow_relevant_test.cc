// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_netflow
// LABELS: unit
#include <doctest/doctest.h>

#include "flow_scene.h"
#include "netflow/relevant.h"

using namespace scene;

namespace {

Flow of_ours(Flow flow, FlowKind kind) {
    flow.cookie = OwnCookie{kind, 3, 1}.encode().value();
    return flow;
}

}  // namespace

TEST_CASE("at the source the guest's flows matter, by whichever end, and ours") {
    const auto matters = [](const Flow& one) { return matters_at_source(one, a_to_b()); };
    CHECK(matters(flow(from_tunnel(mac(1)), to_port(Port{5}))));
    CHECK(matters(flow(from_port(Port{5}, mac(2)), by_tunnel(ip_c))));
    CHECK(matters(flow(Match().set(field::eth_src, mac(1)), {})));
    CHECK(matters(flow(Match().set(field::reg(0), 7U), to_port(Port{5}))));
    const auto others = flow(from_tunnel(mac(2)), to_port(Port{2}));
    CHECK(!matters(others));
    CHECK(matters(of_ours(others, FlowKind::relay)));
    CHECK(matters(of_ours(others, FlowKind::synced)));  // a way back
}

TEST_CASE("at the destination everything matters that a copy or a sender may be") {
    const auto matters = [](const Flow& one) { return matters_at_destination(one, a_to_b()); };
    for (const auto& original : {flow(from_tunnel(mac(1)), to_port(Port{5})),
                                 flow(from_port(Port{2}, mac(1)), to_port(Port{5})),
                                 flow(from_port(Port{5}, mac(2)), by_tunnel(ip_c)),
                                 flow(Match().set(field::eth_src, mac(1)), to_port(Port{2}))}) {
        const auto copy = copy_for_destination(original, a_to_b(), empty_b());
        REQUIRE(copy.flow);
        CHECK(matters(flow(copy.flow->match, {})));
    }
    CHECK(matters(flow(from_port(Port{4}, mac(1)), by_tunnel(ip_a))));
    CHECK(matters(flow(from_tunnel(mac(7)), to_port(Port{4}))));
    const auto others = flow(from_port(Port{4}, mac(7)), by_tunnel(ip_c));
    CHECK(!matters(others));
    CHECK(matters(of_ours(others, FlowKind::guard)));
}
