// SPDX-License-Identifier: GPL-2.0-or-later
#include "fleet/evacuation.h"
#include "orchestrator/names.h"

namespace vmigrate::fleet {
namespace {

using State = Standing::State;
constexpr NameTable<State, 10> kStates = {{{State::waiting, "waiting"},
                                           {State::moving, "moving"},
                                           {State::moved, "moved"},
                                           {State::moved_with_problems, "moved-with-problems"},
                                           {State::failed_on_source, "failed-on-source"},
                                           {State::unmovable, "unmovable"},
                                           {State::late, "late"},
                                           {State::cancelled, "cancelled"},
                                           {State::left, "left"},
                                           {State::unknown, "unknown"}}};
constexpr NameTable<Order, 3> kOrders = {{{Order::small_first, "small-first"},
                                          {Order::idle_first, "idle-first"},
                                          {Order::priority, "priority"}}};

}  // namespace

std::string_view name_of(Standing::State state) {
    return name_in(kStates, state);
}
std::optional<Standing::State> state_named(std::string_view name) {
    return value_in(kStates, name);
}
std::string_view name_of(Order order) {
    return name_in(kOrders, order);
}
std::optional<Order> order_named(std::string_view name) {
    return value_in(kOrders, name);
}

}  // namespace vmigrate::fleet
