// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/verify_book.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "verify/matrix.h"

namespace vmigrate::cli {

Result<VerifyBook> VerifyBook::open(const std::optional<std::string>& path) {
    VerifyBook book;
    book.path_ = path;
    std::error_code ignored;
    if (!path || !std::filesystem::exists(*path, ignored)) {
        return book;
    }
    errno = 0;
    std::ifstream file(*path);
    if (!file.is_open() || std::filesystem::is_directory(*path, ignored)) {
        return fail(ErrorKind::storage,
                    fmt::format("cannot read {}: {}", quoted(*path),
                                errno != 0 ? std::strerror(errno) : "it is no file"));
    }
    unsigned number = 0;
    std::int64_t begin = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        book.endless_ = file.eof();
        const bool counted = book.count(Json::parse(line, nullptr, false));
        if (!counted && book.endless_ && line.starts_with('{')) {
            book.torn_ = begin;
        } else if (!counted) {
            return fail(ErrorKind::usage,
                        fmt::format("{}, line {}: this is no migration of 'vmigrate verify "
                                    "--matrix'; name another file",
                                    quoted(*path), number));
        }
        begin += static_cast<std::int64_t>(line.size()) + 1;
    }
    return book;
}

bool VerifyBook::count(const Json& line) {
    const auto text = line.is_object() ? line.find("combination") : line.end();
    const auto bytes = line.is_object() ? line.find("verified_bytes") : line.end();
    if (text == line.end() || !text->is_string() || bytes == line.end() ||
        !bytes->is_number_unsigned()) {
        return false;
    }
    done_[text->get<std::string>()] += 1;
    migrations_ += 1;
    verified_ += {bytes->get<std::uint64_t>()};
    return true;
}

Result<void> VerifyBook::add(const Json& line) {
    count(line);
    if (!path_) {
        return {};
    }
    const auto text = (endless_ && !torn_ ? "\n" : "") + line.dump() + "\n";
    const int file = ::open(path_->c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const bool written =
        file >= 0 && (!torn_ || ftruncate(file, *torn_) == 0) &&
        write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        fsync(file) == 0;
    const int error = errno;
    if (file >= 0) {
        close(file);
    }
    endless_ = false;
    torn_.reset();
    if (!written) {
        return fail(ErrorKind::storage,
                    fmt::format("cannot write {}: {}", quoted(*path_), std::strerror(error)));
    }
    return {};
}

unsigned VerifyBook::done(const verify::Row& row) const {
    const auto found = done_.find(verify::text_of(row));
    return found != done_.end() ? found->second : 0;
}

}  // namespace vmigrate::cli
