// SPDX-License-Identifier: GPL-2.0-or-later
//
// Result<T>: a value or an Error. Library code of vmigrate returns it and never throws across a
// module edge. An Error is one sentence for a person plus a kind, from which the command line
// derives its exit code; text that came from libvirt or QEMU is kept verbatim inside the sentence.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace vmigrate {

enum class ErrorKind {
    usage,        ///< the request itself is wrong: option, value, combination
    config,       ///< the configuration file is wrong; the message names file and line
    not_found,    ///< no such guest, host or migration
    unreachable,  ///< a daemon or host does not answer
    denied,       ///< permission or authentication
    busy,         ///< somebody else holds it: lease, running job
    blocked,      ///< preflight says no; nothing was touched
    storage,      ///< our own history database cannot be read or written
    hypervisor,   ///< libvirt or QEMU refused or failed
    network,      ///< a switch refused, failed or answered what makes no sense
    cancelled,    ///< aborted on request
    internal      ///< a broken promise of our own code
};

struct Error {
    ErrorKind kind = ErrorKind::internal;
    std::string message;  ///< one line, no trailing full stop or newline
};

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
  public:
    using tl::expected<T, Error>::expected;
};

/// Makes the unhappy Result: `return fail(ErrorKind::busy, "...");`
inline tl::unexpected<Error> fail(ErrorKind kind, std::string message) {
    return tl::unexpected<Error>(Error{kind, std::move(message)});
}

inline tl::unexpected<Error> fail(Error error) {
    return tl::unexpected<Error>(std::move(error));
}

}  // namespace vmigrate
