// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>

#include "base/text.h"
#include "cli/terminal.h"
#include "orchestrator/qemu_choice.h"

namespace vmigrate::cli {
namespace {

std::string word(Check::Verdict verdict, bool colour) {
    switch (verdict) {
        case Check::Verdict::passed:
            return coloured("ok", Colour::good, colour);
        case Check::Verdict::failed:
            return coloured("FAILED", Colour::bad, colour);
        case Check::Verdict::undecided:
            return coloured("unsure", Colour::doubtful, colour);
        case Check::Verdict::not_applicable:
            break;
    }
    return "-";
}

std::string prediction_line(const Prediction& prediction) {
    return fmt::format("{} iteration(s), {} of memory{}, {} in all, blackout {}",
                       prediction.iterations, format_bytes(prediction.memory_sent),
                       prediction.disk_sent.count > 0
                           ? fmt::format(" and {} of disks", format_bytes(prediction.disk_sent))
                           : "",
                       format_time(prediction.total), format_time(prediction.blackout));
}

std::string side_line(std::string_view side, const std::optional<QemuFeatures>& qemu,
                      const std::string& unknown) {
    if (!qemu) {
        return fmt::format("  {}: {}\n", side, unknown);
    }
    const auto extras = extras_of(*qemu);
    return fmt::format(
        "  {}: QEMU {}{}{}, {}\n", side, qemu->version, qemu->package.empty() ? "" : " ",
        qemu->package,
        extras.empty() ? "a stock one" : fmt::format("knows {}", fmt::join(extras, ", ")));
}

std::string wish_line(const QemuWish& wish) {
    return fmt::format("{}={}: {}\n", wish.key, wish.value, wish.reason);
}

/// What QEMU knows on either side, and what of the policy it is used for.
std::string qemu_text(const Plan& plan) {
    if (plan.request.offline) {
        return {};
    }
    const auto& destination = plan.destination;
    auto text = "\nQEMU\n" + side_line("source", plan.guest.qemu, "does not answer") +
                side_line("destination", destination.qemu,
                          destination.qemu_detail.empty() ? "not asked, nothing depends on it"
                                                          : destination.qemu_detail);
    for (const auto& wish : plan.qemu) {
        text += "  " + wish_line(wish);
    }
    return text;
}

std::string verdict_line(const Plan& plan, bool colour) {
    if (plan.blocked()) {
        return coloured("Blocked: see the failed checks; nothing was touched.", Colour::bad,
                        colour);
    }
    const auto& prediction = plan.prediction;
    if (!prediction.converges) {
        return coloured(
            fmt::format("It will not converge below {}, or with a ceiling under {}. Allow more "
                        "(--bandwidth, --set blackout-ceiling=TIME), or --auto-converge, "
                        "--postcopy or --timeout-suspend.",
                        format_rate(prediction.bandwidth_needed),
                        format_time(prediction.ceiling_needed)),
            Colour::bad, colour);
    }
    return coloured("It can move.", Colour::good, colour);
}

template <class T, class Format>
std::string known(const std::optional<T>& value, Format format) {
    return value ? format(*value) : std::string("not measured");
}

/// A number of the stored plan, formatted; "-" when it is not there.
template <class Format>
std::string stored(const Json& plan, const char* section, const char* key, Format format) {
    const auto part = plan.is_object() ? plan.value(section, Json::object()) : Json::object();
    const auto found = part.is_object() ? part.find(key) : part.end();
    return found != part.end() && found->is_number() ? format(*found) : std::string("-");
}

std::string as_time(const Json& value) {
    return format_time(milliseconds(value.get<std::int64_t>()));
}

std::string as_limit(const Json& value) {
    const auto limit = value.get<std::int64_t>();
    return limit > 0 ? "at most " + format_time(milliseconds(limit)) : std::string("-");
}

std::string as_bytes(const Json& value) {
    return format_bytes({value.get<std::uint64_t>()});
}

std::string as_rate(const Json& value) {
    return format_rate({value.get<std::uint64_t>()});
}

std::string as_rate_limit(const Json& value) {
    const auto limit = value.get<std::uint64_t>();
    return limit > 0 ? "at most " + format_rate({limit}) : std::string("no limit");
}

std::string milli(microseconds time) {
    return fmt::format("{:.1f} ms", static_cast<double>(time.count()) / 1000.0);
}

std::string effect(const Measures& measures) {
    auto text = known(measures.guest_speed,
                      [](double speed) { return fmt::format("{:.0f} % speed", speed * 100); });
    if (measures.workload_speed) {
        text += fmt::format(", {:.0f} % of its work", *measures.workload_speed * 100);
    }
    if (measures.throttle_percent_max > 0) {
        text += fmt::format(", throttled {} at most {} %", known(measures.throttled, format_time),
                            measures.throttle_percent_max);
    }
    if (measures.write_limit_min) {
        text += fmt::format(", writes limited {}, at the lowest to {}",
                            known(measures.write_limited, format_time),
                            format_rate(*measures.write_limit_min));
    }
    return text;
}

std::string network(const Measures& measures) {
    return known(measures.probe, [](const ProbeCounts& counts) {
        return fmt::format("lost {} of {}, duplicated {}, reordered {}, longest gap {}",
                           counts.lost, counts.sent, counts.duplicated, counts.reordered,
                           milli(counts.longest_gap));
    });
}

std::string sum(const std::optional<Bytes>& a, const std::optional<Bytes>& b) {
    return a || b ? format_bytes(a.value_or(Bytes{}) + b.value_or(Bytes{})) : "not measured";
}

std::string text_of(const Json& plan, const char* key) {
    const auto found = plan.is_object() ? plan.find(key) : plan.end();
    return found != plan.end() && found->is_string() ? found->get<std::string>() : std::string("?");
}

}  // namespace

void print_line(const Json& json) {
    fmt::print("{}\n", line(json));
    std::fflush(stdout);
}

std::string checks_text(const std::vector<Check>& checks, bool colour) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& check : checks) {
        rows.push_back({word(check.verdict, colour), check.name, check.finding});
        if (!check.fix.empty()) {
            rows.push_back({"", "", "fix: " + check.fix});
        }
    }
    return table(rows, "  ");
}

