// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string_view>
#include <vector>

#include <eddy/clock.hpp>
#include <eddy/detail/deadline_heap.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/fork_generation.hpp>
#include <eddy/detail/inbox.hpp>
#include <eddy/detail/nursery.hpp>
#include <eddy/detail/ready_queue.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/detail/turn.hpp>
#include <eddy/observer.hpp>

namespace eddy::inline v0_1 {
class Loop;
}

namespace eddy::inline v0_1::detail {

class AbandonedJobs;
class Driver;

/// A call that the loop makes itself, outside any job: a timer's function, an abort function.
/// Runs at the start of the ready phase, in order.
class LoopCallback : private ListLink {
public:
    virtual void call() = 0;  // what it throws goes to the observer

protected:
    LoopCallback() = default;
    virtual ~LoopCallback() = default;

private:
    friend class LoopCore;
};

/// Told when the loop has no jobs left and is about to close its inbox.
class CloseListener : private ListLink {
public:
    virtual void loop_closing() noexcept = 0;  // unlinked already

protected:
    CloseListener() = default;
    virtual ~CloseListener() = default;

private:
    friend class LoopCore;
};

/// Sees every checkpoint: how a test cancels at the n-th.
class CheckpointHook {
public:
    virtual void at_checkpoint(Job& job) noexcept = 0;

protected:
    ~CheckpointHook() = default;
};

/// The part of a loop that knows nothing of libuv: what is ready, what is due, who lives.
///
/// All of it is the loop thread's, but for `runs_on` and what `inbox` offers to other threads. Who
/// writes what, and when (anybody on the thread may read):
///
/// | field           | who writes it                                                            |
/// |-----------------|--------------------------------------------------------------------------|
/// | ready           | `make_ready`, `make_willing`, `force_yield`; `run_ready` takes out       |
/// | deadlines       | who has a `DeadlineNode`: sleeps, scopes, alarms, timed calls, the grace |
/// | housekeeping    | `SilenceLimit`, and whatever else nobody waits for                       |
/// | clock           | the constructor                                                          |
/// | turn_time, turn | `begin_turn`, `fire_deadlines`; whoever does a piece of work counts it   |
/// | hooks           | `add_observer`, `drop_observer`                                          |
/// | budget          | `Loop`, before it runs                                                   |
/// | severing        | `sever_waits`, once                                                      |
/// | checkpoint_hook | the test kit, between turns                                              |
/// | next_id         | `admit`                                                                  |
/// | jobs_alive      | `admit`; `end_scope`                                                     |
/// | sparing         | sockets that are accepted                                                |
/// | in_flight       | the wait that has begun something finite adds one, and takes it off when |
/// |                 | it is over or left alone                                                 |
/// | owed            | `OffloadWait` adds for a work it leaves alone whose worker is about to   |
/// |                 | push it, and takes off when it has come                                  |
/// | severed         | `sever_waits` adds; `make_aborted` takes off                             |
/// | forced_yields   | `force_yield`                                                            |
/// | root            | as every nursery; `closed` by `destroy_jobs` and `close`                 |
/// | settled         | the test kit's `settle` queues; `on_idle` wakes                          |
/// | inbox           | any thread pushes; `deliver_inbox` takes; `close` closes                 |
/// | loop, driver    | `Loop`, when it is made, begins and ends                                 |
/// | abandoned       | `Loop`, while a grace is over                                            |
/// | signal_takers   | `SignalsTaken`                                                           |
/// | most_grace      | `serve_until_signal`, at a second signal                                 |
/// | runs_on         | `Loop`, at its beginning and end; other threads read it                  |
class EDDY_API LoopCore {
public:
    static constexpr Duration wake_spacing = std::chrono::microseconds(100);

    LoopCore(Loop& owner, Clock& loop_clock, std::shared_ptr<Inbox> door);
    LoopCore(const LoopCore&) = delete;
    LoopCore& operator=(const LoopCore&) = delete;

    // --- what the hot paths read ---------------------------------------------------------------
    ReadyQueue ready;
    DeadlineHeap deadlines;
    // Those that nobody waits for: they come when their time has come, but virtual time does not
    // move for them alone. A loop that has nothing else is as idle as one without.
    DeadlineHeap housekeeping;
    Clock* clock;
    TimePoint turn_time;  // the clock when the turn began
    Turn turn;
    std::uint32_t hooks = 0;             // the union of what the observers want
    std::uint8_t budget = Turn::budget;  // 1 under strict checkpoints
    bool severing = false;               // grace is over: waits throw LoopClosed
    CheckpointHook* checkpoint_hook = nullptr;
    JobId next_id = 0;
    std::size_t jobs_alive = 0;
    std::int8_t sparing = 4;    // see Socket::begin_accepted
    std::size_t in_flight = 0;  // finite requests and offloads: virtual time stands still
    std::size_t owed = 0;       // nodes that are certain to come: the inbox stays open for them
    std::size_t calls_due = 0;  // functions that will be called later, and when
    std::size_t severed = 0;    // jobs that were cut off and do not know yet
    std::uint64_t forced_yields = 0;
    RootNursery root;
    WaitQueue settled;  // woken when everything else waits
    std::shared_ptr<Inbox> inbox;
    Loop* loop;
    Driver* driver = nullptr;               // where handles and requests are opened
    AbandonedJobs* abandoned = nullptr;     // at the end, if jobs have outlasted the grace
    std::size_t signal_takers = 0;          // that see to SIGINT and SIGTERM in its place
    Duration most_grace = Duration::max();  // of a run: somebody has been told to end it now

