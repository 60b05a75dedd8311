// SPDX-License-Identifier: GPL-2.0-or-later
//
// Match: which packets a flow catches, as the encoded entries of the wire. Entries that we have no
// name for are carried byte for byte. Values only; any thread.
#pragma once

#include "netflow/field.h"
#include "netflow/shared_octets.h"

namespace vmigrate::netflow {

class Match {
  public:
    /// All packets.
    Match() = default;
    /// Takes the entries as they are. Error (network): an entry's size is inconsistent.
    static Result<Match> from_entries(OctetView entries);

    OctetView entries() const { return entries_.view(); }
    bool empty() const { return entries_.empty(); }

    std::optional<FieldView> find(FieldId id) const;
    /// The value where it is matched exactly, all bits of it.
    template <class T>
    std::optional<T> get(Field<T> field) const {
        const auto octets = exact(field.id, field_size<T>);
        return octets ? std::optional(field_value<T>(*octets)) : std::nullopt;
    }

    /// Replaces the entry in its place, or adds it at the end: what another field needs first
    /// (eth_type before ipv4_dst) is set first.
    template <class T>
    Match& set(Field<T> field, const T& value) {
        return put(field.id, field_octets(value), {});
    }
    template <class T>
    Match& set(Field<T> field, const T& value, const T& mask) {
        return put(field.id, field_octets(value), field_octets(mask));
    }
    Match& remove(FieldId id);

    /// The same entries in whatever order. Two spellings of a value, such as a mask of all ones and
    /// none, are different.
    friend bool operator==(const Match& a, const Match& b);
    std::size_t hash() const { return hash_; }

  private:
    std::optional<OctetView> exact(FieldId id, std::size_t size) const;
    Match& put(FieldId id, OctetView value, OctetView mask);

    SharedOctets entries_;
    /// A sum of those of the entries, because their order must not matter. Kept, because a flow is
    /// looked up much more often than made.
    std::size_t hash_ = 0;
};

/// With OpenFlow's header and padding.
void write_match(Writer& out, const Match& match);
/// Error (network): truncated, inconsistent, or no OXM match.
Result<Match> read_match(Reader& reader);

}  // namespace vmigrate::netflow
