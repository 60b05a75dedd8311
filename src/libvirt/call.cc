// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/call.h"

#include <fmt/format.h>

#include <optional>

#include "libvirt/domain.h"
#include "libvirt/params.h"
#include "libvirt/patience.h"
#include "libvirt/qmp.h"

namespace vmigrate::libvirt {
namespace {

constexpr milliseconds kCausePatience = seconds(2);

// libvirt's client library before 10.0 can forget to send the request of one thread while another
// one waits on the same connection. This call waits nearly all the time, so it shares with nobody.
struct Connected {
    std::unique_ptr<Session> source;
    std::unique_ptr<Session> destination;  ///< null for peer-to-peer
    DomainHandle guest;
};

Result<Connected> connect(const HostAccess& source, const HostAccess* destination,
                          const std::string& guest_uuid) {
    Connected connected;
    auto opened = Session::open(source);
    if (!opened) {
        return fail(std::move(opened.error()));
    }
    connected.source = std::move(*opened);
    if (destination != nullptr) {
        opened = Session::open(*destination);
        if (!opened) {
            return fail(std::move(opened.error()));
        }
        connected.destination = std::move(*opened);
    }
    auto guest = domain_by_uuid(connected.source->connection(), guest_uuid);
    if (!guest) {
        return fail(std::move(guest.error()));
    }
    connected.guest = std::move(*guest);
    return connected;
}

// A source that does not like the destination's certificate hangs up, and libvirt tells what the
// destination makes of that. Bounded, since a QEMU may hang.
Error with_cause(Error error, virDomainPtr guest) {
    if (error.message.find("TLS") == std::string::npos || virDomainRef(guest) != 0) {
        return error;
    }
    const auto told = within(kCausePatience, [domain = share(DomainHandle(guest))] {
        return execute(domain.get(), "query-migrate");
    });
    const auto cause = told && *told ? member(**told, "error-desc", std::string()) : std::string();
    if (cause.find("ertificate") != std::string::npos) {
        error.message = fmt::format("{} (libvirt: {})", cause, error.message);
    }
    return error;
}

std::optional<Error> migrate(const Connected& connected, const std::string& peer_uri,
                             const TypedParams& params, unsigned flags) {
    const auto count = static_cast<unsigned>(params.size());
    auto* guest = connected.guest.get();
    if (connected.destination == nullptr) {
        return virDomainMigrateToURI3(guest, peer_uri.c_str(), params.data(), count, flags) == 0
                   ? std::nullopt
                   : std::optional(with_cause(last_error(""), guest));
    }
    const DomainHandle moved(
        virDomainMigrate3(guest, connected.destination->connection(), params.data(), count, flags));
    return moved ? std::nullopt : std::optional(with_cause(last_error(""), guest));
}

}  // namespace

// Gives libvirt a description only where the destination differs; what the user gave is not
// touched.
Result<MigrationCall> adapted(virDomainPtr domain, MigrationCall call,
                              const Adaptation& adaptation) {
    const auto adapt = [&](std::optional<std::string>& xml, unsigned flags) -> Result<void> {
        if (xml) {
            return {};
        }
        // with secrets, or a graphics password would get lost
        const auto own = take(
            virDomainGetXMLDesc(domain, flags | VIR_DOMAIN_XML_MIGRATABLE | VIR_DOMAIN_XML_SECURE));
        if (own.empty()) {
            return fail(last_error("cannot read the guest's description"));
        }
        auto changed = adapt_domain_xml(own, adaptation);
        if (!changed) {
            return fail(std::move(changed.error()));
        }
        xml = std::move(*changed);
        return {};
    };
    if (auto done = adapt(call.destination_xml, 0); !done) {
        return fail(std::move(done.error()));
    }
    if (call.persist_destination && virDomainIsPersistent(domain) == 1) {
        if (auto done = adapt(call.persistent_xml, VIR_DOMAIN_XML_INACTIVE); !done) {
            return fail(std::move(done.error()));
        }
    }
    return call;
}

Result<std::unique_ptr<BlockingCall>> BlockingCall::begin(const HostAccess& source,
                                                          const HostAccess& destination,
                                                          const std::string& guest_uuid,
                                                          const MigrationCall& call,
                                                          std::shared_ptr<Translator> translator) {
    auto connected = connect(source, call.peer_to_peer ? nullptr : &destination, guest_uuid);
    if (!connected) {
        return fail(std::move(connected.error()));
    }
    std::unique_ptr<BlockingCall> self(new BlockingCall);
    self->thread_ =
        std::thread([connected = std::move(*connected),
                     uri = destination.peer_uri.empty() ? destination.uri : destination.peer_uri,
                     params = migration_params(call, destination), flags = migration_flags(call),
                     translator = std::move(translator), state = self->state_] {
            auto error = migrate(connected, uri, params, flags);
            {
                const std::lock_guard lock(state->mutex);
                state->returned = true;
                state->changed.notify_all();
            }
            translator->call_returned(std::move(error));
        });
    return self;
}

BlockingCall::~BlockingCall() {
    if (thread_.joinable()) {
        thread_.detach();
    }
}

bool BlockingCall::returned_within(milliseconds patience) {
    std::unique_lock lock(state_->mutex);
    return state_->changed.wait_for(lock, patience, [this] { return state_->returned; });
}

void BlockingCall::join() {
    if (thread_.joinable()) {
        thread_.join();
    }
}

}  // namespace vmigrate::libvirt
