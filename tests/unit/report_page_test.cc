// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_report
// LABELS: unit
#include "report/page.h"

#include <doctest/doctest.h>

using namespace vmigrate;
using namespace vmigrate::report;

TEST_CASE("whatever a guest is called, its name ends no element") {
    const Json data{{"kind", "fleet"}, {"migrations", {{{"guest", "</script><b>&@DATA@"}}}}};
    const auto json = script_json(data);
    CHECK(json.find('<') == std::string::npos);
    CHECK(Json::parse(json) == data);
    const auto text = page("<i>@DATA@</i> & more", data);
    REQUIRE(text.has_value());
    CHECK(text->find("<i>") == std::string::npos);
    CHECK(text->find("&lt;i&gt;") != std::string::npos);
    CHECK(text->find("</script><b>") == std::string::npos);
}

TEST_CASE("all that the page needs is in it") {
    const auto text = page("one", {{"kind", "fleet"}, {"migrations", Json::array()}});
    REQUIRE(text.has_value());
    CHECK(text->size() > 150'000);
    CHECK(text->find("@CHART_LIBRARY@") == std::string::npos);
    CHECK(text->find("<title>one</title>") != std::string::npos);
    CHECK(text->find("default-src 'none'") != std::string::npos);
    for (const auto* fetching : {" src=", "<link", "@import", "fetch(", "XMLHttpRequest"}) {
        CHECK_MESSAGE(text->find(fetching) == std::string::npos, fetching);
    }
}
