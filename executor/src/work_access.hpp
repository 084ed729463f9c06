// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <utility>

#include <eddy/detail/list_link.hpp>
#include <eddy/executor.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1::detail {

/// What a pool does with work, step by step, where other executors just `run` it.
struct WorkAccess {
    /// Hands over a work that nobody waits for: it is run or rejected, and then destroyed. Throws:
    /// what the executor says, and the work is the caller's still.
    static void post(Executor& executor, Work& work) {
        work.state_.store(Work::State::queued, std::memory_order_relaxed);  // submit publishes it
        executor.submit(work);
    }

    /// Pool's lock: takes the work for running or rejecting. False: it has been withdrawn.
    [[nodiscard]] static bool claim(Work& work) noexcept { return work.claim(); }
    /// Runs claimed work. The result is kept, nobody hears of it yet.
    static void execute(Work& work) noexcept { work.execute(); }
    /// Sends the result; the work is gone.
    static void complete(Work& work) noexcept { work.complete(); }
    /// Ends claimed work without running it; `complete` then sends that.
    static void fail(Work& work, std::exception_ptr why) noexcept {
        work.drop_call();
        work.error_ = std::move(why);
    }
    /// Gives withdrawn work back.
    static void release(Work& work) noexcept { work.release(); }

    /// Marks a stop request and returns what to call `request_stop` on.
    [[nodiscard]] static std::stop_source stop_handle(Work& work) noexcept {
        work.stop_requested_.store(true);
        return work.has_stop_.load() ? work.stop_ : std::stop_source(std::nostopstate);
    }

    [[nodiscard]] static ListLink& link(Work& work) noexcept { return work; }
    [[nodiscard]] static Work& from_link(ListLink& link) noexcept {
        return static_cast<Work&>(link);
    }
    [[nodiscard]] static std::uint8_t& place(Work& work) noexcept { return work.place_; }
    [[nodiscard]] static TimePoint& queued_at(Work& work) noexcept { return work.queued_at_; }
};

}  // namespace eddy::inline v0_1::detail
