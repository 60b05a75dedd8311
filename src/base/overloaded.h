// SPDX-License-Identifier: GPL-2.0-or-later
//
// One function for each alternative of a variant: std::visit(Overloaded{[](A) {}, [](B) {}},
// value).
#pragma once

namespace vmigrate {

template <class... Fs>
struct Overloaded : Fs... {
    using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;  // clang-tidy 14 does not deduce it by itself

}  // namespace vmigrate
