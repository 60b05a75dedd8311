// SPDX-License-Identifier: GPL-2.0-or-later
//
// Inside the library: sockets, and TLS on top of one.
#pragma once

#include "netflow/endpoint.h"

namespace vmigrate::netflow {

/// A connected socket without TLS.
Result<std::unique_ptr<Stream>> open_socket(const Endpoint& endpoint, TimePoint until);

/// Shakes hands over `socket`. Errors as of open_stream.
Result<std::unique_ptr<Stream>> open_tls(std::unique_ptr<Stream> socket, const Endpoint& endpoint,
                                         TimePoint until);

}  // namespace vmigrate::netflow
