// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/drain.h"

#include "orchestrator/names.h"

namespace vmigrate {
namespace {

constexpr NameTable<DrainState, 4> kStates = {{{DrainState::draining, "draining"},
                                               {DrainState::drained, "drained"},
                                               {DrainState::overtaken, "overtaken"},
                                               {DrainState::alarm, "alarm"}}};

}  // namespace

std::string_view name_of(DrainState state) {
    return name_in(kStates, state);
}

std::optional<DrainState> drain_state_named(std::string_view name) {
    return value_in(kStates, name);
}

}  // namespace vmigrate
