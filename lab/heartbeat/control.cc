// SPDX-License-Identifier: GPL-2.0-or-later
#include "heartbeat/control.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string_view>

#include "heartbeat/packet.h"

namespace vmigrate::lab {

std::string send_settings(const std::string& address, const std::string& words) {
    const std::string id = std::to_string(getpid());
    const std::string message = id + " " + words;
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(kControlPort);
    inet_pton(AF_INET, address.c_str(), &to.sin_addr);
    std::string result = "the guest does not answer";
    for (int attempt = 0; attempt < 20; ++attempt) {
        sendto(fd, message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&to),
               sizeof to);
        pollfd waiting = {fd, POLLIN, 0};
        char answer[1400];
        if (poll(&waiting, 1, 250) <= 0) {
            continue;
        }
        const ssize_t size = recv(fd, answer, sizeof answer, 0);
        const std::string_view text(answer, size > 0 ? static_cast<std::size_t>(size) : 0);
        if (text == id + " ok") {
            result.clear();
            break;
        }
        if (const std::string error = id + " error: "; text.starts_with(error)) {
            result = text.substr(error.size());
            break;
        }
    }
    close(fd);
    return result;
}

}  // namespace vmigrate::lab
