// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_handover
// LABELS: unit
#include <doctest/doctest.h>

#include <map>

#include "handover/bridge.h"

using namespace vmigrate;
using namespace vmigrate::handover;

namespace {

struct Cards {
    std::map<std::string, std::uint64_t> sent;
    std::map<std::string, std::uint64_t> after_announce;
    bool silent_host = false;
    unsigned announced = 0;
};

class FakeAnnouncer final : public Announcer {
  public:
    explicit FakeAnnouncer(Cards& cards) : cards_(cards) {}
    Result<std::uint64_t> packets_sent(const std::string& mac) override {
        if (cards_.silent_host) {
            return fail(ErrorKind::unreachable, "no answer");
        }
        return cards_.sent[mac];
    }
    Result<void> announce() override {
        ++cards_.announced;
        for (const auto& [mac, packets] : cards_.after_announce) {
            cards_.sent[mac] = packets;
        }
        return {};
    }

  private:
    Cards& cards_;
};

Result<void> commit(Cards& cards) {
    return Bridge({"m1", "m2"}, std::make_unique<FakeAnnouncer>(cards), milliseconds(30)).commit();
}

}  // namespace

TEST_CASE("cards that have sent something need nothing more") {
    Cards cards{{{"m1", 3}, {"m2", 1}}, {}};
    CHECK(commit(cards));
    CHECK(cards.announced == 0);
}

TEST_CASE("a silent card is announced again") {
    Cards cards{{{"m1", 3}}, {{"m2", 5}}};
    CHECK(commit(cards));
    CHECK(cards.announced == 1);
}

TEST_CASE("a card that stays silent is named") {
    Cards cards{{{"m1", 3}}, {}};
    const auto done = commit(cards);
    REQUIRE(!done);
    CHECK(done.error().kind == ErrorKind::network);
    CHECK(done.error().message.starts_with("m2 did not announce itself at the destination"));
    CHECK(cards.announced == 1);
}

TEST_CASE("a host that does not answer is not asked to announce") {
    Cards cards;
    cards.silent_host = true;
    const auto done = commit(cards);
    REQUIRE(!done);
    CHECK(done.error().message == "no answer");
    CHECK(cards.announced == 0);
}
