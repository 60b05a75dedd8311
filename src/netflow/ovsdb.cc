// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/ovsdb.h"

#include <fmt/format.h>
#include <poll.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace vmigrate::netflow {
namespace {

using Json = nlohmann::json;

constexpr std::size_t largest_object = 64UL << 20U;

const char* name_of(Ovsdb::Table table) {
    return table == Ovsdb::Table::bridge ? "Bridge" : "Interface";
}

std::string no_such(Ovsdb::Table table, const std::string& name) {
    return fmt::format("it has no {} {}", table == Ovsdb::Table::bridge ? "bridge" : "interface",
                       quoted(name));
}

Json where_name(const std::string& name) {
    return Json::array({Json::array({"name", "==", name})});
}

/// A member of whatever came: nothing here throws. null where there is none.
Json member(const Json& object, const char* key) {
    if (const auto place = object.find(key); object.is_object() && place != object.end()) {
        return *place;
    }
    return {};
}

std::string text_of(const Json& object, const char* key) {
    const auto value = member(object, key);
    return value.is_string() ? value.get<std::string>() : "";
}

/// ["map", [["key", "value"], ...]]
ExternalIds map_of(const Json& column) {
    ExternalIds ids;
    if (!column.is_array() || column.size() != 2 || !column[1].is_array()) {
        return ids;
    }
    for (const auto& pair : column[1]) {
        if (pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string()) {
            ids[pair[0].get<std::string>()] = pair[1].get<std::string>();
        }
    }
    return ids;
}

Json json_map(const ExternalIds& ids) {
    auto pairs = Json::array();
    for (const auto& [key, value] : ids) {
        pairs.push_back(Json::array({key, value}));
    }
    return Json::array({"map", pairs});
}

Json json_set(const std::vector<std::string>& keys) {
    return Json::array({"set", Json(keys)});
}

Interface interface_of(const Json& row) {
    Interface result;
    result.name = text_of(row, "name");
    result.external_ids = map_of(member(row, "external_ids"));
    // an empty set while there is none, -1 when the switch could not make it
    const auto port = member(row, "ofport");
    if (port.is_number_integer() && port.get<std::int64_t>() > 0) {
        result.port = Port{port.get<std::uint32_t>()};
    }
    if (const auto mac = result.external_ids.find("attached-mac");
        mac != result.external_ids.end()) {
        if (const auto parsed = parse_mac(mac->second)) {
            result.mac = *parsed;
        }
    }
    return result;
}

Json select_interfaces(Json where) {
    return {{"op", "select"},
            {"table", "Interface"},
            {"where", std::move(where)},
            {"columns", Json::array({"name", "ofport", "external_ids"})}};
}

tl::unexpected<Error> refused(const Json& answer) {
    const auto details = text_of(answer, "details");
    return fail(ErrorKind::network,
                "the switch's database refused: " +
                    quoted(details.empty() ? text_of(answer, "error") : details));
}

}  // namespace

Result<std::optional<std::string>> JsonSplitter::next() {
    for (; scanned_ < text_.size(); ++scanned_) {
        const char c = text_[scanned_];
        if (in_string_) {
            in_string_ = escaped_ || c != '"';
            escaped_ = !escaped_ && c == '\\';
        } else if (c == '"' && depth_ > 0) {
            in_string_ = true;
        } else if (c == '{') {
            ++depth_;
        } else if (c == '}' && depth_ > 0) {
            if (--depth_ == 0) {
                auto object = text_.substr(0, scanned_ + 1);
                text_.erase(0, scanned_ + 1);
                scanned_ = 0;
                return object;
            }
        } else if (depth_ == 0 && c != ' ' && c != '\n' && c != '\r' && c != '\t') {
            return fail(ErrorKind::network, "the switch's database does not speak JSON");
        }
    }
    if (text_.size() > largest_object) {
        return fail(ErrorKind::network, "the switch's database sent too large an answer");
    }
    return std::nullopt;
}

Result<Ovsdb> Ovsdb::connect(const Endpoint& endpoint, milliseconds timeout) {
    auto stream = open_stream(endpoint, std::chrono::steady_clock::now() + timeout);
    if (!stream) {
        return fail(stream.error());
    }
    return Ovsdb(std::move(*stream), timeout);
}

