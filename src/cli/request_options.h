// SPDX-License-Identifier: GPL-2.0-or-later
//
// The options that `plan`, `start` and `verify` share, and the Request they make: policy first,
// then the flags (under virsh's names where virsh has them), then `--set`. Thread rule: main
// thread.
#pragma once

#include "cli/arguments.h"
#include "cli/measured.h"
#include "orchestrator/plan.h"

namespace vmigrate::cli {

class RequestOptions {
  public:
    enum class Offers {
        everything,
        ways  ///< without GUEST, hosts, and what happens to its definition
    };
    /// Adds GUEST and the options. Ownership: `app` borrows this object's members.
    explicit RequestOptions(CLI::App& app, Offers offers = Offers::everything);
    RequestOptions(const RequestOptions&) = delete;
    RequestOptions& operator=(const RequestOptions&) = delete;

    /// Error (usage, not_found): what does not fit together or cannot be read.
    Result<Request> request(const Config& config) const { return request_for(config, guest_); }
    /// The same, for a guest that is named elsewhere.
    Result<Request> request_for(const Config& config, const std::string& guest) const;
    /// What was measured lately, and is not measured again.
    const std::optional<Measured>& measured() const { return measured_; }

  private:
    /// A flag or option that stands for one key of a policy.
    struct Assignment {
        std::string option;
        std::string key;
        std::string value;
    };

    void add_move(CLI::App& app);
    void add_policy(CLI::App& app);
    void add_transport(CLI::App& app);
    void add_qemu(CLI::App& app);
    void add_storage(CLI::App& app);
    void add_guest(CLI::App& app);
    CLI::Option* add_key_flag(CLI::App& app, const char* option, const char* key, const char* value,
                              const char* help);
    void add_key_option(CLI::App& app, const char* option, const char* key, const char* bare_unit,
                        const char* form, const char* help);
    Result<void> one_compression() const;
    Result<void> apply(Options& options) const;

    std::string guest_;
    std::string policy_ = "default";
    std::vector<Assignment> assignments_;
    Words sets_;
    Words migrate_disks_;
    std::optional<Measured> measured_;
    std::optional<std::string> xml_;
    std::optional<std::string> persistent_xml_;
    bool accepted_ = false;  ///< flags of virsh that change nothing here
    bool direct_ = false;
    Request plain_;  ///< members that need no further thought are bound to options directly
};

}  // namespace vmigrate::cli
