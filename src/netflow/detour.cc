// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/detour.h"

namespace vmigrate::netflow {
namespace {

constexpr std::uint32_t first_reserved = 0xffffff00;
constexpr std::uint16_t write_actions = 3;
constexpr std::uint16_t apply_actions = 4;

/// What one action says about ports and tunnels.
struct Reading {
    std::optional<Port> output;
    std::optional<Ipv4> tunnel_end;
    std::optional<TunnelId> tunnel_id;
    bool hides = false;
};

bool hides_outputs(const ActionView& view) {
    constexpr std::uint16_t enqueue = 11;
    constexpr std::uint16_t group = 22;
    constexpr std::uint16_t bundle = 12;
    constexpr std::uint16_t output_register = 15;
    constexpr std::uint16_t learn = 16;
    constexpr std::uint16_t output_register2 = 32;
    if (view.type == group || view.type == enqueue) {
        return true;
    }
    return view.vendor == action::nicira &&
           (view.subtype == bundle || view.subtype == output_register || view.subtype == learn ||
            view.subtype == output_register2 || view.subtype == action::resubmit);
}

void read_tunnel(FieldId id, OctetView value, Reading& reading) {
    if (id == field::tun_dst.id && value.size() == 4) {
        reading.tunnel_end = field_value<Ipv4>(value);
    } else if ((id == field::tunnel_id.id || id == field::tunnel_id_nxm.id) && value.size() == 8) {
        reading.tunnel_id = field_value<TunnelId>(value);
    }
}

void read_set_field(OctetView octets, Reading& reading) {
    Reader in(octets);
    const auto field = next_field(in);
    if (field && field->mask.empty()) {
        read_tunnel(field->id, field->value, reading);
    }
}

Reading read_action(const ActionView& view) {
    Reading reading;
    reading.hides = hides_outputs(view);
    const auto whole = view.whole;
    if (view.type == action::output && whole.size() >= 16) {
        reading.output = Port{read_u32(&whole[4])};
    } else if (view.type == action::set_field) {
        read_set_field(whole.subspan(4), reading);
    } else if (view.vendor == action::nicira && view.subtype == action::reg_load2) {
        read_set_field(whole.subspan(10), reading);
    } else if (view.vendor == action::nicira && view.subtype == action::reg_load &&
               whole.size() == 24) {
        const FieldId id{read_u16(&whole[12]), static_cast<std::uint8_t>(whole[14] >> 1U)};
        const std::size_t size = whole[15];
        if (size <= 8 && read_u16(&whole[10]) == size * 8 - 1) {
            read_tunnel(id, whole.last(size), reading);
        }
    } else if (view.vendor == action::nicira && view.subtype == action::output_truncated &&
               whole.size() >= 16) {
        reading.output = port_from_of10(read_u16(&whole[10]));
    }
    return reading;
}

void collect(OctetView actions, bool nested, Outputs& outputs) {
    Reader in(actions);
    while (const auto view = next_action(in)) {
        const auto reading = read_action(*view);
        if (reading.output) {
            outputs.ports.push_back(*reading.output);
            outputs.nested |= nested;
        }
        if (reading.tunnel_end) {
            outputs.tunnel_ends.push_back(*reading.tunnel_end);
            outputs.nested |= nested;
        }
        if (reading.tunnel_id) {
            outputs.tunnel_ids.push_back(*reading.tunnel_id);
        }
        outputs.hidden |= reading.hides;
        if (const auto inner = nested_actions(*view); !inner.empty()) {
            collect(inner, true, outputs);
        }
    }
}

/// One list of actions on its way. What is set for a tunnel waits until something needs it.
class Traveller {
  public:
    explicit Traveller(const Detour& detour) : detour_(detour) {}

    Octets travel(OctetView actions) {
        Reader in(actions);
        while (const auto view = next_action(in)) {
            take(*view);
        }
        if (!changed_) {
            return {actions.begin(), actions.end()};
        }
        return std::move(out_);
    }

  private:
    void take(const ActionView& view) {
        const auto reading = read_action(view);
        if (reading.tunnel_end || reading.tunnel_id) {
            append(waiting_, view.whole);
            end_ = reading.tunnel_end ? reading.tunnel_end : end_;
            return;
        }
        if (reading.output) {
            if (const auto other = elsewhere(*reading.output)) {
                append(out_, other->octets());
                changed_ = true;
                return;
            }
        }
        append(out_, waiting_);
        waiting_.clear();
        append(out_, view.whole);
    }

    std::optional<Actions> elsewhere(Port port) const {
        if (port == detour_.tunnel) {
            return end_ && detour_.tunnelled ? detour_.tunnelled(*end_) : std::nullopt;
        }
        return detour_.local ? detour_.local(port) : std::nullopt;
    }

    static void append(Octets& out, OctetView octets) {
        out.insert(out.end(), octets.begin(), octets.end());
    }

    const Detour& detour_;
    Octets out_;
    Octets waiting_;
    std::optional<Ipv4> end_;
    bool changed_ = false;
};

}  // namespace

bool is_local(Port port, Port tunnel) {
    return static_cast<std::uint32_t>(port) < first_reserved && port != tunnel;
}

Outputs outputs_of(const Instructions& instructions) {
    Outputs outputs;
    Reader in(instructions.octets());
    while (in.left() > 0) {
        const auto one = in.element(2, 8);
        if (!in.ok()) {
            break;
        }
        const auto type = read_u16(one.data());
        if (type == apply_actions || type == write_actions) {
            collect(one.subspan(8), type == write_actions, outputs);
        }
    }
    return outputs;
}

Instructions detoured(const Instructions& instructions, const Detour& detour) {
    Octets octets;
    Writer out(octets);
    Reader in(instructions.octets());
    while (in.left() > 0) {
        const auto one = in.element(2, 8);
        if (!in.ok()) {
            break;
        }
        if (read_u16(one.data()) != apply_actions) {
            out.octets(one);
            continue;
        }
        const auto from = out.size();
        out.octets(one.first(8));
        out.octets(Traveller(detour).travel(one.subspan(8)));
        out.set_length(from + 2, from);
    }
    return Instructions::from_octets(octets).value_or(instructions);
}

}  // namespace vmigrate::netflow
