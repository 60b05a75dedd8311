// SPDX-License-Identifier: GPL-2.0-or-later
//
// Instructions::rewrite: no size ever changes, so it is done in place, in a copy.
#include <algorithm>

#include "netflow/actions.h"

namespace vmigrate::netflow {
namespace {

class Rewriter {
  public:
    explicit Rewriter(const Rewrite& change) : change_(change) {}

    void instructions(std::span<std::uint8_t> octets) const {
        Reader reader(octets);
        while (reader.left() > 0) {
            const auto one = reader.element(2, 8);
            if (!reader.ok()) {
                return;
            }
            const auto type = read_u16(one.data());
            if (type == 3 || type == 4) {  // write or apply actions
                actions(writable(octets, one.subspan(8)));
            }
        }
    }

  private:
    static std::span<std::uint8_t> writable(std::span<std::uint8_t> buffer, OctetView part) {
        return buffer.subspan(static_cast<std::size_t>(part.data() - buffer.data()), part.size());
    }

    void actions(std::span<std::uint8_t> octets) const {
        Reader reader(octets);
        while (const auto view = next_action(reader)) {
            const auto whole = writable(octets, view->whole);
            if (view->type == action::output && whole.size() >= 16) {
                port32(&whole[4]);
            } else if (view->type == action::set_field) {
                set_field(whole.subspan(4));
            } else if (view->vendor == action::nicira) {
                nicira(*view, whole);
            }
            if (const auto nested = nested_actions(*view); !nested.empty()) {
                actions(writable(octets, nested));
            }
        }
    }

    void nicira(const ActionView& view, std::span<std::uint8_t> whole) const {
        switch (view.subtype) {
            case action::reg_load:
                load(whole);
                break;
            case action::reg_load2:
                set_field(whole.subspan(10));
                break;
            case action::resubmit:
            case action::resubmit_table:
            case action::resubmit_table_ct:
            case action::output_truncated:
                if (whole.size() >= 16) {
                    port16(&whole[10]);
                }
                break;
            default:
                break;
        }
    }

    void set_field(std::span<std::uint8_t> octets) const {
        Reader reader(octets);
        const auto field = next_field(reader);
        if (!field || !field->mask.empty()) {
            return;
        }
        const auto value = writable(octets, field->value);
        if (field->id == field::in_port.id && value.size() == 4) {
            port32(value.data());
        } else if (field->id == field::in_port_of10.id && value.size() == 2) {
            port16(value.data());
        } else if (field->id == field::tun_dst.id && value.size() == 4) {
            tun_dst(value.data());
        }
    }

    /// Only where all bits of the field are loaded.
    void load(std::span<std::uint8_t> whole) const {
        if (whole.size() != 24) {
            return;
        }
        const auto bits = read_u16(&whole[10]);
        const FieldId id{read_u16(&whole[12]), static_cast<std::uint8_t>(whole[14] >> 1U)};
        if (id == field::in_port_of10.id && bits == 15) {
            port16(&whole[22]);
        } else if (id == field::in_port.id && bits == 31) {
            port32(&whole[20]);
        } else if (id == field::tun_dst.id && bits == 31) {
            tun_dst(&whole[20]);
        }
    }

    void port32(std::uint8_t* at) const {
        if (change_.port) {
            write_u32(at, static_cast<std::uint32_t>(change_.port(Port{read_u32(at)})));
        }
    }

    void port16(std::uint8_t* at) const {
        if (change_.port) {
            if (const auto port = port_to_of10(change_.port(port_from_of10(read_u16(at))))) {
                write_u16(at, *port);
            }
        }
    }

    void tun_dst(std::uint8_t* at) const {
        if (change_.tun_dst) {
            Ipv4 ip;
            std::copy_n(at, ip.octets.size(), ip.octets.begin());
            std::ranges::copy(change_.tun_dst(ip).octets, at);
        }
    }

    const Rewrite& change_;
};

}  // namespace

void Instructions::rewrite(const Rewrite& change) {
    Octets changed(octets().begin(), octets().end());
    Rewriter(change).instructions(changed);
    octets_ = SharedOctets(changed);
}

}  // namespace vmigrate::netflow
