// SPDX-License-Identifier: GPL-2.0-or-later
//
// vmigrate.toml: hosts, policies, network, history, transport. Every key is described in
// vmigrate.toml(5). Values only after loading; any thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "cli/fleet_config.h"
#include "handover/ovs_settings.h"
#include "libvirt/session.h"
#include "orchestrator/options.h"

namespace vmigrate::cli {

/// The back end "exec".
struct NetworkProgram {
    std::string path;
    milliseconds limit{5000};    ///< of each run
    bool redirect_held = false;  ///< its redirect comes while QEMU holds the switchover
};

/// `[network]`, and the switches of `[hosts.NAME]` and `[peers.NAME]`.
struct NetworkConfig {
    std::string backend = "none";
    std::map<std::string, std::string> backend_of;  ///< hosts that have another one
    NetworkProgram program;
    ClearText clear_text = ClearText::refuse;
    netflow::TlsFiles tls;
    handover::OvsTimes times;
    std::uint16_t relay_priority = netflow::default_relay_priority;
    handover::StockCutover stock_cutover = handover::StockCutover::early;
    handover::RefreshBy refresh = handover::RefreshBy::nobody;
    std::vector<handover::OvsHost> switches;  ///< by name; peers are no hosts
};

/// `[hook]`: libvirt's hook on this machine.
struct HookConfig {
    std::string host;                                  ///< which of the hosts this machine is
    bool strict = false;                               ///< what goes wrong makes the migration fail
    std::string log = "/var/log/vmigrate-follow.log";  ///< where there is no systemd
    std::uint32_t tap_queue = 0;                       ///< packets, of guests' taps; 0: as it is
};

struct Config {
    std::string path;     ///< the file, for messages
    bool exists = false;  ///< false: the default file is not there and everything is at its default
    std::vector<libvirt::HostAccess> hosts;   ///< by name
    std::map<std::string, Options> policies;  ///< always has "default"
    NetworkConfig network;
    HookConfig hook;
    FleetConfig fleet;
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

const std::string& backend_of(const NetworkConfig& network, const std::string& host);
/// Hosts whose network is to be turned while QEMU holds the switchover.
std::set<std::string> held_networks(const Config& config);

/// Keys of `[hosts.NAME]`, `[network]`, ...: section -> keys. Policies have option_keys().
const std::map<std::string, std::vector<std::string>>& config_keys();

}  // namespace vmigrate::cli
