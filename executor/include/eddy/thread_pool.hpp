// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/executor.hpp>
#include <eddy/histogram.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

namespace detail {
class BlockingRegion;
class ThreadPoolHooks;
}  // namespace detail

/// How a pool behaves.
struct EDDY_VISIBLE ThreadPoolOptions {
    std::string_view name = "eddy";  ///< of its threads, "eddy-1"; copied
    detail::Count threads = 0;       ///< at most; 0: one for each processor it may use
    /// How many threads more there may be while others wait for loops (`Portal::call`, a blocking
    /// end of a remote channel): so deep may calls be nested that go from the pool to a loop and
    /// from there into the pool again. 64 is deeper than programs are meant to go, and no load for
    /// the machine. Beyond it, or when the system has no more threads, what is queued waits for
    /// one of them to come back; if within a second none has, it ends with `IoError`.
    detail::Count max_blocked = 64;
    detail::Count queue_bound = 1024;  ///< calls that may be queued; more wait for a slot
    /// How much nicer the threads are than the one that makes the pool, 0 to 19; 0 changes nothing.
    /// Linux; nothing elsewhere. When calls burn every processor, a loop waits for a time slice of
    /// the system's to end: 3 to 4 ms at the 99.9th percentile, with 10 about 1 ms. The pool gets
    /// what the loops leave either way, but less beside other programs that burn.
    detail::WholeNumber<int> niceness = 0;
    /// How long a thread without work lives on.
    Duration idle_timeout = std::chrono::seconds(10);
    /// How long the pool's end waits for calls that run.
    Duration grace = std::chrono::seconds(1);
    /// Whether `queue_wait` and `run_time` are kept: three looks at the clock for each call, which
    /// short calls notice (about 150 ns).
    bool measure = false;
    detail::ThreadPoolHooks* hooks = nullptr;  ///< for tests
};

/// What a pool has done and is doing.
///
/// Every call submitted is in one of `waiting`, `queued`, `running`, `done`, `withdrawn` and
/// `rejected`.
struct EDDY_VISIBLE ThreadPoolStatistics {
    std::size_t threads = 0;
    std::size_t idle = 0;     ///< of the threads
    std::size_t blocked = 0;  ///< of the threads: wait for a loop
    std::size_t waiting = 0;  ///< for a slot in the queue
    std::size_t queued = 0;
    std::size_t running = 0;      ///< those that were left alone included
    std::uint64_t done = 0;       ///< returned or threw
    std::uint64_t withdrawn = 0;  ///< cancelled before they ran
    std::uint64_t rejected = 0;   ///< the pool was shut down, or had no thread
    std::uint64_t refused = 0;    ///< by `try_run_in_executor`, for want of room; not submitted
};

/// Threads that run what `run_in_executor` gives them.
///
///     ThreadPool pool({.name = "render", .threads = 2});
///     const Image image = co_await run_in_executor(pool, render, scene);
///
/// Not a scheduler of coroutines: jobs stay on their loops, plain functions come here. Threads
/// start when there is work for them, the one that became idle last goes first, and one without
/// work ends after `idle_timeout`. Several loops may share a pool; each result goes back to its
/// own. A call that was left alone keeps its thread until it has ended.
///
/// The destructor shuts the pool down: queued calls end with `ClosedResource`, running ones are
/// asked to stop and awaited for `grace`. Threads that are busy even then are reported and
/// detached: their calls go on alone, and whoever still awaits one gets its result.
///
/// A child after fork() has no threads but the one that forked. A pool that had some is of no use
/// there: a submission throws `InvalidState`, so do statistics; shutting it down and destroying it
/// do nothing, and leave its memory. One that had none goes on.
///
/// Threading: any thread; construct, shut down and destroy it on one.
/// Lifetime:  outlives the submissions to it. Blocks in `shutdown`: a job that wants to stay
///            responsive lets its calls end first.
/// Cost:      a submission takes one lock, and wakes a thread only if one sleeps; one of normal
///            priority takes none while all threads are busy.
class EDDY_API ThreadPool final : public Executor {
public:
    /// Throws: `std::invalid_argument` for a `queue_bound` of 0, a negative number or time, or a
    ///         `niceness` outside 0 to 19.
    explicit ThreadPool(const ThreadPoolOptions& options = {});
    ~ThreadPool() override;

    [[nodiscard]] ThreadPoolStatistics statistics() const;
    /// How long calls were queued or waiting, and how long they ran, in nanoseconds; empty unless
    /// `measure`. Copies of 32 KiB.
    [[nodiscard]] Histogram queue_wait() const;
    [[nodiscard]] Histogram run_time() const;

    /// Does now what the destructor does, with a grace of its own, zero if that is negative.
    /// Repeating it only waits again.
    void shutdown(Duration grace);

    /// For `run_in_executor`. Throws: `ClosedResource` after `shutdown`; `IoError` when there is no
    /// thread and none can be started; `InvalidState` in a child, if it had threads at the fork. A
    /// call that was taken fails with `IoError` when all threads wait for loops and stay away, and
    /// none can be started.
    void submit(Work& work) override;
    /// For `try_run_in_executor`. The same, and false when the queue is full. Takes the lock.
    [[nodiscard]] bool try_submit(Work& work) override;
    void withdraw(Work& work) noexcept override;

private:
    friend class detail::BlockingRegion;
    class Impl;

    std::shared_ptr<Impl> impl_;  // shared with the threads: detached ones outlive the pool
    Duration grace_;
};

/// The pool of the current loop that `run_in_executor(fn)` uses: one thread for each processor,
/// made at its first use, shut down with the loop. Its niceness is 0: nicer threads leave the loop
/// a better tail on a machine of its own, but beside another busy program they get a fifth of what
/// they would, and the loop gains nothing (executor/README.md). A program that knows better makes a
/// pool of its own.
///
/// Throws: `InvalidState` outside a loop, `LoopClosed` when the loop is ending.
[[nodiscard]] EDDY_API ThreadPool& default_pool();

}  // namespace eddy::inline v0_1
