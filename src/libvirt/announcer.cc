// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/announcer.h"

#include <fmt/format.h>
#include <libvirt/libvirt.h>

#include "base/text.h"
#include "libvirt/domain.h"
#include "libvirt/patience.h"
#include "libvirt/qmp.h"

namespace vmigrate::libvirt {
namespace {

constexpr milliseconds kPatience = seconds(2);

class GuestAnnouncer final : public Announcer {
  public:
    GuestAnnouncer(Session& destination, GuestRef guest)
        : session_(destination), guest_(std::move(guest)) {}

    Result<std::uint64_t> packets_sent(const std::string& mac) override {
        return ask([mac](virDomainPtr domain) -> Result<std::uint64_t> {
            virDomainInterfaceStatsStruct stats{};
            if (virDomainInterfaceStats(domain, mac.c_str(), &stats, sizeof stats) < 0) {
                return fail(last_error("cannot ask for the packets of card " + mac));
            }
            return static_cast<std::uint64_t>(std::max(stats.tx_packets, 0LL));
        });
    }

    Result<void> announce() override {
        // QEMU's own defaults of what it does after a migration
        return ask([](virDomainPtr domain) -> Result<void> {
            const auto done =
                execute(domain, "announce-self",
                        {{"initial", 50}, {"max", 550}, {"rounds", 5}, {"step", 100}});
            if (!done) {
                return fail(done.error());
            }
            return {};
        });
    }

  private:
    template <class Work>
    std::invoke_result_t<Work&, virDomainPtr> ask(Work work) {
        auto answer = within(kPatience,
                             [connection = share(session_.connection()), uuid = guest_.uuid,
                              work]() mutable -> std::invoke_result_t<Work&, virDomainPtr> {
                                 const auto domain = domain_by_uuid(connection.get(), uuid);
                                 if (!domain) {
                                     return fail(domain.error());
                                 }
                                 return work(domain->get());
                             });
        if (!answer) {
            return fail(ErrorKind::unreachable,
                        fmt::format("libvirt of host {} did not answer",
                                    vmigrate::quoted(session_.access().name)));
        }
        return std::move(*answer);
    }

    Session& session_;
    const GuestRef guest_;
};

}  // namespace

std::unique_ptr<Announcer> make_announcer(Session& destination, const GuestRef& guest) {
    return std::make_unique<GuestAnnouncer>(destination, guest);
}

}  // namespace vmigrate::libvirt
