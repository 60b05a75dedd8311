// SPDX-License-Identifier: GPL-2.0-or-later
//
// libvirt's own log of this process: kept off the terminal, and asked for what its errors leave
// out. Why a certificate is refused, for instance, is in the log only. Private to libvirt/.
#pragma once

#include <string>

namespace vmigrate::libvirt {

/// To be called before libvirt is initialized, and before there are other threads. Where the log
/// was sent elsewhere (LIBVIRT_LOG_OUTPUTS) it stays there, and has no reasons.
void keep_own_log();

/// Why the certificate that this thread looked at last was refused; "" when it was not. Any thread.
std::string certificate_refusal();

/// The same of the text of a log, for the thread `id`. Pure.
std::string certificate_refusal_in(const std::string& log, long id);

}  // namespace vmigrate::libvirt
