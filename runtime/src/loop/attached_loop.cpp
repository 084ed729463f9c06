// SPDX-License-Identifier: MIT
// The half of a loop that a host runs: its place in the host's turn, and how it leaves.
#include <algorithm>
#include <memory>
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

/// A forked child that goes on with its host's loop, or a job (a posted function, an observer) of
/// ours that runs the host's loop: then ours stand still, and what wakes them is seen when that one
/// has returned, since every turn ends with a look at everything.
bool Loop::Impl::not_my_turn() const noexcept {
    if (inherited() || in_host_turn_) {
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
        core.on_idle()) {
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
    driver.release()->close_attached(std::move(on_detached_));
}

void Loop::Impl::detach(std::function<void()> on_done, Duration patience) {
    if (!attached) {
        throw InvalidState("Loop::detach: this loop is not attached; its run ends by itself");
    }
    if (detaching_) {
        return;
    }
    detaching_ = true;
    grace_ = std::max(patience, Duration::zero());
    on_detached_ = std::move(on_done);
    if (!core.root.closed) {
        grace_timer_.started = false;  // an earlier `cancel` began one
        begin_end("the loop is being detached");
    }
    driver->keep_running();
    driver->dont_block();  // without jobs nobody else says that there is something to do
}

// --- the public face ---------------------------------------------------------------------------

Loop::Loop(uv_loop_s* host, const AttachOptions& options)
    : impl_(std::make_unique<Impl>(*this, options.loop, host, options.keep_alive)) {
    thread_state.core = &impl_->core;
    impl_->core.runs_on.store(detail::loop_begins(), std::memory_order_release);
}

std::unique_ptr<Loop> Loop::attach(uv_loop_s* host, const AttachOptions& options) {
    if (current_or_null() != nullptr) {
        throw InvalidState("Loop::attach: this thread has an Eddy loop already");
    }
    return std::unique_ptr<Loop>(new Loop(host, options));
}

void Loop::detach(std::function<void()> on_done, Duration grace) {
    impl_->require_running("Loop::detach");
    impl_->detach(std::move(on_done), grace);
}

}  // namespace eddy::inline v0_1
