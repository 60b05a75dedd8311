// SPDX-License-Identifier: GPL-2.0-or-later
//
// TLS by GnuTLS, with certificates on both sides.
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>

#include <array>
#include <memory>
#include <string>

#include "base/text.h"
#include "netflow/stream.h"

namespace vmigrate::netflow {
namespace {

struct SessionRelease {
    void operator()(gnutls_session_t session) const { gnutls_deinit(session); }
};
struct CredentialsRelease {
    void operator()(gnutls_certificate_credentials_t credentials) const {
        gnutls_certificate_free_credentials(credentials);
    }
};
struct CertificateRelease {
    void operator()(gnutls_x509_crt_t certificate) const { gnutls_x509_crt_deinit(certificate); }
};
using CertificateHandle = std::unique_ptr<gnutls_x509_crt_int, CertificateRelease>;
using SessionHandle = std::unique_ptr<gnutls_session_int, SessionRelease>;
using CredentialsHandle =
    std::unique_ptr<std::remove_pointer_t<gnutls_certificate_credentials_t>, CredentialsRelease>;

bool must_wait(ssize_t code) {
    return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED;
}

class TlsStream final : public Stream {
  public:
    TlsStream(std::unique_ptr<Stream> socket, CredentialsHandle credentials, SessionHandle session)
        : socket_(std::move(socket)),
          credentials_(std::move(credentials)),
          session_(std::move(session)) {}

    int fd() const override { return socket_->fd(); }

    Result<std::size_t> read(std::span<std::uint8_t> buffer) override {
        const auto count = gnutls_record_recv(session_.get(), buffer.data(), buffer.size());
        if (count == 0) {
            return fail(ErrorKind::unreachable, "the connection was closed by the other side");
        }
        return result_of(count);
    }

    Result<std::size_t> write(OctetView octets) override {
        // after GNUTLS_E_AGAIN the same record is sent on, whatever is passed
        return result_of(gnutls_record_send(session_.get(), octets.data(), octets.size()));
    }

    gnutls_session_t session() const { return session_.get(); }

  private:
    static Result<std::size_t> result_of(ssize_t count) {
        if (count >= 0) {
            return static_cast<std::size_t>(count);
        }
        if (must_wait(count) || gnutls_error_is_fatal(static_cast<int>(count)) == 0) {
            return std::size_t{0};
        }
        return fail(ErrorKind::unreachable, gnutls_strerror(static_cast<int>(count)));
    }

    // in this order, so that the session goes first
    std::unique_ptr<Stream> socket_;
    CredentialsHandle credentials_;
    SessionHandle session_;
};

Result<CredentialsHandle> load(const TlsFiles& files) {
    gnutls_certificate_credentials_t raw = nullptr;
    if (gnutls_certificate_allocate_credentials(&raw) != GNUTLS_E_SUCCESS) {
        return fail(ErrorKind::internal, "no memory for TLS");
    }
    CredentialsHandle credentials(raw);
    if (gnutls_certificate_set_x509_trust_file(raw, files.authority.c_str(), GNUTLS_X509_FMT_PEM) <=
        0) {
        return fail(ErrorKind::config, "no certificate in " + quoted(files.authority));
    }
    const int error = gnutls_certificate_set_x509_key_file(
        raw, files.certificate.c_str(), files.private_key.c_str(), GNUTLS_X509_FMT_PEM);
    if (error != GNUTLS_E_SUCCESS) {
        return fail(ErrorKind::config, quoted(files.certificate) + " and " +
                                           quoted(files.private_key) + ": " +
                                           gnutls_strerror(error));
    }
    return credentials;
}

/// What GnuTLS says of a certificate that it refuses, instead of that it does.
std::string reason(gnutls_session_t session, int error) {
    gnutls_datum_t text{};
    if (error != GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR ||
        gnutls_certificate_verification_status_print(gnutls_session_get_verify_cert_status(session),
                                                     GNUTLS_CRT_X509, &text, 0) < 0) {
        return gnutls_strerror(error);
    }
    std::string result(reinterpret_cast<const char*>(text.data), text.size);
    gnutls_free(text.data);
    result.erase(result.find_last_not_of(". ") + 1);
    return result;
}

CertificateHandle peer_certificate(gnutls_session_t session) {
    unsigned count = 0;
    const auto* chain = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t raw = nullptr;
    if (count == 0 || gnutls_x509_crt_init(&raw) != GNUTLS_E_SUCCESS) {
        return nullptr;
    }
    CertificateHandle certificate(raw);
    return gnutls_x509_crt_import(raw, chain, GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS
               ? std::move(certificate)
               : nullptr;
}

bool names_hosts(gnutls_x509_crt_t certificate) {
    for (unsigned i = 0;; ++i) {
        std::array<char, 256> name{};
        std::size_t size = name.size();
        const int type =
            gnutls_x509_crt_get_subject_alt_name(certificate, i, name.data(), &size, nullptr);
        if (type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_IPADDRESS ||
            type == GNUTLS_E_SHORT_MEMORY_BUFFER) {
            return true;
        }
        if (type < 0) {
            return false;
        }
    }
}

Result<void> check_name(gnutls_session_t session, const Endpoint& endpoint) {
    const auto certificate = peer_certificate(session);
    if (!certificate ||
        (names_hosts(certificate.get()) &&
         gnutls_x509_crt_check_hostname(certificate.get(), endpoint.host.c_str()) == 0)) {
        return fail(ErrorKind::denied, "TLS with " + format(endpoint) +
                                           " failed: its certificate is not for " +
                                           quoted(endpoint.host));
    }
    return {};
}

Result<void> shake_hands(const TlsStream& stream, const Endpoint& endpoint, TimePoint until) {
    for (;;) {
        const int error = gnutls_handshake(stream.session());
        if (error == GNUTLS_E_SUCCESS) {
            return check_name(stream.session(), endpoint);
        }
        if (gnutls_error_is_fatal(error) != 0) {
            return fail(ErrorKind::denied, "TLS with " + format(endpoint) +
                                               " failed: " + reason(stream.session(), error));
        }
        const bool writes = gnutls_record_get_direction(stream.session()) == 1;
        if (!wait_for(stream.fd(), writes ? POLLOUT : POLLIN, until)) {
            return fail(ErrorKind::unreachable,
                        "TLS with " + format(endpoint) + ": no answer in time");
        }
    }
}

}  // namespace

Result<std::unique_ptr<Stream>> open_tls(std::unique_ptr<Stream> socket, const Endpoint& endpoint,
                                         TimePoint until) {
    auto credentials = load(endpoint.tls);
    if (!credentials) {
        return fail(credentials.error());
    }
    gnutls_session_t raw = nullptr;
    if (gnutls_init(&raw, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) != GNUTLS_E_SUCCESS) {
        return fail(ErrorKind::internal, "no memory for TLS");
    }
    SessionHandle session(raw);
    gnutls_set_default_priority(raw);
    gnutls_credentials_set(raw, GNUTLS_CRD_CERTIFICATE, credentials->get());
    gnutls_session_set_verify_cert(raw, nullptr, 0);
    gnutls_transport_set_int(raw, socket->fd());
    auto stream =
        std::make_unique<TlsStream>(std::move(socket), std::move(*credentials), std::move(session));
    if (auto done = shake_hands(*stream, endpoint, until); !done) {
        return fail(done.error());
    }
    return stream;
}

}  // namespace vmigrate::netflow
