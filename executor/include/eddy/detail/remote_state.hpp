// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/fork_generation.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1::detail {

class RemotePort;
class RemoteWait;

/// What the ends of a channel between threads and loops share, whatever it carries.
///
/// Loops wait in a queue of their own (`RemotePort`), which only they touch; a thread that changes
/// something knocks at it. Everything else is under the mutex.
///
/// Invariant: reserved_ <= size_ <= capacity. The reserved items are promised to receivers that are
/// committed and have not resumed: the items stay in the buffer until then, so that nothing has to
/// be put back when one of them dies.
class EDDY_API RemoteState : public std::enable_shared_from_this<RemoteState> {
public:
    RemoteState(const RemoteState&) = delete;
    RemoteState& operator=(const RemoteState&) = delete;

    enum End : std::size_t { sending = 0, receiving = 1 };
    enum class Closed : unsigned char { no, by_sender, by_receiver };

    using Lock = std::unique_lock<std::mutex>;
    [[nodiscard]] Lock lock() const { return Lock(mutex_); }
    /// The same, for who comes from outside.
    ///
    /// Throws: `BrokenResource` in a child that was forked since the channel was opened: whoever
    ///         had the lock then is not there.
    [[nodiscard]] Lock enter() const {
        if (inherited()) [[unlikely]] {
            throw_inherited();
        }
        return lock();
    }
    /// Of that child. Without the lock.
    [[nodiscard]] bool inherited() const noexcept { return generation_ != fork_generation(); }

    // Everything below: with the lock held.

    [[nodiscard]] Closed closed() const noexcept { return closed_; }
    [[nodiscard]] bool has_room() const noexcept { return size_ < capacity_; }
    [[nodiscard]] bool has_item() const noexcept { return size_ > reserved_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    void added() noexcept { ++size_; }
    void reserve() noexcept { ++reserved_; }
    void unreserve() noexcept { --reserved_; }
    void removed() noexcept { --size_; }

    /// Tells whoever waits at that end to look again. Releases the lock.
    void wake(End end, Lock& lock) noexcept;
    /// The same to everybody. The first call decides why. Releases the lock.
    void close(Closed why, Lock& lock) noexcept;

    /// Blocks a thread until there is an item or room, or the channel is closed.
    ///
    /// Throws: `InvalidState` on a loop's thread, `JobCancelled` when the offloaded call that runs
    ///         here is to stop; both with the lock released.
    void block(End end, Lock& lock, const char* what);

    // Without the lock.

    void join(End end) noexcept;
    void leave(End end) noexcept;
    [[noreturn]] static void throw_closed(Closed why, End end);
    [[noreturn]] static void throw_drained();
    [[noreturn]] static void throw_inherited();

protected:
    explicit RemoteState(std::size_t capacity);
    ~RemoteState();

    const std::size_t capacity_;
    const std::uint32_t generation_ = fork_generation();

private:
    friend class RemotePort;
    friend class RemoteWait;

    struct Side {
        std::shared_ptr<RemotePort> port;  // into the loop that waits here
        std::condition_variable_any threads;
        std::size_t blocked = 0;
        std::size_t handles = 0;
    };

    [[nodiscard]] bool ready(End end) const noexcept {
        return closed_ != Closed::no || (end == sending ? has_room() : has_item());
    }

    mutable std::mutex mutex_;
    std::size_t size_ = 0;
    std::size_t reserved_ = 0;
    Closed closed_ = Closed::no;
    Side sides_[2];
    std::shared_ptr<RemoteState> leaked_;  // itself, in a forked child: what waits is not there
};

/// A wait of a job at one end.
class EDDY_API RemoteWait : public QueuedWaiter {
public:
    [[nodiscard]] bool try_now();
    void start();

protected:
    explicit RemoteWait(std::shared_ptr<RemoteState> state, RemoteState::End end) noexcept
        : state_(std::move(state)), end_(end) {}
    ~RemoteWait() override = default;

    /// With the lock: takes its turn, an item or room being there, or the end.
    virtual void serve() noexcept = 0;

    std::shared_ptr<RemoteState> state_;

private:
    friend class RemotePort;
    void unlink() noexcept override;

    /// With the lock, which it may release for a moment: this end's port, opened at the first use,
    /// so that the end of the loop closes the channel whether or not anybody ever had to wait.
    ///
    /// Throws: `WrongThread` if it is another loop's, `LoopClosed` when this one is ending.
    [[nodiscard]] RemotePort& port(RemoteState::Lock& lock);

    RemoteState::End end_;
};

/// The items: a ring in one block of memory.
template <class T>
class RemoteStateOf final : public RemoteState {
    static_assert(std::is_nothrow_move_constructible_v<T>,
                  "items of a remote channel must not throw when they are moved");

public:
    explicit RemoteStateOf(std::size_t capacity)
        : RemoteState(capacity), ring_(new Slot[capacity]) {}
    ~RemoteStateOf() = default;

    // With the lock held.
    void push(T&& item) noexcept {
        ring_[(head_ + size()) % capacity_].emplace(std::move(item));
        added();
    }
    [[nodiscard]] T pop() noexcept {
        Slot& slot = ring_[head_];
        T item = std::move(*slot);
        slot.reset();
        head_ = (head_ + 1) % capacity_;
        removed();
        return item;
    }

private:
    using Slot = std::optional<T>;
    std::unique_ptr<Slot[]> ring_;
    std::size_t head_ = 0;
};

}  // namespace eddy::inline v0_1::detail
