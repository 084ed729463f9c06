// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>

#include <eddy/detail/export.hpp>
#include <eddy/fs/file_call.hpp>

namespace eddy::inline v0_1 {

/// `copy_file(from, to, {.replace = true})`.
struct EDDY_VISIBLE CopyOptions {
    bool replace = false;          ///< false: if there is something at `to`, that is EEXIST
    bool keep_mode = true;         ///< false: 0666 less the umask, as of any new file
    bool durable = false;          ///< synced, with its directory, before the call ends
    Executor* executor = nullptr;  ///< null: `file_pool()`
};

/// Makes `to` a copy of the file `from`; how many bytes long. There is never half a copy at `to`:
/// it is made under another name beside it (`.eddy-*.tmp`) and then renamed.
///
///     const std::uint64_t size = co_await copy_file("a.db", "backup/a.db", {.replace = true});
///
/// The system copies, within one file system perhaps without moving a byte; where it cannot, the
/// bytes are read and written. Holes stay holes. The copy is the caller's, with the permissions of
/// `from`, but no set-id bits; attributes, access list and times are not copied. Symlinks are
/// followed, that at `to` only with `replace`, and stay. To give a file that is there a new content
/// and leave all else as it is, there is `replace_file`.
///
/// What is written to `from` meanwhile may be in the copy or not; what is appended is not. The
/// standard library has one of this name, which is found too where the arguments are its paths:
/// `eddy::copy_file` says which.
///
/// Throws:       `IoError`, also if the two are the same file, or `from` is no plain file: nothing
///               has changed then, except that a directory that cannot be synced (`durable`) has
///               the copy in it, which the message says.
/// Cancellation: it ends between two pieces, and nothing is left; once renamed, the copy counts.
[[nodiscard]] EDDY_API FileCall<std::uint64_t> copy_file(const std::filesystem::path& from,
                                                         const std::filesystem::path& to,
                                                         const CopyOptions& options = {});

}  // namespace eddy::inline v0_1
