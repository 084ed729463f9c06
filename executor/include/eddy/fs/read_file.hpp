// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/fs/file_call.hpp>

namespace eddy::inline v0_1 {

/// `read_file(path, {.limit = 1 << 20})`.
struct EDDY_VISIBLE ReadFileOptions {
    detail::Count limit = std::size_t{16} << 20U;  ///< bytes; a longer file is an error
    Executor* executor = nullptr;                  ///< null: `file_pool()`
};

/// All that is in a file, in one call: for what is small enough to be held. For a part of a file,
/// or more than fits, there is `File`; for a stream of it, `FileStream`.
///
///     const std::string text = co_await read_file("/etc/hosts");
///
/// Files that do not say how long they are (/proc, devices) are read to their end, and so is one
/// that grows meanwhile. What others write at the same time may be in it by half, unless they
/// write by `replace_file`.
///
/// Throws:       `LimitExceeded` for more than `limit` bytes, of which no more than `limit + 1` are
///               ever read; `IoError`, also for a directory, and for what might keep its reader
///               waiting for ever: FIFO, socket, terminal. `std::invalid_argument`: a limit or a
///               path that cannot be.
/// Cancellation: it is left alone: the call owns its buffer, and ends when its present system call
///               does. A file system that hangs holds up a thread of the pool, and no job.
/// Cost:         a hop to the pool; there, for a file that says how long it is, four system calls
///               and an allocation of that length.
[[nodiscard]] EDDY_API FileCall<std::string> read_file(const std::filesystem::path& path,
                                                       const ReadFileOptions& options = {});

}  // namespace eddy::inline v0_1
