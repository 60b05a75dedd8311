// SPDX-License-Identifier: GPL-2.0-or-later
//
// Flows and messages for people, much as ovs-ofctl writes them.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "netflow/wire.h"

namespace vmigrate::netflow {
namespace {

enum class Style { number, hex, port, mac, ipv4, ipv6, vlan };

struct Name {
    FieldId id;
    const char* name;
    Style style;
};

constexpr std::array names{
    Name{field::in_port.id, "in_port", Style::port},
    Name{field::metadata.id, "metadata", Style::hex},
    Name{field::eth_dst.id, "dl_dst", Style::mac},
    Name{field::eth_src.id, "dl_src", Style::mac},
    Name{field::eth_type.id, "dl_type", Style::hex},
    Name{field::vlan_vid.id, "dl_vlan", Style::vlan},
    Name{field::ip_proto.id, "nw_proto", Style::number},
    Name{field::ipv4_src.id, "nw_src", Style::ipv4},
    Name{field::ipv4_dst.id, "nw_dst", Style::ipv4},
    Name{field::arp_op.id, "arp_op", Style::number},
    Name{field::arp_spa.id, "arp_spa", Style::ipv4},
    Name{field::arp_tpa.id, "arp_tpa", Style::ipv4},
    Name{field::arp_sha.id, "arp_sha", Style::mac},
    Name{field::arp_tha.id, "arp_tha", Style::mac},
    Name{field::ipv6_src.id, "ipv6_src", Style::ipv6},
    Name{field::ipv6_dst.id, "ipv6_dst", Style::ipv6},
    Name{field::icmpv6_type.id, "icmpv6_type", Style::number},
    Name{field::nd_target.id, "nd_target", Style::ipv6},
    Name{field::tunnel_id.id, "tun_id", Style::hex},
    Name{field::tunnel_id_nxm.id, "tun_id", Style::hex},
    Name{field::tun_src.id, "tun_src", Style::ipv4},
    Name{field::tun_dst.id, "tun_dst", Style::ipv4},
    Name{field::conj_id.id, "conj_id", Style::number},
    Name{field::in_port_of10.id, "NXM_OF_IN_PORT[]", Style::number},
};

const Name* name_of_field(FieldId id) {
    for (const auto& name : names) {
        if (name.id == id) {
            return &name;
        }
    }
    return nullptr;
}

std::string hex(OctetView octets) {
    return fmt::format("0x{:02x}", fmt::join(octets, ""));
}

std::string field_name(FieldId id) {
    if (const auto* name = name_of_field(id)) {
        return name->name;
    }
    if (id.oxm_class == field::nxm1 && id.number < 16) {
        return fmt::format("reg{}", id.number);
    }
    return fmt::format("oxm({:#x},{})", id.oxm_class, id.number);
}

std::string format_value(FieldId id, OctetView value) {
    const auto* name = name_of_field(id);
    const auto style = name != nullptr ? name->style : Style::hex;
    const auto number = to_number(value);
    switch (style) {
        case Style::mac:
            return value.size() == 6 ? format(field_value<Mac>(value)) : hex(value);
        case Style::ipv4:
            return value.size() == 4 ? format(field_value<Ipv4>(value)) : hex(value);
        case Style::ipv6:
            return value.size() == 16 ? format(field_value<Ipv6>(value)) : hex(value);
        case Style::port:
            return value.size() == 4 ? format(field_value<Port>(value)) : hex(value);
        case Style::number:
            return fmt::format("{}", number);
        case Style::vlan:
            return number == 0 ? "none" : fmt::format("{}", number & 0xfffU);
        case Style::hex:
            break;
    }
    return value.size() > 8 ? hex(value) : fmt::format("{:#x}", number);
}

std::string format_field(const FieldView& field) {
    auto text = field_name(field.id) + "=" + format_value(field.id, field.value);
    return field.mask.empty() ? text : text + "/" + format_value(field.id, field.mask);
}

std::string format_actions(OctetView octets);

std::string format_load(OctetView whole) {
    if (whole.size() != 24) {
        return hex(whole);
    }
    const FieldId id{read_u16(&whole[12]), static_cast<std::uint8_t>(whole[14] >> 1U)};
    const auto bits = read_u16(&whole[10]);
    const unsigned first = bits >> 6U;
    const unsigned last = first + (bits & 0x3fU);
    const bool all = first == 0 && last + 1 == whole[15] * 8U;
    return fmt::format("load:{:#x}->{}{}", read_u64(&whole[16]), field_name(id),
                       all ? "" : fmt::format("[{}..{}]", first, last));
}

std::string format_nicira(const ActionView& view) {
    const auto whole = view.whole;
    const bool long_enough = whole.size() >= 16;
    if (view.subtype == action::reg_load) {
        return format_load(whole);
    }
    if (view.subtype == action::conjunction && long_enough) {
        return fmt::format("conjunction({},{}/{})", read_u32(&whole[12]), whole[10] + 1U,
                           whole[11]);
    }
    if (view.subtype == action::controller && long_enough) {
        return fmt::format("controller(max_len={},id={})", read_u16(&whole[10]),
                           read_u16(&whole[12]));
    }
    if (view.subtype == action::resubmit_table && long_enough) {
        const auto port = port_from_of10(read_u16(&whole[10]));
        return fmt::format("resubmit({},{})", port == Port::in_port ? "" : format(port), whole[12]);
    }
    if (view.subtype == action::output_truncated && long_enough) {
        return fmt::format("output(port={},max_len={})",
                           format(port_from_of10(read_u16(&whole[10]))), read_u32(&whole[12]));
    }
    if (view.subtype == action::clone) {
        return "clone(" + format_actions(nested_actions(view)) + ")";
    }
    return fmt::format("nicira({},{})", view.subtype, hex(whole.subspan(10)));
}

std::string format_action(const ActionView& view) {
    const auto whole = view.whole;
    if (view.type == action::output && whole.size() == 16) {
        const Port port{read_u32(&whole[4])};
        const bool named = static_cast<std::uint32_t>(port) >= 0xffffff00;
        return named ? format(port) : "output:" + format(port);
    }
    if (view.type == action::set_field) {
        Reader in(whole.subspan(4));
        if (const auto field = next_field(in)) {
            return fmt::format("set_field:{}->{}", format_value(field->id, field->value),
                               field_name(field->id));
        }
    }
    if (view.vendor == action::nicira) {
        return format_nicira(view);
    }
    return fmt::format("action({},{})", view.type, hex(whole.subspan(4)));
}

std::string format_actions(OctetView octets) {
    std::string text;
    Reader in(octets);
    while (const auto view = next_action(in)) {
        text += (text.empty() ? "" : ",") + format_action(*view);
    }
    return text.empty() ? "drop" : text;
}

std::string format_flow(const Flow& flow, const std::string& stats) {
    auto text = fmt::format("cookie={:#x}, table={}, {}", flow.cookie.value,
                            static_cast<unsigned>(flow.table), stats);
    if (flow.idle_timeout.count() != 0) {
        text += fmt::format("idle_timeout={}, ", flow.idle_timeout.count());
    }
    if (flow.hard_timeout.count() != 0) {
        text += fmt::format("hard_timeout={}, ", flow.hard_timeout.count());
    }
    if ((flow.flags & flow_flag::send_removed) != 0) {
        text += "send_flow_rem ";
    }
    text += fmt::format("priority={}", flow.priority);
    if (!flow.match.empty()) {
        text += "," + format(flow.match);
    }
    return text;
}

const char* command_name(FlowCommand command) {
    switch (command) {
        case FlowCommand::add:
            return "ADD";
        case FlowCommand::modify:
            return "MODIFY";
        case FlowCommand::modify_strict:
            return "MODIFY_STRICT";
        case FlowCommand::remove:
            return "DELETE";
        case FlowCommand::remove_strict:
            return "DELETE_STRICT";
    }
    return "UNKNOWN";
}

}  // namespace

std::string format(const Match& match) {
    std::string text;
    Reader in(match.entries());
    while (const auto field = next_field(in)) {
        text += (text.empty() ? "" : ",") + format_field(*field);
    }
    return text;
}

std::string format(const Actions& actions) {
    return format_actions(actions.octets());
}

std::string format(const Instructions& instructions) {
    std::string text;
    Reader in(instructions.octets());
    while (in.left() > 0) {
        const auto one = in.element(2, 8);
        if (!in.ok()) {
            break;
        }
        text += text.empty() ? "" : ",";
        switch (read_u16(one.data())) {
            case 1:
                text += fmt::format("goto_table:{}", one[4]);
                break;
            case 3:
                text += "write_actions(" + format_actions(one.subspan(8)) + ")";
                break;
            case 4:
                text += format_actions(one.subspan(8));
                break;
            case 5:
                text += "clear_actions";
                break;
            default:
                text +=
                    fmt::format("instruction({},{})", read_u16(one.data()), hex(one.subspan(4)));
        }
    }
    return text.empty() ? "drop" : text;
}

std::string format(const Flow& flow) {
    return format_flow(flow, "") + " actions=" + format(flow.instructions);
}

std::string format(const FlowStats& stats) {
    const auto age = std::chrono::duration<double>(stats.age).count();
    return format_flow(stats.flow, fmt::format("duration={:.3f}s, n_packets={}, n_bytes={}, ", age,
                                               stats.packets, stats.bytes.count)) +
           " actions=" + format(stats.flow.instructions);
}

std::string format(const FlowMod& mod) {
    auto text = fmt::format("{} {}", command_name(mod.command), format(mod.flow));
    if (mod.cookies.mask != 0) {
        text +=
            fmt::format(" where cookie={:#x}/{:#x}", mod.cookies.cookie.value, mod.cookies.mask);
    }
    return text;
}

std::string format(const PortDescription& port) {
    return fmt::format("{}({}): addr:{}", format(port.port), quoted(port.name), format(port.mac));
}

std::string format(const PortCounters& counters) {
    return fmt::format("{}: rx={} tx={} packets", format(counters.port), counters.received,
                       counters.sent);
}

}  // namespace vmigrate::netflow