Result<void> Ovsdb::write(std::string_view text, TimePoint until) {
    OctetView left(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    while (!left.empty()) {
        const auto count = stream_->write(left);
        if (!count) {
            return fail(count.error());
        }
        left = left.subspan(*count);
        if (*count == 0 && !wait_for(stream_->fd(), POLLOUT, until)) {
            return fail(ErrorKind::unreachable, "the switch's database takes nothing");
        }
    }
    return {};
}

Result<Json> Ovsdb::receive(TimePoint until) {
    Octets buffer(65536);
    for (;;) {
        auto object = splitter_.next();
        if (!object) {
            return fail(object.error());
        }
        if (*object) {
            auto json = Json::parse(**object, nullptr, false);
            if (json.is_discarded()) {
                return fail(ErrorKind::network, "the switch's database sent broken JSON");
            }
            return json;
        }
        const auto count = stream_->read(buffer);
        if (!count) {
            return fail(count.error());
        }
        splitter_.add({reinterpret_cast<const char*>(buffer.data()), *count});
        if (*count == 0 && !wait_for(stream_->fd(), POLLIN, until)) {
            return fail(ErrorKind::unreachable, "the switch's database did not answer in time");
        }
    }
}

Result<Json> Ovsdb::transact(const Json& operations) {
    const auto until = std::chrono::steady_clock::now() + timeout_;
    const int id = next_id_++;
    auto params = Json::array({"Open_vSwitch"});
    params.insert(params.end(), operations.begin(), operations.end());
    const Json request{{"method", "transact"}, {"params", params}, {"id", id}};
    using Handler = Json::error_handler_t;
    auto written = write(request.dump(-1, ' ', false, Handler::replace), until);
    while (written) {
        auto answer = receive(until);
        if (!answer) {
            return answer;
        }
        if (text_of(*answer, "method") == "echo") {
            const Json reply{{"result", member(*answer, "params")},
                             {"error", nullptr},
                             {"id", member(*answer, "id")}};
            written = write(reply.dump(-1, ' ', false, Handler::replace), until);
        } else if (member(*answer, "id") == id) {
            const auto result = member(*answer, "result");
            if (!result.is_array() || result.size() < operations.size()) {
                return refused(member(*answer, "error"));
            }
            for (const auto& one : result) {
                if (one.is_object() && one.contains("error")) {
                    return refused(one);
                }
            }
            return result;
        }
    }
    return fail(written.error());
}

Result<Json> Ovsdb::rows(const Json& select) {
    auto result = transact(Json::array({select}));
    if (!result) {
        return result;
    }
    auto found = member(result->front(), "rows");
    if (!found.is_array()) {
        return refused(result->front());
    }
    return found;
}

Result<Interface> Ovsdb::interface_named(const std::string& name) {
    const auto found = rows(select_interfaces(where_name(name)));
    if (!found) {
        return fail(found.error());
    }
    if (found->empty()) {
        return fail(ErrorKind::not_found, "the switch has no interface " + quoted(name));
    }
    return interface_of(found->front());
}

Result<std::vector<Interface>> Ovsdb::interfaces_of(const std::string& iface_id) {
    const auto found = rows(select_interfaces(Json::array(
        {Json::array({"external_ids", "includes", json_map({{"iface-id", iface_id}})})})));
    if (!found) {
        return fail(found.error());
    }
    std::vector<Interface> result;
    for (const auto& row : *found) {
        result.push_back(interface_of(row));
    }
    return result;
}

Result<std::string> Ovsdb::bridge_of(const std::string& port_name) {
    const auto ports = rows({{"op", "select"},
                             {"table", "Port"},
                             {"where", where_name(port_name)},
                             {"columns", Json::array({"_uuid"})}});
    if (!ports) {
        return fail(ports.error());
    }
    if (ports->empty()) {
        return fail(ErrorKind::not_found, "the switch has no port " + quoted(port_name));
    }
    const auto uuid = member(ports->front(), "_uuid");
    const auto bridges = rows({{"op", "select"},
                               {"table", "Bridge"},
                               {"where", Json::array({Json::array({"ports", "includes", uuid})})},
                               {"columns", Json::array({"name"})}});
    if (!bridges) {
        return fail(bridges.error());
    }
    if (bridges->empty()) {
        return fail(ErrorKind::not_found, "no bridge has the port " + quoted(port_name));
    }
    return text_of(bridges->front(), "name");
}

Result<ExternalIds> Ovsdb::external_ids(Table table, const std::string& name) {
    const auto found = rows({{"op", "select"},
                             {"table", name_of(table)},
                             {"where", where_name(name)},
                             {"columns", Json::array({"external_ids"})}});
    if (!found) {
        return fail(found.error());
    }
    if (found->empty()) {
        return fail(ErrorKind::not_found, no_such(table, name));
    }
    return map_of(member(found->front(), "external_ids"));
}

Result<int> Ovsdb::put_ids(Table table, const Json& where, const ExternalIds& ids) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : ids) {
        keys.push_back(key);
    }
    // an insert leaves a key that is there as it is
    const auto mutations = Json::array({Json::array({"external_ids", "delete", json_set(keys)}),
                                        Json::array({"external_ids", "insert", json_map(ids)})});
    const auto result = transact(Json::array({{{"op", "mutate"},
                                               {"table", name_of(table)},
                                               {"where", where},
                                               {"mutations", mutations}}}));
    if (!result) {
        return fail(result.error());
    }
    const auto count = member(result->front(), "count");
    return count.is_number_integer() ? count.get<int>() : 0;
}

Result<void> Ovsdb::set_external_ids(Table table, const std::string& name, const ExternalIds& ids) {
    const auto count = put_ids(table, where_name(name), ids);
    if (!count) {
        return fail(count.error());
    }
    if (*count == 0) {
        return fail(ErrorKind::not_found, no_such(table, name));
    }
    return {};
}

Result<bool> Ovsdb::set_external_ids_if(Table table, const std::string& name,
                                        const ExternalIds& before, const ExternalIds& ids) {
    const auto where = Json::array(
        {Json::array({"name", "==", name}), Json::array({"external_ids", "==", json_map(before)})});
    const auto count = put_ids(table, where, ids);
    return count ? Result<bool>(*count > 0) : fail(count.error());
}

Result<void> Ovsdb::remove_external_ids(Table table, const std::string& name,
                                        const std::vector<std::string>& keys) {
    const auto result = transact(Json::array(
        {{{"op", "mutate"},
          {"table", name_of(table)},
          {"where", where_name(name)},
          {"mutations", Json::array({Json::array({"external_ids", "delete", json_set(keys)})})}}}));
    return result ? Result<void>() : fail(result.error());
}

}  // namespace vmigrate::netflow
