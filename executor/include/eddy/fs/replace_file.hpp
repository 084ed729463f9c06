// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include <eddy/detail/export.hpp>
#include <eddy/fs/file_call.hpp>

namespace eddy::inline v0_1 {

/// `replace_file(path, content, {.durable = false})`.
struct EDDY_VISIBLE ReplaceOptions {
    std::uint32_t mode = 0666;  ///< of a new file, less the umask; one that is there keeps its own
    bool keep_owner = true;     ///< false: the file is the caller's from now on
    bool durable = true;        ///< false: a power cut may take the old and the new content
    Executor* executor = nullptr;  ///< null: `file_pool()`
};

/// Gives a file a new content, or makes it: whoever opens it, whatever happens, a power cut too,
/// finds the old content or the new one, whole.
///
///     co_await replace_file("settings.json", text);
///
/// The content goes to a new file in the same directory, `.eddy-*.tmp`, which is synced and then
/// renamed over the old one; then the directory is synced. A symlink stays: what it leads to is
/// replaced. Kept are owner and group (without the right to give these, that is an error; with
/// `keep_owner = false` they are the caller's, and set-id bits go), permissions, access list and
/// `user.*` attributes, these unless the file may not be read. Not kept: other hard links, which
/// still have the old content, and capabilities. A file that may not be written is replaced like
/// any other: it is its directory that must be writable, and, to be synced, readable. One that is
/// itself a mount point, as containers have at /etc/hosts, cannot be: `EBUSY`.
///
/// What kills the process leaves the old content or the new one, and perhaps the new file under its
/// first name: what is called `.eddy-*.tmp` and is not new may be removed.
///
/// Throws:       `IoError`: the old content is there, and nothing else is left. Only when the
///               directory cannot be synced is the new content there, which the message says. What
///               is no plain file (a directory, a FIFO, a device) is refused before anything is
///               made. A failed sync is not tried again: the system has forgotten by then what it
///               could not write.
/// Cancellation: stopped before the rename, nothing has changed; else it has happened.
/// Order:        of two at once, each is whole, and the later rename stays.
/// Cost:         two syncs, which a disk takes milliseconds for. `durable = false` saves them: then
///               other processes and the end of this one may come at any time, a power cut may not.
///               (Some file systems, ext4 for one, begin to write at the rename even so.)
[[nodiscard]] EDDY_API FileCall<void> replace_file(const std::filesystem::path& path,
                                                   std::string content,
                                                   const ReplaceOptions& options = {});

/// The same with any bytes, of which it makes a copy.
[[nodiscard]] EDDY_API FileCall<void> replace_file(const std::filesystem::path& path,
                                                   std::span<const std::byte> content,
                                                   const ReplaceOptions& options = {});

}  // namespace eddy::inline v0_1
