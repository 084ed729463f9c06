// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <string_view>
#include <vector>

#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/log.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/log_observer.hpp>
#include <eddy/loop.hpp>

#include "uv/driver.hpp"

namespace eddy::inline v0_1 {

/// Joins the core, which knows jobs, with the driver, which knows libuv: who polls when, and how a
/// loop ends.
class Loop::Impl final : public detail::DriverClient {
public:
    Impl(Loop& loop, const LoopOptions& given);
    Impl(Loop& loop, uv_loop_t* host, const AttachOptions& given);
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl();

    void run_main(detail::Job& main, const RunOptions& run, const std::source_location& where);
    void cancel(std::string_view reason);
    void detach(std::function<void()> on_done, Duration patience);
    /// Attached: this thread is the loop's, also while its handles close. Throws: `WrongThread`,
    /// and `InvalidState` for a loop of our own.
    void require_guest(const char* what) const;
    void begin_attached() noexcept;
    void refer(bool on) noexcept;
    /// Attached, and something of it is still in the host's loop: has to be leaked.
    [[nodiscard]] bool must_stay() const noexcept { return attached && !departure_->over; }
    void leave_behind() noexcept;
    /// While it runs, this is its thread. Throws: `WrongThread`.
    void require_own_thread(const char* what) const;
    /// This is its thread, and it runs. Throws: `WrongThread`.
    void require_running(const char* what) const;
    [[nodiscard]] bool inherited() const noexcept { return core.inherited(); }

    LoopOptions options;
    LogObserver default_observer;
    detail::Driver::Owned driver;  // null once closed
    detail::LoopCore core;
    bool attached;
    std::atomic<bool> ran = false;
    int signal = 0;  // that came, and was ours to handle

private:
    /// Who wants to know when nothing of a guest is left in its host's loop. Shared by the guest
    /// and its handles: either may be gone when it comes to that.
    struct Departure {
        std::vector<std::function<void()>> told;
        bool over = false;
        void complete();
    };

    /// Ends the wait for jobs that ignore their cancellation.
    struct GraceTimer final : detail::DeadlineNode {
        GraceTimer() noexcept : DeadlineNode(Rank::grace) {}
        void due() noexcept override { over = true; }
        bool started = false;
        bool over = false;
    };

    void before_host_poll() noexcept override;
    void after_host_poll() noexcept override;
    void signal_arrived(int number) noexcept override;

    Impl(Loop& loop, const LoopOptions& given, uv_loop_t* host);
    static void wake_guest(void* impl) noexcept;
    static void stir(void* impl) noexcept;
    [[nodiscard]] bool holds_host() const noexcept;
    Duration limit_host_poll() noexcept;
    void turn();
    void poll(TimePoint until);
    void poll_timed(TimePoint until);
    void poll_when_idle();
    void poll_in_real_time();
    void observe_poll(Duration timeout) noexcept;
    void observe_poll_end() noexcept;
    void require_not_forked() const {
        if (inherited()) [[unlikely]] {
            throw_forked();
        }
    }
    [[noreturn]] static void throw_forked();
    [[nodiscard]] bool not_my_turn() noexcept;
    void finish_host_turn() noexcept;
    void begin_end(std::string_view reason);
    void begin_grace();
    [[nodiscard]] bool grace_over() noexcept {
        if (real_grace_end_ != never) [[unlikely]] {
            look_at_real_grace();
        }
        return grace_timer_.over || (untimed_grace_end_ != never && untimed_grace_over());
    }
    [[nodiscard]] bool untimed_grace_over() const noexcept {
        return untimed_grace_end_ <= core.clock->now();
    }
    [[nodiscard]] TimePoint next_deadline() const noexcept {
        return std::min(core.next_deadline(), other_deadline());
    }
    /// Of what is in no heap of deadlines: a grace for which there was no memory there, and what
    /// the log has not got rid of yet.
    [[nodiscard]] TimePoint other_deadline() const noexcept {
        if (detail::log_waits.load(std::memory_order_relaxed) && !virtual_time_) [[unlikely]] {
            return std::min(untimed_grace_end_, after(core.clock->now(), detail::log_patience));
        }
        return untimed_grace_end_;
    }
    void look_at_real_grace() noexcept;
    void end_jobs();
    void abandon_jobs();
    void finish_run();
    void close_core();
    void close_driver() noexcept;

    const bool virtual_time_;
    GraceTimer grace_timer_;
    Duration grace_ = std::chrono::seconds(10);
    TimePoint real_grace_end_ = never;     // on the steady clock; only of a loop with virtual time
    TimePoint untimed_grace_end_ = never;  // for which there was no memory in the heap of deadlines
    TimePoint grace_end_ = never;          // on the loop's clock, once a grace has begun
    // --- attached
    bool while_jobs_ = false;    // hold the host as long as there is something to do
    bool referenced_ = false;    // hold it whatever there is
    bool in_host_turn_ = false;  // the host's loop has called us, and we have not returned
    bool detaching_ = false;
    bool detached_ = false;
    bool left_behind_ = false;
    std::uint64_t guest_of_ = 0;  // the identity of its thread
    std::shared_ptr<Departure> departure_;
    std::function<void()> on_closed_;  // completes the departure
    Impl* left_before_ = nullptr;
};

}  // namespace eddy::inline v0_1
