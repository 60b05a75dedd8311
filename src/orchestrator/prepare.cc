// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/prepare.h"

#include "orchestrator/json.h"

namespace vmigrate {
namespace {

/// Intent, act, done. What `act` returns is the detail worth keeping; empty keeps the intent's.
Result<void> journalled(Step step, const std::string& detail, const Edges& edges,
                        const std::function<Result<std::string>()>& act) {
    if (auto intended = edges.journal.intend(step, detail); !intended) {
        return intended;
    }
    const auto acted = act();
    if (!acted) {
        return fail(acted.error());
    }
    return edges.journal.done(step, acted->empty() ? detail : *acted);
}

Result<std::string> nothing_to_keep(const Result<void>& done) {
    if (!done) {
        return fail(done.error());
    }
    return std::string();
}

}  // namespace

Result<void> prepare(const Plan& plan, const Edges& edges, Leftovers& leftovers) {
    auto locked = journalled(Step::lock_network, "", edges,
                             [&] { return nothing_to_keep(edges.network.lock()); });
    if (!locked) {
        return locked;
    }
    if (plan.guest.state != GuestState::shut_off) {
        auto saved = journalled(Step::save_originals, "", edges, [&] {
            auto originals = edges.hypervisor.save_originals();
            if (originals) {
                leftovers.originals = *originals;
            }
            return originals;
        });
        if (!saved) {
            return saved;
        }
    }
    for (const auto& volume : plan.call.volumes) {
        if (!volume.make) {
            continue;
        }
        auto made = journalled(Step::make_volume, line(to_json(volume)), edges, [&] {
            auto done = edges.hypervisor.make_volume(volume);
            if (done) {
                leftovers.volumes.push_back(volume);
            }
            return nothing_to_keep(done);
        });
        if (!made) {
            return made;
        }
    }
    return {};
}

}  // namespace vmigrate
