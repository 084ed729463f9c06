// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string_view>
#include <utility>

#include <eddy/clock.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/spawner.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/keep_host.hpp>
#include <eddy/loop_handle.hpp>
#include <eddy/observer.hpp>
#include <eddy/task.hpp>

struct uv_loop_s;

namespace eddy::inline v0_1 {

/// How a loop behaves; the defaults are for production.
struct EDDY_VISIBLE LoopOptions {
    Clock* clock = nullptr;        ///< null: the machine's monotonic clock
    Observer* observer = nullptr;  ///< null: the default, which logs through spdlog
    /// Makes every operation that could finish at once yield, for tests of interleavings.
    bool strict_checkpoints = false;
    /// How long a turn of the loop goes on, if it has not run 256 jobs before: then I/O, deadlines
    /// and posts are looked at. Zero: one job a turn; `Duration::max()`: only the count holds, as
    /// in virtual time. Not negative.
    Duration turn_quota = std::chrono::microseconds(500);
    /// How much later than asked a deadline may come on an idle loop. Zero: as fine as the system
    /// can, tens of microseconds on Linux for those within a second, at the price of a descriptor
    /// (a timerfd). From a millisecond on, or elsewhere: libuv's timers, up to one millisecond
    /// late. Never early, whatever this says. Not negative; of no meaning with a clock of your own.
    Duration timer_resolution = Duration::zero();
    /// Random instead of FIFO order of ready jobs, the same for the same seed; for tests.
    std::optional<std::uint64_t> schedule_seed = std::nullopt;
    /// Ignores SIGPIPE in the process if nobody has decided about it, for writes that are not
    /// Eddy's: its own never raise it. Nothing: a loop of our own does, a guest (`attach`) does
    /// not.
    std::optional<bool> ignore_sigpipe = std::nullopt;
    /// Opens /dev/null on closed descriptors 0 to 2, which libuv cannot live without. Nothing: a
    /// loop of our own does, a guest does not.
    std::optional<bool> open_standard_fds = std::nullopt;
};

/// How `run` behaves.
struct EDDY_VISIBLE RunOptions {
    /// How long jobs may go on after the root scope was cancelled; then they are cut off from what
    /// they wait for, and destroyed if they do not unwind. With a virtual clock this also counts in
    /// real time (100 ms at least), whichever is over first. Negative: none.
    Duration grace = std::chrono::seconds(10);
    /// SIGINT and SIGTERM cancel the root scope; a second one does what it does by default. Not
    /// while `serve_until_signal` sees to them.
    bool handle_signals = false;
    std::string_view name = "main";  ///< of the main job
};

/// How a loop joins one that somebody else runs.
struct EDDY_VISIBLE AttachOptions {
    /// What keeps `uv_run` from returning.
    KeepHost keep_alive = KeepHost::always;
    /// A guest changes nothing of its host's process, unless it is told to here.
    LoopOptions loop = {};
};

/// What a loop has to do, and has done.
struct EDDY_VISIBLE LoopStatistics {
    std::size_t jobs_alive = 0;
    std::size_t jobs_ready = 0;
    std::size_t deadlines = 0;
    std::uint64_t jobs_spawned = 0;
    std::uint64_t forced_yields = 0;
};

/// One thread that runs jobs: a libuv loop, a queue of what is ready, a heap of deadlines and an
/// inbox for other threads.
///
/// `eddy::run(task)` is the usual way in; this class is for those who post from other threads
/// before it starts, watch it, or join a loop that a host runs:
///
///     std::unique_ptr<Loop> loop = Loop::attach(uv_default_loop(), {.keep_alive = false});
///     loop->spawn(service());
///     ...                                    // the host runs its loop
///     loop->detach([&] { ready_to_close(); });  // and goes on running it until this is called
///
/// A turn: poll for I/O and drain the inbox; due deadlines, in order; ready jobs, those that were
/// woken before those that yielded or were just spawned. It ends after 256 pieces of work or
/// `turn_quota` (runtime/README.md, "One turn of the loop").
///
/// Requires:  at most one loop per thread at a time.
/// Threading: `post` and `handle` from any thread. Everything else, while it runs or is attached,
///            on its thread, `WrongThread` elsewhere; before and after, on one thread at a time.
/// Fork:      a child has none of its parent's loops, and nothing that belongs to them. It makes
///            its own, or execs. What it has inherited it may destroy: that touches nothing the two
///            share. A job that forks goes on in the child until its next wait; then `run` throws
///            `InvalidState` there, and no other job runs. In the child of an attached loop Eddy
///            does nothing in the host's.
/// Lifetime:  runs once. A loop that was attached lives until `on_done`. One that is destroyed
///            before (an exception of the host's, its `exit`) says so in the log and is left as it
///            is: no job goes on, none unwinds, posts are refused, what the jobs own is leaked. A
///            host that runs on finds that its handles do nothing, and keep nothing running.
class EDDY_API Loop final : private detail::Spawner<Loop> {
public:
    /// Throws: `IoError` when there are no descriptors for it, or libuv cannot make a loop.
    explicit Loop(const LoopOptions& options = {});
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    /// A loop that never ran calls what was posted to it.
    ~Loop();

