// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/workload_file.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "probe/thin_out.h"

namespace vmigrate::probe {
namespace {

constexpr milliseconds kPeriod{100};
constexpr std::size_t kMostReadings = 1000;

TimePoint now() {
    return std::chrono::steady_clock::now();
}

/// Opened anew each time: whoever writes it may put another file in its place.
Result<std::uint64_t> read_counter(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {  // to open a pipe would wait for a writer
        return fail(ErrorKind::usage,
                    fmt::format("{}: {}", path, error ? error.message() : "no regular file"));
    }
    std::ifstream file(path);
    if (!file) {
        return fail(ErrorKind::usage,
                    fmt::format("{}: {}", path, std::generic_category().message(errno)));
    }
    std::array<char, 64> text{};
    file.read(text.data(), text.size());
    const auto count = counter_in({text.data(), static_cast<std::size_t>(file.gcount())});
    if (!count) {
        return fail(ErrorKind::usage, path + ": does not begin with a whole number");
    }
    return *count;
}

class WorkloadFile final : public WorkloadCounter {
  public:
    explicit WorkloadFile(std::string path)
        : path_(std::move(path)), reading_([this] { read_on(); }) {}
    ~WorkloadFile() override { stop(); }
    WorkloadFile(const WorkloadFile&) = delete;
    WorkloadFile& operator=(const WorkloadFile&) = delete;

    std::vector<WorkloadReading> end() override {
        stop();
        return readings_;
    }

  private:
    void stop() {
        {
            const std::scoped_lock lock(mutex_);
            ending_ = true;
        }
        ended_.notify_one();
        if (reading_.joinable()) {
            reading_.join();
        }
    }

    void read_on() {
        auto period = kPeriod;
        for (bool last = false;;) {
            if (const auto count = read_counter(path_)) {
                readings_.push_back({now(), *count});
            }
            if (last) {
                return;
            }
            if (readings_.size() >= kMostReadings) {
                period *= 2;
                thin_out(readings_);
            }
            std::unique_lock lock(mutex_);
            last = ended_.wait_for(lock, period, [this] { return ending_; });
        }
    }

    std::string path_;
    std::vector<WorkloadReading> readings_;  ///< the thread's until it has ended
    std::mutex mutex_;
    std::condition_variable ended_;
    bool ending_ = false;
    std::thread reading_;
};

}  // namespace

std::optional<std::uint64_t> counter_in(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) {
        return std::nullopt;
    }
    std::uint64_t count = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + begin, end, count);
    if (error != std::errc()) {
        return std::nullopt;
    }
    return count;
}

Result<std::unique_ptr<WorkloadCounter>> start_workload(const std::string& path) {
    if (const auto count = read_counter(path); !count) {
        return fail(count.error());
    }
    return std::unique_ptr<WorkloadCounter>(std::make_unique<WorkloadFile>(path));
}

}  // namespace vmigrate::probe
