// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a switch sends: a message is refused, or is written again so that it says the same.
#include "must.h"
#include "netflow/message.h"

using namespace vmigrate;
using namespace vmigrate::netflow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const OctetView octets(data, size);
    static_cast<void>(message_size(octets));
    const auto told = decode(octets);
    if (!told) {
        test::must(!told.error().message.empty(), "a refusal says why");
        return 0;
    }
    test::must(!format(*told).empty(), "every message can be shown");
    Octets written;
    if (!encode(written, told->message, told->xid)) {
        return 0;  // longer than it came: it is one that only a switch sends in several parts
    }
    const auto again = decode(written);
    test::must(again.has_value(), "what is written can be read", format(*told));
    test::must(*again == *told, "what is written says the same", format(*told));
    return 0;
}