    // --- whose it is ---------------------------------------------------------------------------
    /// The identity of the thread that runs it, or on which it is attached; 0 before and after.
    /// For the others to ask.
    std::atomic<std::uint64_t> runs_on{0};
    std::uint32_t generation = fork_generation();

    /// True on the thread that runs it, and nowhere in a child after fork().
    [[nodiscard]] bool here() const noexcept {
        return thread_state.core == this &&
               thread_state.identity == runs_on.load(std::memory_order_relaxed);
    }
    /// True in a child after fork(): it is the parent's.
    [[nodiscard]] bool inherited() const noexcept { return generation != fork_generation(); }
    /// A guest that was destroyed while it was attached is treated like a parent's loop from now
    /// on: it stays as it is, and nobody touches what it shares with its host.
    void disown() noexcept {
        generation = ~fork_generation();
        inbox->disown();
    }

    /// The entry check of every awaitable: throws `Cancelled` in a cancelled scope.
    void checkpoint(Job& job) {
        if (job.scope->effective || checkpoint_hook != nullptr) [[unlikely]] {
            checkpoint_slow(job);
        }
    }

    /// Something has woken it: I/O, a deadline, a post, another job.
    void make_ready(Job& job) noexcept {
        ready.push_woken(job);
        if ((hooks & (Observer::scheduled | Observer::ready_times)) != 0 || ready.must_wake())
            [[unlikely]] {
            made_woken(job);
        }
    }
    /// It could go on, but lets the others go first; or has just been spawned.
    void make_willing(Job& job) noexcept {
        ready.push_willing(job);
        if ((hooks & Observer::scheduled) != 0 || ready.must_wake()) [[unlikely]] {
            made_ready(job);
        }
    }
    /// Its budget is used up: behind everybody, and the turn looks at the clock.
    void force_yield(Job& job) noexcept;

    /// One turn after a poll, in its order (rule R6): what came from outside, due deadlines, ready
    /// jobs. Bounded; what is left is for the next one.
    void run_turn();
    /// The last part of one alone, for a loop that ends.
    void run_jobs();

    /// When there is something to do next, housekeeping included.
    [[nodiscard]] TimePoint next_deadline() const noexcept {
        return std::min(deadlines.next(), housekeeping.next());
    }

    /// When a poll that finds nothing has to return: at the next deadline. Of a crowd of deadlines
    /// that follow each other closely, those of 100 us share a wake-up, which costs 5 us or more.
    [[nodiscard]] TimePoint next_wake(TimePoint now) const noexcept {
        const TimePoint next = deadlines.next();
        const TimePoint spaced = after(last_fired_, wake_spacing);
        const bool crowd = next > now && next < spaced && deadlines.second() < spaced;
        return std::min(crowd ? spaced : next, housekeeping.next());
    }

    /// True when something can run at once: the poll must not block.
    [[nodiscard]] bool has_work() const noexcept {
        return !ready.empty() || undelivered_ != nullptr || callbacks_.linked() ||
               callback_batch_.linked() || turn_end_.linked();
    }

    /// Nothing can run and a poll has found nothing: settled waiters first, then virtual time.
    /// `other`: a deadline that is in no heap. True: there is work now, or time has moved.
    [[nodiscard]] bool on_idle(TimePoint other) noexcept;

    /// Calls `wake(target)` whenever there is something to do earlier than before: on a host's
    /// loop, which may have decided how long to block. Null: no more.
    void notify(void (*wake)(void* target) noexcept, void* target) noexcept {
        ready.notify(wake, target);
        deadlines.notify(wake, target);
        housekeeping.notify(wake, target);
    }

