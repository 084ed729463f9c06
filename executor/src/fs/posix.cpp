// SPDX-License-Identifier: MIT
#include "fs/posix.hpp"

#include <algorithm>
#include <fcntl.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

#include <eddy/detail/call_stopped.hpp>
#include <eddy/detail/legible.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

namespace {

// A transfer of the size of a large cache, after which a call looks whether it should stop; and
// less than what a system call may move at most (2 GiB less a page).
constexpr std::size_t most_at_once = std::size_t{1} << 20U;

}  // namespace

std::string native_path(const std::filesystem::path& path) {
    std::string name = path.string();
    if (name.find('\0') != std::string::npos) {
        throw std::invalid_argument("the path " + legible(name) +
                                    " has a zero byte in it, which would be taken for its end");
    }
    return name;
}

std::string shown(std::string_view path) {
    return path.empty() ? std::string("\"\"") : legible(path);
}

void throw_file_error(int error,
                      std::string_view verb,
                      std::string_view path,
                      std::string_view remark) {
    std::string text(verb);
    text += ' ';
    text += shown(path);
    if (!remark.empty()) {
        text += ' ';
        text += remark;
    }
    throw IoError(std::error_code(error, std::system_category()), text);
}

OwnedFd open_at(int directory, const std::string& path, int flags, mode_t mode) {
    const int fd =
        uninterrupted([&] { return ::openat(directory, path.c_str(), flags | O_CLOEXEC, mode); });
    if (fd < 0) {
        throw_file_error(errno, "open", path);
    }
    return OwnedFd(fd);
}

OwnedFd open_path(const std::string& path, int flags, mode_t mode) {
    return open_at(AT_FDCWD, path, flags, mode);
}

std::size_t read_range(int fd,
                       std::uint64_t offset,
                       std::span<std::byte> into,
                       std::string_view path) {
    std::size_t done = 0;
    while (done < into.size()) {
        stop_if_asked();
        const std::span<std::byte> rest = into.subspan(done);
        const ssize_t length = uninterrupted([&] {
            return ::pread(fd,
                           rest.data(),
                           std::min(rest.size(), most_at_once),
                           static_cast<off_t>(offset + done));
        });
        if (length < 0) {
            throw_file_error(errno, "read", path);
        }
        if (length == 0) {
            break;
        }
        done += static_cast<std::size_t>(length);
    }
    return done;
}

void write_fully(int fd,
                 std::uint64_t offset,
                 std::span<const std::byte> bytes,
                 std::string_view path) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const std::span<const std::byte> rest = bytes.subspan(done);
        const ssize_t length = uninterrupted([&] {
            return ::pwrite(fd,
                            rest.data(),
                            std::min(rest.size(), most_at_once),
                            static_cast<off_t>(offset + done));
        });
        if (length <= 0) {
            // Zero for something to write is none of the standard's answers.
            throw_file_error(length < 0 ? errno : EIO,
                             "write",
                             path,
                             done == 0 ? std::string()
                                       : "(after " + std::to_string(done) + " of " +
                                             std::to_string(bytes.size()) + " bytes)");
        }
        done += static_cast<std::size_t>(length);
    }
}

int try_sync(int fd, SyncWhat what) noexcept {
    const int result =
        uninterrupted([&] { return what == SyncWhat::data ? ::fdatasync(fd) : ::fsync(fd); });
    return result < 0 ? errno : 0;
}

void sync_descriptor(int fd, std::string_view path, SyncWhat what) {
    if (const int error = try_sync(fd, what)) {
        throw_file_error(error, "sync", path);
    }
}

void sync_directory_of(const std::string& directory) {
    const OwnedFd fd = open_path(directory, O_RDONLY | O_DIRECTORY);
    sync_descriptor(fd.get(), directory);
}

struct stat stat_descriptor(int fd, std::string_view path) {
    struct stat status = {};
    if (::fstat(fd, &status) < 0) {
        throw_file_error(errno, "stat", path);
    }
    return status;
}

FileKind kind_of(mode_t mode) noexcept {
    switch (mode & S_IFMT) {
        case S_IFREG:
            return FileKind::regular;
        case S_IFDIR:
            return FileKind::directory;
        case S_IFLNK:
            return FileKind::symlink;
        case S_IFIFO:
            return FileKind::fifo;
        case S_IFSOCK:
            return FileKind::socket;
        case S_IFCHR:
            return FileKind::character_device;
        case S_IFBLK:
            return FileKind::block_device;
        default:
            return FileKind::unknown;
    }
}

namespace {

/// A file may have any time that its owner gave it.
[[nodiscard]] FileTime file_time_of(const timespec& at) noexcept {
    using std::chrono::seconds;
    constexpr auto whole = [](FileTime time) {
        return std::chrono::duration_cast<seconds>(time.time_since_epoch()).count();
    };
    if (at.tv_sec >= whole(FileTime::max())) {
        return FileTime::max();
    }
    if (at.tv_sec < whole(FileTime::min())) {
        return FileTime::min();
    }
    return FileTime(seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec));
}

}  // namespace

FileStatus to_status(const struct stat& from) noexcept {
    constexpr std::uint64_t block = 512;  // of st_blocks, whatever the file system's own are
    FileStatus status;
    status.kind = kind_of(from.st_mode);
    status.mode = static_cast<std::uint32_t>(from.st_mode & 07777U);
    status.size = static_cast<std::uint64_t>(from.st_size);
    status.allocated = static_cast<std::uint64_t>(from.st_blocks) * block;
    status.links = static_cast<std::uint64_t>(from.st_nlink);
    status.owner = from.st_uid;
    status.group = from.st_gid;
    status.device = static_cast<std::uint64_t>(from.st_dev);
    status.inode = static_cast<std::uint64_t>(from.st_ino);
    status.modified = file_time_of(from.st_mtim);
    status.changed = file_time_of(from.st_ctim);
    status.accessed = file_time_of(from.st_atim);
    return status;
}

std::string directory_of(const std::string& path) {
    std::string::size_type end = path.find_last_not_of('/');  // trailing slashes are no part
    if (end == std::string::npos) {
        return path.empty() ? "." : "/";
    }
    end = path.rfind('/', end);
    if (end == std::string::npos) {
        return ".";
    }
    end = path.find_last_not_of('/', end);
    return end == std::string::npos ? "/" : path.substr(0, end + 1);
}

}  // namespace eddy::inline v0_1::detail
