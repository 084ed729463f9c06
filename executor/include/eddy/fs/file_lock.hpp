// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/fork_generation.hpp>
#include <eddy/fs/file_call.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1 {

/// `lock_file(path, {.shared = true})`.
struct EDDY_VISIBLE FileLockOptions {
    bool shared = false;           ///< with others that are shared; false: alone
    bool create = true;            ///< an empty file, if there is none; false: that is ENOENT
    std::uint32_t mode = 0644;     ///< of the one that is made, less the umask
    Executor* executor = nullptr;  ///< null: `file_pool()`
};

/// A lock between processes, on a file: what `lock_file` gives. Released when it is destroyed.
///
///     const FileLock lock = co_await lock_file("/run/lock/backup");
///
/// It is the lock of flock(2), with which it excludes other processes, flock(1), Python's
/// `fcntl.flock`, and other jobs of this process; not of `lockf` and `fcntl(F_SETLK)`, which know
/// nothing of each other. It is advice: who does not ask is not held up. Between the jobs of one
/// process a `Lock` is fairer, and much cheaper.
///
/// The file stays, for the next one: removing it is what makes such locks fail. (One that was
/// removed or replaced by others is noticed, and asked for anew.) It may be a directory.
///
/// When the process ends, however it ends, the lock is free. A forked child has a share in it, and
/// keeps it from others if its parent is killed, until it drops its own or calls exec; dropping it
/// there does not take it from the parent.
///
/// Threading: may be released on any thread, one at a time.
class [[nodiscard]] EDDY_VISIBLE FileLock final {
public:
    /// Holds nothing.
    FileLock() noexcept = default;
    FileLock(FileLock&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), generation_(other.generation_) {}
    FileLock& operator=(FileLock&& other) noexcept {
        if (this != &other) {
            release();
            fd_ = std::exchange(other.fd_, -1);
            generation_ = other.generation_;
        }
        return *this;
    }
    ~FileLock() { release(); }

    [[nodiscard]] bool is_held() const noexcept { return fd_ >= 0; }

    /// At once, and again does nothing. Two short system calls, on the calling thread.
    EDDY_API void release() noexcept;

private:
    friend struct FileLockMaker;
    explicit FileLock(int fd) noexcept : fd_(fd) {}

    int fd_ = -1;  // whose open file has the lock; -1: none
    std::uint32_t generation_ = detail::fork_generation();
};

/// Locks a file, waiting for whoever has it.
///
/// No thread waits for it, as flock(2) would: it tries, and tries again after 1, 2, 4, ... 64 and
/// then every 100 ms. So it comes up to that late, and there is no queue: of those who wait, any
/// may be next. A scope around it says how long it may wait: `fail_after(5s, lock_file(path))`.
///
/// Throws:       `IoError`; `std::invalid_argument` for a zero byte, at the call.
/// Cancellation: it has no lock. A file that it has made stays.
/// Cost:         a hop to the executor and five system calls for each try.
[[nodiscard]] EDDY_API Task<FileLock> lock_file(const std::filesystem::path& path,
                                                const FileLockOptions& options = {});

/// The same without waiting: empty if somebody has it, or has a lease (fcntl(2)) on the file, which
/// is asked back.
///
/// Cancellation: once it runs, it goes on to its end, and counts.
[[nodiscard]] EDDY_API FileCall<std::optional<FileLock>> try_lock_file(
    const std::filesystem::path& path, const FileLockOptions& options = {});

}  // namespace eddy::inline v0_1
