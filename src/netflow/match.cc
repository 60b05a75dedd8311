// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/match.h"

#include <algorithm>
#include <functional>
#include <string_view>

namespace vmigrate::netflow {
namespace {

constexpr std::size_t field_header_size = 4;

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

/// What comes before `part` of `whole`, and what after it.
std::pair<OctetView, OctetView> around(OctetView whole, OctetView part) {
    const auto at = static_cast<std::size_t>(part.data() - whole.data());
    return {whole.first(at), whole.subspan(at + part.size())};
}

std::size_t hash_of(OctetView entry) {
    return std::hash<std::string_view>()(
        {reinterpret_cast<const char*>(entry.data()), entry.size()});
}

}  // namespace

Result<Match> Match::from_entries(OctetView entries) {
    Match match;
    Reader reader(entries);
    while (const auto field = next_field(reader)) {
        match.hash_ += hash_of(field->whole);
    }
    if (!reader.ok()) {
        return fail(ErrorKind::network, "a match has an entry of a wrong size");
    }
    match.entries_ = SharedOctets(entries);
    return match;
}

std::optional<FieldView> Match::find(FieldId id) const {
    Reader reader(entries());
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
    const auto old = find(id);
    const auto [before, after] = around(entries(), old ? old->whole : entries().last(0));
    Octets changed;
    changed.reserve(before.size() + field_header_size + value.size() + mask.size() + after.size());
    Writer out(changed);
    out.octets(before);
    write_field(out, id, value, mask);
    hash_ += hash_of(OctetView(changed).subspan(before.size())) - (old ? hash_of(old->whole) : 0);
    out.octets(after);
    entries_ = SharedOctets(changed);
    return *this;
}

Match& Match::remove(FieldId id) {
    if (const auto old = find(id)) {
        const auto [before, after] = around(entries(), old->whole);
        hash_ -= hash_of(old->whole);
        Octets changed(before.begin(), before.end());
        changed.insert(changed.end(), after.begin(), after.end());
        entries_ = SharedOctets(changed);
    }
    return *this;
}

bool operator==(const Match& a, const Match& b) {
    if (a.hash_ != b.hash_ || a.entries().size() != b.entries().size()) {
        return false;
    }
    return a.entries_ == b.entries_ ||
           std::ranges::equal(sorted_entries(a.entries()), sorted_entries(b.entries()),
                              [](OctetView x, OctetView y) { return std::ranges::equal(x, y); });
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
