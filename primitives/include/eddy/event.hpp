// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>

#include <eddy/detail/export.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/remote_event.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

namespace detail {
class RemoteFlag;
}

struct EDDY_VISIBLE EventStatistics {
    bool set = false;
    std::size_t waiters = 0;
};

/// Something that happens once: jobs wait for it, and whoever comes later does not have to.
///
/// There is no way back; see `ResettableEvent` for a switch, `Notify` for "look again", `Counter`
/// for states with a number.
///
///     Event stop;
///     co_await stop.wait();  // in any number of jobs
///     stop.set();            // in one of them
///
/// Order:    waiters become ready in order of arrival, none runs inside `set`.
/// Lifetime: an event outlives its waiters.
class EDDY_API Event final {
public:
    class Wait;

    Event();
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event();

    [[nodiscard]] bool is_set() const;
    [[nodiscard]] EventStatistics statistics() const;

    /// Lets everyone through, now and later. Repeating it does nothing.
    void set();

    /// The way in for other threads; see `RemoteEvent`.
    ///
    /// Throws: `InvalidState` outside a loop, `LoopClosed` when it is ending.
    [[nodiscard]] RemoteEvent remote();

    /// Waits until it is set. Cancellation: the job leaves the queue; nobody else can tell.
    [[nodiscard]] Wait wait();

private:
    friend class detail::RemoteFlag;

    void set_now() noexcept;

    // Invariant: set_ implies waiting_.empty().
    LoopBound bound_;
    bool set_ = false;
    WaitQueue waiting_;
    std::shared_ptr<detail::RemoteFlag> remote_;
};

class EDDY_API Event::Wait final : public QueuedWaiter {
public:
    explicit Wait(Event& event) noexcept : event_(event) {}

    [[nodiscard]] bool try_now();
    void start();
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "Event::wait"; }

private:
    Event& event_;
};

inline Event::Wait Event::wait() { return Wait(*this); }

}  // namespace eddy::inline v0_1
