// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_verify rapidcheck
// LABELS: property
//
// Covering arrays of random factors and exclusions: no row that is not allowed, every pair that any
// allowed row has, few rows, the same ones each time. Which pairs can meet is found out here by
// filling rows up, not by counting through all of them.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdlib>

#include "verify/covering.h"
#include "verify/matrix.h"

using namespace vmigrate::verify;

namespace {

/// The same ones each time, unless somebody asks for others.
const int kSeeded = setenv("RC_PARAMS", "seed=7 max_success=200", 0);

struct Model {
    std::vector<Factor> factors;
    std::vector<Exclusion> exclusions;
};

rc::Gen<Model> any_model() {
    using rc::gen::container;
    using rc::gen::inRange;
    return rc::gen::exec([] {
        Model model;
        const auto sizes = *container<std::vector<unsigned>>(*inRange(2U, 6U), inRange(1U, 5U));
        for (const auto size : sizes) {
            model.factors.push_back({"f", std::vector<std::string>(size, "v")});
        }
        const auto count = *inRange(0U, 9U);
        const auto last = static_cast<unsigned>(sizes.size());
        for (unsigned i = 0; i < count; ++i) {
            const auto one = *inRange(0U, last);
            const auto other = *inRange(0U, last);
            if (one != other) {
                model.exclusions.push_back(
                    {{one, *inRange(0U, sizes[one])}, {other, *inRange(0U, sizes[other])}});
            }
        }
        return model;
    });
}

constexpr unsigned kOpen = ~0U;

/// Whether the open places of the row can be filled.
bool can_be_filled(Row& row, const Model& model) {
    if (!allowed(row, model.exclusions)) {  // an open place excludes nothing
        return false;
    }
    for (unsigned factor = 0; factor < row.size(); ++factor) {
        if (row[factor] != kOpen) {
            continue;
        }
        for (unsigned value = 0; value < model.factors[factor].values.size(); ++value) {
            row[factor] = value;
            if (can_be_filled(row, model)) {
                row[factor] = kOpen;
                return true;
            }
        }
        row[factor] = kOpen;
        return false;
    }
    return true;
}

bool can_meet(Choice one, Choice other, const Model& model) {
    Row row(model.factors.size(), kOpen);
    row[one.factor] = one.value;
    row[other.factor] = other.value;
    return can_be_filled(row, model);
}

bool meets(const std::vector<Row>& rows, Choice one, Choice other) {
    return std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
        return row[one.factor] == one.value && row[other.factor] == other.value;
    });
}

template <class Visit>
void for_each_pair(const Model& model, Visit visit) {
    for (unsigned one = 0; one < model.factors.size(); ++one) {
        for (unsigned other = one + 1; other < model.factors.size(); ++other) {
            for (unsigned i = 0; i < model.factors[one].values.size(); ++i) {
                for (unsigned j = 0; j < model.factors[other].values.size(); ++j) {
                    visit(Choice{one, i}, Choice{other, j});
                }
            }
        }
    }
}

/// Throws what rapidcheck prints.
void check(const Model& model) {
    const auto rows = covering_array(model.factors, model.exclusions);
    const auto never = pairs_never_met(model.factors, model.exclusions);
    std::size_t pairs = 0;
    for_each_pair(model, [&](Choice one, Choice other) {
        const bool can = can_meet(one, other, model);
        const bool listed = std::any_of(never.begin(), never.end(), [&](const Exclusion& e) {
            return e.one == one && e.other == other;
        });
        RC_ASSERT(meets(rows, one, other) == can);
        RC_ASSERT(listed == !can);
        pairs += can ? 1 : 0;
    });
    for (const auto& row : rows) {
        RC_ASSERT(row.size() == model.factors.size());
        RC_ASSERT(allowed(row, model.exclusions));
    }
    // each row has a pair that no other had
    RC_ASSERT(rows.size() <= pairs);
    RC_ASSERT(rows == covering_array(model.factors, model.exclusions));
}

std::size_t values(const Factor& factor) {
    return factor.values.size();
}

}  // namespace

TEST_CASE("random factors and exclusions") {
    CHECK(rc::check("covering array", [] { check(*any_model()); }));
}

TEST_CASE("without exclusions there are few rows") {
    CHECK(rc::check("small", [] {
        auto model = *any_model();
        model.exclusions.clear();
        std::size_t largest = 1;
        std::size_t second = 1;
        for (const auto& factor : model.factors) {
            second = std::max(second, std::min(largest, values(factor)));
            largest = std::max(largest, values(factor));
        }
        const auto rows = covering_array(model.factors, {});
        RC_ASSERT(rows.size() >= largest * second);
        RC_ASSERT(rows.size() <= 2 * largest * second);
    }));
}

TEST_CASE("vmigrate's own matrix covers its pairs") {
    CHECK_NOTHROW(check({factors(), exclusions()}));
}
