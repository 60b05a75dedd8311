// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/types.h"

#include "orchestrator/journal.h"
#include "orchestrator/names.h"
#include "orchestrator/plan.h"
#include "orchestrator/verdict.h"

namespace vmigrate {
namespace {

constexpr NameTable<Phase, 8> kPhases = {{{Phase::planned, "planned"},
                                          {Phase::locked, "locked"},
                                          {Phase::prepared, "prepared"},
                                          {Phase::precopy, "precopy"},
                                          {Phase::handover, "handover"},
                                          {Phase::switched, "switched"},
                                          {Phase::draining, "draining"},
                                          {Phase::ended, "ended"}}};

constexpr NameTable<Outcome, 4> kOutcomes = {{{Outcome::moved, "moved"},
                                              {Outcome::moved_with_problems, "moved-with-problems"},
                                              {Outcome::failed_on_source, "failed-on-source"},
                                              {Outcome::unknown, "unknown"}}};

constexpr NameTable<Side, 2> kSides = {
    {{Side::source, "source"}, {Side::destination, "destination"}}};

constexpr NameTable<GuestState, 6> kGuestStates = {{{GuestState::running, "running"},
                                                    {GuestState::paused, "paused"},
                                                    {GuestState::incoming, "incoming"},
                                                    {GuestState::shut_off, "shut off"},
                                                    {GuestState::absent, "absent"},
                                                    {GuestState::unreachable, "unreachable"}}};

constexpr NameTable<JobState, 8> kJobStates = {{{JobState::none, "none"},
                                                {JobState::active, "active"},
                                                {JobState::device, "device"},
                                                {JobState::postcopy, "postcopy"},
                                                {JobState::postcopy_paused, "postcopy-paused"},
                                                {JobState::completed, "completed"},
                                                {JobState::failed, "failed"},
                                                {JobState::cancelled, "cancelled"}}};

constexpr NameTable<Step, 8> kSteps = {{{Step::lock_network, "lock-network"},
                                        {Step::save_originals, "save-originals"},
                                        {Step::make_volume, "make-volume"},
                                        {Step::migrate, "migrate"},
                                        {Step::compare_disks, "compare-disks"},
                                        {Step::restore_originals, "restore-originals"},
                                        {Step::commit_network, "commit-network"},
                                        {Step::clear_source, "clear-source"}}};

constexpr NameTable<Check::Verdict, 4> kCheckVerdicts = {
    {{Check::Verdict::passed, "passed"},
     {Check::Verdict::failed, "failed"},
     {Check::Verdict::undecided, "undecided"},
     {Check::Verdict::not_applicable, "not-applicable"}}};

constexpr NameTable<ThrottleMeans, 3> kThrottleMeans = {
    {{ThrottleMeans::none, "none"},
     {ThrottleMeans::value, "cpu-throttle-value"},
     {ThrottleMeans::auto_converge, "auto-converge"}}};
constexpr NameTable<QemuWish::Fate, 4> kFates = {
    {{QemuWish::Fate::used, "used"},
     {QemuWish::Fate::idle, "idle"},
     {QemuWish::Fate::unknown_to_source, "unknown-to-source"},
     {QemuWish::Fate::unknown_to_destination, "unknown-to-destination"}}};

constexpr NameTable<Verdict::Kind, 5> kVerdictKinds = {
    {{Verdict::Kind::still_migrating, "still-migrating"},
     {Verdict::Kind::half_moved, "half-moved"},
     {Verdict::Kind::on_source, "on-source"},
     {Verdict::Kind::on_destination, "on-destination"},
     {Verdict::Kind::unknown, "unknown"}}};

}  // namespace

std::string_view name_of(Phase phase) {
    return name_in(kPhases, phase);
}
std::string_view name_of(Outcome outcome) {
    return name_in(kOutcomes, outcome);
}
std::string_view name_of(Side side) {
    return name_in(kSides, side);
}
std::string_view name_of(GuestState state) {
    return name_in(kGuestStates, state);
}
std::string_view name_of(JobState state) {
    return name_in(kJobStates, state);
}
std::string_view name_of(Step step) {
    return name_in(kSteps, step);
}
std::string_view name_of(Check::Verdict verdict) {
    return name_in(kCheckVerdicts, verdict);
}
std::string_view name_of(ThrottleMeans means) {
    return name_in(kThrottleMeans, means);
}
std::string_view name_of(QemuWish::Fate fate) {
    return name_in(kFates, fate);
}
std::string_view name_of(Verdict::Kind kind) {
    return name_in(kVerdictKinds, kind);
}
std::optional<Phase> phase_named(std::string_view name) {
    return value_in(kPhases, name);
}
std::optional<Outcome> outcome_named(std::string_view name) {
    return value_in(kOutcomes, name);
}
std::optional<Step> step_named(std::string_view name) {
    return value_in(kSteps, name);
}

}  // namespace vmigrate
