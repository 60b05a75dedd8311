// SPDX-License-Identifier: GPL-2.0-or-later
//
// Open vSwitch's database, as far as it is needed: which port an interface has and on which bridge,
// and notes (external_ids) on bridges and interfaces. JSON-RPC of RFC 7047.
//
// Errors of all requests: unreachable, network (the database refused), not_found. Thread rule: one
// thread at a time.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "netflow/address.h"
#include "netflow/endpoint.h"

namespace vmigrate::netflow {

using ExternalIds = std::map<std::string, std::string>;

struct Interface {
    std::string name;
    std::optional<Port> port;  ///< nothing as long as the switch has not given it one
    std::optional<Mac> mac;    ///< external_ids:attached-mac
    ExternalIds external_ids;
};

/// Cuts a stream into JSON objects. Pure.
class JsonSplitter {
  public:
    void add(std::string_view text) { text_ += text; }
    /// The next whole object; Error (network): what comes is none, or larger than 64 MiB.
    Result<std::optional<std::string>> next();

  private:
    std::string text_;
    std::size_t scanned_ = 0;
    unsigned depth_ = 0;
    bool in_string_ = false;
    bool escaped_ = false;
};

class Ovsdb {
  public:
    enum class Table { bridge, interface };

    static Result<Ovsdb> connect(const Endpoint& endpoint, milliseconds timeout);

    Result<Interface> interface_named(const std::string& name);
    /// All interfaces whose external_ids:iface-id is `id`: during a migration there may be two.
    Result<std::vector<Interface>> interfaces_of(const std::string& iface_id);
    /// The name of the bridge that has this port.
    Result<std::string> bridge_of(const std::string& port_name);

    Result<ExternalIds> external_ids(Table table, const std::string& name);
    /// Sets these and leaves the others; in one transaction.
    Result<void> set_external_ids(Table table, const std::string& name, const ExternalIds& ids);
    /// The same, but only while all of them are as `before` says; else false.
    Result<bool> set_external_ids_if(Table table, const std::string& name,
                                     const ExternalIds& before, const ExternalIds& ids);
    /// No error for keys that are not there.
    Result<void> remove_external_ids(Table table, const std::string& name,
                                     const std::vector<std::string>& keys);

  private:
    Ovsdb(std::unique_ptr<Stream> stream, milliseconds timeout)
        : stream_(std::move(stream)), timeout_(timeout) {}

    /// The result of each of the operations.
    Result<nlohmann::json> transact(const nlohmann::json& operations);
    /// How many rows that fit got the ids.
    Result<int> put_ids(Table table, const nlohmann::json& where, const ExternalIds& ids);
    Result<nlohmann::json> rows(const nlohmann::json& select);
    Result<nlohmann::json> receive(TimePoint until);
    Result<void> write(std::string_view text, TimePoint until);

    std::unique_ptr<Stream> stream_;
    milliseconds timeout_;
    JsonSplitter splitter_;
    int next_id_ = 1;
};

}  // namespace vmigrate::netflow
