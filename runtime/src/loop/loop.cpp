// SPDX-License-Identifier: MIT
#include <eddy/loop.hpp>

#include <algorithm>
#include <csignal>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/detail/fork_generation.hpp>
#include <eddy/detail/log.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

#include "core/abandoned_jobs.hpp"
#include "loop/hygiene.hpp"
#include "loop/loop_impl.hpp"

namespace eddy::inline v0_1 {

using detail::thread_state;

namespace {

/// What jobs have left after the grace, to leave their scopes.
constexpr Duration cleanup_time = std::chrono::milliseconds(30);

/// In virtual time the grace is at least so long in real time: it is there for tests that would
/// hang, and how fast the machine is must not decide any other.
constexpr Duration least_real_grace = std::chrono::milliseconds(100);

/// Before any libuv call: the process must be fit for a loop.
LoopOptions prepare_process(const LoopOptions& options, bool guest) {
    if (options.turn_quota < Duration::zero()) {
        throw std::invalid_argument(
            "LoopOptions::turn_quota cannot be negative: zero is the shortest turn, one job");
    }
    if (options.timer_resolution < Duration::zero()) {
        throw std::invalid_argument(
            "LoopOptions::timer_resolution cannot be negative: zero is as fine as the system can");
    }
    detail::count_forks();
    if (options.ignore_sigpipe.value_or(!guest)) {
        detail::ignore_sigpipe();
    }
    if (options.open_standard_fds.value_or(!guest)) {
        detail::open_standard_fds();
    }
    return options;
}

/// Makes a loop this thread's, for as long as it lives.
class ThreadBinding final {
public:
    explicit ThreadBinding(detail::LoopCore& core) noexcept : core_(core), outer_(thread_state) {
        const std::uint64_t identity = detail::loop_begins();
        thread_state = {
            &core, nullptr, nullptr, detail::max_hops, identity, thread_state.inherited};
        core.runs_on.store(identity, std::memory_order_release);
    }
    ThreadBinding(const ThreadBinding&) = delete;
    ThreadBinding& operator=(const ThreadBinding&) = delete;
    ~ThreadBinding() {
        detail::loop_ends(core_.runs_on.exchange(0, std::memory_order_acq_rel));
        // What was there before: nothing, or, in a child, the parent's job that has forked. The
        // thread stays the one it has become.
        thread_state.core = outer_.core;
        thread_state.job = outer_.job;
        thread_state.bounce = outer_.bounce;
        thread_state.hops = outer_.hops;
    }

private:
    detail::LoopCore& core_;
    const detail::ThreadState outer_;
};

}  // namespace

Loop::Impl::Impl(Loop& loop, const LoopOptions& given) : Impl(loop, given, nullptr) {}

Loop::Impl::Impl(Loop& loop, const LoopOptions& given, uv_loop_t* host)
    : options(prepare_process(given, host != nullptr)),
      driver(host == nullptr ? detail::Driver::own(*this) : detail::Driver::attach(*this, host)),
      core(loop,
           options.clock != nullptr ? *options.clock : Clock::steady(),
           host == nullptr ? std::make_shared<detail::Inbox>(&detail::Driver::wake, driver.get())
                           : std::make_shared<detail::Inbox>(&Impl::wake_guest, this)),
      attached(host != nullptr),
      virtual_time_(core.clock->is_virtual()) {
    core.root.core = &core;
    core.driver = driver.get();
    core.budget = options.strict_checkpoints ? 1 : detail::Turn::budget;
    const bool counts_only = virtual_time_ || options.turn_quota == Duration::max();
    core.turn.configure(counts_only ? nullptr : core.clock, options.turn_quota);
    core.ready.seed(options.schedule_seed);
    if (core.clock == &Clock::steady()) {
        driver->refine(options.timer_resolution);
    }
    core.add_observer(options.observer != nullptr ? *options.observer : default_observer);
}

// --- a turn ------------------------------------------------------------------------------------

void Loop::Impl::turn() {
    require_not_forked();
    // Its own poll is not the only one that takes wake-ups: a job may run our libuv loop for
    // callbacks of its own. So a poll that could block looks at the inbox itself.
    if (core.has_work() || !core.inbox->empty()) {
        poll(TimePoint::min());
    } else if (virtual_time_ || !core.settled.empty()) [[unlikely]] {
        poll_when_idle();
    } else {
        poll(next_deadline());
    }
    require_not_forked();  // a callback of the user's own handles may have done that
    core.run_turn();
}

void Loop::Impl::poll_when_idle() {
    poll(TimePoint::min());  // everybody waits: does the world have something to say?
    if (!core.has_work() && core.inbox->empty() && !core.on_idle(untimed_grace_end_)) {
        const TimePoint next = next_deadline();
        if (virtual_time_ && next > core.clock->now()) {
            poll_in_real_time();
        } else {
            poll(next);
        }
    }
}

/// Virtual time stands still: this ends when the outside world says something, or when the grace
/// does, which also counts in real time.
void Loop::Impl::poll_in_real_time() {
    const bool limited = real_grace_end_ != never;
    const TimePoint now = limited ? Clock::steady().now() : TimePoint();
    if ((core.hooks & Observer::polls) != 0) [[unlikely]] {
        observe_poll(limited ? std::max(real_grace_end_ - now, Duration::zero()) : Duration::max());
    }
    driver->poll_until(now, real_grace_end_);
    if ((core.hooks & Observer::polls) != 0) [[unlikely]] {
        observe_poll_end();
    }
}

void Loop::Impl::poll(TimePoint until) {
    if (until == never && (core.hooks & Observer::polls) == 0) {
        driver->poll_until({}, never);
    } else {
        poll_timed(until);
    }
}

void Loop::Impl::poll_timed(TimePoint until) {
    const bool observed = (core.hooks & Observer::polls) != 0;
    TimePoint now{};
    bool wait = until != TimePoint::min();
    if (wait && until != never) {
        now = core.clock->now();
        wait = until > now;
        until = std::min(core.next_wake(now), other_deadline());
    }
    if (observed) [[unlikely]] {
        observe_poll(!wait ? Duration::zero() : until == never ? Duration::max() : until - now);
    }
    if (wait) {
        driver->poll_until(now, until);
    } else {
        driver->poll_now();
    }
    if (observed) [[unlikely]] {
        observe_poll_end();
    }
}

void Loop::Impl::observe_poll(Duration timeout) noexcept {
    core.observe(Observer::polls, [&](Observer& o) { o.before_poll(timeout); });
}

void Loop::Impl::observe_poll_end() noexcept {
    core.observe(Observer::polls, [](Observer& o) { o.after_poll(); });
}

void Loop::Impl::throw_forked() {
    throw InvalidState(
        "this loop was made before fork() and belongs to the parent: make a new Loop in the "
        "child, or exec");
}

// --- the end -----------------------------------------------------------------------------------

void Loop::Impl::begin_end(std::string_view reason) {
    core.root.scope.cancel(CancelSource::shutdown, reason);
    if (!grace_timer_.started) {
        begin_grace();
    }
}

void Loop::Impl::cancel(std::string_view reason) {
    core.root.scope.cancel(CancelSource::explicit_call, reason);
    if (attached && !grace_timer_.started) {
        begin_grace();  // the host may sleep until then; a run of ours looks before its next poll
    }
}

/// Instead of one that has begun. Without jobs nobody needs one.
void Loop::Impl::begin_grace() {
    if (core.root.live == 0) {
        end_jobs();
        return;
    }
    const Duration patience = attached ? grace_ : std::min(grace_, core.most_grace);
    const TimePoint end = after(core.clock->now(), patience);
    grace_timer_.started = true;
    grace_end_ = end;
    untimed_grace_end_ = never;
    try {
        if (end != never) {
            core.deadlines.move(grace_timer_, end);
        } else {
            core.deadlines.remove(grace_timer_);
        }
    } catch (const std::bad_alloc&) {  // it has to come all the same
        untimed_grace_end_ = end;
        if (attached) {
            driver->dont_block();  // the host has decided for how long already
        }
    }
    if (virtual_time_) {
        real_grace_end_ = after(Clock::steady().now(), std::max(patience, least_real_grace));
    }
}

/// Virtual time does not move while a job is ready, an offload or a request under way, or time is
/// held: a loop that ends does not wait for ever for what holds it.
void Loop::Impl::look_at_real_grace() noexcept {
    if (grace_timer_.over || Clock::steady().now() < real_grace_end_) {
        return;
    }
    grace_timer_.over = true;
    constexpr std::string_view what =
        "a loop that is ending has used up its grace in real time, virtual time has not come so "
        "far";
    const auto with_reason = [&] {
        std::string held = core.has_work() ? "a job is always ready" : "nobody moves it";
        if (core.in_flight != 0) {
            held = "what holds it (offloads, callbacks, requests, HoldTime) is under way " +
                   std::to_string(core.in_flight) + (core.in_flight == 1 ? " time" : " times");
        }
        return std::string(what) + ": " + held;
    };
    detail::log_or_brief(detail::log_error, with_reason, what);
}

/// No job is left, or the grace is over.
void Loop::Impl::end_jobs() {
    if (core.root.live != 0) {
        abandon_jobs();
        if (inherited()) {
            return;
        }
    }
    core.root.closed = true;
    core.deadlines.remove(grace_timer_);
    real_grace_end_ = untimed_grace_end_ = never;
}

/// Every job that was cut off from the outside world has its chance to clean up. Those that are
/// always ready had theirs during the grace.
void Loop::Impl::abandon_jobs() {
    detail::AbandonedJobs left(core);
    core.sever_waits();
    left.note_cut_off();
    const TimePoint end = after(core.clock->now(), cleanup_time);
    const auto time_left = [&](int turns) { return turns < 64 && core.clock->now() < end; };
    for (int turns = 0; core.has_work() && core.root.live != 0 && !inherited(); ++turns) {
        if (core.severed == 0 && !time_left(turns)) {
            break;
        }
        core.run_jobs();
    }
    if (!inherited()) {
        left.report();
        core.destroy_jobs();
    }
}

void Loop::Impl::close_core() {
    core.deadlines.remove(grace_timer_);
    core.close();
    detail::log_end();
}

void Loop::Impl::signal_arrived(int number) noexcept {
    if (core.signal_takers == 0) {
        signal = number;
    }
}

// --- owning ------------------------------------------------------------------------------------

void Loop::Impl::run_main(detail::Job& main,
                          const RunOptions& run,
                          const std::source_location& where) {
    if (attached) {
        throw InvalidState("Loop::run: an attached loop is run by its host; spawn instead");
    }
    if (current_or_null() != nullptr) {
        throw InvalidState(
            "run: a loop runs on this thread already; await the task instead, or run it on "
            "another thread");
    }
    require_not_forked();
    if (ran.exchange(true)) {
        throw InvalidState("Loop::run: this loop has run before, or runs; make a new one");
    }
    const ThreadBinding binding(core);

    if (run.handle_signals) {
        driver->watch_signals();
    }
    detail::start_job(core.root, main, run.name, where);
    grace_ = std::max(run.grace, Duration::zero());
    while (core.root.live != 0 && !grace_over()) {
        if (signal != 0 || main.ended || core.root.scope.cancel_called) {
            begin_end(signal == SIGINT    ? "SIGINT"
                      : signal == SIGTERM ? "SIGTERM"
                                          : "the main job has ended");
        }
        turn();  // throws in a forked child only: jobs and handles are the parent's
    }
    require_not_forked();  // the main job may have been the only one
    finish_run();
}

void Loop::Impl::finish_run() {
    end_jobs();
    require_not_forked();
    close_core();
    require_not_forked();  // what was posted has run
    close_driver();
}

void Loop::Impl::close_driver() noexcept {
    constexpr std::string_view what =
        "libuv handles were still open when the loop ended, and were closed";
    const detail::Driver::Leaked leaked = driver.release()->close_own();
    if (leaked.count == 0) {
        return;
    }
    detail::log_or_brief(
        detail::log_error, [&] { return std::string(what) + ": " + leaked.names; }, what);
}

Loop::Impl::~Impl() {
    if (attached) {
        return;  // and detached: `must_stay` says so otherwise
    }
    EDDY_REQUIRE(core.runs_on.load(std::memory_order_relaxed) == 0,
                 "a Loop was destroyed while it runs: keep it until run() has returned");
    if (driver == nullptr) {
        return;
    }
    // Did not get to run: what was posted has been promised to.
    const ThreadBinding binding(core);
    close_core();
    if (inherited()) {
        // NOLINTNEXTLINE(bugprone-unused-return-value)
        static_cast<void>(driver.release());  // what was posted has forked
        return;
    }
    close_driver();
}

// --- the public face ---------------------------------------------------------------------------

Loop::Loop(const LoopOptions& options) : impl_(std::make_unique<Impl>(*this, options)) {}

Loop::~Loop() {
    const bool stays = impl_->must_stay() && !impl_->inherited();
    if (stays) {
        impl_->leave_behind();
    }
    if (stays || impl_->inherited()) {
        // NOLINTNEXTLINE(bugprone-unused-return-value)
        static_cast<void>(impl_.release());  // leaks on purpose: it is the parent's, or a guest's
    }
}

void Loop::run_main(detail::Job& main,
                    const RunOptions& options,
                    const std::source_location& where) {
    impl_->run_main(main, options, where);
}

Loop& Loop::current() { return *detail::require_loop("Loop::current").loop; }

Loop* Loop::current_or_null() noexcept {
    const detail::LoopCore* core = thread_state.core;
    return core != nullptr && core->here() ? core->loop : nullptr;
}

LoopHandle Loop::handle() const noexcept { return LoopHandle(impl_->core.inbox); }

void Loop::cancel(std::string_view reason) {
    impl_->require_own_thread("Loop::cancel");
    impl_->cancel(reason);
}

void Loop::add_observer(Observer& observer) {
    impl_->require_own_thread("Loop::add_observer");
    impl_->core.add_observer(observer);
}

void Loop::remove_observer(Observer& observer) {
    impl_->require_own_thread("Loop::remove_observer");
    impl_->core.remove_observer(observer);
}

LoopStatistics Loop::statistics() const {
    impl_->require_own_thread("Loop::statistics");
    const detail::LoopCore& core = impl_->core;
    return {.jobs_alive = core.jobs_alive,
            .jobs_ready = core.ready.size(),
            .deadlines = core.deadlines.size(),
            .jobs_spawned = core.next_id,
            .forced_yields = core.forced_yields};
}

int Loop::received_signal() const {
    impl_->require_own_thread("Loop::received_signal");
    return impl_->signal;
}

uv_loop_s* Loop::uv_loop() {
    impl_->require_own_thread("Loop::uv_loop");
    return impl_->driver != nullptr ? impl_->driver->loop() : nullptr;
}

detail::LoopCore& Loop::core() noexcept { return impl_->core; }

detail::Nursery& Loop::root() {
    if (impl_->core.inbox->closed()) {
        throw LoopClosed("Loop::spawn: the loop is over and takes no more jobs");
    }
    impl_->require_running("Loop::spawn");
    return impl_->core.root;
}

void Loop::Impl::require_own_thread(const char* what) const {
    if (inherited()) {
        throw WrongThread(std::string(what) +
                          ": this loop was made before fork() and belongs to the parent: make a "
                          "new Loop in the child, or exec");
    }
    if (core.runs_on.load(std::memory_order_acquire) != 0 && !core.here()) {
        throw WrongThread(std::string(what) +
                          ": this loop runs on another thread; use LoopHandle::post");
    }
}

void Loop::Impl::require_running(const char* what) const {
    require_own_thread(what);
    if (!core.here()) {
        throw WrongThread(std::string(what) +
                          ": this loop does not run; LoopHandle::post a function that does it, or "
                          "do it in the main job");
    }
}

}  // namespace eddy::inline v0_1
