// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <exception>
#include <string_view>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/job_info.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

/// Watches a loop: override what you want to see, and say so in `hooks`.
///
/// Several observers may watch one loop (`Loop::add_observer`). The loop's default observer, which
/// logs failures and jobs that outlast the grace through spdlog (logger "eddy"), is one of them.
///
/// Throws:    nothing may; an observer that throws is removed and that is logged.
/// Threading: the loop thread, between jobs. A hook may not await, spawn or run anything.
/// Lifetime:  an observer outlives its loop or is removed before.
/// Cost:      one predictable branch for each hook nobody asked for.
class EDDY_VISIBLE Observer {
public:
    /// The hooks that are called only if asked for.
    enum Hook : std::uint32_t {
        no_hooks = 0,
        spawned = 1U << 0U,
        scheduled = 1U << 1U,
        steps = 1U << 2U,
        exited = 1U << 3U,
        polls = 1U << 4U,
        offloads = 1U << 5U,
        ready_times = 1U << 6U,  ///< calls nothing: has `JobInfo::ready_since` kept
        all_hooks = (1U << 7U) - 1U,
    };

    Observer() = default;
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;
    virtual ~Observer() = default;

    /// The union of the `Hook`s to call; asked once, when the observer is added.
    [[nodiscard]] virtual std::uint32_t hooks() const noexcept { return no_hooks; }

    virtual void job_spawned(const JobInfo&) {}
    virtual void job_scheduled(const JobInfo&) {}  ///< it became ready
    virtual void before_step(const JobInfo&) {}    ///< it is resumed
    virtual void after_step(const JobInfo&) {}     ///< it waits, yielded or ended
    virtual void job_exited(const JobInfo&) {}

    /// The loop, or the host it is attached to, polls for at most `timeout` (zero: it only looks;
    /// `Duration::max()`: for ever).
    virtual void before_poll(Duration timeout) { static_cast<void>(timeout); }
    virtual void after_poll() {}

    virtual void offload_queued(const JobInfo&) {}
    virtual void offload_started(const JobInfo&) {}
    virtual void offload_done(const JobInfo&) {}

    /// A failure nobody collects: of a detached job, a callback, or one that came second where only
    /// one can be thrown. Always called.
    // NOLINTNEXTLINE(performance-unnecessary-value-param): for overrides that keep it.
    virtual void failure(const JobInfo&, std::exception_ptr, std::string_view where) {
        static_cast<void>(where);
    }

    /// The handler of a connection failed because its peer went away, which is no defect of
    /// anybody's: it let pass what a stream throws then (the `BrokenResource` of a reset, the
    /// `EndOfStream` of one that ended in the middle of something, the `IoError` of one that was
    /// silent for too long), or an `IoError` that says so (connection reset or aborted, broken
    /// pipe, not connected); of an `ExceptionGroup`, each one did. What breaks or ends among jobs
    /// is a failure. It is a `failure` ("connection handler") unless one overrides this. Always
    /// called.
    // NOLINTNEXTLINE(performance-unnecessary-value-param): for overrides that keep it.
    virtual void connection_lost(const JobInfo& job, std::exception_ptr error) {
        failure(job, std::move(error), "connection handler");
    }

    /// A connection's handler has not ended, though its server's drain was over and it was
    /// cancelled: `serve` has left it alone and returned; the loop has it now. Its state is
    /// `cancelling`; the rest says what it waits for, and where.
    virtual void job_left(const JobInfo&, std::string_view backtrace) {
        static_cast<void>(backtrace);
    }

    /// A job went on after its cancellation for longer than the loop's grace period. Called once
    /// for each, when it is known what became of it: its state says whether it has ended by itself
    /// in the end, mostly because it was cut off from what it waited for (`JobInfo::cut_off`), or
    /// is `pending` or `cancelling` and about to be destroyed. Everything else in `JobInfo`, and
    /// the backtrace, tells where it stood when the grace was over.
    ///
    /// A failure that says nothing else than that it was cut off is not reported again.
    virtual void job_abandoned(const JobInfo&, std::string_view backtrace) {
        static_cast<void>(backtrace);
    }
};

}  // namespace eddy::inline v0_1
