// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <eddy/detail/fork_generation.hpp>
#include <eddy/histogram.hpp>
#include <eddy/thread_pool.hpp>

#include "work_queue.hpp"
#include "work_stack.hpp"

namespace eddy::inline v0_1 {

/// The pool and its threads, which share it: detached ones outlive the `ThreadPool`.
///
/// Everything is under `mutex_`, but what a worker does between taking a work and ending it, the
/// delivery of results, and the submission of a work that nobody has to be called for: that goes
/// onto `stack_`. What is there comes after everything in `queue_`, and is taken in before anything
/// else is pushed there, counted, removed or found missing: nobody can tell the two apart.
///
/// A forked child has none of the threads, and finds the lock as somebody else had left it. So what
/// comes from outside first asks `lost`, which touches nothing else.
///
/// Invariant: stack_ is open == no thread sleeps, and as many as allowed are there, and !closed_.
///            Each of them looks at the stack before it sleeps or ends.
class ThreadPool::Impl final : public std::enable_shared_from_this<Impl> {
public:
    explicit Impl(const ThreadPoolOptions& options);
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() = default;

    void submit(Work& work);
    [[nodiscard]] bool try_submit(Work& work);
    void withdraw(Work& work) noexcept;
    void shutdown(Duration grace) noexcept;

    [[nodiscard]] ThreadPoolStatistics statistics();
    [[nodiscard]] Histogram queue_wait();
    [[nodiscard]] Histogram run_time();

    /// Around a wait of one of its threads for a loop.
    void begin_blocking() noexcept;
    void end_blocking() noexcept;
    /// From such a wait, a few times in every `patience`: sees to what is queued, of which nobody
    /// else may be able to take care.
    void look() noexcept;
    [[nodiscard]] Duration patience() const noexcept { return patience_; }

    /// The pool whose worker this thread is, or null.
    [[nodiscard]] static Impl* of_this_thread() noexcept;

private:
    using Lock = std::unique_lock<std::mutex>;
    static constexpr std::size_t cache_line = 64;

    struct Worker;
    using WorkerRef = std::shared_ptr<Worker>;  // who calls one does so without the lock
    struct Worker {
        std::thread thread;
        std::condition_variable called;
        bool awake = true;                     // not in idle_
        Work* current = nullptr;               // what it runs: stays alive while this says so
        const Work* asked_to_stop = nullptr;   // at the pool's end; only compared
        std::list<WorkerRef>::iterator place;  // in workers_
    };

    /// In a child after fork(): true if there were threads, or somebody had the lock.
    [[nodiscard]] bool lost() noexcept {
        return generation_.load(std::memory_order_relaxed) != detail::fork_generation() &&
               !take_over();
    }
    [[nodiscard]] bool take_over() noexcept;
    void require_not_lost();

    enum class WhenFull : bool { wait, refuse };
    [[nodiscard]] bool submit_locked(Work& work, WhenFull when_full);
    void take_in(Work* first) noexcept;
    void open_or_shut() noexcept;
    [[nodiscard]] WorkerRef worker_for_queue() noexcept;
    static void call(const WorkerRef& worker) noexcept {
        if (worker) {
            worker->called.notify_one();
        }
    }
    void start_thread();
    void forget(Worker& worker) noexcept;
    void join_ended() noexcept;

    void worker_main(Worker& self) noexcept;
    [[nodiscard]] Work* next_work() noexcept;
    void run(Work& work, Work* ended, Worker& self, Lock& lock) noexcept;
    [[nodiscard]] bool sleep(Worker& self, Work* ended, Lock& lock) noexcept;
    void leave(Worker& self) noexcept;

    template <class F>
    void reject_queued(Lock& lock, F&& why) noexcept;
    void stop_running(Lock& lock) noexcept;
    void report_left(std::size_t calls) noexcept;
    [[nodiscard]] std::size_t detach_threads() noexcept;

    /// More threads than allowed are not waiting for a loop: some came back from that.
    [[nodiscard]] bool surplus() const noexcept { return active_threads() > max_threads_; }
    [[nodiscard]] std::size_t active_threads() const noexcept { return workers_.size() - blocked_; }
    /// A thread is missing, and may be started.
    [[nodiscard]] bool wants_thread() const noexcept {
        return active_threads() < max_threads_ && !closed_ &&
               (workers_.size() < max_threads_ || workers_.size() - max_threads_ < max_blocked_);
    }
    /// All threads wait for loops, which may wait for what is queued.
    [[nodiscard]] bool stuck() const noexcept {
        return active_threads() == 0 && queue_.queued() != 0;
    }

    const std::string name_;
    const std::size_t max_threads_;
    const std::size_t max_blocked_;
    const int niceness_;  // 0: threads are left as they start
    const int nice_;      // absolute: whoever starts a thread may be a nicer one of ours
    const Duration idle_timeout_;
    const bool measure_;
    detail::ThreadPoolHooks* const hooks_;
    const Duration patience_;
    // Whose threads these are: written under the lock, in a child, and looked at by every
    // submission, so on a line that does not change.
    std::atomic<std::uint32_t> generation_{detail::fork_generation()};

    // On lines of their own: of the loops' writing, and of the workers'.
    alignas(cache_line) detail::WorkStack stack_;
    alignas(cache_line) mutable std::mutex mutex_;
    detail::WorkQueue queue_;
    std::list<WorkerRef> workers_;     // every thread that has not ended
    std::vector<Worker*> idle_;        // those that sleep, the latest last; never reallocates
    std::list<WorkerRef> ended_;       // to be joined
    std::condition_variable changed_;  // for shutdown
    std::uint64_t threads_started_ = 0;
    std::size_t coming_ = 0;  // threads started or called that have not looked at the queue yet
    std::size_t running_ = 0;
    std::size_t blocked_ = 0;
    TimePoint stuck_since_ = never;  // seen to be, and no thread has come since
    std::uint64_t done_ = 0;
    std::uint64_t withdrawn_ = 0;
    std::uint64_t rejected_ = 0;
    std::uint64_t refused_ = 0;
    bool closed_ = false;
    bool detached_ = false;  // nobody will join who is still here
    // Written under the lock: how many threads there are or are coming, at least. Read without it
    // in a child, where nobody else is.
    std::atomic<std::size_t> threads_{0};
    std::shared_ptr<Impl> leaked_;  // itself, once lost
    std::unique_ptr<Histogram> queue_wait_;
    std::unique_ptr<Histogram> run_time_;
};

}  // namespace eddy::inline v0_1
