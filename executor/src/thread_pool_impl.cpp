// SPDX-License-Identifier: MIT
#include "thread_pool_impl.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <utility>

#include <eddy/detail/failure_from.hpp>
#include <eddy/detail/log.hpp>
#include <eddy/detail/pin_library.hpp>
#include <eddy/detail/processors.hpp>
#include <eddy/detail/thread_pool_hooks.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

#include "thread_name.hpp"
#include "thread_niceness.hpp"
#include "work_access.hpp"

namespace eddy::inline v0_1 {

using detail::WorkAccess;

namespace {

thread_local void* pool_of_thread = nullptr;

/// Of the machine, whatever clock the loops use: what happens on threads takes real time.
[[nodiscard]] TimePoint clock_now() noexcept {
    return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

constexpr Duration default_patience = std::chrono::seconds(1);

/// What a condition variable can add to its clock without overflow.
[[nodiscard]] Duration at_most_a_year(Duration time) noexcept {
    return std::min<Duration>(time, std::chrono::hours(24 * 365));
}

/// One for each processor that may be used, unless it is given.
std::size_t threads_of(const ThreadPoolOptions& options) {
    const std::size_t threads = options.threads.checked("ThreadPool: threads");
    return threads != 0 ? threads : detail::usable_processors();
}

}  // namespace

ThreadPool::Impl::Impl(const ThreadPoolOptions& options)
    : name_(options.name),
      max_threads_(threads_of(options)),
      max_blocked_(options.max_blocked.checked("ThreadPool: max_blocked")),
      niceness_(options.niceness.checked("ThreadPool: niceness")),
      nice_(detail::thread_niceness() + niceness_),
      idle_timeout_(at_most_a_year(options.idle_timeout)),
      measure_(options.measure),
      hooks_(options.hooks),
      patience_(hooks_ != nullptr ? hooks_->patience() : default_patience),
      queue_(options.queue_bound.checked("ThreadPool: queue_bound")) {
    detail::count_forks();
    if (options.queue_bound == 0) {
        throw std::invalid_argument("ThreadPool: its queue needs room for at least one call");
    }
    if (options.idle_timeout < Duration::zero() || options.grace < Duration::zero()) {
        throw std::invalid_argument("ThreadPool: idle_timeout and grace cannot be negative");
    }
    if (niceness_ < 0 || niceness_ > detail::nicest) {
        throw std::invalid_argument(
            "ThreadPool: niceness is 0 to 19, more than its maker's; 0 leaves threads as they are");
    }
    if (measure_) {
        queue_wait_ = std::make_unique<Histogram>();
        run_time_ = std::make_unique<Histogram>();
    }
}

ThreadPool::Impl* ThreadPool::Impl::of_this_thread() noexcept {
    return static_cast<Impl*>(pool_of_thread);
}

// --- after a fork ------------------------------------------------------------------------------

/// The child's first look at an inherited pool. False: it is lost for good.
bool ThreadPool::Impl::take_over() noexcept {
    if (leaked_ != nullptr) {
        return false;
    }
    if (threads_.load(std::memory_order_relaxed) != 0 || !mutex_.try_lock()) {
        leaked_ = shared_from_this();
        return false;
    }
    // Threads that have ended, and that nobody can join any more: leaked on purpose.
    static_cast<void>(new (std::nothrow) std::list<WorkerRef>(std::move(ended_)));
    ended_.clear();
    generation_.store(detail::fork_generation(), std::memory_order_relaxed);
    mutex_.unlock();
    return true;
}

void ThreadPool::Impl::require_not_lost() {
    if (lost()) {
        throw InvalidState(
            "the pool \"" + name_ +
            "\" had threads when this child was forked, which has none of them: make "
            "a new ThreadPool in the child, or exec");
    }
}

// --- submitting --------------------------------------------------------------------------------

void ThreadPool::Impl::submit(Work& work) {
    require_not_lost();
    if (measure_) {
        WorkAccess::queued_at(work) = clock_now();
    }
    // High and low ones would pass the rest of the stack, or be passed: they take the lock.
    if (work.priority() != Priority::normal || !stack_.push(work)) {
        static_cast<void>(submit_locked(work, WhenFull::wait));
    }
}

/// By the lock, always: how much is on the stack, nobody knows without.
bool ThreadPool::Impl::try_submit(Work& work) {
    require_not_lost();
    if (measure_) {
        WorkAccess::queued_at(work) = clock_now();
    }
    return submit_locked(work, WhenFull::refuse);
}

bool ThreadPool::Impl::submit_locked(Work& work, WhenFull when_full) {
    WorkerRef sleeper;
    {
        const Lock lock(mutex_);
        if (closed_) {
            ++rejected_;
            throw ClosedResource("run_in_executor: the pool \"" + name_ + "\" has been shut down");
        }
        if (workers_.empty()) {
            try {
                start_thread();
            } catch (...) {
                ++rejected_;
                throw;
            }
        }
        take_in(stack_.take_all());
        if (when_full == WhenFull::refuse && queue_.full()) {
            ++refused_;
            return false;
        }
        queue_.push(work);
        sleeper = worker_for_queue();
    }
    call(sleeper);
    return true;
}

void ThreadPool::Impl::take_in(Work* first) noexcept {
    while (first != nullptr) {
        Work& work = *first;
        first = detail::WorkStack::next_of(work);
        queue_.push(work);
    }
}

/// After every change of idle_, workers_, blocked_ or closed_.
void ThreadPool::Impl::open_or_shut() noexcept {
    if (idle_.empty() && active_threads() >= max_threads_ && !closed_) {
        stack_.open();
    } else {
        take_in(stack_.shut());
    }
}

void ThreadPool::Impl::withdraw(Work& work) noexcept {
    if (lost()) {
        return;  // it stays where it is
    }
    {
        const Lock lock(mutex_);
        take_in(stack_.take_all());
        queue_.remove(work);
        ++withdrawn_;
        if (closed_) {
            changed_.notify_all();
        }
    }
    WorkAccess::release(work);
}

/// `why`: the error, for each one of its own.
template <class F>
void ThreadPool::Impl::reject_queued(Lock& lock, F&& why) noexcept {
    detail::ListLink rejected;
    while (Work* work = queue_.claim_next()) {
        ++rejected_;
        WorkAccess::link(*work).insert_before(rejected);
    }
    lock.unlock();
    while (rejected.linked()) {
        Work& work = WorkAccess::from_link(*rejected.next);
        WorkAccess::link(work).unlink_self();
        WorkAccess::fail(work, detail::failure_from(why));
        WorkAccess::complete(work);
    }
    lock.lock();
}

// --- threads -----------------------------------------------------------------------------------

/// Sees to it that somebody comes for what is queued: starts a thread if one is missing, or returns
/// the one that went to sleep last, for the caller to notify when it has released the lock.
ThreadPool::Impl::WorkerRef ThreadPool::Impl::worker_for_queue() noexcept {
    if (coming_ >= queue_.queued()) {
        return nullptr;
    }
    if (!idle_.empty()) {
        Worker& worker = *idle_.back();
        idle_.pop_back();
        worker.awake = true;
        ++coming_;
        open_or_shut();
        return *worker.place;
    }
    if (wants_thread()) {
        try {
            start_thread();
        } catch (...) {
            // The threads there are do the work, and the next submission tries again; so does
            // look() if all of them wait for loops.
        }
    }
    return nullptr;
}

/// Throws: `IoError` when the system has no thread for us; nothing has changed.
void ThreadPool::Impl::start_thread() {
    join_ended();
    idle_.reserve(workers_.size() + 1);
    const WorkerRef worker = std::make_shared<Worker>();
    worker->place = workers_.insert(workers_.end(), worker);
    threads_.store(workers_.size(), std::memory_order_relaxed);
    try {
        if (hooks_ != nullptr) {
            hooks_->starting_thread();
        }
        const std::string name = name_ + "-" + std::to_string(threads_started_ + 1);
        worker->thread = std::thread([self = shared_from_this(), raw = worker.get(), name] {
            detail::pin_library();
            detail::set_thread_name(name);
            if (self->niceness_ != 0) {
                detail::set_thread_niceness(self->nice_);
            }
            self->worker_main(*raw);
        });
    } catch (const std::system_error& error) {
        forget(*worker);
        throw IoError(error.code(), "cannot start a thread of the pool \"" + name_ + "\"");
    } catch (...) {
        forget(*worker);
        throw;
    }
    ++threads_started_;
    ++coming_;
    stuck_since_ = never;
    open_or_shut();
}

/// It has not started.
void ThreadPool::Impl::forget(Worker& worker) noexcept {
    workers_.erase(worker.place);
    threads_.store(workers_.size(), std::memory_order_relaxed);
}

/// Those in ended_ need no lock any more, so this does not wait for long.
void ThreadPool::Impl::join_ended() noexcept {
    for (const WorkerRef& worker : ended_) {
        worker->thread.join();
    }
    ended_.clear();
}

// --- on a worker -------------------------------------------------------------------------------

void ThreadPool::Impl::worker_main(Worker& self) noexcept {
    pool_of_thread = this;
    Work* ended = nullptr;  // has run and is counted; its loop does not know yet
    Lock lock(mutex_);
    --coming_;
    while (!surplus()) {
        if (Work* const work = next_work()) {
            run(*work, std::exchange(ended, work), self, lock);
        } else if (closed_ || !sleep(self, std::exchange(ended, nullptr), lock)) {
            break;
        }
    }
    const WorkerRef other = worker_for_queue();  // a surplus one may have been called for something
    leave(self);
    lock.unlock();
    call(other);
    if (ended != nullptr) {
        WorkAccess::complete(*ended);
    }
}

/// The stack is left alone while there is normal work before it: its line is the loops'.
Work* ThreadPool::Impl::next_work() noexcept {
    if (!queue_.has(Priority::normal)) {
        take_in(stack_.take_all());
    }
    return queue_.claim_next();
}

/// Runs `work`, after the result of the one before has been sent: by then this worker is known to
/// be busy, or idle, so that a loop that goes on at once starts no thread without need.
void ThreadPool::Impl::run(Work& work, Work* ended, Worker& self, Lock& lock) noexcept {
    ++running_;
    self.current = &work;
    lock.unlock();
    if (ended != nullptr) {
        WorkAccess::complete(*ended);
    }
    const TimePoint start = measure_ ? clock_now() : TimePoint();
    WorkAccess::execute(work);
    EDDY_REQUIRE(generation_.load(std::memory_order_relaxed) == detail::fork_generation(),
                 "an offloaded call has forked, and returned in the child, where its loop is not: "
                 "exec there, or end the process");
    const TimePoint end = measure_ ? clock_now() : TimePoint();
    lock.lock();
    self.current = nullptr;
    --running_;
    ++done_;
    if (measure_) {
        queue_wait_->record(start - WorkAccess::queued_at(work));
        run_time_->record(end - start);
    }
}

/// False: nobody called for the idle timeout.
bool ThreadPool::Impl::sleep(Worker& self, Work* ended, Lock& lock) noexcept {
    if (hooks_ != nullptr) [[unlikely]] {
        hooks_->thread_goes_to_sleep();
    }
    self.awake = false;
    idle_.push_back(&self);
    open_or_shut();
    if (queue_.queued() != 0) {  // a submitter was faster than that
        self.awake = true;
        idle_.pop_back();
        ++coming_;
        open_or_shut();
    }
    if (ended != nullptr) {
        lock.unlock();
        WorkAccess::complete(*ended);
        lock.lock();
    }
    if (self.called.wait_for(lock, idle_timeout_, [&self] { return self.awake; })) {
        --coming_;
        return true;
    }
    idle_.erase(std::find(idle_.begin(), idle_.end(), &self));  // the stack stays shut: see leave()
    if (hooks_ != nullptr) {
        hooks_->idle_thread_ends();
    }
    return false;
}

/// The thread does not take the lock any more after it has released it: it can be joined under it.
void ThreadPool::Impl::leave(Worker& self) noexcept {
    std::list<WorkerRef> gone;
    auto& target = detached_ ? gone : ended_;
    target.splice(target.end(), workers_, self.place);
    threads_.store(workers_.size(), std::memory_order_relaxed);
    open_or_shut();
    changed_.notify_all();
}

// --- waiting for a loop ------------------------------------------------------------------------

void ThreadPool::Impl::begin_blocking() noexcept {
    WorkerRef other;
    {
        const Lock lock(mutex_);
        ++blocked_;
        open_or_shut();
        other = worker_for_queue();
    }
    call(other);
}

void ThreadPool::Impl::end_blocking() noexcept {
    const Lock lock(mutex_);
    --blocked_;
    stuck_since_ = never;
    open_or_shut();
}

/// Those that wait are most often about to come back, and then go on with what is queued. If for
/// some time none has, they may wait for just that.
void ThreadPool::Impl::look() noexcept {
    Lock lock(mutex_);
    const WorkerRef other = worker_for_queue();  // threads may be to be had again
    if (!stuck()) {
        stuck_since_ = never;
    } else if (stuck_since_ == never) {
        stuck_since_ = clock_now();
    } else if (clock_now() - stuck_since_ >= patience_) {
        stuck_since_ = never;
        reject_queued(lock, [this] {
            return IoError(std::make_error_code(std::errc::resource_unavailable_try_again),
                           "all threads of the pool \"" + name_ +
                               "\" wait for loops, and no other can be started");
        });
    }
    lock.unlock();
    call(other);
}

// --- the end -----------------------------------------------------------------------------------

void ThreadPool::Impl::shutdown(Duration grace) noexcept {
    if (lost()) {
        return;
    }
    Lock lock(mutex_);
    closed_ = true;
    for (Worker* worker : idle_) {
        worker->awake = true;
        ++coming_;
        worker->called.notify_one();
    }
    idle_.clear();
    open_or_shut();
    reject_queued(lock, [this] {
        return ClosedResource("the pool \"" + name_ + "\" was shut down before this ran");
    });
    stop_running(lock);
    if (detached_) {
        return;
    }
    // A pool that one of its own calls destroys cannot wait for that one.
    const std::size_t own = of_this_thread() == this ? 1 : 0;
    changed_.wait_for(lock, at_most_a_year(grace), [&] { return workers_.size() <= own; });
    // Somebody who withdraws a work is between two steps of that.
    changed_.wait(lock, [this] { return !queue_.has_leavers(); });
    const std::size_t left = detach_threads();
    lock.unlock();
    join_ended();
    if (left != 0) {
        report_left(left);
    }
}

void ThreadPool::Impl::report_left(std::size_t calls) noexcept {
    const auto with_name = [&] {
        return "the pool \"" + name_ + "\" ended while " + std::to_string(calls) +
               (calls == 1 ? " call still ran" : " calls still ran") +
               " after its grace period: left alone with a detached thread";
    };
    detail::log_or_brief(detail::log_warning,
                         with_name,
                         "a pool ended while calls still ran after its grace period: left alone");
}

/// One by one, and the lock is released for each: what the calls have registered runs here. There
/// are no new ones any more.
void ThreadPool::Impl::stop_running(Lock& lock) noexcept {
    while (true) {
        const auto found = std::find_if(workers_.begin(), workers_.end(), [](const auto& worker) {
            return worker->current != nullptr && worker->current != worker->asked_to_stop;
        });
        if (found == workers_.end()) {
            return;
        }
        Worker& worker = **found;
        worker.asked_to_stop = worker.current;
        std::stop_source stop = WorkAccess::stop_handle(*worker.current);
        lock.unlock();
        stop.request_stop();
        lock.lock();
    }
}

/// Returns how many of them, this one apart, run a call: the others end by themselves, whatever the
/// grace was.
std::size_t ThreadPool::Impl::detach_threads() noexcept {
    detached_ = true;
    std::size_t running = 0;
    for (const WorkerRef& worker : workers_) {
        const bool other = worker->thread.get_id() != std::this_thread::get_id();
        worker->thread.detach();
        if (other && worker->current != nullptr) {
            ++running;
        }
    }
    return running;
}

// --- statistics --------------------------------------------------------------------------------

ThreadPoolStatistics ThreadPool::Impl::statistics() {
    require_not_lost();
    const Lock lock(mutex_);
    take_in(stack_.take_all());
    return {.threads = workers_.size(),
            .idle = idle_.size(),
            .blocked = blocked_,
            .waiting = queue_.waiting(),
            .queued = queue_.queued(),
            .running = running_,
            .done = done_,
            .withdrawn = withdrawn_,
            .rejected = rejected_,
            .refused = refused_};
}

Histogram ThreadPool::Impl::queue_wait() {
    require_not_lost();
    const Lock lock(mutex_);
    return queue_wait_ ? *queue_wait_ : Histogram();
}

Histogram ThreadPool::Impl::run_time() {
    require_not_lost();
    const Lock lock(mutex_);
    return run_time_ ? *run_time_ : Histogram();
}

}  // namespace eddy::inline v0_1
