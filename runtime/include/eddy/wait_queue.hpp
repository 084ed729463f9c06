// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <eddy/detail/export.hpp>
#include <eddy/detail/list_link.hpp>
#include <eddy/require.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1 {

/// A waiter that waits in a `WaitQueue`.
class EDDY_VISIBLE QueuedWaiter : public Waiter, public detail::ListLink {
protected:
    ~QueuedWaiter() override = default;
    void unlink() noexcept override { unlink_self(); }
};

/// The first-in first-out queue that most primitives of the library are made of, and yours can be.
///
/// A gate, complete:
///
///     class Gate {
///     public:
///         class Wait final : public QueuedWaiter {
///         public:
///             explicit Wait(Gate& gate) : gate_(gate) {}
///             bool try_now() {
///                 gate_.bound_.check("Gate::wait");  // WrongThread on a thread of another loop
///                 return gate_.open_;
///             }
///             void start() { gate_.waiting_.push_back(*this); }
///             void take() {}
///             const char* what() const noexcept override { return "Gate::wait"; }
///
///         private:
///             Gate& gate_;
///         };
///
///         Wait wait() { return Wait(*this); }
///         void open() {
///             bound_.check("Gate::open");
///             open_ = true;
///             waiting_.wake_all();
///         }
///
///     private:
///         LoopBound bound_;
///         bool open_ = false;
///         WaitQueue waiting_;
///     };
///
/// A wait that is *given* something, a turn or an item, passes it on when its frame dies before it
/// has resumed (`Waiter::pass_on`): see samples/own_primitive.cpp, which also has an `Alarm`.
///
/// Order:     commits in order of arrival. Nothing runs inside a wake.
/// Threading: the loop's. It does not look: the primitive around it does, with a `LoopBound`.
/// Cost:      no allocation; every operation is constant, `wake_all` and `size` linear.
class EDDY_API WaitQueue final {
public:
    WaitQueue() noexcept = default;
    WaitQueue(const WaitQueue&) = delete;
    WaitQueue& operator=(const WaitQueue&) = delete;
    ~WaitQueue() { EDDY_NO_USER(empty(), "a primitive was destroyed while jobs wait on it"); }

    [[nodiscard]] bool empty() const noexcept { return !ring_.linked(); }
    [[nodiscard]] std::size_t size() const noexcept;

    /// The longest waiter, or null.
    [[nodiscard]] QueuedWaiter* front() const noexcept {
        return empty() ? nullptr : static_cast<QueuedWaiter*>(ring_.next);
    }

    void push_back(QueuedWaiter& waiter) noexcept { waiter.insert_before(ring_); }
    void push_front(QueuedWaiter& waiter) noexcept { waiter.insert_before(*ring_.next); }

    /// Unlinks the longest waiter, or returns null. The caller commits it or queues it elsewhere.
    [[nodiscard]] QueuedWaiter* pop_front() noexcept {
        QueuedWaiter* waiter = front();
        if (waiter != nullptr) {
            waiter->unlink_self();
        }
        return waiter;
    }

    /// Commits the longest waiter. False if there is none.
    bool wake_one() noexcept {
        QueuedWaiter* waiter = pop_front();
        if (waiter != nullptr) {
            waiter->commit();
        }
        return waiter != nullptr;
    }

    /// Commits all, in order; returns how many.
    std::size_t wake_all() noexcept {
        std::size_t woken = 0;
        while (wake_one()) {
            ++woken;
        }
        return woken;
    }

private:
    detail::ListLink ring_;
};

}  // namespace eddy::inline v0_1
