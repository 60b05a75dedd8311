// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/carry_out.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/drain.h"
#include "cli/exit_code.h"
#include "cli/network.h"
#include "cli/report.h"
#include "libvirt/migration.h"
#include "orchestrator/observe.h"
#include "orchestrator/runner.h"

namespace vmigrate::cli {

Result<Record> carry_out(const Planned& planned, const Means& means) {
    const auto& plan = planned.plan;
    auto& store = means.store;
    auto hypervisor = libvirt::make_hypervisor(*planned.source, *planned.destination,
                                               plan.guest.ref, means.events);
    const auto locations = store.locations();
    const auto drain_elsewhere = [&] {
        const auto id = store.lease_of(plan.guest.ref.uuid);
        return !means.wait_drain && id && *id && drain_in_background(means.config, store, **id);
    };
    auto network = make_network(means.config, plan.request.options,
                                {plan.guest,
                                 plan.source.name,
                                 plan.destination.host.name,
                                 *locations,
                                 planned.destination.get(),
                                 {},
                                 drain_elsewhere});
    if (!hypervisor || !network) {
        return fail(!hypervisor ? hypervisor.error() : network.error());
    }
    const auto journal = store.journal();
    means.interrupts.abort_through(&means.events);
    ObservedHypervisor observed(**hypervisor, plan.call.downtime_limit);
    Hypervisor& acting =
        plan.request.observe_only ? static_cast<Hypervisor&>(observed) : **hypervisor;
    return run(plan, {acting, **network, *journal, means.status, means.events, means.clock,
                      means.probe, means.workload});
}

std::vector<std::string> why_refused(const Plan& plan) {
    std::vector<std::string> reasons;
    for (const auto& check : plan.checks) {
        if (check.verdict == Check::Verdict::failed) {
            reasons.push_back(fmt::format("{}: {}; {}", check.name, check.finding, check.fix));
        }
    }
    if (!plan.blocked()) {
        reasons.push_back(fmt::format(
            "{} will not converge below {}, or with a ceiling under {}; nothing was touched; see "
            "'vmigrate plan'",
            quoted(plan.guest.ref.name), format_rate(plan.prediction.bandwidth_needed),
            format_time(plan.prediction.ceiling_needed)));
    }
    return reasons;
}

int refuse(const Plan& plan, bool json) {
    if (json) {
        print_line(to_json(plan));
    }
    for (const auto& reason : why_refused(plan)) {
        print_error(reason);
    }
    return exit_code(plan);
}

}  // namespace vmigrate::cli
