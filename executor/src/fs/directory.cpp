// SPDX-License-Identifier: MIT
#include <eddy/fs/directory.hpp>

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <utility>

#include <eddy/detail/call_stopped.hpp>
#include <eddy/error.hpp>

#include "fs/directory_reader.hpp"
#include "fs/posix.hpp"

namespace eddy::inline v0_1 {

namespace {

/// Empty: it is gone already.
[[nodiscard]] std::optional<DirectoryEntry> directory_entry_of(
    int directory, const detail::DirectoryReader::Found& found, bool wants_status) {
    std::optional<DirectoryEntry> entry(std::in_place);
    entry->name = found.name;
    entry->kind = found.kind;
    if (wants_status || found.kind == FileKind::unknown) {
        struct stat status = {};
        if (::fstatat(directory, found.name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
            entry->kind = detail::kind_of(status.st_mode);
            if (wants_status) {
                entry->status = detail::to_status(status);
            }
        } else if (errno == ENOENT) {
            entry.reset();
        } else {
            entry->error.assign(errno, std::system_category());
        }
    }
    return entry;
}

[[nodiscard]] std::vector<DirectoryEntry> read_directory(const std::string& path,
                                                         bool follow,
                                                         bool wants_status,
                                                         std::size_t limit) {
    detail::DirectoryReader reader(
        detail::open_path(path, O_RDONLY | O_DIRECTORY | (follow ? 0 : O_NOFOLLOW)));
    std::vector<DirectoryEntry> entries;
    detail::DirectoryReader::Found found{};
    while (reader.next(found)) {
        detail::stop_if_asked();
        std::optional<DirectoryEntry> entry = directory_entry_of(reader.fd(), found, wants_status);
        if (!entry) {
            continue;
        }
        if (entries.size() == limit) {
            throw LimitExceeded("read " + detail::shown(path) + ": it has more than the limit of " +
                                std::to_string(limit) + " entries");
        }
        entries.push_back(std::move(*entry));
    }
    if (reader.error() != 0) {
        detail::throw_file_error(reader.error(), "read", path);
    }
    return entries;
}

}  // namespace

FileCall<std::vector<DirectoryEntry>> list_directory(const std::filesystem::path& path,
                                                     const ListDirectoryOptions& options) {
    return detail::call_file("list_directory",
                             options.executor,
                             OnCancel::abandon,
                             &read_directory,
                             detail::native_path(path),
                             options.follow,
                             options.status,
                             options.limit);
}

}  // namespace eddy::inline v0_1
