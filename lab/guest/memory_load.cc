// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/memory_load.h"

#include <sys/mman.h>
#include <sys/sysinfo.h>

#include <cstdio>
#include <cstring>

namespace vmigrate::lab {
namespace {

constexpr std::size_t kPageBytes = kWordsPerPage * sizeof(std::uint64_t);
constexpr std::size_t kRowWords = 16;
constexpr std::uint64_t kMagic = 0x6567615064614f4c;  // "LOadPage"

// The first words of a page that is not zero.
enum Header : std::size_t { kMagicWord, kPageWord, kSequenceWord, kSumWord, kHeaderWords };

// Room for the kernel, the ledger and what the other threads need.
constexpr std::uint64_t kReserveBytes = 24 << 20;

std::uint64_t page_sum(const std::uint64_t* page) {
    return checksum(page, kWordsPerPage) - page[kSumWord] * weight(kSumWord);
}

std::uint64_t free_bytes() {
    struct sysinfo info = {};
    sysinfo(&info);
    return static_cast<std::uint64_t>(info.freeram) * info.mem_unit;
}

}  // namespace

MemoryLoad::Kind MemoryLoad::kind(std::size_t page) const {
    const std::uint64_t share = (page * 0x9e3779b97f4a7c15 >> 32) % 100;
    if (share < shares_.zero) {
        return Kind::kZero;
    }
    return share < shares_.zero + shares_.random ? Kind::kRandom : Kind::kText;
}

// Text is rows of 128 bytes, like a table's: a key, a counter, a small and a large number, four
// words, two values that say nothing to a compressor, and the blanks that a field of fixed length
// ends with. zlib makes 34 % of it and LZ4 47 %, about as of a large database's memory.
std::uint64_t MemoryLoad::content(Kind kind, std::size_t page, std::size_t position,
                                  std::uint64_t random) {
    if (kind == Kind::kRandom) {
        return random;
    }
    static constexpr char kWords[8][9] = {"shipped ", "pending ", "invoice ", "customer",
                                          "returned", "warehous", "priority", "        "};
    std::uint64_t word = 0;
    const auto field = position % kRowWords;
    switch (field) {
        case 0:
            return page * (kWordsPerPage / kRowWords) + position / kRowWords;
        case 1:
            return random & 0xffff;
        case 2:
            return random >> 24;
        case 3:
            return 0;
        case 8:
            return random * 0x9e3779b97f4a7c15;
        case 9:
            return (random >> 7) * 0xd1342543de82ef95;
        default:
            std::memcpy(&word, kWords[field < 8 ? random >> (3 * field) & 7 : 7], sizeof word);
            return word;
    }
}

void MemoryLoad::fill(std::size_t page, std::uint64_t sequence) {
    std::uint64_t* p = words(page);
    const Kind k = kind(page);
    if (k == Kind::kZero) {
        std::memset(p, 0, kPageBytes);
        return;
    }
    p[kMagicWord] = kMagic;
    p[kPageWord] = page;
    p[kSequenceWord] = sequence;
    std::uint64_t random = random_.next();
    for (std::size_t i = kHeaderWords; i < kWordsPerPage; ++i) {
        if (k == Kind::kRandom || i % kRowWords == 0) {
            random = random_.next();  // one for a row: filling is a good part of the boot
        }
        p[i] = content(k, page, i, random);
    }
    p[kSumWord] = page_sum(p);
    ledger_->set(page, {sequence, p[kSumWord]});
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
    shares_ = settings;
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
    ledger_ = std::make_unique<Ledger>(pages_);
    for (std::size_t page = 0; page < pages_; ++page) {
        fill(page, 1);
    }
}

void MemoryLoad::write(std::size_t page, std::size_t change_words) {
    const std::lock_guard lock(ledger_->lock(page));
    std::uint64_t* p = words(page);
    const Kind k = kind(page);
    if (k == Kind::kZero) {
        std::memset(p, 0, change_words * sizeof *p);  // dirty all the same
        return;
    }
    const auto entry = ledger_->get(page);
    if (!entry || p[kSequenceWord] != entry->sequence || p[kSumWord] != entry->sum) {
        // left as it is, a write would make it look right
        verify_locked(page);
        return;
    }
    std::uint64_t sum = p[kSumWord] + weight(kSequenceWord);
    p[kSequenceWord] += 1;
    const std::size_t body = kWordsPerPage - kHeaderWords;
    std::size_t position = random_.below(body);
    for (std::size_t i = 0; i < change_words; ++i, position = (position + 1) % body) {
        std::uint64_t& word = p[kHeaderWords + position];
        const std::uint64_t value = content(k, page, kHeaderWords + position, random_.next());
        sum += (value - word) * weight(kHeaderWords + position);
        word = value;
    }
    p[kSumWord] = sum;
    ledger_->set(page, {p[kSequenceWord], sum});
}

void MemoryLoad::set_back() {
    std::size_t page = random_.below(pages_);
    for (std::size_t i = 0; i < pages_ && kind(page) == Kind::kZero; ++i) {
        page = (page + 1) % pages_;
    }
    std::uint64_t before[kWordsPerPage];
    {
        const std::lock_guard lock(ledger_->lock(page));
        std::memcpy(before, words(page), kPageBytes);
    }
    write(page, 1);
    const std::lock_guard lock(ledger_->lock(page));
    std::memcpy(words(page), before, kPageBytes);
}

void MemoryLoad::verify(std::size_t page) {
    const std::lock_guard lock(ledger_->lock(page));
    verify_locked(page);
}

void MemoryLoad::verify_locked(std::size_t page) {
    std::uint64_t* p = words(page);
    if (kind(page) == Kind::kZero) {
        for (std::size_t i = 0; i < kWordsPerPage; ++i) {
            if (p[i] != 0) {
                bug(counters_, "memory page %zu: %llx at word %zu of a zero page", page,
                    static_cast<unsigned long long>(p[i]), i);
                fill(page, 0);
                return;
            }
        }
        return;
    }
    const auto entry = ledger_->get(page);
    const std::uint64_t sum = page_sum(p);
    if (!entry) {
        bug(counters_, "memory page %zu: the two ledger entries differ", page);
    } else if (p[kMagicWord] != kMagic || p[kPageWord] != page) {
        bug(counters_, "memory page %zu: holds page %llu", page,
            static_cast<unsigned long long>(p[kPageWord]));
    } else if (p[kSequenceWord] != entry->sequence) {
        bug(counters_, "memory page %zu: sequence %llu instead of %llu", page,
            static_cast<unsigned long long>(p[kSequenceWord]),
            static_cast<unsigned long long>(entry->sequence));
    } else if (sum != p[kSumWord] || sum != entry->sum) {
        bug(counters_, "memory page %zu: wrong checksum at sequence %llu", page,
            static_cast<unsigned long long>(entry->sequence));
    } else {
        return;
    }
    fill(page, 1);  // so that one loss counts once
}

void MemoryLoad::write_forever() {
    std::uint64_t seen = 0;
    std::uint64_t damaged = 0;
    Settings settings;
    Pacer pacer;
    for (;;) {
        if (settings_.version() != seen) {
            seen = settings_.version();
            settings = settings_.get();
            if (memory_ == nullptr || settings.memory != shares_.memory ||
                settings.zero != shares_.zero || settings.random != shares_.random) {
                reshape(settings);
                counters_.ready = true;
                pacer = Pacer();
            }
            for (; damaged < settings.damage; ++damaged) {
                set_back();
            }
        }
        const std::uint64_t due = pacer.wait(settings.dirty_rate / kPageBytes);
        const std::size_t hot = std::max<std::size_t>(pages_ * settings.hot / 100, 1);
        const std::size_t change = std::max<std::uint64_t>(settings.change / 8, 1);
        const std::shared_lock lock(shape_);
        for (std::uint64_t i = 0; i < due; ++i) {
            const bool to_hot = random_.below(100) < settings.hot_writes || hot >= pages_;
            write(to_hot ? random_.below(hot) : hot + random_.below(pages_ - hot), change);
        }
        counters_.dirtied_bytes += due * kPageBytes;
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
        for (std::uint64_t i = 0; i < due; ++i) {
            if (next >= pages_) {
                next = 0;
                counters_.memory_passes += 1;
            }
            verify(next++);
        }
    }
}

}  // namespace vmigrate::lab
