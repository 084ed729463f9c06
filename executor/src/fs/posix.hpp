// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>

#include <eddy/detail/owned_fd.hpp>
#include <eddy/fs/file_status.hpp>

/// The system calls that more than one part makes, each with its error. They block: for threads of
/// a pool only.

namespace eddy::inline v0_1::detail {

static_assert(sizeof(off_t) == 8, "files have 64-bit offsets: build with _FILE_OFFSET_BITS=64");

/// The bytes of a path. Throws: `std::invalid_argument` for one with a zero byte, which the system
/// would take for its end.
[[nodiscard]] std::string native_path(const std::filesystem::path& path);

/// For messages: in quotes if it is empty, and legible.
[[nodiscard]] std::string shown(std::string_view path);

/// Throws `IoError`: "open /etc/shadow: Permission denied". `remark`: "", or what else there is to
/// say, which comes before the reason.
[[noreturn]] void throw_file_error(int error,
                                   std::string_view verb,
                                   std::string_view path,
                                   std::string_view remark = {});

/// Again, while a signal ends it.
template <class F>
[[nodiscard]] auto uninterrupted(F call) {
    while (true) {
        const auto result = call();
        if (result != -1 || errno != EINTR) {
            return result;
        }
    }
}

/// `openat` with O_CLOEXEC. Throws: `IoError`, "open PATH: ...".
[[nodiscard]] OwnedFd open_at(int directory, const std::string& path, int flags, mode_t mode = 0);
[[nodiscard]] OwnedFd open_path(const std::string& path, int flags, mode_t mode = 0);

/// Reads until the span is full or the file ends, `pread`; how much. Asks now and then whether it
/// should stop. Throws: `IoError`, "read PATH: ..."; `CallStopped`.
[[nodiscard]] std::size_t read_range(int fd,
                                     std::uint64_t offset,
                                     std::span<std::byte> into,
                                     std::string_view path);

/// Writes all of it, `pwrite`. Throws: `IoError`, "write PATH: ...", which says how much was
/// written before.
void write_fully(int fd,
                 std::uint64_t offset,
                 std::span<const std::byte> bytes,
                 std::string_view path);

/// `fsync`, or `fdatasync`. Throws: `IoError`, "sync PATH: ...". One that failed is never tried
/// again: the system has forgotten by then what it could not write, and would say that all is well.
enum class SyncWhat : bool { everything, data };
/// The same, without an exception: 0, or what went wrong.
[[nodiscard]] int try_sync(int fd, SyncWhat what) noexcept;
void sync_descriptor(int fd, std::string_view path, SyncWhat what = SyncWhat::everything);

/// Syncs the directory itself: what was made, renamed and removed in it is there after a power cut.
void sync_directory_of(const std::string& directory);

/// `fstat`. Throws: `IoError`, "stat PATH: ...".
[[nodiscard]] struct stat stat_descriptor(int fd, std::string_view path);
[[nodiscard]] FileKind kind_of(mode_t mode) noexcept;
[[nodiscard]] FileStatus to_status(const struct stat& from) noexcept;

/// The part before the last slash, "." if there is none: where the entry is.
[[nodiscard]] std::string directory_of(const std::string& path);

}  // namespace eddy::inline v0_1::detail
