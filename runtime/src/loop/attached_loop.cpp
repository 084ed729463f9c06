// SPDX-License-Identifier: MIT
// Part of loop: the half that a host runs, its place in the host's turn, and how it leaves.
#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/require.hpp>

#include "loop/loop_impl.hpp"

namespace eddy::inline v0_1 {

using detail::thread_state;

namespace {

/// For the time of a call; says so to those who come in meanwhile.
class Entered final {
public:
    explicit Entered(bool& inside) noexcept : inside_(inside) { inside_ = true; }
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;
    ~Entered() { inside_ = false; }

private:
    bool& inside_;
};

}  // namespace

Loop::Impl::Impl(Loop& loop, uv_loop_t* host, const AttachOptions& given)
    : Impl(loop, given.loop, host) {
    departure_ = std::make_shared<Departure>();
    while_jobs_ = given.keep_alive == KeepHost::while_jobs;
    referenced_ = given.keep_alive == KeepHost::always;
    departure_->told.reserve(1);  // the first detach needs no memory
    on_closed_ = [departure = departure_] { departure->complete(); };
    driver->hold_host(referenced_);
    core.notify(&Impl::stir, this);
}

/// The constructors are through.
void Loop::Impl::begin_attached() noexcept {
    thread_state.core = &core;
    guest_of_ = detail::loop_begins();
    core.runs_on.store(guest_of_, std::memory_order_release);
}

// --- the host's turn ---------------------------------------------------------------------------

/// There is something to do earlier than the host knows.
void Loop::Impl::stir(void* impl) noexcept {
    auto& self = *static_cast<Impl*>(impl);
    self.driver->dont_block();
    self.driver->hold_host(self.holds_host());
}

/// Any thread, an `Inbox::Wake`. A wake-up does not keep a host running that has nothing else to
/// run for; what its own thread posts does.
void Loop::Impl::wake_guest(void* impl) noexcept {
    auto& self = *static_cast<Impl*>(impl);
    detail::Driver::wake(self.driver.get());
    if (self.core.here()) {
        stir(impl);
    }
}

bool Loop::Impl::holds_host() const noexcept {
    return referenced_ || detaching_ ||
           (while_jobs_ && (core.jobs_alive != 0 || core.has_work() || !core.inbox->empty() ||
                            core.calls_due != 0));
}

/// A forked child that goes on with its host's loop, or a job (a posted function, an observer) of
/// ours that runs the host's loop: then ours stand still, and what wakes them is seen when that one
/// has returned, since every turn ends with a look at everything.
bool Loop::Impl::not_my_turn() noexcept {
    if (inherited() || in_host_turn_) {
        if (left_behind_ && !in_host_turn_) {
            driver->rest();
        }
        return true;
    }
    EDDY_REQUIRE(core.here(),
                 "a host's loop runs on another thread than the one on which Loop::attach was "
                 "called: attach on the thread that runs it");
    return false;
}

void Loop::Impl::before_host_poll() noexcept {
    if (not_my_turn()) [[unlikely]] {
        return;
    }
    const Entered entered(in_host_turn_);
    Duration timeout = Duration::zero();
    if ((virtual_time_ || !core.settled.empty()) && !core.has_work() && core.inbox->empty() &&
        core.on_idle(untimed_grace_end_)) {
        driver->dont_block();
    } else {
        timeout = limit_host_poll();
    }
    if ((core.hooks & Observer::polls) != 0) [[unlikely]] {
        observe_poll(timeout);
    }
}

/// For how long the next poll may block. Also after a turn: a host may poll by itself, and ask
/// libuv for how long (uv_backend_timeout) before it has called our prepare handle.
Duration Loop::Impl::limit_host_poll() noexcept {
    driver->hold_host(holds_host());
    const bool leaving = detaching_ && core.root.live == 0;
    // Who waits for the others to settle, virtual time too, is looked after before the host's next
    // poll: there has to be one, until a turn has found nothing to do.
    const bool unsettled = (virtual_time_ || !core.settled.empty()) && core.turn.done() != 0;
    if (leaving || unsettled || core.has_work() || !core.inbox->empty()) {
        driver->dont_block();
        return Duration::zero();
    }
    // In virtual time no deadline ends a poll, but the grace does, which also counts in real time.
    const TimePoint next = virtual_time_ ? real_grace_end_ : next_deadline();
    if (next == never) {
        driver->block_until({}, never);
        return Duration::max();
    }
    const TimePoint now = virtual_time_ ? Clock::steady().now() : core.clock->now();
    if (next <= now) {
        driver->dont_block();
        return Duration::zero();
    }
    const TimePoint until = virtual_time_ ? next : std::min(core.next_wake(now), other_deadline());
    driver->block_until(now, until);
    return until - now;
}

void Loop::Impl::after_host_poll() noexcept {
    if (not_my_turn()) [[unlikely]] {
        return;
    }
    const Entered entered(in_host_turn_);
    if ((core.hooks & Observer::polls) != 0) [[unlikely]] {
        observe_poll_end();
    }
    core.run_turn();
    if (!inherited()) [[likely]] {  // a job may have forked
        finish_host_turn();
    }
    if (left_behind_) [[unlikely]] {
        // A job that has destroyed its own loop has gone on to its next wait.
        core.for_each_job([](detail::Job& job) { job.abort_wait(); });
        thread_state.core = nullptr;
    }
}

void Loop::Impl::finish_host_turn() noexcept {
    if (core.root.scope.cancel_called && !grace_timer_.started) {
        begin_end({});
    }
    if (core.root.scope.cancel_called && !core.root.closed &&
        (core.root.live == 0 || grace_over())) {
        end_jobs();
    }
    if (inherited()) {
        return;
    }
    if (!detaching_ || detached_ || core.root.live != 0) {
        limit_host_poll();
        return;
    }
    detached_ = true;
    close_core();
    if (inherited()) {
        return;
    }
    thread_state.core = nullptr;
    detail::loop_ends(core.runs_on.exchange(0, std::memory_order_acq_rel));
    core.notify(nullptr, nullptr);
    driver.release()->close_attached(std::move(on_closed_));
}

void Loop::Impl::detach(std::function<void()> on_done, Duration patience) {
    if (departure_->over) {
        if (on_done) {
            on_done();
        }
        return;
    }
    departure_->told.push_back(std::move(on_done));
    patience = std::max(patience, Duration::zero());
    const bool later = detaching_ && after(core.clock->now(), patience) >= grace_end_;
    if (detached_ || later) {
        return;
    }
    detaching_ = true;
    grace_ = patience;
    if (!core.root.closed) {
        grace_timer_.started = false;  // an earlier `cancel` began one
        begin_end("the loop is being detached");
    }
    driver->hold_host(true);
    driver->dont_block();  // without jobs nobody else says that there is something to do
}

void Loop::Impl::Departure::complete() {
    over = true;
    const std::vector<std::function<void()>> all = std::move(told);
    for (const std::function<void()>& call : all) {
        if (call) {
            call();
        }
    }
}

void Loop::Impl::refer(bool on) noexcept {
    referenced_ = on;
    if (!detached_) {
        driver->hold_host(holds_host());
    }
}

namespace {

/// Guests that are no more, so that what they have left counts as kept, not as lost.
constinit std::atomic<void*> last_left_behind{nullptr};

}  // namespace

/// The host's loop may be gone already, so nothing of it is touched: its next callback, if there is
/// one, lets go of it. On another thread than its own (an `exit` there), the loop may be running.
void Loop::Impl::leave_behind() noexcept {
    constexpr std::string_view what =
        "an attached Loop was destroyed before detach had called its on_done, and is left as it is";
    constexpr std::string_view remedy = ": call detach, and keep the Loop until then";
    const bool here = core.here();
    detail::note_left_behind();
    if (here) {
        left_behind_ = true;
        core.notify(nullptr, nullptr);
        core.hooks = 0;
        core.turn.stop();
        core.disown();
        // They leave the queues they wait in: those may be destroyed after this one. None runs.
        core.for_each_job([](detail::Job& job) { job.abort_wait(); });
        detail::loop_ends(core.runs_on.exchange(0, std::memory_order_acq_rel));
        if (!in_host_turn_) {
            thread_state.core = nullptr;
        }
    }
    left_before_ = static_cast<Impl*>(last_left_behind.load(std::memory_order_relaxed));
    void* before = left_before_;
    while (!last_left_behind.compare_exchange_weak(
        before, this, std::memory_order_acq_rel, std::memory_order_relaxed)) {
        left_before_ = static_cast<Impl*>(before);
    }
    try {
        std::string text(what);
        if (here) {
            text += ", with " + std::to_string(core.jobs_alive);
            text += core.jobs_alive == 1 ? " job" : " jobs";
        }
        detail::log_error(text += remedy);
    } catch (const std::bad_alloc&) {
        detail::log_error(what);
    }
}

void Loop::Impl::require_guest(const char* what) const {
    require_own_thread(what);
    if (!attached) {
        throw InvalidState(std::string(what) +
                           ": this loop is not attached to a host's; its run ends by itself");
    }
    if (!departure_->over && thread_state.identity != guest_of_) {
        throw WrongThread(std::string(what) + ": this loop is leaving its host on another thread");
    }
}

// --- the public face ---------------------------------------------------------------------------

Loop::Loop(uv_loop_s* host, const AttachOptions& options)
    : impl_(std::make_unique<Impl>(*this, host, options)) {
    impl_->begin_attached();
}

std::unique_ptr<Loop> Loop::attach(uv_loop_s* host, const AttachOptions& options) {
    if (current_or_null() != nullptr) {
        throw InvalidState("Loop::attach: this thread has an Eddy loop already");
    }
    return std::unique_ptr<Loop>(new Loop(host, options));
}

void Loop::detach(std::function<void()> on_done, Duration grace) {
    impl_->require_guest("Loop::detach");
    impl_->detach(std::move(on_done), grace);
}

void Loop::ref() {
    impl_->require_guest("Loop::ref");
    impl_->refer(true);
}

void Loop::unref() {
    impl_->require_guest("Loop::unref");
    impl_->refer(false);
}

}  // namespace eddy::inline v0_1
