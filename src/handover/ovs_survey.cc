// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/ovs_survey.h"

#include <future>

#include "netflow/detour.h"
#include "netflow/switch.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;

Error named(const OvsHost& host, const Error& error) {
    return {error.kind, "switch of " + host.name + ": " + error.message};
}

/// Asks all at once: one that does not answer costs its time-out only once.
template <class T, class Ask>
std::vector<Result<T>> ask_all(const std::vector<OvsHost>& hosts, milliseconds timeout, Ask ask) {
    std::vector<std::future<Result<T>>> asked;
    for (const auto& host : hosts) {
        asked.push_back(std::async(std::launch::async, [&host, timeout, &ask]() -> Result<T> {
            auto connected = Switch::connect(host.openflow, timeout);
            if (!connected) {
                return fail(named(host, connected.error()));
            }
            auto answer = ask(*connected);
            if (!answer) {
                return fail(named(host, answer.error()));
            }
            return answer;
        }));
    }
    std::vector<Result<T>> answers;
    for (auto& one : asked) {
        answers.push_back(one.get());
    }
    return answers;
}

}  // namespace

std::vector<OvsFindings> survey_own_flows(const std::vector<OvsHost>& hosts, milliseconds timeout) {
    using Flows = std::vector<FlowStats>;
    auto answers = ask_all<Flows>(hosts, timeout, [](Switch& it) {
        FlowFilter ours;
        ours.cookies = own_flows();
        return it.dump_flows(ours);
    });
    std::vector<OvsFindings> findings;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        findings.push_back({hosts[i].name, std::move(answers[i])});
    }
    return findings;
}

Result<void> remove_own_flows(const std::vector<OvsHost>& hosts,
                              std::optional<std::uint32_t> migration, milliseconds timeout) {
    const auto removal = FlowMod::remove_all(migration ? flows_of(*migration) : own_flows());
    for (auto& answer :
         ask_all<void>(hosts, timeout, [&removal](Switch& it) { return it.change(removal); })) {
        if (!answer) {
            return fail(answer.error());
        }
    }
    return {};
}

std::optional<Ipv4> relayed_to(const Flow& flow) {
    const auto own = OwnCookie::decode(flow.cookie);
    if (!own || (own->kind != FlowKind::relay && own->kind != FlowKind::redirect)) {
        return std::nullopt;
    }
    const auto outputs = outputs_of(flow.instructions);
    return outputs.tunnel_ends.empty() ? std::nullopt : std::optional(outputs.tunnel_ends.front());
}

}  // namespace vmigrate::handover
