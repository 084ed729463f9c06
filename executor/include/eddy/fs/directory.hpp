// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <eddy/detail/export.hpp>
#include <eddy/fs/file_call.hpp>
#include <eddy/fs/file_status.hpp>

namespace eddy::inline v0_1 {

/// One name in a directory, and what it is.
struct EDDY_VISIBLE DirectoryEntry {
    std::string name;  ///< bytes, whatever they are: neither UTF-8 nor legible, if others made it
    FileKind kind = FileKind::unknown;  ///< of a symlink: `symlink`
    std::optional<FileStatus> status;   ///< if asked for; of a symlink: its own
    std::error_code error;              ///< why no status is here, or it is not known what it is
};

/// `list_directory(path, {.status = true})`.
struct EDDY_VISIBLE ListDirectoryOptions {
    bool follow = true;             ///< `path` itself, if it is a symlink
    bool status = false;            ///< a further system call for each entry
    std::size_t limit = 1'000'000;  ///< entries: all of them are in memory at the end
    Executor* executor = nullptr;   ///< null: `file_pool()`
};

/// All that is in a directory, without "." and "..", but not what is below its own directories: see
/// `walk`, which has no limit either.
///
///     const auto entries = co_await list_directory("/etc");
///
/// What comes or goes meanwhile may be among them or not; what has gone before its status, if that
/// is asked for, is left out.
///
/// Throws:       `IoError`; `LimitExceeded` if there are more than `limit`.
/// Order:        the directory's own, which is none: sort them by what you need.
/// Cancellation: it is left alone.
[[nodiscard]] EDDY_API FileCall<std::vector<DirectoryEntry>> list_directory(
    const std::filesystem::path& path, const ListDirectoryOptions& options = {});

}  // namespace eddy::inline v0_1
