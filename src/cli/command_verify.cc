// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/carry_out.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/request_options.h"
#include "cli/verify_image.h"
#include "cli/verify_list.h"
#include "cli/verify_run.h"
#include "verify/matrix.h"

namespace vmigrate::cli {
namespace {

/// What the command line says beside the options of the migrations.
struct Asked {
    std::string guest;
    unsigned rounds = 4;
    Words between;
    bool matrix = false;
    Words only;  ///< "factor=value"
    bool list = false;
    std::optional<std::string> state;
    std::optional<std::string> image;  ///< its folder
    std::optional<std::string> kernel;
    std::optional<std::string> modules;
    std::string patience = "10m";
};

void add_options(CLI::App& app, Asked& asked) {
    app.add_option("GUEST", asked.guest, "Name or UUID of a guest that runs the verifier")
        ->type_name("");
    app.add_option(
           "--rounds", asked.rounds,
           "Migrations, with --matrix of each row; default: 4. Each goes back where the one "
           "before came from")
        ->type_name("N")
        ->check(CLI::Range(1, 1'000'000));
    app.add_option("--between", asked.between,
                   "The two hosts; default: the one that it is on and the best other one")
        ->type_name("HOST,HOST")
        ->delimiter(',')
        ->allow_extra_args(false);
    app.add_flag("--matrix", asked.matrix,
                 "Every combination of two features that this guest can be moved with");
    app.add_option("--only", asked.only,
                   "With --matrix: only rows with this, as in throttle=value; can be repeated")
        ->type_name("FACTOR=VALUE")
        ->allow_extra_args(false);
    app.add_flag("--list", asked.list, "Show the rows of the matrix, and what is never combined");
    app.add_option("--state", asked.state,
                   "What was done of the matrix; a file that is there is gone on with")
        ->type_name("FILE");
    app.add_option("--patience", asked.patience,
                   "Longest time for one check of everything; default: 10m")
        ->type_name("TIME");
    app.add_option("--make-image", asked.image,
                   "Write kernel, initial memory file system and description of such a guest")
        ->type_name("FOLDER");
    app.add_option("--kernel", asked.kernel, "With --make-image: default: the one that runs here")
        ->type_name("FILE");
    app.add_option("--modules", asked.modules,
                   "With --make-image: that kernel's, as /lib/modules/V")
        ->type_name("FOLDER");
}

std::string what_is_wrong(const Asked& asked) {
    if (!asked.image && (asked.kernel || asked.modules)) {
        return "--kernel and --modules are for --make-image";
    }
    if (asked.image && (asked.list || asked.matrix || !asked.guest.empty())) {
        return "--make-image is about no guest: leave out everything else";
    }
    if (asked.image) {
        return {};
    }
    if (asked.list) {
        return asked.guest.empty() ? "" : "--list is about no guest: leave out GUEST";
    }
    if (asked.guest.empty()) {
        return "GUEST is required";
    }
    if (asked.state && !asked.matrix) {
        return "--state is for --matrix and --list";
    }
    if (!asked.only.empty() && !asked.matrix) {
        return "--only is for --matrix";
    }
    if (!asked.between.empty() &&
        (asked.between.size() != 2 || asked.between[0] == asked.between[1])) {
        return "--between: name two hosts, as in a,b";
    }
    return {};
}

}  // namespace

int run_verify(const Words& words) {
    Arguments arguments("verify", "Move a guest to and fro that checks its memory and disks.",
                        "vmigrate verify checker --rounds 10\n"
                        "vmigrate verify checker --between host1,host2 --compression lz4\n"
                        "vmigrate verify --list\n"
                        "vmigrate verify --make-image /var/lib/libvirt/images/checker\n"
                        "vmigrate verify checker --matrix --rounds 3 --state matrix.json");
    Asked asked;
    add_options(arguments.app(), asked);
    const RequestOptions ways(arguments.app(), RequestOptions::Offers::ways);
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    if (const auto wrong = what_is_wrong(asked); !wrong.empty()) {
        print_error(fmt::format("verify: {}; see vmigrate verify --help", wrong));
        return kExitUsage;
    }
    if (asked.image) {
        const auto made = make_image({*asked.image, asked.kernel, asked.modules});
        return made ? kExitDone : complain(made.error());
    }
    const auto patience = parse_time(asked.patience);
    if (!patience) {
        print_error(fmt::format("--patience: {}", patience.error().message));
        return kExitUsage;
    }
    std::vector<verify::Choice> only;
    for (const auto& word : asked.only) {
        const auto choice = verify::parse_choice(word);
        if (!choice) {
            print_error(fmt::format("--only: {}", choice.error().message));
            return kExitUsage;
        }
        only.push_back(*choice);
    }
    auto book = VerifyBook::open(asked.state);
    if (!book) {
        return complain(book.error());
    }
    if (asked.list) {
        list_matrix(*book, arguments.json());
        return kExitDone;
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    auto request = ways.request_for(*config, asked.guest);
    if (!request) {
        return complain(request.error());
    }
    for (const auto& host : asked.between) {
        if (const auto known = config->host(host); !known) {
            return complain(known.error());
        }
    }
    return verify_guest(
        *config, *request,
        {asked.between, asked.rounds, asked.matrix, only, arguments.json(), *patience}, *book);
}

}  // namespace vmigrate::cli
