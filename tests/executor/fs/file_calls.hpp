// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

// Clang links the sanitizers' own versions of these functions into the program: there, nothing can
// come in between.
#define EDDY_FILE_CALL_FAULTS 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef EDDY_FILE_CALL_FAULTS
#define EDDY_FILE_CALL_FAULTS 0
#endif
#endif

/// The system calls of files, as this executable has them: they ask the plan of the process, if
/// there is one, before they go on to the C library. Whatever thread makes them: files are worked
/// on by a pool's.

namespace eddy::testing {

enum class FileSystemCall : std::uint8_t {
    openat,
    close,
    fstat,
    fstatat,
    pread,
    preadv2,
    pwrite,
    write,
    fsync,
    fdatasync,
    ftruncate,
    posix_fadvise,
    fchmod,
    fchown,
    rename,
    renameat2,
    linkat,
    unlink,
    unlinkat,
    mkdir,
    mkdirat,
    copy_file_range,
    flock,
    fdopendir,
    readdir,
    getrandom,
    renameat,
    readlinkat,
    symlinkat,
    lseek,
    flistxattr,
    fgetxattr,
    fsetxattr,
    fremovexattr,
    count_,  ///< how many there are
};

[[nodiscard]] std::string_view name_of(FileSystemCall call) noexcept;

/// What goes wrong in this process for as long as it lives. One at a time.
class FilePlan {
public:
    FilePlan() noexcept;
    FilePlan(const FilePlan&) = delete;
    FilePlan& operator=(const FilePlan&) = delete;
    virtual ~FilePlan();

    /// An errno to fail with, or 0; or `ends`.
    [[nodiscard]] virtual int error_of(FileSystemCall call) noexcept = 0;
    /// Of one that moves bytes and does not fail: how many it may move, at least 1.
    [[nodiscard]] virtual std::size_t most(FileSystemCall, std::size_t length) noexcept {
        return length;
    }
    /// Of what `readdir` says: whether it keeps to itself what kind of file that is, as some file
    /// systems do.
    [[nodiscard]] virtual bool hides_kinds() noexcept { return false; }

    /// Instead of an errno: the call returns 0 and does nothing. Of a read, that is the end.
    static constexpr int ends = -1;
};

/// Counts the calls of one kind, or of all, and fails one of them, or so many in a row.
class FailFileCall final : public FilePlan {
public:
    static constexpr std::size_t always = static_cast<std::size_t>(-1);
    static constexpr FileSystemCall any = FileSystemCall::count_;

    /// The first is number 1; number 0: none fails.
    FailFileCall(FileSystemCall call, int error, std::size_t nth, std::size_t how_many = 1) noexcept
        : call_(call), error_(error), nth_(nth), how_many_(how_many) {}

    [[nodiscard]] int error_of(FileSystemCall call) noexcept override;

    [[nodiscard]] std::size_t calls() const noexcept { return calls_.load(); }
    [[nodiscard]] std::size_t failed() const noexcept { return failed_.load(); }
    /// Which one failed last.
    [[nodiscard]] FileSystemCall which() const noexcept { return which_.load(); }

private:
    const FileSystemCall call_;
    const int error_;
    const std::size_t nth_;
    const std::size_t how_many_;
    std::atomic<std::size_t> calls_{0};
    std::atomic<std::size_t> failed_{0};
    std::atomic<FileSystemCall> which_{any};
};

/// Moves at most so many bytes at once: short reads and writes.
class ShortTransfers final : public FilePlan {
public:
    explicit ShortTransfers(std::size_t most) noexcept : most_(most) {}
    [[nodiscard]] int error_of(FileSystemCall) noexcept override { return 0; }
    [[nodiscard]] std::size_t most(FileSystemCall, std::size_t) noexcept override { return most_; }

private:
    const std::size_t most_;
};

}  // namespace eddy::testing
