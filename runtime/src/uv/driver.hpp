// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <uv.h>

#include <eddy/time.hpp>

#include "uv/fine_timer.hpp"
#include "uv/signal_pipe.hpp"
#include "uv/waker.hpp"

namespace eddy::inline v0_1::detail {

/// Whose turn it is: what a driver tells its loop.
class DriverClient {
public:
    /// Attached: the host's loop is about to poll.
    virtual void before_host_poll() noexcept = 0;
    /// Attached: it has polled.
    virtual void after_host_poll() noexcept = 0;
    virtual void signal_arrived(int number) noexcept = 0;

protected:
    ~DriverClient() = default;
};

/// The libuv handles of one Eddy loop: a waker for the inbox, a coarse and a fine timer for the
/// next deadline, and, on a host's loop, prepare, check and idle to find our place in its turn.
///
/// Lifetime: on the heap, freed by the last close callback after `close`.
class Driver final {
public:
    /// Closes a driver that nobody got to close.
    struct Closer {
        void operator()(Driver* driver) const noexcept;
    };
    using Owned = std::unique_ptr<Driver, Closer>;

    /// A loop of our own.
    [[nodiscard]] static Owned own(DriverClient& client);
    /// Handles on a loop that somebody else runs.
    [[nodiscard]] static Owned attach(DriverClient& client, uv_loop_t* host);

    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    [[nodiscard]] uv_loop_t* loop() noexcept { return loop_; }

    /// Deadlines are on the steady clock, and may be late by `resolution`: below a millisecond the
    /// fine timer serves those within its range. Without this call, all are coarse.
    void refine(Duration resolution) noexcept {
        fine_ = resolution < std::chrono::milliseconds(1);
        resolution_ = resolution;
    }

    /// Any thread, as long as the inbox is open: makes the poll return. A `Inbox::Wake`.
    static void wake(void* driver) noexcept;

    /// Own loop: looks for I/O without waiting, or waits for it, for `until` at the latest.
    void poll_now() noexcept;
    void poll_until(TimePoint now, TimePoint until) noexcept;

    /// Host's loop: its next poll returns at once, or at `until` at the latest.
    void dont_block() noexcept;
    void block_until(TimePoint now, TimePoint until) noexcept;
    /// Host's loop: whether we keep it running. None of our handles does by itself, until closed.
    void hold_host(bool on) noexcept;
    /// Host's loop, in one of its callbacks: we do nothing in it any more, and keep nothing
    /// running.
    void rest() noexcept;

    /// A handle or request of ours is open from now on, until `left` is called in its last
    /// callback: the loop does not end before. A host's does not run on for it, see `hold_host`.
    void joined(uv_handle_t* handle) noexcept;
    void left() noexcept { handle_closed(); }

    /// SIGINT and SIGTERM go to the client, once each.
    void watch_signals();
    void stop_signals() noexcept;

    /// Handles that the user has left open.
    struct Leaked {
        std::size_t count = 0;
        std::string names;  // of their types, as far as there was memory
        void add(const char* name) noexcept;
    };

    /// Closes the handles. Own loop: runs it until they are gone, then closes it, and is deleted.
    /// Returns what the user left open, which is closed too.
    [[nodiscard]] Leaked close_own() noexcept;
    /// Host's loop: `done` is called from the last close callback; the driver is deleted before.
    void close_attached(std::function<void()> done) noexcept;

private:
    /// For a driver that has no handles yet.
    struct Discard {
        void operator()(Driver* driver) const noexcept { delete driver; }
    };

    explicit Driver(DriverClient& client) noexcept : client_(client) {}
    ~Driver() = default;

    void init_handles();
    void arm(TimePoint now, TimePoint until) noexcept;
    void arm_coarse(TimePoint now, TimePoint until) noexcept;
    [[nodiscard]] bool arm_fine(TimePoint now, TimePoint until) noexcept;
    static void timer_fired(uv_timer_t* timer);
    void close_handle(uv_handle_t* handle) noexcept;
    template <class Handle>
    void close_if_open(Handle& handle) noexcept;
    void handle_closed() noexcept;

    DriverClient& client_;
    uv_loop_t own_loop_{};
    uv_loop_t* loop_ = nullptr;
    Waker waker_;
    uv_timer_t timer_{};
    FineTimer fine_timer_;
    uv_prepare_t prepare_{};
    uv_check_t check_{};
    uv_idle_t idle_{};
    uv_signal_t signals_[2]{};
    SignalPipe signal_pipe_;
    bool attached_ = false;
    bool signals_open_ = false;
    bool fine_ = false;
    Duration resolution_{};
    TimePoint armed_for_ = never;  // the coarse timer
    int open_handles_ = 0;
    std::function<void()> on_closed_;
};

}  // namespace eddy::inline v0_1::detail
