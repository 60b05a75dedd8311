// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/let_go.h"

#include <fmt/format.h>

namespace vmigrate {
namespace {

/// Longer than QEMU waits until little enough remains, and then for the packet. Has it not said
/// that it waits for that, nor refused, libvirt is stuck: the network is turned nevertheless, for
/// QEMU does not hold for ever.
constexpr milliseconds kNobodyAnswers{250};
/// Between two last packets, should one be lost; each is work for a host that may be busy.
constexpr milliseconds kNextPacket{5};

Result<void> named(const char* what, Result<void> result) {
    return result ? result
                  : fail(result.error().kind, fmt::format("{}: {}", what, result.error().message));
}

Result<void> turned(Result<void> result) {
    return named("network not redirected", std::move(result));
}

Result<void> released(Result<void> result) {
    return named("the guest was not let go", std::move(result));
}

}  // namespace

LetGo let_go(Bytes most_remaining, const Edges& edges) {
    LetGo done;
    done.begun = edges.clock.now();
    done.released = turned(edges.network.redirect());
    done.turned = done.released.has_value();
    done.turned_at = edges.clock.now();
    if (done.turned) {
        done.released = released(edges.hypervisor.release_switchover(most_remaining));
    }
    done.answered = edges.clock.now();
    return done;
}

LetGo let_go_after(const LastPacket& last, Bytes most_remaining, const Edges& edges) {
    auto release = edges.hypervisor.release_after(most_remaining, last);
    release.waits.wait_for(kNobodyAnswers);
    LetGo done;
    done.begun = edges.clock.now();
    if (release.answer.wait_for(milliseconds(0)) == std::future_status::ready) {
        // refused: it is not held any more, or too much remains; the network stays as it is
        done.released = released(release.answer.get());
        done.answered = edges.clock.now();
        return done;
    }
    auto turning = turned(edges.network.turn([&] {
        done.turned_at = done.turned_at == TimePoint{} ? edges.clock.now() : done.turned_at;
        return release.answer.wait_for(kNextPacket) != std::future_status::timeout;
    }));
    done.turned = turning.has_value();
    auto answer = released(release.answer.get());
    done.released = done.turned ? std::move(answer) : std::move(turning);
    done.answered = edges.clock.now();
    return done;
}

std::string format(const LetGo& done, TimePoint stopped) {
    const auto ms = [](TimePoint from, TimePoint to) {
        return std::chrono::duration<double, std::milli>(to - from).count();
    };
    return fmt::format(
        "the network was {:.1f} ms ahead of the guest: turned in {:.1f} ms, QEMU answered {:.1f} "
        "ms later, stopped after {:.1f} ms",
        ms(done.begun, stopped), ms(done.begun, done.turned_at), ms(done.turned_at, done.answered),
        ms(done.answered, stopped));
}

}  // namespace vmigrate
