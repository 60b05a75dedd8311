// LINK: vmigrate_libvirt
// LABELS: unit
// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/own_log.h"

#include <doctest/doctest.h>

using vmigrate::libvirt::certificate_refusal_in;

TEST_CASE("why a certificate was refused is the last that libvirt's log has of it for the thread") {
    const std::string log =
        "2026-11-27 18:48:38.453+0000: 35: info : libvirt version: 9.0.0\n"
        "2026-11-27 18:48:38.453+0000: 35: warning : virNetTLSContextCheckCertificate:1086 : "
        "Certificate check failed it is old\n"
        "2026-11-27 18:48:39.453+0000: 35: warning : virNetTLSContextCheckCertificate:1086 : "
        "Certificate check failed nobody knows it\n"
        "2026-11-27 18:48:39.453+0000: 36: warning : virNetTLSContextCheckCertificate:1086 : "
        "Certificate check failed it is for 35: \n"
        "2026-11-27 18:48:39.453+0000: 35: warning : other:1 : something else\n";
    CHECK(certificate_refusal_in(log, 35) == "nobody knows it");
    CHECK(certificate_refusal_in(log, 36) == "it is for 35: ");
    CHECK(certificate_refusal_in(
              "+0000: 1: w : f : Certificate check failed The certificate is not trusted.\n", 1) ==
          "The certificate is not trusted. It has expired, or is not valid yet");
    CHECK(certificate_refusal_in(log, 3).empty());
    CHECK(certificate_refusal_in(log, 37).empty());
    CHECK(certificate_refusal_in("", 35).empty());
    CHECK(certificate_refusal_in("\n", 35).empty());
}
