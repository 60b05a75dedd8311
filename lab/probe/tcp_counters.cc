// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/tcp_counters.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <fstream>
#include <sstream>
#include <string>

namespace vmigrate::lab {

std::uint64_t retransmitted_segments(int fd) {
    tcp_info info = {};
    socklen_t size = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_total_retrans : 0;
}

std::uint64_t retransmission_timeouts() {
    std::ifstream file("/proc/net/netstat");  // a line of names, then one of values
    for (std::string names, values; std::getline(file, names) && std::getline(file, values);) {
        std::istringstream name_words(names);
        std::istringstream value_words(values);
        std::string name;
        std::string value;
        while (name_words >> name && value_words >> value) {
            if (name == "TCPTimeouts") {
                return std::stoull(value);
            }
        }
    }
    return 0;
}

}  // namespace vmigrate::lab
