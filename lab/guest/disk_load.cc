// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/disk_load.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "guest/pace.h"

namespace vmigrate::lab {
namespace {

constexpr std::size_t kLargestTransfer = 1 << 20;
constexpr std::size_t kVerifyTransfer = 128 << 10;  // writes wait meanwhile
constexpr std::uint64_t kSectorBytes = 512;

// Room for two of the largest blocks.
std::uint64_t* new_buffer() {
    return static_cast<std::uint64_t*>(std::aligned_alloc(4096, 2 * kLargestTransfer));
}

// "Disk-vda" in memory
std::uint64_t magic_of(const std::string& name) {
    std::uint64_t magic = 0;
    std::memcpy(&magic, ("Disk-" + name + "        ").data(), sizeof magic);
    return magic;
}

}  // namespace

DiskLoad::DiskLoad(SettingsStore& settings, Counters& counters, const std::string& name, int fd)
    : settings_(settings),
      counters_(counters),
      name_(name),
      fd_(fd),
      magic_(magic_of(name)),
      number_(counters.disks++),
      random_(magic_),
      to_fill_(settings.get().disk_fill != 0) {
    counters_.loads_to_fill += to_fill_ ? 1 : 0;
}

void DiskLoad::reshape(const Settings& settings) {
    const std::unique_lock lock(shape_);
    std::uint64_t size = 0;
    ioctl(fd_, BLKGETSIZE64, &size);
    limit_ = size / kSectorBytes;
    block_bytes_ = settings.disk_block;
    span_ = settings.disk_span;
    const std::uint64_t used = span_ == 0 ? size : std::min(size, span_);
    // what is on the disk from before is older than all that comes
    ledger_ = std::make_unique<Ledger>(used / block_bytes_, sequence_);
    injured_lately_ = false;
    stopped_ = false;
}

Block DiskLoad::in_buffer(std::size_t block, std::uint64_t* buffer) const {
    return {buffer, block_bytes_ / sizeof *buffer, magic_, block * block_bytes_ / kSectorBytes};
}

Entry DiskLoad::compose(std::size_t block, std::uint64_t* buffer) const {
    const std::uint32_t sequence = ledger_->get(block).value_or(Entry{}).sequence + 1;
    const Block result = in_buffer(block, buffer);
    Random random(block * 0x10001 + sequence);
    for (std::size_t i = 0; i < result.size; ++i) {
        buffer[i] = i % 2 == 0 ? random.next() : 0x2020202064776f72;  // half of it compresses
    }
    return stamp(result, {sequence, stamp_time_ns()});
}

void DiskLoad::report(const std::string& text) {
    if (!stopped_.exchange(true)) {
        counters_.errors += 1;
        counters_.findings.add(text);
    }
}

bool DiskLoad::transfer(bool out, Extent extent, std::uint64_t* buffer) {
    const auto offset = static_cast<off_t>(extent.first * block_bytes_);
    const std::size_t size = extent.count * block_bytes_;
    const ssize_t done = out ? pwrite(fd_, buffer, size, offset) : pread(fd_, buffer, size, offset);
    if (done == static_cast<ssize_t>(size)) {
        return true;
    }
    const std::string why = done < 0 ? std::strerror(errno) : "cut short";
    report("io: disk " + name_ + " block " + std::to_string(extent.first) + ": " +
           (out ? "write: " : "read: ") + why);
    return false;
}

void DiskLoad::write_stamps(Extent extent, std::uint64_t* buffer) {
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < extent.count; ++i) {
        entries.push_back(compose(extent.first + i, buffer + i * block_bytes_ / sizeof *buffer));
    }
    if (!transfer(true, extent, buffer)) {
        return;
    }
    for (std::size_t i = 0; i < extent.count; ++i) {
        ledger_->set(extent.first + i, entries[i]);
        sequence_ = std::max(sequence_, entries[i].sequence);
    }
    counters_.disk_written_bytes += extent.count * block_bytes_;
}

