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

[[nodiscard]] std::string path_in_directory(const std::string& directory, const char* name) {
    return directory + (directory.ends_with('/') ? "" : "/") + name;
}

/// Empty: it is gone already.
[[nodiscard]] std::optional<DirectoryEntry> directory_entry_of(
    int directory,
    const std::string& path,
    const detail::DirectoryReader::Found& found,
    bool wants_status) {
    DirectoryEntry entry{.name = found.name, .kind = found.kind, .status = std::nullopt};
    if (wants_status || found.kind == FileKind::unknown) {
        struct stat status = {};
        if (::fstatat(directory, found.name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) {
                return std::nullopt;
            }
            detail::throw_file_error(errno, "stat", path_in_directory(path, found.name));
        }
        entry.kind = detail::kind_of(status.st_mode);
        if (wants_status) {
            entry.status = detail::to_status(status);
        }
    }
    return entry;
}

[[nodiscard]] std::vector<DirectoryEntry> read_directory(const std::string& path,
                                                         bool wants_status,
                                                         std::size_t limit) {
    detail::DirectoryReader reader(detail::open_path(path, O_RDONLY | O_DIRECTORY));
    std::vector<DirectoryEntry> entries;
    detail::DirectoryReader::Found found{};
    while (reader.next(found)) {
        detail::stop_if_asked();
        std::optional<DirectoryEntry> entry =
            directory_entry_of(reader.fd(), path, found, wants_status);
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
                             options.status,
                             options.limit);
}

}  // namespace eddy::inline v0_1
