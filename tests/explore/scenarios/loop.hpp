// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include <eddy/clock.hpp>
#include <eddy/detail/inbox.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/task.hpp>

#include "poll.hpp"

/// A loop on the current thread: the library's own core, with `Poll` in place of libuv, and a clock
/// that stands still.
class CoreLoop {
public:
    /// How it is woken: as libuv does it, or by a bell alone, where that is not what is explored.
    enum class Woken : bool { as_by_libuv, by_bell };

    explicit CoreLoop(Woken woken = Woken::as_by_libuv)
        : woken_(woken), core_(fake_owner(), clock_, inbox_) {
        core_.root.core = &core_;
        eddy::detail::thread_state.core = &core_;
        identity_ = eddy::detail::loop_begins();
        core_.runs_on.store(identity_, std::memory_order_release);
    }
    CoreLoop(const CoreLoop&) = delete;
    CoreLoop& operator=(const CoreLoop&) = delete;
    ~CoreLoop() { explore::check(ended_, "a scenario ends its loop"); }

    /// One turn, after a poll that blocks if there is nothing to do. Nobody to wake it: a deadlock.
    void turn() {
        if (!core_.has_work()) {
            woken_ == Woken::by_bell ? bell_.wait() : poll_.wait();
        }
        core_.run_turn();
    }
    /// Until its jobs have ended.
    void run() {
        while (core_.jobs_alive != 0) {
            turn();
        }
    }
    /// As `Loop` ends: from then on nobody may wake it.
    void end() {
        core_.close();
        eddy::detail::thread_state.core = nullptr;
        core_.runs_on.store(0, std::memory_order_relaxed);
        eddy::detail::loop_ends(identity_);
        poll_.close();
        ended_ = true;
    }

    /// Starts `fn()`, which returns a Task.
    template <class F>
    void spawn(F&& fn) {
        auto job = eddy::detail::make_call_job(std::forward<F>(fn));
        eddy::detail::start_job(core_.root, *job, "", eddy::detail::origin_of(*job));
    }
    void cancel() { core_.root.scope.cancel(eddy::CancelSource::explicit_call, "the scenario"); }

    [[nodiscard]] eddy::detail::Inbox& inbox() noexcept { return *inbox_; }
    [[nodiscard]] eddy::detail::LoopCore& core() noexcept { return core_; }
    [[nodiscard]] unsigned woken() const noexcept { return poll_.woken() + bell_.rung(); }

private:
    struct StillClock final : eddy::Clock {
        [[nodiscard]] eddy::TimePoint now() const noexcept override {
            return eddy::TimePoint(std::chrono::hours(1));
        }
    };
    /// Nobody looks at it: it is what `Loop::current` would give to a job.
    [[nodiscard]] eddy::Loop& fake_owner() noexcept {
        return reinterpret_cast<eddy::Loop&>(owner_);
    }

    static void wake(void* self) noexcept {
        auto& loop = *static_cast<CoreLoop*>(self);
        explore::check(!loop.ended_, "nobody wakes a loop whose handle is closed");
        loop.woken_ == Woken::by_bell ? loop.bell_.ring() : Poll::wake(&loop.poll_);
    }

    const Woken woken_;
    explore::Doorbell bell_;
    Poll poll_;
    StillClock clock_;
    std::shared_ptr<eddy::detail::Inbox> inbox_ = std::make_shared<eddy::detail::Inbox>(wake, this);
    alignas(16) std::byte owner_[64]{};
    eddy::detail::LoopCore core_;
    std::uint64_t identity_ = 0;
    bool ended_ = false;
};
