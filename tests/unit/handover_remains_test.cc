// LINK: vmigrate_handover
// LABELS: unit
// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/ovs_remains.h"

#include <doctest/doctest.h>

#include "flow_scene.h"

using namespace scene;
using namespace vmigrate::handover;

namespace {

HandedOver one(const Match& match, seconds idle, std::uint64_t cookie) {
    HandedOver result;
    result.copy = flow(match, to_port(Port{9}));
    result.original = result.copy;
    result.original.cookie = {cookie};
    result.original.idle_timeout = idle;
    result.original.hard_timeout = seconds(65535);
    result.original.flags = flow_flag::send_removed;
    return result;
}

void same(const std::vector<HandedOver>& a, const std::vector<HandedOver>& b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        CHECK(FlowKey::of(a[i].copy) == FlowKey::of(b[i].copy));
        CHECK(a[i].original.cookie == b[i].original.cookie);
        CHECK(a[i].original.idle_timeout == b[i].original.idle_timeout);
        CHECK(a[i].original.hard_timeout == b[i].original.hard_timeout);
        CHECK(a[i].original.flags == b[i].original.flags);
    }
}

}  // namespace

TEST_CASE("what is left is read as it was written") {
    OvsRemains left{0x123456789abcdef, 0x0fffffff, {}, {}, {}};
    left.nics = {{mac(1), vni, Port{5}, Port{9}}, {mac(2), std::nullopt, Port::any, Port{10}}};
    left.copies = {one(from_tunnel(mac(1)), seconds(300), ~std::uint64_t{0}),
                   one(Match(), seconds(0), 0)};
    left.ways_back = {one(from_port(Port{5}, mac(2)), seconds(1), 7)};
    const auto read = parse_remains(to_text(left));
    REQUIRE(read.has_value());
    CHECK(read->version == left.version);
    CHECK(read->migration == left.migration);
    CHECK(read->nics == left.nics);
    same(read->copies, left.copies);
    same(read->ways_back, left.ways_back);
}

TEST_CASE("only flows that are still there are found again, as they are now") {
    const auto known = one(from_tunnel(mac(1)), seconds(300), 7);
    const auto gone = one(from_tunnel(mac(2)), seconds(300), 8);
    auto now = known.copy;
    now.instructions = Instructions::apply(to_port(Port{4}));
    const auto found =
        found_again({gone, known}, {flow(from_tunnel(mac(3)), to_port(Port{1})), now});
    REQUIRE(found.size() == 1);
    CHECK(found[0].copy == now);
    CHECK(found[0].original.cookie == Cookie{7});
}

TEST_CASE("what is not from us is refused") {
    for (const auto* text :
         {"", "{}", "[]", R"({"version":1,"mark":2,"cards":["no"],"copies":[],"ways_back":[]})",
          R"({"version":1,"mark":2,"cards":[],"copies":[[0]],"ways_back":[]})",
          R"({"version":"1","mark":2,"cards":[],"copies":[],"ways_back":[]})"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_remains(text).has_value());
    }
}
