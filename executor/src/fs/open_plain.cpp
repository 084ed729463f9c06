// SPDX-License-Identifier: MIT
#include "fs/open_plain.hpp"

#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

#include "fs/posix.hpp"

namespace eddy::inline v0_1::detail {

namespace {

/// Empty: it may be read like a file, or be a terminal.
[[nodiscard]] std::string_view why_not_plain(mode_t mode) noexcept {
    switch (mode & S_IFMT) {
        case S_IFIFO:
            return "(a FIFO, not a file)";
        case S_IFSOCK:
            return "(a socket, not a file)";
        default:
            return {};
    }
}

[[noreturn]] void refuse(const std::string& path, std::string_view remark) {
    throw_file_error(EOPNOTSUPP, "open", path, remark);
}

[[nodiscard]] int try_open(const std::string& path, int flags, mode_t mode) {
    return uninterrupted(
        [&] { return ::openat(AT_FDCWD, path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode); });
}

/// It could not be opened without waiting: the reason may be what it is.
[[nodiscard]] int open_patiently(const std::string& path, int flags, mode_t mode) {
    const int error = errno;
    struct stat status = {};
    if ((error == EWOULDBLOCK || error == ENXIO) &&
        ::fstatat(AT_FDCWD, path.c_str(), &status, 0) == 0) {
        if (S_ISREG(status.st_mode) && error == EWOULDBLOCK) {
            return try_open(path, flags, mode);  // somebody has a lease on it
        }
        if (const std::string_view remark = why_not_plain(status.st_mode); !remark.empty()) {
            refuse(path, remark);
        }
    }
    errno = error;
    return -1;
}

/// Reads of a device wait, as a caller that has a thread for it expects.
void let_it_wait(const OwnedFd& fd, const std::string& path) {
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK) < 0) {
        throw_file_error(errno, "open", path);
    }
}

}  // namespace

OwnedFd open_plain(const std::string& path, int flags, mode_t mode, struct stat& status) {
    int opened = try_open(path, flags | O_NONBLOCK, mode);
    if (opened < 0) {
        opened = open_patiently(path, flags, mode);
    }
    if (opened < 0) {
        throw_file_error(errno, "open", path);
    }
    OwnedFd fd(opened);
    status = stat_descriptor(fd.get(), path);
    if (S_ISREG(status.st_mode)) {
        return fd;
    }
    if (S_ISDIR(status.st_mode)) {
        throw_file_error(EISDIR, "open", path);
    }
    if (const std::string_view remark = why_not_plain(status.st_mode); !remark.empty()) {
        refuse(path, remark);
    }
    if (S_ISCHR(status.st_mode) && ::isatty(fd.get()) != 0) {
        refuse(path, "(a terminal, not a file)");
    }
    let_it_wait(fd, path);
    return fd;
}

}  // namespace eddy::inline v0_1::detail