std::string plan_text(const Plan& plan, bool colour) {
    auto text =
        fmt::format("Guest {} ({}), {}, from {} to {}, policy {}\n", quoted(plan.guest.ref.name),
                    plan.guest.ref.uuid, name_of(plan.guest.state), plan.source.name,
                    plan.destination.host.name, plan.request.policy);
    if (!plan.destination_reason.empty()) {
        text += plan.destination_reason + '\n';
    }
    text += "\nChecks\n" + checks_text(plan.checks, colour);
    text += qemu_text(plan);
    text += "\nChoices\n";
    for (const auto& note : plan.notes) {
        text += fmt::format("  {}\n", note);
    }
    const auto& prediction = plan.prediction;
    text += "\nPrediction\n";
    for (const auto& reason : prediction.reasons) {
        text += fmt::format("  {}\n", reason);
    }
    text += fmt::format("  {}: {}\n", prediction.converges ? "therefore" : "does not converge",
                        prediction_line(prediction));
    if (!prediction.confidence.empty()) {
        text += fmt::format("  how sure: {}\n", prediction.confidence);
    }
    return text + '\n' + verdict_line(plan, colour) + '\n';
}

std::string plan_summary(const Plan& plan) {
    auto text = fmt::format("{} from {} to {}{}\n", quoted(plan.guest.ref.name), plan.source.name,
                            plan.destination.host.name,
                            plan.destination_reason.empty() ? "" : ": " + plan.destination_reason);
    for (const auto& check : plan.checks) {
        if (check.verdict == Check::Verdict::undecided) {
            text += fmt::format("unsure: {}: {}\n", check.name, check.finding);
        }
    }
    for (const auto& note : plan.notes) {
        text += note + '\n';
    }
    for (const auto& wish : plan.qemu) {
        text += wish_line(wish);
    }
    return text + fmt::format("predicted{}: {}\n",
                              plan.prediction.assumed ? ", on assumptions" : "",
                              prediction_line(plan.prediction));
}

std::string comparison(const Measures& measures) {
    return known(measures.disks, [](const DiskMeasures& disks) {
        return fmt::format("{}, {} mismatch(es), in {} of the blackout",
                           format_bytes(disks.compared), disks.mismatches, format_time(disks.took));
    });
}

std::string measures_text(const Measures& measures, const Json& plan) {
    const auto predicted = [&](const char* key, auto format) {
        return stored(plan, "prediction", key, format);
    };
    const auto asked = [&](const char* key, auto format) {
        return stored(plan, "asked", key, format);
    };
    return table(
        {{"", "asked", "predicted", "measured"},
         {"setup", "-", "-", known(measures.setup, format_time)},
         {"total", asked("timeout_ms", as_limit), predicted("total_ms", as_time),
          known(measures.total, format_time)},
         {"sent", "-", predicted("memory_sent_bytes", as_bytes),
          fmt::format("{} (memory {}, disks {}; {} iteration(s))",
                      sum(measures.memory_sent, measures.disk_sent),
                      known(measures.memory_sent, format_bytes),
                      known(measures.disk_sent, format_bytes), measures.iterations)},
         {"bandwidth", asked("bandwidth_bytes_per_s", as_rate_limit),
          predicted("bandwidth_bytes_per_s", as_rate), known(measures.bandwidth_mean, format_rate)},
         {"blackout", asked("blackout_ceiling_ms", as_limit), predicted("blackout_ms", as_time),
          known(measures.blackout, milli)},
         {"network", "-", "-", network(measures)},
         {"disks compared", "-", "-", comparison(measures)},
         {"effect on the guest", "-", "-", effect(measures)},
         {"processor time", "-", "-",
          fmt::format("source {}, destination {}", known(measures.source_cpu, format_time),
                      known(measures.destination_cpu, format_time))}},
        "  ");
}

std::string outcome_text(const Record& record, const Json& plan) {
    const auto guest = quoted(text_of(plan, "guest"));
    const auto source = text_of(plan, "source");
    const auto destination = text_of(plan, "destination");
    std::string text;
    switch (record.outcome) {
        case Outcome::moved:
        case Outcome::moved_with_problems:
            text = fmt::format("moved {} from {} to {} (migration {})", guest, source, destination,
                               record.id);
            break;
        case Outcome::failed_on_source:
            text = fmt::format("{} did not move, it is on {} as before (migration {})", guest,
                               source, record.id);
            break;
        case Outcome::unknown:
            if (record.measures.disks && record.measures.disks->mismatches > 0) {
                text = fmt::format("{} stands still on {} (migration {})", guest, destination,
                                   record.id);
                break;
            }
            text = fmt::format(
                "nobody can tell who has {}; look at {} and {}, then run 'vmigrate "
                "recover {}'",
                guest, source, destination, record.id);
            break;
    }
    text += record.reason.empty() ? "\n" : fmt::format(": {}\n", record.reason);
    for (const auto& problem : record.problems) {
        text += fmt::format("problem: {}\n", problem);
    }
    return text;
}

}  // namespace vmigrate::cli
