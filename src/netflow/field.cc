// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/field.h"

namespace vmigrate::netflow {

std::optional<FieldView> next_field(Reader& reader) {
    if (reader.left() == 0) {
        return std::nullopt;
    }
    Reader start = reader;
    FieldView view;
    view.id.oxm_class = reader.u16();
    const std::uint8_t number_and_mask = reader.u8();
    view.id.number = number_and_mask >> 1U;
    const std::size_t size = reader.u8();
    const auto payload = reader.take(size);
    if (!reader.ok()) {
        return std::nullopt;
    }
    view.whole = start.take(4 + size);
    view.value = payload;
    const bool has_mask = (number_and_mask & 1U) != 0;
    if (has_mask && view.id.oxm_class != field::experimenter) {
        if (size % 2 != 0) {
            reader.skip(reader.left() + 1);
            return std::nullopt;
        }
        view.value = payload.first(size / 2);
        view.mask = payload.last(size / 2);
    }
    return view;
}

void write_field(Writer& out, FieldId id, OctetView value, OctetView mask) {
    out.u16(id.oxm_class);
    out.u8(static_cast<std::uint8_t>((std::uint32_t{id.number} << 1U) + (mask.empty() ? 0U : 1U)));
    out.u8(static_cast<std::uint8_t>(value.size() + mask.size()));
    out.octets(value);
    out.octets(mask);
}

std::uint64_t to_number(OctetView octets) {
    std::uint64_t value = 0;
    for (const auto octet : octets) {
        value = value << 8U | octet;
    }
    return value;
}

}  // namespace vmigrate::netflow