    // --- jobs ----------------------------------------------------------------------------------
    /// Makes a new job alive under `nursery`: numbered, linked, ready.
    void admit(Job& job, Nursery& nursery);
    void listen_to_close(CloseListener& listener) noexcept {
        listener.insert_before(close_listeners_);
    }
    /// Told before all that listen already: who uses something that listens too.
    void listen_to_close_first(CloseListener& listener) noexcept {
        listener.insert_before(*close_listeners_.next);
    }
    void forget(CloseListener& listener) noexcept { listener.unlink_self(); }
    void queue_callback(LoopCallback& callback) noexcept {
        callback.insert_before(callbacks_);
        if (ready.must_wake()) [[unlikely]] {
            ready.wake();
        }
    }
    void drop_callback(LoopCallback& callback) noexcept { callback.unlink_self(); }
    /// Called once at the end of this turn, after its jobs and before the next poll: what several
    /// of them have said goes out together. What it queues itself is for the end of the next turn.
    /// `drop_callback` for this too.
    void queue_at_turn_end(LoopCallback& callback) noexcept {
        callback.insert_before(turn_end_);
        if (ready.must_wake()) [[unlikely]] {
            ready.wake();
        }
    }

    // --- the end -------------------------------------------------------------------------------
    /// Calls `fn(job)` for every job that is alive, parents before children.
    template <class F>
    void for_each_job(F&& fn) noexcept {
        ScopeNode* node = &root.scope;
        while (node != nullptr) {
            if (node->job_root) {
                fn(*node->occupant());
            }
            if (node->first_child != nullptr) {
                node = node->first_child;
                continue;
            }
            while (node != nullptr && node->next == nullptr) {
                node = node->parent;
            }
            node = node != nullptr ? node->next : nullptr;
        }
    }
    /// All of them. Throws: `std::bad_alloc`.
    [[nodiscard]] std::vector<Job*> living_jobs();
    /// Cuts waits in flight off from the outside world: they end with LoopClosed.
    void sever_waits() noexcept;
    /// Destroys every job that is left: children before parents, frames from the leaf.
    void destroy_jobs() noexcept;
    /// No more jobs; tells the listeners, waits for the nodes that are owed, closes the inbox, runs
    /// what is in it and what that queued.
    void close() noexcept;

    // --- observers -----------------------------------------------------------------------------
    void add_observer(Observer& observer);
    void remove_observer(Observer& observer);
    /// The same, and false if it did not watch.
    bool drop_observer(Observer& observer) noexcept;
    void report_failure(const Job* job, std::exception_ptr error, std::string_view where) noexcept;
    /// The same for the handler of a connection whose peer went away.
    void report_lost_connection(const Job& job, const std::exception_ptr& error) noexcept;
    /// Calls `call(observer)` for those that asked for `hook`; `no_hooks` asks everybody.
    template <class F>
    void observe(std::uint32_t hook, F&& call) noexcept {
        for (std::size_t i = 0; i < observers_.size();) {
            Observer& observer = *observers_[i].observer;
            if (hook == Observer::no_hooks || (observers_[i].hooks & hook) != 0) {
                try {
                    call(observer);
                } catch (...) {
                    disable_observer(observer);
                }
            }
            if (i < observers_.size() && observers_[i].observer == &observer) {
                ++i;  // it may have left
            }
        }
    }

private:
    void drain_inbox() {
        if (undelivered_ != nullptr || !inbox->empty()) [[unlikely]] {
            deliver_inbox();
        }
    }
    void begin_turn();
    void deliver_inbox();
    void fire_deadlines();
    void run_callbacks_and_jobs();
    void run_ready();
    void checkpoint_slow(Job& job);
    void step(Job& job) noexcept;
    void observe_step(Job& job, bool over) noexcept;
    void finish(Job& job) noexcept;
    void run_callbacks() noexcept;
    void run_turn_end() noexcept;
    void call(LoopCallback& callback) noexcept;
    void made_woken(Job& job) noexcept;
    void made_ready(Job& job) noexcept;
    void disable_observer(Observer& observer) noexcept;
    /// One without jobs below it; null if none is left. For when there is no memory for a list.
    [[nodiscard]] Job* innermost_job() noexcept;
    void destroy_job(Job& job) noexcept;
    static void destroy_frames(Job& job) noexcept;
    void end_scope(Job& job) noexcept;

    struct Watching {
        Observer* observer;
        std::uint32_t hooks;
    };

    // Invariant: between turns, undelivered_ is not empty or the inbox was seen empty after the
    // last wake-up was taken: a poll that blocks misses nothing.
    InboxNode* undelivered_ = nullptr;         // taken out of the inbox, oldest first
    TimePoint last_fired_ = TimePoint::min();  // the time of the last turn with a due deadline
    ListLink callbacks_;
    ListLink callback_batch_;    // those whose turn has come; what they queue is for the next one
    ListLink turn_end_;          // callbacks for the end of the present turn, or the next
    bool willing_owed_ = false;  // none of the willing ran in the last turn
    ListLink close_listeners_;
    std::vector<Watching> observers_;
};

}  // namespace eddy::inline v0_1::detail