void DiskLoad::write_zeroes(Extent extent) {
    std::uint64_t range[2] = {extent.first * block_bytes_, extent.count * block_bytes_};
    if (ioctl(fd_, BLKZEROOUT, range) != 0) {
        report("io: disk " + name_ + " block " + std::to_string(extent.first) +
               ": write zeroes: " + std::strerror(errno));
        return;
    }
    for (std::size_t block = extent.first; block < extent.first + extent.count; ++block) {
        const std::uint32_t sequence = ledger_->get(block).value_or(Entry{}).sequence + 1;
        ledger_->set(block, {sequence, Content::kZeroes});
        sequence_ = std::max(sequence_, sequence);
    }
    counters_.disk_written_bytes += extent.count * block_bytes_;
}

// A disk may return what it likes for a discarded block; what is written there later must stay.
void DiskLoad::discard(Extent extent) {
    std::uint64_t range[2] = {extent.first * block_bytes_, extent.count * block_bytes_};
    if (ioctl(fd_, BLKDISCARD, range) != 0) {
        std::printf("load: disk %s: discard: %m; none any more\n", name_.c_str());
        discards_ = false;
        return;
    }
    for (std::size_t block = extent.first; block < extent.first + extent.count; ++block) {
        ledger_->set(block, {.sequence = ledger_->get(block).value_or(Entry{}).sequence});
    }
}

void DiskLoad::write(Extent extent, std::uint64_t* buffer, const Settings& settings) {
    const bool read_back = random_.below(100) < settings.read_back;
    if (read_back && !verify(extent, buffer)) {
        return;
    }
    const std::uint64_t way = random_.below(100);
    if (way < settings.disk_zero) {
        write_zeroes(extent);
    } else if (way < settings.disk_zero + settings.disk_trim && discards_) {
        discard(extent);
    } else {
        write_stamps(extent, buffer);
    }
    if (read_back) {
        verify(extent, buffer);
    }
}

bool DiskLoad::verify(Extent extent, std::uint64_t* buffer) {
    if (stopped_ || !transfer(false, extent, buffer)) {
        return false;
    }
    for (std::size_t i = 0; i < extent.count; ++i) {
        const Block block = in_buffer(extent.first + i, buffer + i * block_bytes_ / sizeof *buffer);
        const auto entry = ledger_->get(extent.first + i);
        const std::string where = ": disk " + name_ + " block " + std::to_string(extent.first + i) +
                                  " (sector " + std::to_string(block.address) + "): ";
        if (!entry) {
            report(kind_name(Kind::kLedger) + where + "its two entries in the ledger differ");
            return false;
        }
        if (const auto finding = judge(block, *entry, limit_)) {
            report(kind_name(finding->kind) + where + describe(*finding, block.address));
            return false;
        }
        counters_.verified_bytes += entry->content == Content::kAnything ? 0 : block_bytes_;
    }
    return true;
}

void DiskLoad::fill(std::uint64_t* buffer) {
    const std::size_t most = kLargestTransfer / block_bytes_;
    for (std::size_t first = 0; first < ledger_->size() && !stopped_; first += most) {
        const Extent extent = {first, std::min(most, ledger_->size() - first)};
        const Ledger::Hold hold(*ledger_, extent.first, extent.count);
        write_stamps(extent, buffer);
    }
}

// As a bad disk or migration would: blocks that are broken, stale, mixed up.
void DiskLoad::injure(Damage damage, std::uint64_t* buffer) {
    const std::size_t block = random_.below(ledger_->size());
    const std::size_t other = (block + 1) % ledger_->size();
    const std::size_t words = block_bytes_ / sizeof *buffer;
    const Ledger::Hold hold(*ledger_, {block, other});
    write_stamps({block, 1}, buffer);
    switch (damage) {
        case Damage::kFlip:
            buffer[random_.below(words)] ^= std::uint64_t{0x10} << 8 * random_.below(8);
            transfer(true, {block, 1}, buffer);
            break;
        case Damage::kOld:
            ledger_->set(block, compose(block, buffer));  // and not written
            break;
        case Damage::kTorn: {
            const std::vector<std::uint64_t> before(buffer, buffer + words);
            ledger_->set(block, compose(block, buffer));
            std::copy_n(before.begin() + static_cast<std::ptrdiff_t>(words / 2), words - words / 2,
                        buffer + words / 2);
            transfer(true, {block, 1}, buffer);
            break;
        }
        case Damage::kSwap:
            write_stamps({other, 1}, buffer);
            transfer(false, {block, 1}, buffer);
            transfer(false, {other, 1}, buffer + words);
            transfer(true, {other, 1}, buffer);
            transfer(true, {block, 1}, buffer + words);
            break;
    }
    injured_lately_ = true;
}

