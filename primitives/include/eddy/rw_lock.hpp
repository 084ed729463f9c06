// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/lock_core.hpp>
#include <eddy/job_info.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

class ReadGuard;
class WriteGuard;

struct EDDY_VISIBLE RwLockStatistics {
    std::size_t readers = 0;  ///< that hold it
    bool writing = false;
    JobId writer = 0;         ///< 0 also while code outside of jobs writes
    std::string writer_name;  ///< also after that job has ended
    std::size_t waiters = 0;  ///< readers and writers
    std::size_t waiting_writers = 0;
};

/// Many readers or one writer.
///
/// Worth its price only where readers hold it across an await and are many; else take a `Lock`.
///
///     RwLock config;
///     const auto read = co_await config.acquire_read();   // together with others
///     auto write = co_await config.acquire_write();       // alone
///     const auto view = std::move(write).downgrade();     // others may read along
///
/// Requires: a job that reads does not acquire again, neither to read, for a writer may wait in
///           between, nor to write: it would wait for itself. There is no upgrade: release, then
///           write.
/// Throws:   `InvalidState` when the writer asks again, for either.
/// Order:    first come, first served: a writer that waits holds up the readers that come after
///           it, so neither side starves. What a release or a cancellation lets in, gets in there
///           and then: one writer, or all readers up to the next writer.
/// Lifetime: it outlives its guards and waiters.
class EDDY_API RwLock final {
public:
    class AcquireRead;
    class AcquireWrite;

    RwLock() = default;
    RwLock(const RwLock&) = delete;
    RwLock& operator=(const RwLock&) = delete;
    ~RwLock();

    [[nodiscard]] RwLockStatistics statistics() const;

    /// A guard if nobody holds it in the way of that, nor waits for it; nothing otherwise.
    [[nodiscard]] std::optional<ReadGuard> try_acquire_read();
    [[nodiscard]] std::optional<WriteGuard> try_acquire_write();

    /// Wait for it. Cancellation: the job leaves the queue, and those behind it move up.
    [[nodiscard]] AcquireRead acquire_read();
    [[nodiscard]] AcquireWrite acquire_write();

private:
    friend class ReadGuard;
    friend class WriteGuard;

    /// A place in the queue.
    class EDDY_API Wait : public QueuedWaiter {
    public:
        void start() noexcept;

    protected:
        Wait(RwLock& lock, bool writes) noexcept : lock_(lock), writes_(writes) {}
        ~Wait() override = default;

        RwLock& lock_;

    private:
        friend class RwLock;
        void unlink() noexcept override;
        void pass_on() noexcept override;

        const bool writes_;
    };

    [[nodiscard]] bool try_read(const char* what);
    [[nodiscard]] bool try_write(const char* what);
    void end_read() noexcept;
    void end_write() noexcept;
    void downgrade() noexcept;
    void admit() noexcept;

    // Invariants: not both readers_ != 0 and writer_.held(). If somebody waits, the first of them
    // is a writer and the lock is held, or it is a reader and a writer holds it.
    LoopBound bound_;
    std::size_t readers_ = 0;
    std::size_t waiting_writers_ = 0;
    detail::LockOwner writer_;
    WaitQueue waiting_;
};

/// Reads: holds an `RwLock` together with other readers until it goes.
class [[nodiscard]] EDDY_API ReadGuard final {
public:
    ReadGuard(ReadGuard&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
    /// Releases first what this one holds.
    ReadGuard& operator=(ReadGuard&& other) noexcept {
        if (this != &other) {
            drop();
            lock_ = std::exchange(other.lock_, nullptr);
        }
        return *this;
    }
    ~ReadGuard() { drop(); }

    /// True while it holds a lock.
    [[nodiscard]] explicit operator bool() const noexcept { return lock_ != nullptr; }
    /// Releases early. Throws: `InvalidState` if it holds nothing.
    void release();

private:
    friend class RwLock;
    friend class WriteGuard;
    explicit ReadGuard(RwLock& lock) noexcept : lock_(&lock) {}
    void drop() noexcept;

    RwLock* lock_;
};

/// Writes: holds an `RwLock` alone until it goes.
class [[nodiscard]] EDDY_API WriteGuard final {
public:
    WriteGuard(WriteGuard&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
    /// Releases first what this one holds.
    WriteGuard& operator=(WriteGuard&& other) noexcept {
        if (this != &other) {
            drop();
            lock_ = std::exchange(other.lock_, nullptr);
        }
        return *this;
    }
    ~WriteGuard() { drop(); }

    /// True while it holds a lock.
    [[nodiscard]] explicit operator bool() const noexcept { return lock_ != nullptr; }
    /// Makes the calling job the writer. Throws: `InvalidState` if it holds nothing.
    void adopt();
    /// Releases early. Throws: `InvalidState` if it holds nothing.
    void release();
    /// Goes on as a reader, without letting a writer in between; readers at the head of the queue
    /// get in too. Throws: `InvalidState` if it holds nothing.
    [[nodiscard]] ReadGuard downgrade() &&;

private:
    friend class RwLock;
    explicit WriteGuard(RwLock& lock) noexcept : lock_(&lock) {}
    void drop() noexcept;

    RwLock* lock_;
};

class RwLock::AcquireRead final : public Wait {
public:
    explicit AcquireRead(RwLock& lock) noexcept : Wait(lock, false) {}

    [[nodiscard]] bool try_now() { return lock_.try_read("RwLock::acquire_read"); }
    [[nodiscard]] ReadGuard take() const noexcept { return ReadGuard(lock_); }
    [[nodiscard]] const char* what() const noexcept override { return "RwLock::acquire_read"; }
};

class RwLock::AcquireWrite final : public Wait {
public:
    explicit AcquireWrite(RwLock& lock) noexcept : Wait(lock, true) {}

    [[nodiscard]] bool try_now() { return lock_.try_write("RwLock::acquire_write"); }
    [[nodiscard]] WriteGuard take() const noexcept { return WriteGuard(lock_); }
    [[nodiscard]] const char* what() const noexcept override { return "RwLock::acquire_write"; }
};

inline RwLock::AcquireRead RwLock::acquire_read() { return AcquireRead(*this); }
inline RwLock::AcquireWrite RwLock::acquire_write() { return AcquireWrite(*this); }

}  // namespace eddy::inline v0_1
