// SPDX-License-Identifier: GPL-2.0-or-later
//
// Writing and reading wire formats: integers in network byte order. Values only; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vmigrate::netflow {

using Octets = std::vector<std::uint8_t>;
using OctetView = std::span<const std::uint8_t>;

/// What must be added to `size` to make it a multiple of eight, as OpenFlow pads.
constexpr std::size_t padding(std::size_t size) {
    return (8 - size % 8) % 8;
}

std::uint16_t read_u16(const std::uint8_t* at);
std::uint32_t read_u32(const std::uint8_t* at);
std::uint64_t read_u64(const std::uint8_t* at);
void write_u16(std::uint8_t* at, std::uint16_t value);
void write_u32(std::uint8_t* at, std::uint32_t value);
void write_u64(std::uint8_t* at, std::uint64_t value);

/// Appends to `out`, which must outlive it.
class Writer {
  public:
    explicit Writer(Octets& out) : out_(out) {}

    std::size_t size() const { return out_.size(); }
    void u8(std::uint8_t value) { out_.push_back(value); }
    void u16(std::uint16_t value);
    void u32(std::uint32_t value);
    void u64(std::uint64_t value);
    void octets(OctetView data) { out_.insert(out_.end(), data.begin(), data.end()); }
    void zeros(std::size_t count) { out_.insert(out_.end(), count, 0); }
    void set_type(std::size_t at, std::uint8_t type) { out_[at] = type; }
    /// Sets the 16 bits at `at` to what was written since `from`.
    void set_length(std::size_t at, std::size_t from);

  private:
    Octets& out_;
};

/// Reads from the front of `data`. Reading past the end gives zeros and makes ok() false for good,
/// so that a decoder asks once, when it is done.
class Reader {
  public:
    explicit Reader(OctetView data) : data_(data) {}

    bool ok() const { return ok_; }
    std::size_t left() const { return data_.size(); }
    std::uint8_t u8();
    std::uint16_t u16();
    std::uint32_t u32();
    std::uint64_t u64();
    OctetView take(std::size_t count);
    void skip(std::size_t count) { take(count); }
    OctetView rest() { return take(left()); }
    /// The next element of a list whose elements tell their whole size in 16 bits at `length_at`.
    /// A size below `least` or above what is left makes ok() false.
    OctetView element(std::size_t length_at, std::size_t least);

  private:
    OctetView data_;
    bool ok_ = true;
};

}  // namespace vmigrate::netflow
