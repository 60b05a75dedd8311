// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/volume_content.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "libvirt/session.h"
#include "libvirt/volumes.h"

namespace vmigrate::libvirt {
namespace {

/// libvirt sends no more in one message.
constexpr std::size_t kMessage = kibibytes(256).count;
constexpr std::uint64_t kMostData = mebibytes(64).count;
constexpr int kAtHole = -3;

Result<VolumeHandle> volume_at(virConnectPtr connection, const std::string& path) {
    const auto pool = pool_covering(connection, path);
    if (!pool) {
        return fail(
            ErrorKind::hypervisor,
            fmt::format("no active storage pool has the folder of {}", vmigrate::quoted(path)));
    }
    auto volume = volume_in(pool.get(), path);
    if (!volume) {
        return fail(last_error(fmt::format("no volume {}", vmigrate::quoted(path))));
    }
    return volume;
}

/// Takes what a stream sends, as it comes.
class Receiver {
  public:
    Receiver(virStreamPtr stream, std::uint64_t begin) : stream_(stream), part_{begin, begin, {}} {}

    /// False: that was all.
    Result<bool> next() {
        const int got = virStreamRecvFlags(stream_, message_.data(), message_.size(),
                                           VIR_STREAM_RECV_STOP_AT_HOLE);
        if (got > 0) {
            append(static_cast<std::size_t>(got));
            return true;
        }
        if (got == 0) {
            return false;
        }
        long long hole = 0;
        if (got != kAtHole || virStreamRecvHole(stream_, &hole, 0) < 0) {
            return fail(last_error(""));
        }
        part_.end += static_cast<std::uint64_t>(hole);
        return true;
    }
    std::uint64_t data() const { return data_; }
    std::uint64_t end() const { return part_.end; }
    Part take() { return std::move(part_); }

  private:
    void append(std::size_t size) {
        auto& extents = part_.extents;
        if (extents.empty() || extents.back().end() != part_.end) {
            extents.push_back({part_.end, {}});
        }
        auto& data = extents.back().data;
        data.insert(data.end(), message_.begin(),
                    message_.begin() + static_cast<std::ptrdiff_t>(size));
        part_.end += size;
        data_ += size;
    }

    virStreamPtr stream_;
    Part part_;
    std::uint64_t data_ = 0;
    std::vector<char> message_ = std::vector<char>(kMessage);
};

/// Goes through a part; what it is asked for grows.
class Cursor {
  public:
    explicit Cursor(const Part& part) : part_(part) {}

    /// The first place behind `at` where data or a hole ends.
    std::uint64_t border(std::uint64_t at) {
        skip(at);
        if (next_ == part_.extents.size()) {
            return part_.end;
        }
        const auto& extent = part_.extents[next_];
        return std::min(part_.end, is_data(at) ? extent.end() : extent.begin);
    }
    /// Null in a hole.
    const char* data(std::uint64_t at) {
        skip(at);
        return is_data(at) ? part_.extents[next_].data.data() + (at - part_.extents[next_].begin)
                           : nullptr;
    }

  private:
    void skip(std::uint64_t at) {
        while (next_ < part_.extents.size() && part_.extents[next_].end() <= at) {
            ++next_;
        }
    }
    bool is_data(std::uint64_t at) const {
        return next_ < part_.extents.size() && part_.extents[next_].begin <= at;
    }

    const Part& part_;
    std::size_t next_ = 0;
};

/// Of the first that differs; `size` when none does. A null is zeros.
std::uint64_t mismatch(const char* one, const char* other, std::uint64_t size) {
    if (one != nullptr && other != nullptr) {
        return static_cast<std::uint64_t>(std::mismatch(one, one + size, other).first - one);
    }
    const char* only = one != nullptr ? one : other;
    if (only == nullptr) {
        return size;
    }
    return static_cast<std::uint64_t>(
        std::find_if(only, only + size, [](char byte) { return byte != '\0'; }) - only);
}

}  // namespace

Result<Bytes> volume_size(virConnectPtr connection, const std::string& path) {
    const auto volume = volume_at(connection, path);
    if (!volume) {
        return fail(volume.error());
    }
    virStorageVolInfo info{};
    if (virStorageVolGetInfo(volume->get(), &info) < 0) {
        return fail(last_error(fmt::format("cannot read {}", vmigrate::quoted(path))));
    }
    return Bytes{info.capacity};
}

Result<Part> read_part(virConnectPtr connection, const std::string& path, std::uint64_t begin,
                       std::uint64_t size) {
    const auto volume = volume_at(connection, path);
    if (!volume) {
        return fail(volume.error());
    }
    const auto what = fmt::format("cannot read {}", vmigrate::quoted(path));
    const StreamHandle stream(virStreamNew(connection, 0));
    if (!stream || virStorageVolDownload(volume->get(), stream.get(), begin, size,
                                         VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM) < 0) {
        return fail(last_error(what));
    }
    Receiver receiver(stream.get(), begin);
    for (;;) {
        const auto more = receiver.next();
        if (!more) {
            virStreamAbort(stream.get());
            return fail(more.error().kind, fmt::format("{}: {}", what, more.error().message));
        }
        if (!*more) {
            break;
        }
        if (receiver.data() >= kMostData && receiver.end() < begin + size) {
            virStreamAbort(stream.get());
            return receiver.take();
        }
    }
    if (virStreamFinish(stream.get()) < 0) {
        return fail(last_error(what));
    }
    auto part = receiver.take();
    part.end = std::min(part.end, begin + size);
    if (part.end == begin) {
        return fail(ErrorKind::hypervisor, fmt::format("{}: it ends at byte {}", what, begin));
    }
    return part;
}

std::optional<std::uint64_t> first_difference(const Part& one, const Part& other) {
    Cursor here(one);
    Cursor there(other);
    const auto end = std::min(one.end, other.end);
    for (auto at = one.begin; at < end;) {
        const auto size = std::min({end, here.border(at), there.border(at)}) - at;
        const auto same = mismatch(here.data(at), there.data(at), size);
        if (same < size) {
            return at + same;
        }
        at += size;
    }
    return std::nullopt;
}

void PartLength::saw(const Part& one, const Part& other) {
    constexpr std::uint64_t kFaster = 8;
    const bool only_holes = one.extents.empty() && other.extents.empty();
    length_ = only_holes ? std::min(kMost, length_ * kFaster) : kLeast;
}

}  // namespace vmigrate::libvirt
