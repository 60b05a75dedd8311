// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/memory_load.h"

#include <sys/mman.h>
#include <sys/sysinfo.h>

#include <cstdio>
#include <cstring>

#include "guest/pattern.h"

namespace vmigrate::lab {
namespace {

constexpr std::size_t kPageBytes = kWordsPerPage * sizeof(std::uint64_t);
constexpr std::uint64_t kMagic = 0x6567615064614f4c;  // "LOadPage"

// Room for the kernel, the ledger and what the other threads need.
constexpr std::uint64_t kReserveBytes = 24 << 20;

std::uint64_t free_bytes() {
    struct sysinfo info = {};
    sysinfo(&info);
    return static_cast<std::uint64_t>(info.freeram) * info.mem_unit;
}

bool all_zero(const std::uint64_t* words, std::size_t size) {
    return std::all_of(words, words + size, [](std::uint64_t word) { return word == 0; });
}

}  // namespace

Block MemoryLoad::block(std::size_t page) const {
    return {words(page), kWordsPerPage, kMagic, page};
}

void MemoryLoad::fill(std::size_t page, std::uint32_t sequence) {
    const PageKind k = kind(page);
    if (k == PageKind::kZero) {
        std::memset(words(page), 0, kPageBytes);
        ledger_->set(page, {sequence, Content::kZeroes});
        return;
    }
    PageContent::fill(k, page, words(page), random_);
    ledger_->set(page, stamp(block(page), {sequence, stamp_time_ns()}));
}

void MemoryLoad::reshape(const Settings& settings) {
    const std::unique_lock lock(shape_);
    if (memory_ != nullptr) {
        munmap(memory_, pages_ * kPageBytes);
        memory_ = nullptr;
        ledger_.reset();
    }
    const std::uint64_t most =
        free_bytes() > kReserveBytes ? free_bytes() - kReserveBytes : 1 << 20;
    std::uint64_t size = settings.memory != 0 ? settings.memory : free_bytes() / 2;
    if (size > most) {
        std::printf("load: memory=%llu is more than the %llu bytes that are free, using these\n",
                    static_cast<unsigned long long>(size), static_cast<unsigned long long>(most));
        size = most;
    }
    made_ = settings;
    pages_ = std::max<std::size_t>(size / kPageBytes, 16);
    void* memory = mmap(nullptr, pages_ * kPageBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        std::printf("load: no memory: %m\n");
        std::abort();
    }
    // small pages: the hypervisor tracks those, and a hot set is seldom contiguous
    madvise(memory, pages_ * kPageBytes, MADV_NOHUGEPAGE);
    memory_ = static_cast<std::uint64_t*>(memory);
    ledger_ = std::make_unique<Ledger>(pages_, 0);
    for (std::size_t page = 0; page < pages_; ++page) {
        fill(page, 1);
    }
    stopped_ = false;
}

void MemoryLoad::write_zero_page(std::size_t page, std::size_t change_words) {
    if (!all_zero(words(page), change_words)) {
        verify(page);  // else a write would make it look right
        return;
    }
    std::memset(words(page), 0, change_words * sizeof(std::uint64_t));  // dirty all the same
}

void MemoryLoad::rewrite(std::size_t page, Entry entry, std::size_t change_words) {
    const Block b = block(page);
    const PageKind k = kind(page);
    const Moment next = {entry.sequence + 1, stamp_time_ns()};
    if (entry.content == Content::kZeroes) {
        fill(page, next.sequence);
        return;
    }
    std::size_t position = random_.below(kWordsPerPage);
    for (std::size_t i = 0; i < change_words; ++i, position = (position + 1) % kWordsPerPage) {
        if (is_data(position)) {
            change(b, position, PageContent::word(k, page, position, random_.next()));
        }
    }
    ledger_->set(page, restamp(b, next));
}

void MemoryLoad::write(std::size_t page, const Settings& settings) {
    const std::size_t change_words = std::max<std::uint64_t>(settings.change / 8, 1);
    if (kind(page) == PageKind::kZero) {
        write_zero_page(page, change_words);
        return;
    }
    const bool read_back = random_.below(100) < settings.read_back;
    const auto entry = ledger_->get(page);
    // left as it is, a write would make an old page look right
    const bool look =
        read_back || !entry || entry->content != Content::kStamp || !carries(block(page), *entry);
    if (look && !verify(page)) {
        return;
    }
    if (random_.below(100) < settings.clear) {
        std::memset(words(page), 0, kPageBytes);
        ledger_->set(page, {entry->sequence + 1, Content::kZeroes});
    } else {
        rewrite(page, *entry, change_words);
    }
    if (read_back) {
        verify(page);
    }
}

bool MemoryLoad::verify(std::size_t page) {
    counters_.verified_bytes += kPageBytes;
    const auto entry = ledger_->get(page);
    const std::string where = ": memory page " + std::to_string(page) + ": ";
    std::string text;
    if (!entry) {
        text = kind_name(Kind::kLedger) + where + "its two entries in the ledger differ";
    } else if (const auto finding = judge(block(page), *entry, pages_)) {
        text = kind_name(finding->kind) + where + describe(*finding, page);
    } else {
        return true;
    }
    if (!stopped_.exchange(true)) {
        counters_.errors += 1;
        counters_.findings.add(text);
    }
    return false;
}

std::size_t MemoryLoad::any_stamped_page() {
    std::size_t page = random_.below(pages_);
    for (std::size_t i = 0; i < pages_; ++i, page = (page + 1) % pages_) {
        if (const auto entry = ledger_->get(page); entry && entry->content == Content::kStamp) {
            break;
        }
    }
    return page;
}

// As a bad migration would: pages that are broken, stale, mixed up.
void MemoryLoad::injure(Damage damage) {
    const std::size_t page = any_stamped_page();
    const std::size_t other = any_stamped_page();
    const Ledger::Hold hold(*ledger_, {page, other});
    std::uint64_t before[kWordsPerPage];
    std::memcpy(before, words(page), kPageBytes);
    const auto set_back_from = [&](std::size_t start) {
        rewrite(page, ledger_->get(page).value_or(Entry{}), 1);
        std::memcpy(words(page) + start, before + start, kPageBytes - start * sizeof before[0]);
    };
    switch (damage) {
        case Damage::kFlip:
            words(page)[random_.below(kWordsPerPage)] ^= std::uint64_t{0x10}
                                                         << 8 * random_.below(8);
            break;
        case Damage::kOld:
            set_back_from(0);
            break;
        case Damage::kTorn:
            set_back_from(kWordsPerPage / 2);
            break;
        case Damage::kSwap:
            std::memcpy(words(page), words(other), kPageBytes);
            std::memcpy(words(other), before, kPageBytes);
            break;
    }
}

// Takes over what was set. Without a lock on shape_.
void MemoryLoad::follow(const Settings& settings) {
    const bool first = memory_ == nullptr;
    const bool again = stopped_ && settings.restart != restarts_;
    restarts_ = settings.restart;
    if (first || settings.memory != made_.memory || settings.zero != made_.zero ||
        settings.random != made_.random || again) {
        reshape(settings);
        counters_.loads_to_fill -= first ? 1 : 0;
    }
    const std::shared_lock lock(shape_);
    for (std::size_t i = 0; i < injured_.size(); ++i) {
        for (; injured_[i] < settings.damage[i]; ++injured_[i]) {
            injure(Damage(i));
        }
    }
}

void MemoryLoad::write_forever() {
    std::uint64_t seen = 0;
    std::int64_t due = 0;  // pages; an extent can be larger than what is due
    Settings settings;
    Pacer pacer;
    Walk walk(2);
    for (;;) {
        if (settings_.version() != seen) {
            seen = settings_.version();
            settings = settings_.get();
            follow(settings);
        }
        due += static_cast<std::int64_t>(pacer.wait(settings.dirty_rate / kPageBytes));
        const std::shared_lock lock(shape_);
        const Hot hot = {std::max<std::size_t>(pages_ * settings.hot / 100, 1),
                         settings.hot_writes};
        while (due > 0 && !stopped_) {
            const Extent extent = walk.next(settings.pattern, pages_, hot, Walk::kLargest);
            for (std::size_t i = 0; i < extent.count && !stopped_; ++i) {
                const Ledger::Hold hold(*ledger_, extent.first + i, 1);
                write(extent.first + i, settings);
            }
            due -= static_cast<std::int64_t>(extent.count);
            counters_.dirtied_bytes += extent.count * kPageBytes;
        }
        due = stopped_ ? 0 : due;
    }
}

void MemoryLoad::verify_forever() {
    std::size_t next = 0;
    Pacer pacer;
    for (;;) {
        const std::uint64_t due = pacer.wait(settings_.get().verify_rate / kPageBytes);
        const std::shared_lock lock(shape_);
        if (memory_ == nullptr) {
            continue;
        }
        for (std::uint64_t i = 0; i < due && !stopped_; ++i) {
            if (next >= pages_) {
                next = 0;
                counters_.memory_passes += 1;
            }
            const Ledger::Hold hold(*ledger_, next, 1);
            verify(next++);
        }
    }
}

}  // namespace vmigrate::lab
