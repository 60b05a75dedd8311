// SPDX-License-Identifier: GPL-2.0-or-later
//
// vmigrate.toml: hosts, policies, network, history, transport. Every key is described in
// vmigrate.toml(5). Values only after loading; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "libvirt/session.h"
#include "orchestrator/options.h"

namespace vmigrate::cli {

struct Config {
    std::string path;     ///< the file, for messages
    bool exists = false;  ///< false: the default file is not there and everything is at its default
    std::vector<libvirt::HostAccess> hosts;   ///< by name
    std::map<std::string, Options> policies;  ///< always has "default"
    std::string network_backend = "none";
    std::string history_path = "/var/lib/vmigrate/history.db";
    ClearText clear_text = ClearText::refuse;

    /// Error (not_found): with the nearest known name.
    Result<libvirt::HostAccess> host(const std::string& name) const;
    Result<Options> policy(const std::string& name) const;
};

/// Each error is one line, "FILE:LINE: what, and what was meant", in the order of the file.
using ConfigErrors = std::vector<std::string>;

/// `text` is the contents of `path`.
tl::expected<Config, ConfigErrors> parse_config(const std::string& text, const std::string& path);

/// From `given`, else $VMIGRATE_CONFIG, else /etc/vmigrate/vmigrate.toml; only the last may be
/// absent.
tl::expected<Config, ConfigErrors> load_config(const std::optional<std::string>& given);

/// What to say when a command needs hosts and the configuration names none.
Error no_hosts(const Config& config);

/// Keys of `[hosts.NAME]`, `[network]`, ...: section -> keys. Policies have option_keys().
const std::map<std::string, std::vector<std::string>>& config_keys();

}  // namespace vmigrate::cli