    /// Runs `task` as the main job, then cancels and awaits every other, and closes the loop.
    ///
    /// Throws: what the task threw; `JobCancelled` if it was cancelled before it had a value
    ///         (a cancelled `Task<void>` just ends); `InvalidState` when this thread runs a loop
    ///         already, when this loop has run before, or in a child after `fork`, also one that
    ///         `task` has made.
    template <class T>
    T run(Task<T> task,
          const RunOptions& options = {},
          std::source_location where = std::source_location::current()) {
        auto main = detail::make_job(std::move(task));
        run_main(*main, options, where);
        if constexpr (std::is_void_v<T>) {
            if (main->state == JobState::cancelled) {
                return;
            }
        }
        return detail::take_result(*main);
    }
    /// It all happens within the expression, so the task may refer to what ends with that.
    template <class T>
    T run(detail::ExpressionTask<T> task,
          const RunOptions& options = {},
          std::source_location where = std::source_location::current()) {
        return run(task.release(), options, where);
    }

    /// Joins a loop that the host runs, on the thread that will run it: on another one the program
    /// aborts. Never runs or stops the host's loop.
    ///
    /// Jobs run in the host's check phase. Host code that one of them calls may run the host's loop
    /// (`uv_run` with `UV_RUN_NOWAIT`): the host's callbacks come, Eddy's jobs, calls and deadlines
    /// stand still until it has returned, and go on then.
    [[nodiscard]] static std::unique_ptr<Loop> attach(uv_loop_s* host,
                                                      const AttachOptions& options = {});

    /// Cancels all jobs, ends what ignores that after `grace`, closes Eddy's handles and calls
    /// `on_done` from the host's loop, which then has nothing of Eddy in it. After a `cancel` the
    /// rest of that one's grace is replaced; if its jobs have ended, this is done at once. A
    /// negative grace is none.
    ///
    /// Called again: each `on_done` is called, in order; of the graces the one that is over first
    /// counts. When it is over, the call comes at once, from inside: the host's loop may be gone.
    ///
    /// Requires: an attached loop; an `on_done` that does not throw.
    /// Throws:   `std::bad_alloc`, nothing changed, but not the first time.
    void detach(std::function<void()> on_done, Duration grace = std::chrono::seconds(10));

    /// Keeps the host's `uv_run` from returning, whatever `keep_alive` says, until `unref`: for
    /// what a guest waits for that is no job. With `KeepHost::always` a loop begins with it, and
    /// `unref` lets the host go. Not counted: like `uv_ref`, twice is once. No matter once a
    /// `detach` has begun, which keeps the host until it is done.
    ///
    /// Requires: an attached loop.
    void ref();
    void unref();

    /// The loop of this thread. Throws: `InvalidState` when there is none.
    [[nodiscard]] static Loop& current();
    /// The same, or null.
    [[nodiscard]] static Loop* current_or_null() noexcept;

    /// Starts jobs in the loop's root group. Throws: `LoopClosed` when the loop is ending.
    /// Forms: `spawn(task)`, `spawn(task, options)`, `spawn(fn, args...)`, `spawn(options, fn,
    ///        args...)`; a callable and its arguments are kept until the job has ended.
    using Spawner::spawn;

    /// Has the loop call `fn()` on its thread, from any thread. False: the loop is over. See
    /// `LoopHandle`, which is safe to keep when the loop may be gone.
    template <class F>
    [[nodiscard]] bool post(F&& fn) {
        return handle().post(std::forward<F>(fn));
    }
    [[nodiscard]] LoopHandle handle() const noexcept;

    /// Cancels the root scope: every job, with the same grace as at the end of `run`. Before that:
    /// its jobs begin cancelled. The grace of an attached loop is 10 s, or what `detach` says
    /// afterwards; when its jobs have ended, by themselves or by that, it takes no more
    /// (`LoopClosed`) and stays attached until `detach`.
    void cancel(std::string_view reason = {});

    /// Throw `std::invalid_argument`: the one if it watches already, the other if it does not.
    void add_observer(Observer& observer);
    void remove_observer(Observer& observer);

    [[nodiscard]] LoopStatistics statistics() const;

    /// The signal that has cancelled it, see `RunOptions::handle_signals`; 0 for none. Also after
    /// `run`: `128 + number` is what shells expect as the status of a program.
    [[nodiscard]] int received_signal() const;

    /// The host's loop, or Eddy's own: for handles of your own on the same thread. Null when it has
    /// ended.
    [[nodiscard]] uv_loop_s* uv_loop();

    /// For the library's own layers.
    [[nodiscard]] detail::LoopCore& core() noexcept;

private:
    friend class detail::Spawner<Loop>;
    class Impl;

    Loop(uv_loop_s* host, const AttachOptions& options);

    void run_main(detail::Job& main, const RunOptions& options, const std::source_location& where);
    [[nodiscard]] detail::Nursery& root();

    template <class T>
    JoinHandle<T> launch(detail::JobRef<detail::JobOf<T>> job,
                         std::string_view name,
                         const std::source_location& where) {
        detail::start_job(root(), *job, name, where);
        return JoinHandle<T>(std::move(job));
    }

    std::unique_ptr<Impl> impl_;
};

}  // namespace eddy::inline v0_1