// Takes over what was set. Without a lock on shape_.
void DiskLoad::follow(const Settings& settings, std::uint64_t* buffer) {
    const bool again = stopped_ && settings.restart != restarts_;
    restarts_ = settings.restart;
    if (!ledger_ || settings.disk_block != block_bytes_ || settings.disk_span != span_ || again) {
        reshape(settings);
        const std::shared_lock lock(shape_);
        if (settings.disk_fill != 0) {
            fill(buffer);
        }
        counters_.loads_to_fill -= to_fill_ ? 1 : 0;
        to_fill_ = false;
    }
    const std::shared_lock lock(shape_);
    for (std::size_t i = 0; i < injured_.size() && ledger_->size() > 1; ++i) {
        for (; injured_[i] < settings.disk_damage[i]; ++injured_[i]) {
            injure(Damage(i), buffer);
        }
    }
}

void DiskLoad::write_forever() {
    std::uint64_t* buffer = new_buffer();
    std::uint64_t seen = 0;
    std::int64_t due = 0;  // blocks; an extent can be larger than what is due
    Settings settings;
    Pacer pacer;
    Walk walk(magic_);
    for (;;) {
        if (settings_.version() != seen) {
            seen = settings_.version();
            settings = settings_.get();
            follow(settings, buffer);
        }
        due += static_cast<std::int64_t>(pacer.wait(settings.disk_rate / block_bytes_));
        const std::shared_lock lock(shape_);
        const bool silent = stopped_ || injured_lately_ || ledger_->size() == 0;
        while (due > 0 && !silent && !stopped_) {
            const Extent extent = walk.next(settings.disk_pattern, ledger_->size(), {0, 0},
                                            kLargestTransfer / block_bytes_);
            const Ledger::Hold hold(*ledger_, extent.first, extent.count);
            write(extent, buffer, settings);
            due -= static_cast<std::int64_t>(extent.count);
        }
        due = std::min<std::int64_t>(due, 0);
    }
}

// The next blocks of which something is known, and where to go on after them; what is not known
// costs nothing but a look. None when there are none up to the end.
Extent DiskLoad::next_to_verify(std::size_t& next) const {
    const auto known = [&](std::size_t block) {
        const auto entry = ledger_->get(block);
        return !entry || entry->content != Content::kAnything;
    };
    while (next < ledger_->size() && !known(next)) {
        ++next;
    }
    const std::size_t most = std::max<std::size_t>(kVerifyTransfer / block_bytes_, 1);
    const std::size_t first = next;
    while (next < ledger_->size() && next - first < most && known(next)) {
        ++next;
    }
    return {first, next - first};
}

void DiskLoad::verify_forever() {
    std::uint64_t* buffer = new_buffer();
    std::size_t next = 0;
    std::int64_t due = 0;  // blocks; an extent can be larger than what is due
    bool any = false;
    Pacer pacer;
    for (;;) {
        const Settings settings = settings_.get();
        due +=
            static_cast<std::int64_t>(pacer.wait(settings.disk_verify_rate / settings.disk_block));
        const std::shared_lock lock(shape_);
        while (ledger_ && due > 0 && !stopped_) {
            const Extent extent = next_to_verify(next);
            if (extent.count > 0) {
                const Ledger::Hold hold(*ledger_, extent.first, extent.count);
                verify(extent, buffer);
                any = true;
                due -= static_cast<std::int64_t>(extent.count);
                continue;
            }
            next = 0;
            counters_.disk_passes += any ? 1 : 0;
            counters_.passes_of_disk[number_] += 1;
            if (!any) {
                break;
            }
            any = false;
        }
        due = std::min<std::int64_t>(due, 0);
    }
}

}  // namespace vmigrate::lab
