// SPDX-License-Identifier: MIT
#include "fs/open_plain.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <string_view>
#include <thread>
#include <unistd.h>

#include <eddy/detail/call_stopped.hpp>

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

/// How long a call waits for somebody to give a lease back, looking now and then whether it should
/// stop. The system takes it from them after 45 s, if nobody has told it otherwise.
class LeasePatience final {
public:
    /// False: it has been long enough. Throws: `CallStopped`.
    [[nodiscard]] bool wait() {
        stop_if_asked();
        if (std::chrono::steady_clock::now() >= end_) {
            return false;
        }
        std::this_thread::sleep_for(pause_);
        pause_ = std::min(2 * pause_, longest_pause);
        return true;
    }

private:
    using milliseconds = std::chrono::milliseconds;
    static constexpr milliseconds longest_pause{50};

    const std::chrono::steady_clock::time_point end_ =
        std::chrono::steady_clock::now() + std::chrono::seconds(60);
    milliseconds pause_{1};
};

/// Each try without waiting: the name may be another's by then, a FIFO's for example. -1: errno.
[[nodiscard]] int open_patiently(const std::string& path, int flags, mode_t mode) {
    LeasePatience patience;
    while (true) {
        const int fd = try_open(path, flags | O_NONBLOCK, mode);
        if (fd >= 0) {
            return fd;
        }
        const int error = errno;
        struct stat status = {};
        if ((error == EWOULDBLOCK || error == ENXIO) &&
            ::fstatat(AT_FDCWD, path.c_str(), &status, 0) == 0) {
            if (const std::string_view remark = why_not_plain(status.st_mode); !remark.empty()) {
                refuse(path, remark);
            }
            if (error == EWOULDBLOCK && S_ISREG(status.st_mode) && patience.wait()) {
                continue;
            }
        }
        errno = error;
        return -1;
    }
}

/// A link that is not to be followed is one of the many that ELOOP complains of.
[[noreturn]] void throw_not_opened(int error, const std::string& path, int flags) {
    struct stat status = {};
    const bool is_link = error == ELOOP && (flags & O_NOFOLLOW) != 0 &&
                         ::fstatat(AT_FDCWD, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                         S_ISLNK(status.st_mode);
    throw_file_error(error, "open", path, is_link ? "(a symlink, and follow is false)" : "");
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
    const int opened = open_patiently(path, flags, mode);
    if (opened < 0) {
        throw_not_opened(errno, path, flags);
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
