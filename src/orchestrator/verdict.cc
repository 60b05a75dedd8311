// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/verdict.h"

#include <fmt/format.h>

namespace vmigrate {
namespace {

using Kind = Verdict::Kind;

bool has_memory(GuestState state) {
    return state == GuestState::running || state == GuestState::paused;
}

bool has_no_process(GuestState state) {
    return state == GuestState::shut_off || state == GuestState::absent;
}

Verdict verdict(Kind kind, std::string reason) {
    return {kind, std::move(reason)};
}

std::string both(const Truth& truth) {
    return fmt::format("source: {}, destination: {}", name_of(truth.source),
                       name_of(truth.destination));
}

bool is_defined(GuestState state) {
    return has_memory(state) || state == GuestState::shut_off;
}

/// A guest that was shut off moves as a definition: whoever defines it has it, unless somebody has
/// started it meanwhile where it was.
Verdict judge_definition(const Truth& truth) {
    if (truth.source == GuestState::unreachable || truth.destination == GuestState::unreachable) {
        return verdict(Kind::unknown, both(truth) + "; ask again when both daemons answer");
    }
    if (is_defined(truth.destination) && !has_memory(truth.source) &&
        truth.source != GuestState::incoming) {
        return verdict(Kind::on_destination, "the destination defines the guest");
    }
    if (is_defined(truth.source) && truth.destination == GuestState::absent) {
        return verdict(Kind::on_source, "the source still defines the guest");
    }
    return verdict(Kind::unknown, both(truth) + "; look with 'virsh list --all' on both hosts");
}

}  // namespace

Verdict judge(const Truth& truth) {
    if (truth.before == GuestState::shut_off) {
        return judge_definition(truth);
    }
    if (truth.source == GuestState::running && truth.destination == GuestState::running) {
        return verdict(Kind::unknown,
                       "both daemons say that the guest runs there; look at both consoles at once, "
                       "and stop neither before you know");
    }
    // It runs there, but without the source it cannot go on for long.
    if (truth.postcopy == PostcopyState::broken || truth.postcopy == PostcopyState::unnoticed) {
        return verdict(
            Kind::half_moved,
            "the destination runs the guest, a part of its memory is still on the source");
    }
    if (truth.postcopy == PostcopyState::running) {
        return verdict(Kind::still_migrating,
                       "the destination runs the guest, the rest of its memory is on its way");
    }
    // A running guest is proof. Its other half, if any, is a husk that libvirt clears away.
    if (truth.destination == GuestState::running) {
        return verdict(Kind::on_destination, "the destination runs the guest");
    }
    // Had it not run there yet, what the source has would still be the guest.
    if (truth.postcopy == PostcopyState::stranded && truth.has_run_there &&
        has_no_process(truth.destination)) {
        return verdict(Kind::unknown,
                       "post-copy broke off with the end of QEMU on the destination (" +
                           both(truth) +
                           "): the guest is lost, see QEMU's log there; what is paused on the "
                           "source lacks what the guest did since it left, do not resume it: start "
                           "the guest again on the destination, end the source's process, then "
                           "'vmigrate recover'");
    }
    if (truth.postcopy == PostcopyState::stranded) {
        return verdict(Kind::unknown,
                       "post-copy broke off and the destination does not run the guest (" +
                           both(truth) +
                           "), without which it cannot be resumed; end neither, see to QEMU there "
                           "and its log, then 'vmigrate recover'");
    }
    if (truth.postcopy == PostcopyState::arriving) {
        return verdict(Kind::still_migrating,
                       "the guest has left the source and does not run on the destination yet");
    }
    if (truth.source == GuestState::running) {
        const bool may_go_on = truth.destination == GuestState::unreachable ||
                               truth.destination == GuestState::incoming;
        if (may_go_on && truth.job_active.value_or(true)) {
            return verdict(Kind::still_migrating, "the source runs the guest, its job is not over");
        }
        if (truth.job_active.value_or(false)) {
            return verdict(Kind::still_migrating, "libvirt still carries the migration on");
        }
        return verdict(Kind::on_source, "the source runs the guest");
    }
    if (truth.job_active.value_or(false)) {
        return verdict(Kind::still_migrating, "libvirt is switching the guest over");
    }
    if (truth.source == GuestState::unreachable || truth.destination == GuestState::unreachable) {
        return verdict(Kind::unknown,
                       both(truth) +
                           "; nothing is done until both daemons answer: start libvirtd "
                           "there, then 'vmigrate recover'");
    }
    // Nobody runs it and nothing moves it. It may still have all its memory on one side.
    const bool meant_to_be_paused = truth.before == GuestState::paused || truth.paused_on_purpose;
    if (truth.destination == GuestState::paused && !has_memory(truth.source)) {
        return meant_to_be_paused
                   ? verdict(Kind::on_destination,
                             "the guest is paused on the destination, as "
                             "before or as asked")
                   : verdict(Kind::unknown,
                             "the guest is paused on the destination and gone from the source; "
                             "look at it there, then 'virsh resume' it");
    }
    if (truth.source == GuestState::paused && !has_memory(truth.destination) &&
        truth.destination != GuestState::incoming) {
        if (truth.has_run_there && truth.before != GuestState::paused) {
            return verdict(Kind::unknown,
                           "the guest has run on the destination and ended there, and what is "
                           "paused on the source is from before: do not resume it, start the guest "
                           "again on the destination, then 'vmigrate recover'");
        }
        return truth.before == GuestState::paused
                   ? verdict(Kind::on_source, "the guest is paused on the source, as before")
                   : verdict(Kind::unknown,
                             "the guest is paused on the source and not on the destination; if no "
                             "other host runs it, 'virsh resume' it there");
    }
    if (truth.source == GuestState::shut_off || truth.source == GuestState::absent) {
        return verdict(Kind::unknown,
                       fmt::format("the guest runs nowhere ({}): its process has ended, see QEMU's "
                                   "log; start it again on the {}, then 'vmigrate recover'",
                                   both(truth), truth.has_run_there ? "destination" : "source"));
    }
    return verdict(Kind::unknown, both(truth) + "; look with 'virsh list --all' on both hosts");
}

}  // namespace vmigrate
