// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/octets.h"

namespace vmigrate::netflow {

std::uint16_t read_u16(const std::uint8_t* at) {
    return static_cast<std::uint16_t>(at[0] << 8U | at[1]);
}

std::uint32_t read_u32(const std::uint8_t* at) {
    return std::uint32_t{read_u16(at)} << 16U | read_u16(at + 2);
}

std::uint64_t read_u64(const std::uint8_t* at) {
    return std::uint64_t{read_u32(at)} << 32U | read_u32(at + 4);
}

void write_u16(std::uint8_t* at, std::uint16_t value) {
    at[0] = static_cast<std::uint8_t>(value >> 8U);
    at[1] = static_cast<std::uint8_t>(value);
}

void write_u32(std::uint8_t* at, std::uint32_t value) {
    write_u16(at, static_cast<std::uint16_t>(value >> 16U));
    write_u16(at + 2, static_cast<std::uint16_t>(value));
}

void write_u64(std::uint8_t* at, std::uint64_t value) {
    write_u32(at, static_cast<std::uint32_t>(value >> 32U));
    write_u32(at + 4, static_cast<std::uint32_t>(value));
}

void Writer::u16(std::uint16_t value) {
    out_.resize(out_.size() + 2);
    write_u16(&out_[out_.size() - 2], value);
}

void Writer::u32(std::uint32_t value) {
    out_.resize(out_.size() + 4);
    write_u32(&out_[out_.size() - 4], value);
}

void Writer::u64(std::uint64_t value) {
    out_.resize(out_.size() + 8);
    write_u64(&out_[out_.size() - 8], value);
}

void Writer::set_length(std::size_t at, std::size_t from) {
    write_u16(&out_[at], static_cast<std::uint16_t>(out_.size() - from));
}

std::uint8_t Reader::u8() {
    const auto data = take(1);
    return data.empty() ? std::uint8_t{0} : data[0];
}

std::uint16_t Reader::u16() {
    const auto data = take(2);
    return data.empty() ? std::uint16_t{0} : read_u16(data.data());
}

std::uint32_t Reader::u32() {
    const auto data = take(4);
    return data.empty() ? 0 : read_u32(data.data());
}

std::uint64_t Reader::u64() {
    const auto data = take(8);
    return data.empty() ? 0 : read_u64(data.data());
}

OctetView Reader::take(std::size_t count) {
    if (count > data_.size()) {
        ok_ = false;
        data_ = {};
        return {};
    }
    const auto front = data_.first(count);
    data_ = data_.subspan(count);
    return front;
}

OctetView Reader::element(std::size_t length_at, std::size_t least) {
    const bool has_length = length_at + 2 <= data_.size();
    const std::size_t size = has_length ? read_u16(&data_[length_at]) : 0;
    if (size < least || size < length_at + 2) {
        ok_ = false;
        data_ = {};
        return {};
    }
    return take(size);
}

}  // namespace vmigrate::netflow
