// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_fleet
// LABELS: unit
#include <doctest/doctest.h>

#include "fleet_fixture.h"

using namespace vmigrate;
using namespace vmigrate::fleet;
using namespace vmigrate::fleet::test;

namespace {

/// All guests on h1, which is emptied, look for a place.
struct Search {
    explicit Search(const Fleet& fleet, unsigned headroom_percent = 0)
        : placement(fleet, {"h1"}, headroom_percent) {
        std::vector<GuestId> movers;
        for (const auto& guest : fleet.guests) {
            if (guest.host == "h1") {
                movers.push_back(*placement.find_guest(guest.uuid));
                placement.leave(movers.back());
            }
        }
        placement.place(movers);
    }
    std::string where(const std::string& name) const {
        const auto id = *placement.find_guest("uuid-" + name);
        const auto to = placement.to(id);
        return to ? placement.host(*to).name : placement.why_no_place(id);
    }
    Placement placement;
};

Guest needing(Guest guest, std::set<Need> needs) {
    guest.needs = std::move(needs);
    return guest;
}
Guest grouped(Guest guest, std::set<std::string> groups) {
    guest.groups = std::move(groups);
    return guest;
}
Host offering(Host host, std::set<Need> offers) {
    host.offers = std::move(offers);
    return host;
}

const std::map<std::string, Group> kGroups = {{"db", {Group::Rule::together}},
                                              {"web", {Group::Rule::apart}}};

}  // namespace

TEST_CASE("where there is room, less what is on its way") {
    const Search search(
        {{host("h1", 16, 0), host("h2", 16, 5), host("h3", 16, 4)},
         {guest("a", "h1", 4), guest("b", "h1", 4), guest("c", "h1", 1), guest("d", "h1", 1)},
         {}});
    CHECK(search.where("a") == "h2");
    CHECK(search.where("b") == "h3");
    CHECK(search.where("c") == "h2");
    CHECK(search.where("d") == "2 hosts have less than 1.0 GiB to spare");
}

TEST_CASE("some memory is left free on every host") {
    const Fleet fleet{{host("h1", 16, 0), host("h2", 20, 5)}, {guest("a", "h1", 4)}, {}};
    CHECK(Search(fleet, 5).where("a") == "h2");
    CHECK(Search(fleet, 6).where("a") == "h2 has less than 4.0 GiB to spare");
}

TEST_CASE("nobody goes where something is missing, and who has no place is told why") {
    auto silent = host("h6", 16, 16);
    silent.closed = "does not answer";
    const Search search({{host("h1", 16, 0), offering(host("h2", 16, 16), {"bridge br0"}),
                          offering(host("h3", 16, 2), {"bridge br0", "bridge br5"}),
                          offering(host("h4", 16, 2), {"bridge br5", "storage /srv"}),
                          offering(host("h5", 16, 16), {"bridge br0"}), silent},
                         {needing(guest("a", "h1", 1), {"bridge br5"}),
                          needing(guest("b", "h1", 4), {"bridge br5"}),
                          needing(guest("c", "h1", 1), {"bridge br5", "storage /srv"})},
                         {}});
    CHECK(search.where("a") == "h3");
    CHECK(search.where("c") == "h4");
    CHECK(search.where("b") ==
          "2 hosts have no bridge br5, 2 have less than 4.0 GiB to spare, "
          "h6 is closed (does not answer)");
}

TEST_CASE("guests that are to be apart are, also from those that stay") {
    const Search search(
        {{host("h1", 16, 0), host("h2", 16, 16), host("h3", 16, 8), host("h4", 16, 4)},
         {grouped(guest("a", "h1", 1), {"web"}), grouped(guest("b", "h1", 1), {"web"}),
          grouped(guest("c", "h1", 1), {"web"}), grouped(guest("s", "h2", 1), {"web"})},
         kGroups});
    CHECK(search.where("a") == "h3");
    CHECK(search.where("b") == "h4");
    CHECK(search.where("c") == "3 hosts have another guest of group 'web'");
}

TEST_CASE("guests that are to be together go to a host that has room for all of them") {
    const Fleet fleet{{host("h1", 16, 0), host("h2", 16, 5), host("h3", 8, 8)},
                      {grouped(guest("a", "h1", 3), {"db"}), grouped(guest("b", "h1", 3), {"db"})},
                      kGroups};
    const Search search(fleet);
    CHECK(search.where("a") == "h3");
    CHECK(search.where("b") == "h3");
    auto small = fleet;
    small.hosts[2].memory_free = gibibytes(5);
    CHECK(Search(small).where("a") ==
          "2 hosts have less than 6.0 GiB to spare (for all 2 of its group)");
}

TEST_CASE("and to where some of them are already") {
    auto fleet = Fleet{{host("h1", 16, 0), host("h2", 16, 16), host("h3", 8, 2)},
                       {grouped(guest("a", "h1", 1), {"db"}), grouped(guest("b", "h3", 1), {"db"})},
                       kGroups};
    CHECK(Search(fleet).where("a") == "h3");
    fleet.guests[0].memory = gibibytes(4);
    CHECK(Search(fleet).where("a") ==
          "h2 is not where group 'db' is, h3 has less than 4.0 GiB to spare");
}

TEST_CASE("memory is filled evenly, and links into hosts before one is used twice") {
    const Search level({{host("h1", 64, 0), host("h2", 64, 60), host("h3", 64, 30)},
                        {guest("a", "h1", 8), guest("b", "h1", 8), guest("c", "h1", 8)},
                        {}});
    CHECK(level.where("a") == "h2");
    CHECK(level.where("b") == "h2");  // the link out of h1 is the last to finish
    CHECK(level.where("c") == "h2");
    auto wide = host("h1", 64, 0);
    wide.link = {10 * kGigabit.count};
    wide.most_out = 4;
    const Search wide_out(
        {{wide, host("h2", 64, 60), host("h3", 64, 30)},
         {guest("a", "h1", 8), guest("b", "h1", 8), guest("c", "h1", 8), guest("d", "h1", 8)},
         {}});
    std::map<std::string, int> guests;
    for (const auto* name : {"a", "b", "c", "d"}) {
        ++guests[wide_out.where(name)];
    }
    CHECK(guests["h2"] == 2);
    CHECK(guests["h3"] == 2);
}

TEST_CASE("when it is tight, large rooms are kept for large guests") {
    // filled evenly, none would be left for the last one
    const Search search({{host("h1", 64, 0), host("h2", 32, 6), host("h3", 32, 10)},
                         {guest("a", "h1", 6), guest("b", "h1", 5), guest("c", "h1", 5)},
                         {}});
    CHECK(search.where("a") == "h2");
    CHECK(search.where("b") == "h3");
    CHECK(search.where("c") == "h3");
}

TEST_CASE("processors: not where there are none to spare, if that is possible") {
    auto busy = host("h2", 64, 60);
    busy.cpus = 8;
    busy.busy_cpus = 7.5;
    auto idle = host("h3", 64, 20);
    idle.cpus = 8;
    auto guest_a = guest("a", "h1", 8);
    guest_a.busy_cpus = 2;
    CHECK(Search({{host("h1", 64, 0), busy, idle}, {guest_a}, {}}).where("a") == "h3");
    CHECK(Search({{host("h1", 64, 0), busy}, {guest_a}, {}}).where("a") == "h2");
}

TEST_CASE("no other host") {
    CHECK(Search({{host("h1", 64, 0)}, {guest("a", "h1", 8)}, {}}).where("a") ==
          "there is no other host");
}
