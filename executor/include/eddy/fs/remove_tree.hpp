// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>

#include <eddy/detail/export.hpp>
#include <eddy/fs/file_call.hpp>

namespace eddy::inline v0_1 {

/// `remove_tree(path, {.executor = &pool})`.
struct EDDY_VISIBLE RemoveTreeOptions {
    Executor* executor = nullptr;  ///< null: `file_pool()`
};

/// Removes what has that name, and if it is a directory, all that is in it; how many that were. A
/// file or a symlink is removed itself; 0 if nothing is there.
///
///     const std::uint64_t removed = co_await remove_tree("/var/cache/shop/old");
///
/// No symlink is followed, other than in the path before the name, and no name below looked up
/// twice: each directory is opened from the one above, so that nobody has anything removed
/// elsewhere by exchanging one for a symlink meanwhile. Trees may be as deep as they like. Other
/// file systems that are mounted below are emptied, and cannot be removed: `EBUSY`.
///
/// Throws:       `IoError`, "remove PATH: ...", "read PATH: ...", at the first that cannot be
///               removed: what came before is gone, the rest is there. One that others have removed
///               meanwhile is no error; a directory into which others put more all the time is
///               `ENOTEMPTY` after a while. At the call: `std::invalid_argument` for "", "/" and
///               what ends in "." or "..".
/// Cancellation: it stops after an entry, `Cancelled`: what came before is gone, the rest is there.
[[nodiscard]] EDDY_API FileCall<std::uint64_t> remove_tree(const std::filesystem::path& path,
                                                           const RemoveTreeOptions& options = {});

}  // namespace eddy::inline v0_1
