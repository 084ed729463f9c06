// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>

#include <eddy/detail/export.hpp>
#include <eddy/fs/file_call.hpp>

namespace eddy::inline v0_1 {

/// What an entry of a directory is.
enum class FileKind : std::uint8_t {
    regular,
    directory,
    symlink,
    fifo,
    socket,
    character_device,
    block_device,
    unknown,
};

/// When a file was changed: nanoseconds of the system's clock, as fine as the file system keeps it.
/// From 1677 to 2262; what is before or after, is the first or the last of these.
using FileTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/// What the file system knows of a file. Plain data.
struct EDDY_VISIBLE FileStatus {
    FileKind kind = FileKind::unknown;
    std::uint32_t mode = 0;       ///< permissions with the set-id and sticky bits, at most 07777
    std::uint64_t size = 0;       ///< bytes; of a symlink, of what it says
    std::uint64_t allocated = 0;  ///< bytes on the disk: less than `size` with holes
    std::uint64_t links = 0;      ///< names
    std::uint32_t owner = 0;
    std::uint32_t group = 0;
    std::uint64_t device = 0;  ///< with `inode`: which file it is
    std::uint64_t inode = 0;
    FileTime modified;  ///< its content
    FileTime changed;   ///< its content or what is here
    FileTime accessed;  ///< mostly lazily kept

    [[nodiscard]] bool is_regular() const noexcept { return kind == FileKind::regular; }
    [[nodiscard]] bool is_directory() const noexcept { return kind == FileKind::directory; }
    [[nodiscard]] bool same_file(const FileStatus& other) const noexcept {
        return device == other.device && inode == other.inode;
    }
};

/// `file_status(path, {.follow = false})`.
struct EDDY_VISIBLE FileStatusOptions {
    bool follow = true;            ///< of a symlink: what it leads to, not itself
    Executor* executor = nullptr;  ///< null: `file_pool()`
};

/// What is known of the file of that name.
///
/// Throws:       `IoError`.
/// Cancellation: it is left alone.
[[nodiscard]] EDDY_API FileCall<FileStatus> file_status(const std::filesystem::path& path,
                                                        const FileStatusOptions& options = {});

/// The same; empty if there is no such file, or a part of its path is no directory.
[[nodiscard]] EDDY_API FileCall<std::optional<FileStatus>> try_file_status(
    const std::filesystem::path& path, const FileStatusOptions& options = {});

}  // namespace eddy::inline v0_1
