// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include <eddy/detail/fork_generation.hpp>
#include <eddy/detail/list_link.hpp>
#include <eddy/detail/loop_tries.hpp>
#include <eddy/detail/owned_fd.hpp>
#include <eddy/executor.hpp>
#include <eddy/fs/file.hpp>
#include <eddy/loop_bound.hpp>

namespace eddy::inline v0_1::detail {

/// What a `File` and its operations share: the descriptor, and who uses it.
///
/// Two counts. Users keep the descriptor open: the `File` until `close`, and each call from its
/// submission on until it has run, or will not. Holders keep the memory: users, and operations.
/// New users come on the loop only, and only while the `File` is one; so the last to leave is the
/// last for good, and closes: a worker there and then, the loop by the executor, since the last
/// close of a large deleted file takes long, and of a server's that is gone for ever. If that takes
/// nothing any more, since the loop is ending, by a thread of its own, which nobody waits for.
///
/// As an executor it is what `close` submits its work to: it keeps that until the descriptor is
/// closed, and runs it then.
///
/// | field                                   | who                                              |
/// |-----------------------------------------|--------------------------------------------------|
/// | path, access, executor                  | anybody; they do not change                      |
/// | bound, closing, tries, statistics       | the loop                                         |
/// | fd                                      | users; who closes it                             |
/// | sync_error                              | workers, under sync_mutex                        |
/// | waiting_, closed_, close_error_         | under mutex_                                     |
/// | gone_                                   | who closes it; a forked child                    |
///
/// In a forked child nothing of it is used but the number of the descriptor, which it closes unless
/// the parent had, or was about to, at the fork. No lock is: a thread that is gone may have it.
class OpenFile final : public Executor {
public:
    OpenFile(std::string name, Access opened_for, Executor* runs_on)
        : path(std::move(name)), access(opened_for), executor(runs_on), closer_(*this) {}
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    void retain() noexcept { holders_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete this;
        }
    }

    /// The loop's: one user more. Requires: !closing.
    void enter() noexcept {
        retain();
        users_.fetch_add(1, std::memory_order_relaxed);
    }
    /// Any thread's.
    void leave() noexcept;
    /// The owner's: no new users.
    void begin_close() noexcept;
    /// How many operations use it.
    [[nodiscard]] std::size_t running() const noexcept {
        return users_.load(std::memory_order_relaxed) - (closing ? 0U : 1U);
    }

    /// In a child: this is the parent's.
    [[nodiscard]] bool inherited() const noexcept { return generation_ != fork_generation(); }
    /// In a child: closes its own descriptor.
    void close_inherited() noexcept;

    [[nodiscard]] bool is_closed() const {
        const std::lock_guard lock(mutex_);
        return closed_;
    }
    /// Throws what the close reported.
    void throw_close_error() const;

    [[nodiscard]] bool can_read() const noexcept {
        return access == Access::read || access == Access::read_write;
    }

    const std::string path;
    const Access access;
    Executor* const executor;  // null: the loop's pool for files

    LoopBound bound;
    bool closing = false;
    LoopTries tries;
    FileStatistics statistics;

    int fd = -1;
    std::mutex sync_mutex;  // held during the system call
    int sync_error = 0;     // the first, for good

private:
    /// Closes on the executor. A part of the file, which it holds.
    class Closer final : public Work {
    public:
        explicit Closer(OpenFile& file) noexcept : file_(file) {}

    private:
        void invoke() noexcept override { file_.close_now(); }
        void drop_call() noexcept override { file_.close_rejected(); }
        void destroy() noexcept override { file_.release(); }

        OpenFile& file_;
    };

    ~OpenFile() override = default;

    void close_now() noexcept;
    /// No executor closes it: here, unless this is a loop's thread.
    void close_rejected() noexcept;
    void submit(Work& work) override;
    void withdraw(Work& work) noexcept override;

    std::atomic<std::uint32_t> holders_{1};
    std::atomic<std::uint32_t> users_{1};
    const std::uint32_t generation_ = fork_generation();
    Closer closer_;
    std::atomic<bool> gone_{false};  // the descriptor, or all but
    mutable std::mutex mutex_;
    ListLink waiting_;
    bool closed_ = false;
    int close_error_ = 0;
};

/// A user, of a work.
class FileUse final {
public:
    explicit FileUse(OpenFile& file) noexcept : file_(&file) { file.enter(); }
    FileUse(const FileUse&) = delete;
    FileUse& operator=(const FileUse&) = delete;
    ~FileUse() { end(); }

    [[nodiscard]] OpenFile& file() const noexcept { return *file_; }
    void end() noexcept {
        if (OpenFile* const file = std::exchange(file_, nullptr)) {
            file->leave();
        }
    }

private:
    OpenFile* file_;
};

struct FileAccess {
    /// Takes the file over.
    [[nodiscard]] static File make(OpenFile& file) noexcept { return File(&file); }
    [[nodiscard]] static OpenFile* of(const File& file) noexcept { return file.file_; }
};

}  // namespace eddy::inline v0_1::detail
