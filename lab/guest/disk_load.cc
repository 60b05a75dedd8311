// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/disk_load.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "guest/pace.h"

namespace vmigrate::lab {
namespace {

constexpr std::size_t kLargestBlock = 1 << 20;

enum Header : std::size_t { kMagicWord, kBlockWord, kSequenceWord, kSumWord, kHeaderWords };

std::uint64_t* new_buffer() {
    return static_cast<std::uint64_t*>(std::aligned_alloc(4096, kLargestBlock));
}

}  // namespace

DiskLoad::DiskLoad(SettingsStore& settings, Counters& counters, std::string name, int fd,
                   int number)
    : settings_(settings),
      counters_(counters),
      name_(std::move(name)),
      fd_(fd),
      magic_(0x6b736944'00000000 + static_cast<std::uint64_t>(number)) {}

void DiskLoad::reshape(const Settings& settings) {
    const std::unique_lock lock(shape_);
    std::uint64_t size = 0;
    ioctl(fd_, BLKGETSIZE64, &size);
    block_bytes_ = settings.disk_block;
    span_ = settings.disk_span;
    const std::uint64_t used = span_ == 0 ? size : std::min(size, span_);
    ledger_ = std::make_unique<Ledger>(used / block_bytes_);
}

void DiskLoad::write(std::size_t block, std::uint64_t* buffer) {
    const std::lock_guard lock(ledger_->lock(block));
    const std::uint64_t sequence = ledger_->get(block).value_or(Ledger::Entry{}).sequence + 1;
    const std::size_t words = block_bytes_ / sizeof *buffer;
    Random random(block * 0x10001 + sequence);
    buffer[kMagicWord] = magic_;
    buffer[kBlockWord] = block;
    buffer[kSequenceWord] = sequence;
    buffer[kSumWord] = 0;
    for (std::size_t i = kHeaderWords; i < words; ++i) {
        buffer[i] = i % 2 == 0 ? random.next() : 0x2020202064776f72;  // half of it compresses
    }
    const std::uint64_t sum = checksum(buffer, words);
    buffer[kSumWord] = sum;
    const auto offset = static_cast<off_t>(block * block_bytes_);
    if (pwrite(fd_, buffer, block_bytes_, offset) != static_cast<ssize_t>(block_bytes_)) {
        bug(counters_, "disk %s block %zu: write: %m", name_.c_str(), block);
        return;
    }
    ledger_->set(block, {sequence, sum});
    counters_.disk_written_bytes += block_bytes_;
}

void DiskLoad::verify(std::size_t block, std::uint64_t* buffer) {
    const std::lock_guard lock(ledger_->lock(block));
    const auto entry = ledger_->get(block);
    if (!entry) {
        bug(counters_, "disk %s block %zu: the two ledger entries differ", name_.c_str(), block);
        ledger_->set(block, {});
        return;
    }
    const auto offset = static_cast<off_t>(block * block_bytes_);
    if (pread(fd_, buffer, block_bytes_, offset) != static_cast<ssize_t>(block_bytes_)) {
        bug(counters_, "disk %s block %zu: read: %m", name_.c_str(), block);
        return;
    }
    const std::uint64_t stamped = buffer[kSumWord];
    buffer[kSumWord] = 0;
    const std::uint64_t sum = checksum(buffer, block_bytes_ / sizeof *buffer);
    if (buffer[kMagicWord] != magic_ || buffer[kBlockWord] != block) {
        bug(counters_, "disk %s block %zu: is not that block", name_.c_str(), block);
    } else if (buffer[kSequenceWord] != entry->sequence) {
        bug(counters_, "disk %s block %zu: sequence %llu instead of %llu", name_.c_str(), block,
            static_cast<unsigned long long>(buffer[kSequenceWord]),
            static_cast<unsigned long long>(entry->sequence));
    } else if (sum != stamped || sum != entry->sum) {
        bug(counters_, "disk %s block %zu: wrong checksum", name_.c_str(), block);
    } else {
        return;
    }
    ledger_->set(block, {});  // one loss counts once
}

void DiskLoad::write_forever() {
    std::uint64_t* buffer = new_buffer();
    std::uint64_t seen = 0;
    Settings settings;
    Pacer pacer;
    Random random(magic_);
    for (;;) {
        if (settings_.version() != seen) {
            seen = settings_.version();
            settings = settings_.get();
            if (settings.disk_block != block_bytes_ || settings.disk_span != span_ || !ledger_) {
                reshape(settings);
            }
        }
        const std::uint64_t due = pacer.wait(settings.disk_rate / block_bytes_);
        const std::shared_lock lock(shape_);
        for (std::uint64_t i = 0; i < due && ledger_->size() > 0; ++i) {
            write(random.below(ledger_->size()), buffer);
        }
    }
}

void DiskLoad::verify_forever() {
    std::uint64_t* buffer = new_buffer();
    std::size_t next = 0;
    bool any = false;
    Pacer pacer;
    for (;;) {
        const Settings settings = settings_.get();
        std::uint64_t due = pacer.wait(settings.disk_verify_rate / settings.disk_block);
        const std::shared_lock lock(shape_);
        // blocks that were never written cost nothing but a look
        for (std::size_t looks = 0; ledger_ && due > 0 && looks < 65536; ++looks) {
            if (next >= ledger_->size()) {
                next = 0;
                counters_.disk_passes += any ? 1 : 0;
                any = false;
                break;
            }
            const auto entry = ledger_->get(next);
            if (!entry || entry->sequence > 0) {
                verify(next, buffer);
                any = true;
                --due;
            }
            ++next;
        }
    }
}

}  // namespace vmigrate::lab
