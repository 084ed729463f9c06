// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>

#include <eddy/detail/export.hpp>
#include <eddy/fs/file_call.hpp>

/// Names of files and directories: to give, change and take them.
///
/// Each is one system call on `file_pool()`, or the executor of its options, and whole or not at
/// all (but for the parents of `make_directory`). None is synced: a power cut may undo it.
///
/// Throws:       `IoError`, "rename a to b: ..."; `std::invalid_argument` for a zero byte.
/// Cancellation: queued, it is withdrawn; running, it goes on to its end, and its result counts.

namespace eddy::inline v0_1 {

/// For those that have no options of their own.
struct EDDY_VISIBLE PathOptions {
    Executor* executor = nullptr;  ///< null: `file_pool()`
};

/// `rename_path(from, to, {.replace = false})`.
struct EDDY_VISIBLE RenameOptions {
    bool replace = true;           ///< false: if there is something at `to`, that is EEXIST
    Executor* executor = nullptr;  ///< null: `file_pool()`
};

/// Gives a file, a directory or a link, which is not followed, another name. A file at `to` is
/// replaced, as an empty directory is by a directory; two names of one file stay both.
///
/// Not to another file system: that is EXDEV, and `copy_file` is for that. Without `replace`, some
/// file systems rename files only; of a directory they say EINVAL.
[[nodiscard]] EDDY_API FileCall<void> rename_path(const std::filesystem::path& from,
                                                  const std::filesystem::path& to,
                                                  const RenameOptions& options = {});

/// Takes a file's name, and with the last one the file; of a link itself. A directory is EISDIR.
[[nodiscard]] EDDY_API FileCall<void> remove_file(const std::filesystem::path& path,
                                                  const PathOptions& options = {});

/// The same; false if there was none.
[[nodiscard]] EDDY_API FileCall<bool> try_remove_file(const std::filesystem::path& path,
                                                      const PathOptions& options = {});

/// Removes an empty directory; another one is ENOTEMPTY.
[[nodiscard]] EDDY_API FileCall<void> remove_directory(const std::filesystem::path& path,
                                                       const PathOptions& options = {});

/// `make_directory(path, {.parents = true})`.
struct EDDY_VISIBLE MakeDirectoryOptions {
    std::uint32_t mode = 0777;     ///< less the umask
    bool parents = false;          ///< true: those above it, too; and one that is there will do
    Executor* executor = nullptr;  ///< null: `file_pool()`
};

/// Makes a directory. With `parents`, several at once may make the same ones; those that it has
/// made stay if a later one fails. Their mode is 0777 less the umask.
[[nodiscard]] EDDY_API FileCall<void> make_directory(const std::filesystem::path& path,
                                                     const MakeDirectoryOptions& options = {});

/// Makes a link at `link` that says `target`: any text, which counts from the link's directory.
[[nodiscard]] EDDY_API FileCall<void> make_symlink(const std::filesystem::path& target,
                                                   const std::filesystem::path& link,
                                                   const PathOptions& options = {});

/// Gives a file one name more, in the same file system. A link at `path` is not followed.
[[nodiscard]] EDDY_API FileCall<void> make_hard_link(const std::filesystem::path& path,
                                                     const std::filesystem::path& link,
                                                     const PathOptions& options = {});

/// What a symlink says. Changes nothing: cancelled, it is left alone. Anything else is EINVAL.
[[nodiscard]] EDDY_API FileCall<std::filesystem::path> symlink_target(
    const std::filesystem::path& path, const PathOptions& options = {});

}  // namespace eddy::inline v0_1
