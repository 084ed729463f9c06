// SPDX-License-Identifier: MIT
#include <eddy/fs/file_status.hpp>

#include <cerrno>
#include <fcntl.h>
#include <string>

#include "fs/posix.hpp"

namespace eddy::inline v0_1 {

namespace {

[[nodiscard]] std::optional<FileStatus> look_at(const std::string& path, bool follow) {
    struct stat status = {};
    if (::fstatat(AT_FDCWD, path.c_str(), &status, follow ? 0 : AT_SYMLINK_NOFOLLOW) == 0) {
        return detail::to_status(status);
    }
    if (errno == ENOENT || errno == ENOTDIR) {
        return std::nullopt;
    }
    detail::throw_file_error(errno, "stat", path);
}

[[nodiscard]] FileStatus must_look_at(const std::string& path, bool follow) {
    struct stat status = {};
    if (::fstatat(AT_FDCWD, path.c_str(), &status, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
        detail::throw_file_error(errno, "stat", path);
    }
    return detail::to_status(status);
}

}  // namespace

FileCall<FileStatus> file_status(const std::filesystem::path& path,
                                 const FileStatusOptions& options) {
    return detail::call_file("file_status",
                             options.executor,
                             OnCancel::abandon,
                             &must_look_at,
                             detail::native_path(path),
                             options.follow);
}

FileCall<std::optional<FileStatus>> try_file_status(const std::filesystem::path& path,
                                                    const FileStatusOptions& options) {
    return detail::call_file("try_file_status",
                             options.executor,
                             OnCancel::abandon,
                             &look_at,
                             detail::native_path(path),
                             options.follow);
}

}  // namespace eddy::inline v0_1
