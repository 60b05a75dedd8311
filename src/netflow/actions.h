// SPDX-License-Identifier: GPL-2.0-or-later
//
// Actions and Instructions: what a flow does, as encoded on the wire. A few are made and rewritten
// here, all others are carried byte for byte. Values only; any thread.
#pragma once

#include <functional>

#include "netflow/field.h"
#include "netflow/shared_octets.h"

namespace vmigrate::netflow {

/// One action as it lies in a buffer that must outlive it.
struct ActionView {
    std::uint16_t type = 0;
    std::uint32_t vendor = 0;   ///< of a vendor's action (type 0xffff), else 0
    std::uint16_t subtype = 0;  ///< likewise
    OctetView whole;
};

namespace action {
inline constexpr std::uint16_t output = 0;
inline constexpr std::uint16_t set_field = 25;
inline constexpr std::uint16_t vendor = 0xffff;
inline constexpr std::uint32_t nicira = 0x2320;  ///< the vendor of Open vSwitch's own, below
inline constexpr std::uint16_t resubmit = 1;
inline constexpr std::uint16_t reg_load = 7;
inline constexpr std::uint16_t resubmit_table = 14;
inline constexpr std::uint16_t controller = 20;
inline constexpr std::uint16_t reg_load2 = 33;
inline constexpr std::uint16_t conjunction = 34;
inline constexpr std::uint16_t conntrack = 35;
inline constexpr std::uint16_t output_truncated = 39;
inline constexpr std::uint16_t clone = 42;
inline constexpr std::uint16_t resubmit_table_ct = 44;
}  // namespace action

/// The next action; nothing at the end or, then reader.ok() is false, where there is no whole one.
std::optional<ActionView> next_action(Reader& reader);
/// The actions inside clone(...) and ct(...); empty for all others.
OctetView nested_actions(const ActionView& action);

class Actions {
  public:
    /// Drops the packet.
    Actions() = default;
    /// Takes encoded actions as they are. Error (network): an inconsistent size.
    static Result<Actions> from_octets(OctetView octets);

    OctetView octets() const { return octets_; }

    Actions& output(Port port);
    template <class T>
    Actions& set_field(Field<T> field, const T& value) {
        return put_set_field(field.id, field_octets(value));
    }
    /// Sets all bits of a field that set_field may not touch, such as in_port_of10.
    template <class T>
    Actions& load(Field<T> field, const T& value) {
        return put_load(field.id, field_size<T>, to_number(field_octets(value)));
    }
    /// Looks the packet up in another table and comes back.
    Actions& resubmit(TableId table);
    /// Tells the connections that call themselves `controller` (SetControllerId) where a packet
    /// came from, and nothing of what is in it.
    Actions& tell(std::uint16_t controller);
    /// Clause `clause` (from 1) of `clauses` of conjunctive match `id`.
    Actions& conjunction(std::uint32_t id, unsigned clause, unsigned clauses);
    Actions& append(const Actions& other);

    friend bool operator==(const Actions&, const Actions&) = default;

  private:
    Actions& put_set_field(FieldId id, OctetView value);
    Actions& put_load(FieldId id, std::size_t size, std::uint64_t value);

    Octets octets_;
};

/// What is put in place of each port and tunnel destination; an empty function leaves them.
struct Rewrite {
    std::function<Port(Port)> port;
    std::function<Ipv4(Ipv4)> tun_dst;
};

class Instructions {
  public:
    /// Drops the packet.
    Instructions() = default;
    /// Error (network): an inconsistent size, in an instruction or in the actions within.
    static Result<Instructions> from_octets(OctetView octets);
    static Instructions apply(const Actions& actions);
    static Instructions goto_table(TableId table);

    OctetView octets() const { return octets_.view(); }
    bool empty() const { return octets_.empty(); }
    /// The actions that are applied at once; empty when there are none.
    Actions applied() const;

    /// Rewrites output (also truncated), resubmit's port, and what set_field and load put into
    /// in_port and tun_dst, also inside clone and ct. Ports that other actions name (learn,
    /// bundle, groups) are left.
    void rewrite(const Rewrite& change);

    friend bool operator==(const Instructions&, const Instructions&) = default;

  private:
    explicit Instructions(OctetView octets) : octets_(octets) {}

    SharedOctets octets_;
};

/// Ports as OpenFlow 1.0 numbers them, in 16 bits.
Port port_from_of10(std::uint16_t port);
/// Nothing where it does not fit.
std::optional<std::uint16_t> port_to_of10(Port port);

}  // namespace vmigrate::netflow
