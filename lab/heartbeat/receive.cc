// SPDX-License-Identifier: GPL-2.0-or-later
#include "heartbeat/receive.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <set>

#include "heartbeat/arrival.h"
#include "heartbeat/log.h"
#include "heartbeat/packet.h"

namespace vmigrate::lab {
namespace {

class Log {
  public:
    explicit Log(std::string base) : base_(std::move(base)) { open_file(); }
    ~Log() { close(fd_); }
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void append(const Record& record, bool ready, const std::string& finding) {
        if (struct stat now = {}; fstat(fd_, &now) != 0 || now.st_nlink == 0) {
            reopen();  // the guest was removed, and now there is another one of its name
            ready_ = false;
            bugs_.clear();
        } else if (size_ >= kLogLimitBytes) {
            rename((base_ + ".log").c_str(), (base_ + ".old").c_str());
            reopen();
        }
        if (write(fd_, &record, sizeof record) == sizeof record) {
            size_ += sizeof record;
        }
        if (ready && !ready_) {
            ready_ = true;
            close(open((base_ + ".ready").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
        }
        if (!finding.empty() && bugs_.insert(finding).second) {
            std::ofstream(base_ + ".bugs", std::ios::app) << finding << std::endl;
        }
    }

  private:
    void reopen() {
        close(fd_);
        open_file();
    }

    void open_file() {
        fd_ = open((base_ + ".log").c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
        size_ = static_cast<std::uint64_t>(lseek(fd_, 0, SEEK_END));
    }

    std::string base_;
    int fd_ = -1;
    std::uint64_t size_ = 0;
    bool ready_ = false;
    std::set<std::string> bugs_;  // that are in the file
};

}  // namespace

std::string receive_forever(const std::string& directory) {
    sched_param priority = {};
    priority.sched_priority = 5;
    sched_setscheduler(0, SCHED_FIFO, &priority);  // better, not needed
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int buffer_bytes = 4 << 20;
    ask_arrival_times(fd);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes);
    sockaddr_in here = {};
    here.sin_family = AF_INET;
    here.sin_port = htons(kHeartbeatPort);
    if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) {
        return std::string("cannot listen for heartbeats: ") + std::strerror(errno);
    }
    std::map<std::uint64_t, Log> logs;
    for (;;) {
        Heartbeat beat = {};
        std::uint64_t realtime = 0;
        if (receive_stamped(fd, &beat, sizeof beat, 0, realtime) != sizeof beat ||
            beat.magic != kHeartbeatMagic) {
            continue;
        }
        const std::uint64_t monotonic = to_monotonic_ns(realtime);
        auto log = logs.find(beat.guest);
        if (log == logs.end()) {
            char name[32];
            std::snprintf(name, sizeof name, "/%016llx",
                          static_cast<unsigned long long>(beat.guest));
            log = logs.try_emplace(beat.guest, directory + name).first;
        }
        log->second.append({monotonic, realtime, beat.boot, beat.sequence, beat.transactions,
                            beat.dirtied_bytes, beat.disk_written_bytes, beat.memory_passes,
                            beat.disk_passes, beat.errors, beat.verified_bytes},
                           (beat.flags & kFlagReady) != 0,
                           {beat.finding, strnlen(beat.finding, sizeof beat.finding)});
    }
}

}  // namespace vmigrate::lab
