// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <semaphore>
#include <string_view>

// Clang links the sanitizers' own versions of these functions into the program: there, nothing can
// come in between. Nor where those with 64-bit offsets have names of their own.
#define EDDY_FILE_CALL_FAULTS 1
#if __SIZEOF_POINTER__ < 8
#undef EDDY_FILE_CALL_FAULTS
#define EDDY_FILE_CALL_FAULTS 0
#endif
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
    [[nodiscard]] virtual int error_of(FileSystemCall) noexcept { return 0; }
    /// Of one that moves bytes and does not fail: how many it may move, at least 1.
    [[nodiscard]] virtual std::size_t most(FileSystemCall, std::size_t length) noexcept {
        return length;
    }
    /// Of what `readdir` says: whether it keeps to itself what kind of file that is, as some file
    /// systems do.
    [[nodiscard]] virtual bool hides_kinds() noexcept { return false; }

    /// Instead of an errno: the call returns 0 and does nothing. Of a read, that is the end.
    static constexpr int ends = -1;

protected:
    /// For destructors: no thread asks it any more, nor is in the middle of that. (A worker may
    /// still close what the test has done with.)
    static void end() noexcept;
};

/// Counts the calls of one kind, or of all, and fails one of them, or so many in a row.
class FailFileCall final : public FilePlan {
public:
    static constexpr std::size_t always = static_cast<std::size_t>(-1);
    static constexpr FileSystemCall any = FileSystemCall::count_;

    /// The first is number 1; number 0: none fails.
    FailFileCall(FileSystemCall call, int error, std::size_t nth, std::size_t how_many = 1) noexcept
        : call_(call), error_(error), nth_(nth), how_many_(how_many) {}
    ~FailFileCall() override { end(); }

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
    ~ShortTransfers() override { end(); }
    [[nodiscard]] int error_of(FileSystemCall) noexcept override { return 0; }
    [[nodiscard]] std::size_t most(FileSystemCall, std::size_t) noexcept override { return most_; }

private:
    const std::size_t most_;
};

/// Holds the first call of one kind on its thread, until this goes, or `let_go`.
class HeldFileCall final : public FilePlan {
public:
    /// `error`: what it fails with then, unless it moves bytes.
    explicit HeldFileCall(FileSystemCall call, int error = 0) noexcept
        : call_(call), error_(error) {}
    ~HeldFileCall() override {
        if (begun_.load()) {
            let_go();
            left_.acquire();
        }
        end();
    }

    [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
        const int error = call == call_ ? error_ : 0;
        if (!moves_bytes(call)) {
            hold(call);
        }
        return error;
    }
    [[nodiscard]] std::size_t most(FileSystemCall call, std::size_t length) noexcept override {
        hold(call);
        return length;
    }

    [[nodiscard]] bool begun() const noexcept { return begun_.load(); }
    /// For the loop's thread: blocks it until the call is there.
    void wait_until_it_runs() noexcept { there_.acquire(); }
    void let_go() noexcept {
        if (!released_.exchange(true)) {
            go_.release();
        }
    }

private:
    [[nodiscard]] static bool moves_bytes(FileSystemCall call) noexcept {
        return call == FileSystemCall::pread || call == FileSystemCall::pwrite ||
               call == FileSystemCall::write || call == FileSystemCall::preadv2;
    }
    /// Last of all that a call asks this.
    void hold(FileSystemCall call) noexcept {
        if (call == call_ && !begun_.exchange(true)) {
            there_.release();
            go_.acquire();
            left_.release();
        }
    }

    const FileSystemCall call_;
    const int error_;
    std::atomic<bool> begun_{false};
    std::atomic<bool> released_{false};
    std::counting_semaphore<> there_{0};
    std::counting_semaphore<> go_{0};
    std::counting_semaphore<> left_{0};
};

}  // namespace eddy::testing
