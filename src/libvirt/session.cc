// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/session.h"

#include <fmt/format.h>
#include <libvirt/virterror.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "libvirt/handles.h"
#include "libvirt/own_log.h"
#include "libvirt/patience.h"

namespace vmigrate::libvirt {
namespace {

constexpr int kKeepaliveSeconds = 5;
constexpr unsigned kKeepaliveCount = 3;
constexpr milliseconds kClosePatience = seconds(2);

// ssh would ask on the terminal for a password or an unknown host key.
std::string without_questions(const std::string& uri) {
    const auto scheme_end = uri.find("://");
    const auto ssh = uri.find("+ssh");
    if (ssh == std::string::npos || scheme_end == std::string::npos || ssh > scheme_end ||
        uri.find("no_tty=") != std::string::npos) {
        return uri;
    }
    return uri + (uri.find('?') == std::string::npos ? "?" : "&") + "no_tty=1";
}

Result<ConnectionHandle> connect(const HostAccess& access) {
    // no credentials are offered, so libvirt asks nobody
    virConnectAuth nobody{nullptr, 0, nullptr, nullptr};
    ConnectionHandle connection(
        virConnectOpenAuth(without_questions(access.uri).c_str(), &nobody, 0));
    if (!connection) {
        auto error =
            last_error(fmt::format("cannot connect to host {}", vmigrate::quoted(access.name)));
        if (const auto reason = certificate_refusal(); !reason.empty()) {
            error.message += ": " + reason;
        }
        if (error.kind != ErrorKind::denied) {
            error.kind = ErrorKind::unreachable;
        }
        return fail(std::move(error));
    }
    // refused by drivers without a network connection, which need none
    virConnectSetKeepAlive(connection.get(), kKeepaliveSeconds, kKeepaliveCount);
    return connection;
}

// A dead host would keep the caller waiting for its answer to the good-bye.
void close(_virConnect* connection, milliseconds patience) {
    if (connection != nullptr) {
        within(patience, [connection] { return virConnectClose(connection); });
    }
}

ErrorKind kind_of(const virError& error) {
    switch (error.code) {
        case VIR_ERR_AUTH_FAILED:
        case VIR_ERR_AUTH_CANCELLED:
        case VIR_ERR_AUTH_UNAVAILABLE:
        case VIR_ERR_ACCESS_DENIED:
        case VIR_ERR_OPERATION_DENIED:
            return ErrorKind::denied;
        case VIR_ERR_NO_DOMAIN:
            return ErrorKind::not_found;
        case VIR_ERR_OPERATION_TIMEOUT:  // a job of somebody else keeps the guest
            return ErrorKind::busy;
        case VIR_ERR_OPERATION_ABORTED:
            return ErrorKind::cancelled;
        case VIR_ERR_NO_CONNECT:
        case VIR_ERR_RPC:
            return ErrorKind::unreachable;
        case VIR_ERR_SYSTEM_ERROR:
            if (error.domain == VIR_FROM_RPC && (error.int1 == EACCES || error.int1 == EPERM)) {
                return ErrorKind::denied;
            }
            break;
        default:
            break;
    }
    return error.domain == VIR_FROM_RPC ? ErrorKind::unreachable : ErrorKind::hypervisor;
}

}  // namespace

Error last_error(std::string_view doing) {
    const auto* error = virGetLastError();
    std::string text = error != nullptr && error->message != nullptr ? error->message : "no reason";
    std::replace(text.begin(), text.end(), '\n', ' ');
    return {error != nullptr ? kind_of(*error) : ErrorKind::hypervisor,
            doing.empty() ? text : fmt::format("{}: {}", doing, text)};
}

Result<std::unique_ptr<Session>> Session::open(const HostAccess& access, milliseconds patience) {
    std::unique_ptr<Session> session(new Session(access));
    if (auto connected = session->reconnect(patience); !connected) {
        return fail(std::move(connected.error()));
    }
    return session;
}

std::unique_ptr<Session> Session::unopened(const HostAccess& access) {
    return std::unique_ptr<Session>(new Session(access));
}

Session::~Session() {
    close(connection_, kClosePatience);
}

bool Session::alive() const {
    return connection_ != nullptr && virConnectIsAlive(connection_) == 1;
}

Result<void> Session::reconnect(milliseconds patience) {
    close(std::exchange(connection_, nullptr), milliseconds(0));
    const auto begin = std::chrono::steady_clock::now();
    auto connected = within(patience, [access = access_] { return connect(access); });
    if (!connected) {
        return fail(ErrorKind::unreachable, fmt::format("host {} ({}) does not answer within {}",
                                                        vmigrate::quoted(access_.name), access_.uri,
                                                        format_time(patience)));
    }
    if (!*connected) {
        return fail(std::move(connected->error()));
    }
    connection_ = (*connected)->release();
    open_time_ = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
    return {};
}

}  // namespace vmigrate::libvirt
