// SPDX-License-Identifier: GPL-2.0-or-later
#include "verify/covering.h"

#include <algorithm>
#include <cstddef>

namespace vmigrate::verify {
namespace {

/// A set of pairs of choices, as bits.
class Pairs {
  public:
    explicit Pairs(std::span<const Factor> factors) {
        for (const auto& factor : factors) {
            first_.push_back(choices_);
            choices_ += factor.values.size();
        }
        has_.resize(choices_ * choices_);
    }

    bool has(Choice one, Choice other) const { return has_[index(one, other)]; }
    void add(Choice one, Choice other) {
        left_ += has(one, other) ? 0 : 1;
        has_[index(one, other)] = true;
    }
    void add_all_of(const Row& row) {
        for_each(row, [this](Choice one, Choice other) { add(one, other); });
    }
    void remove_all_of(const Row& row) {
        for_each(row, [this](Choice one, Choice other) {
            left_ -= has(one, other) ? 1 : 0;
            has_[index(one, other)] = false;
        });
    }
    std::size_t how_many_of(const Row& row) const {
        std::size_t count = 0;
        for_each(row, [&](Choice one, Choice other) { count += has(one, other) ? 1 : 0; });
        return count;
    }
    bool empty() const { return left_ == 0; }

  private:
    template <class Visit>
    static void for_each(const Row& row, Visit visit) {
        for (unsigned one = 0; one < row.size(); ++one) {
            for (unsigned other = one + 1; other < row.size(); ++other) {
                visit(Choice{one, row[one]}, Choice{other, row[other]});
            }
        }
    }
    std::size_t index(Choice one, Choice other) const {
        return (first_[one.factor] + one.value) * choices_ + first_[other.factor] + other.value;
    }

    std::vector<std::size_t> first_;  ///< of each factor: number of its first choice
    std::size_t choices_ = 0;
    std::vector<bool> has_;
    std::size_t left_ = 0;
};

std::vector<Row> allowed_rows(std::span<const Factor> factors,
                              std::span<const Exclusion> exclusions) {
    std::vector<Row> rows;
    Row row(factors.size(), 0);
    for (;;) {
        if (allowed(row, exclusions)) {
            rows.push_back(row);
        }
        // the next one, as an odometer counts
        std::size_t wheel = factors.size();
        while (wheel > 0 && ++row[wheel - 1] == factors[wheel - 1].values.size()) {
            row[--wheel] = 0;
        }
        if (wheel == 0) {
            return rows;
        }
    }
}

Pairs pairs_of(std::span<const Factor> factors, const std::vector<Row>& rows) {
    Pairs pairs(factors);
    for (const auto& row : rows) {
        pairs.add_all_of(row);
    }
    return pairs;
}

}  // namespace

bool allowed(const Row& row, std::span<const Exclusion> exclusions) {
    return std::ranges::none_of(exclusions, [&](const Exclusion& exclusion) {
        return row[exclusion.one.factor] == exclusion.one.value &&
               row[exclusion.other.factor] == exclusion.other.value;
    });
}

std::vector<Exclusion> pairs_never_met(std::span<const Factor> factors,
                                       std::span<const Exclusion> exclusions) {
    const auto met = pairs_of(factors, allowed_rows(factors, exclusions));
    std::vector<Exclusion> result;
    for (unsigned one = 0; one < factors.size(); ++one) {
        for (unsigned other = one + 1; other < factors.size(); ++other) {
            for (unsigned i = 0; i < factors[one].values.size(); ++i) {
                for (unsigned j = 0; j < factors[other].values.size(); ++j) {
                    if (!met.has({one, i}, {other, j})) {
                        result.push_back({{one, i}, {other, j}});
                    }
                }
            }
        }
    }
    return result;
}

std::vector<Row> covering_array(std::span<const Factor> factors,
                                std::span<const Exclusion> exclusions) {
    const auto candidates = allowed_rows(factors, exclusions);
    auto left = pairs_of(factors, candidates);
    std::vector<Row> result;
    while (!left.empty()) {
        const auto best = std::ranges::max_element(
            candidates, {}, [&](const Row& row) { return left.how_many_of(row); });
        left.remove_all_of(*best);
        result.push_back(*best);
    }
    return result;
}

}  // namespace vmigrate::verify
