// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/match.h"

#include <algorithm>
#include <functional>
#include <string_view>

namespace vmigrate::netflow {
namespace {

std::vector<OctetView> sorted_entries(OctetView entries) {
    std::vector<OctetView> result;
    Reader reader(entries);
    while (const auto field = next_field(reader)) {
        result.push_back(field->whole);
    }
    std::ranges::sort(result, [](OctetView a, OctetView b) {
        return std::ranges::lexicographical_compare(a, b);
    });
    return result;
}

std::string_view as_text(OctetView octets) {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

}  // namespace

Result<Match> Match::from_entries(OctetView entries) {
    Reader reader(entries);
    while (next_field(reader)) {
    }
    if (!reader.ok()) {
        return fail(ErrorKind::network, "a match has an entry of a wrong size");
    }
    Match match;
    match.entries_.assign(entries.begin(), entries.end());
    return match;
}

std::optional<FieldView> Match::find(FieldId id) const {
    Reader reader(entries_);
    while (const auto field = next_field(reader)) {
        if (field->id == id) {
            return field;
        }
    }
    return std::nullopt;
}

std::optional<OctetView> Match::exact(FieldId id, std::size_t size) const {
    const auto field = find(id);
    if (!field || field->value.size() != size ||
        !std::ranges::all_of(field->mask, [](std::uint8_t octet) { return octet == 0xff; })) {
        return std::nullopt;
    }
    return field->value;
}

Match& Match::put(FieldId id, OctetView value, OctetView mask) {
    Octets entry;
    Writer writer(entry);
    write_field(writer, id, value, mask);
    auto at = entries_.end();
    if (const auto old = find(id)) {
        at = entries_.begin() + (old->whole.data() - entries_.data());
        at = entries_.erase(at, at + static_cast<std::ptrdiff_t>(old->whole.size()));
    }
    entries_.insert(at, entry.begin(), entry.end());
    return *this;
}

Match& Match::remove(FieldId id) {
    if (const auto old = find(id)) {
        const auto at = entries_.begin() + (old->whole.data() - entries_.data());
        entries_.erase(at, at + static_cast<std::ptrdiff_t>(old->whole.size()));
    }
    return *this;
}

bool operator==(const Match& a, const Match& b) {
    if (a.entries_.size() != b.entries_.size()) {
        return false;
    }
    return a.entries_ == b.entries_ ||
           std::ranges::equal(sorted_entries(a.entries_), sorted_entries(b.entries_),
                              [](OctetView x, OctetView y) { return std::ranges::equal(x, y); });
}

std::size_t Match::hash() const {
    // a sum, because the order of the entries must not matter
    std::size_t sum = 0;
    Reader reader(entries_);
    while (const auto field = next_field(reader)) {
        sum += std::hash<std::string_view>()(as_text(field->whole));
    }
    return sum;
}

void write_match(Writer& out, const Match& match) {
    const auto from = out.size();
    out.u16(1);  // OXM, the only kind
    out.u16(0);
    out.octets(match.entries());
    out.set_length(from + 2, from);
    out.zeros(padding(out.size() - from));
}

Result<Match> read_match(Reader& reader) {
    const auto kind = reader.u16();
    const std::size_t size = reader.u16();
    if (!reader.ok() || kind != 1 || size < 4) {
        return fail(ErrorKind::network, "not an OXM match");
    }
    const auto entries = reader.take(size - 4);
    reader.skip(padding(size));
    if (!reader.ok()) {
        return fail(ErrorKind::network, "a match is longer than its message");
    }
    return Match::from_entries(entries);
}

}  // namespace vmigrate::netflow
