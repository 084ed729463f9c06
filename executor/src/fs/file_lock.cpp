// SPDX-License-Identifier: MIT
#include <eddy/fs/file_lock.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <eddy/detail/call_stopped.hpp>
#include <eddy/detail/owned_fd.hpp>
#include <eddy/sleep.hpp>
#include <eddy/time.hpp>

#include "fs/posix.hpp"

namespace eddy::inline v0_1 {

struct FileLockMaker {
    [[nodiscard]] static FileLock make(detail::OwnedFd fd) noexcept {
        return FileLock(fd.release());
    }
};

void FileLock::release() noexcept {
    const int fd = std::exchange(fd_, -1);
    if (fd < 0) {
        return;
    }
    if (generation_ == detail::fork_generation()) {
        ::flock(fd, LOCK_UN);  // also from children that have the same open file
    }
    ::close(fd);
}

namespace {

/// Writable if it may be, which some file systems that are across a network ask for. None: somebody
/// has a lease on it, and is asked to return it.
[[nodiscard]] detail::OwnedFd open_lock_file(const std::string& path,
                                             const FileLockOptions& options) {
    constexpr int always = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    const int create = options.create ? O_CREAT : 0;
    int fd = detail::uninterrupted([&] {
        return ::openat(AT_FDCWD, path.c_str(), O_RDWR | create | always, options.mode & 0777U);
    });
    if (fd < 0 && (errno == EACCES || errno == EPERM || errno == EISDIR || errno == EROFS ||
                   errno == ETXTBSY)) {
        // Of somebody else, a directory, on a disk that is only read, a program that runs.
        const int first_error = errno;
        fd = detail::uninterrupted(
            [&] { return ::openat(AT_FDCWD, path.c_str(), O_RDONLY | always); });
        errno = fd < 0 && errno == ENOENT ? first_error : errno;  // it could not be made
    }
    if (fd < 0 && errno != EWOULDBLOCK) {
        detail::throw_file_error(errno, "lock", path);
    }
    return detail::OwnedFd(fd);
}

/// The name leads to this file still.
[[nodiscard]] bool is_current(int fd, const std::string& path) {
    const struct stat ours = detail::stat_descriptor(fd, path);
    struct stat there = {};
    if (::fstatat(AT_FDCWD, path.c_str(), &there, 0) != 0) {
        if (errno == ENOENT) {
            return false;
        }
        detail::throw_file_error(errno, "lock", path);
    }
    return ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

[[nodiscard]] std::optional<FileLock> try_to_lock(const std::string& path,
                                                  const FileLockOptions& options) {
    while (true) {
        detail::stop_if_asked();
        detail::OwnedFd fd = open_lock_file(path, options);
        if (fd.get() < 0) {
            return std::nullopt;
        }
        const int operation = (options.shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
        if (detail::uninterrupted([&] { return ::flock(fd.get(), operation); }) != 0) {
            if (errno == EWOULDBLOCK) {
                return std::nullopt;
            }
            detail::throw_file_error(errno, "lock", path);
        }
        if (is_current(fd.get(), path)) {
            return FileLockMaker::make(std::move(fd));
        }
        // Between opening and locking it was removed: what others lock is another one.
    }
}

[[nodiscard]] FileCall<std::optional<FileLock>> try_lock_named(const char* what,
                                                               std::string path,
                                                               const FileLockOptions& options) {
    return detail::call_file(
        what, options.executor, OnCancel::wait, &try_to_lock, std::move(path), options);
}

Task<FileLock> lock_when_free(std::string path, FileLockOptions options) {
    using std::chrono::milliseconds;
    constexpr Duration longest = milliseconds(100);
    Duration pause = milliseconds(1);
    while (true) {
        auto locked = co_await try_lock_named("lock_file", path, options);
        if (locked) {
            co_return std::move(*locked);
        }
        co_await sleep_for(pause);
        pause = std::min(pause * 2, longest);
    }
}

}  // namespace

Task<FileLock> lock_file(const std::filesystem::path& path, const FileLockOptions& options) {
    return lock_when_free(detail::native_path(path), options);
}

FileCall<std::optional<FileLock>> try_lock_file(const std::filesystem::path& path,
                                                const FileLockOptions& options) {
    return try_lock_named("try_lock_file", detail::native_path(path), options);
}

}  // namespace eddy::inline v0_1
