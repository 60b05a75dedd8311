// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/actions.h"

namespace vmigrate::netflow {
namespace {

constexpr std::uint16_t goto_table_instruction = 1;
constexpr std::uint16_t apply_instruction = 4;
constexpr std::size_t vendor_header = 10;

void vendor_action(Writer& out, std::uint16_t size, std::uint16_t subtype) {
    out.u16(action::vendor);
    out.u16(size);
    out.u32(action::nicira);
    out.u16(subtype);
}

/// The header of an exact field, as some actions name their destination.
void field_header(Writer& out, FieldId id, std::size_t size) {
    out.u16(id.oxm_class);
    out.u8(static_cast<std::uint8_t>(id.number << 1U));
    out.u8(static_cast<std::uint8_t>(size));
}

bool well_formed(OctetView actions, unsigned depth = 0) {
    constexpr unsigned deepest = 64;  // each clone may hold another one
    Reader reader(actions);
    while (const auto view = next_action(reader)) {
        const auto nested = nested_actions(*view);
        if (!nested.empty() && (depth == deepest || !well_formed(nested, depth + 1))) {
            return false;
        }
    }
    return reader.ok();
}

}  // namespace

std::optional<ActionView> next_action(Reader& reader) {
    if (reader.left() == 0) {
        return std::nullopt;
    }
    ActionView view;
    view.whole = reader.element(2, 8);
    if (!reader.ok()) {
        return std::nullopt;
    }
    view.type = read_u16(view.whole.data());
    if (view.type == action::vendor && view.whole.size() >= vendor_header) {
        view.vendor = read_u32(&view.whole[4]);
        view.subtype = read_u16(&view.whole[8]);
    }
    return view;
}

OctetView nested_actions(const ActionView& view) {
    if (view.vendor == action::nicira) {
        if (view.subtype == action::clone && view.whole.size() > 16) {
            return view.whole.subspan(16);
        }
        if (view.subtype == action::conntrack && view.whole.size() > 24) {
            return view.whole.subspan(24);
        }
    }
    return {};
}

Result<Actions> Actions::from_octets(OctetView octets) {
    if (!well_formed(octets)) {
        return fail(ErrorKind::network, "an action has a wrong size");
    }
    Actions actions;
    actions.octets_.assign(octets.begin(), octets.end());
    return actions;
}

Actions& Actions::output(Port port) {
    Writer out(octets_);
    out.u16(action::output);
    out.u16(16);
    out.u32(static_cast<std::uint32_t>(port));
    out.u16(port == Port::controller ? 0xffff : 0);  // the whole packet
    out.zeros(6);
    return *this;
}

Actions& Actions::put_set_field(FieldId id, OctetView value) {
    Writer out(octets_);
    const auto from = out.size();
    out.u16(action::set_field);
    out.u16(0);
    write_field(out, id, value);
    out.zeros(padding(out.size() - from));
    out.set_length(from + 2, from);
    return *this;
}

Actions& Actions::put_load(FieldId id, std::size_t size, std::uint64_t value) {
    Writer out(octets_);
    vendor_action(out, 24, action::reg_load);
    out.u16(static_cast<std::uint16_t>(size * 8 - 1));  // from bit 0
    field_header(out, id, size);
    out.u64(value);
    return *this;
}

Actions& Actions::resubmit(TableId table) {
    Writer out(octets_);
    vendor_action(out, 16, action::resubmit_table);
    out.u16(*port_to_of10(Port::in_port));
    out.u8(static_cast<std::uint8_t>(table));
    out.zeros(3);
    return *this;
}

Actions& Actions::tell(std::uint16_t controller) {
    constexpr std::uint8_t by_an_action = 1;
    Writer out(octets_);
    vendor_action(out, 16, action::controller);
    out.u16(0);
    out.u16(controller);
    out.u8(by_an_action);
    out.zeros(1);
    return *this;
}

Actions& Actions::conjunction(std::uint32_t id, unsigned clause, unsigned clauses) {
    Writer out(octets_);
    vendor_action(out, 16, action::conjunction);
    out.u8(static_cast<std::uint8_t>(clause - 1));
    out.u8(static_cast<std::uint8_t>(clauses));
    out.u32(id);
    return *this;
}

Actions& Actions::append(const Actions& other) {
    const Octets copy = other.octets_;  // it may be this one
    octets_.insert(octets_.end(), copy.begin(), copy.end());
    return *this;
}

Result<Instructions> Instructions::from_octets(OctetView octets) {
    Reader reader(octets);
    while (reader.left() > 0) {
        const auto one = reader.element(2, 8);
        if (!reader.ok()) {
            return fail(ErrorKind::network, "an instruction has a wrong size");
        }
        const auto type = read_u16(one.data());
        const bool has_actions = type == apply_instruction || type == apply_instruction - 1;
        if (has_actions && !well_formed(one.subspan(8))) {
            return fail(ErrorKind::network, "an action has a wrong size");
        }
    }
    return Instructions(octets);
}

Instructions Instructions::apply(const Actions& actions) {
    Octets octets;
    Writer out(octets);
    out.u16(apply_instruction);
    out.u16(static_cast<std::uint16_t>(8 + actions.octets().size()));
    out.zeros(4);
    out.octets(actions.octets());
    return Instructions(octets);
}

Instructions Instructions::goto_table(TableId table) {
    Octets octets;
    Writer out(octets);
    out.u16(goto_table_instruction);
    out.u16(8);
    out.u8(static_cast<std::uint8_t>(table));
    out.zeros(3);
    return Instructions(octets);
}

Actions Instructions::applied() const {
    Reader reader(octets());
    while (reader.left() > 0) {
        const auto one = reader.element(2, 8);
        if (reader.ok() && read_u16(one.data()) == apply_instruction) {
            return Actions::from_octets(one.subspan(8)).value_or(Actions());
        }
    }
    return {};
}

Port port_from_of10(std::uint16_t port) {
    constexpr std::uint16_t first_reserved = 0xff00;
    return Port{port >= first_reserved ? 0xffff0000U | port : port};
}

std::optional<std::uint16_t> port_to_of10(Port port) {
    const auto number = static_cast<std::uint32_t>(port);
    if (number >= 0xff00 && number < 0xffffff00) {
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(number);
}

}  // namespace vmigrate::netflow
