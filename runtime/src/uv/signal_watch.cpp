// SPDX-License-Identifier: MIT
#include "uv/signal_watch.hpp"

#include <utility>

#include <eddy/detail/fork_generation.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/error.hpp>

#include "uv/check.hpp"
#include "uv/driver.hpp"

namespace eddy::inline v0_1::detail {

namespace {

uv_handle_t* base(uv_signal_t& handle) noexcept { return reinterpret_cast<uv_handle_t*>(&handle); }

}  // namespace

SignalWatch* SignalWatch::open(std::span<const int> numbers) {
    LoopCore& core = require_loop("a SignalSet");
    if (core.root.closed) {
        throw LoopClosed("the loop is ending: no SignalSet can be opened on it any more");
    }
    auto* watch = new SignalWatch(core, numbers);
    try {
        for (std::size_t i = 0; i < watch->count_; ++i) {
            watch->start(watch->watched_[i]);
        }
    } catch (...) {
        watch->let_go();
        throw;
    }
    return watch;
}

SignalWatch::SignalWatch(LoopCore& core, std::span<const int> numbers)
    : core_(&core),
      watched_(new Watched[numbers.size()]),
      count_(numbers.size()),
      generation_(fork_generation()) {
    for (std::size_t i = 0; i < count_; ++i) {
        watched_[i].number = numbers[i];
    }
    core.listen_to_close(*this);
}

void SignalWatch::start(Watched& watched) {
    uv_check(uv_signal_init(core_->driver->loop(), &watched.handle), "uv_signal_init");
    ++handles_;
    pipe_.join(*core_->driver->loop());
    core_->driver->joined(base(watched.handle));
    uv_unref(base(watched.handle));
    watched.handle.data = this;
    uv_check(uv_signal_start(
                 &watched.handle,
                 [](uv_signal_t* handle, int) {
                     static_cast<SignalWatch*>(handle->data)
                         ->arrived(*reinterpret_cast<Watched*>(handle));
                 },
                 watched.number),
             "uv_signal_start");
}

// --- the end -----------------------------------------------------------------------------------

void SignalWatch::let_go() noexcept {
    owned_ = false;
    close();
    release();
}

void SignalWatch::close() noexcept {
    if (!open_) {
        return;
    }
    open_ = false;
    pipe_.leave();
    core_->forget(*this);
    if (generation_ != fork_generation() || core_->inherited()) {
        handles_ =
            SIZE_MAX;  // the parent's, or those of a guest that is no more: leaked on purpose
        return;
    }
    const std::size_t opened = handles_;
    for (std::size_t i = 0; i < opened; ++i) {
        uv_close(base(watched_[i].handle), [](uv_handle_t* closed) {
            auto& self = *static_cast<SignalWatch*>(closed->data);
            Driver& driver = *self.core_->driver;
            --self.handles_;
            self.release();
            driver.left();
        });
    }
}

void SignalWatch::release() noexcept {
    if (!owned_ && handles_ == 0) {
        delete this;
    }
}

// --- signals -----------------------------------------------------------------------------------

bool SignalWatch::hand_over(int number, std::uint64_t since) noexcept {
    QueuedWaiter* waiter = waiting_.pop_front();
    if (waiter == nullptr) {
        return false;
    }
    auto& served = *static_cast<SignalWait*>(waiter);
    served.number_ = number;
    served.since_ = since;
    served.commit();
    return true;
}

void SignalWatch::arrived(Watched& watched) noexcept {
    if (generation_ != fork_generation() || core_->inherited()) {
        return;  // a child that runs on with its host's loop: its jobs are the parent's
    }
    ++received_;
    const std::uint64_t since = ++arrivals_;
    if (hand_over(watched.number, since)) {
        return;
    }
    if (watched.since != 0) {
        ++coalesced_;
    } else {
        watched.since = since;
    }
}

bool SignalWatch::take(SignalWait& wait) noexcept {
    Watched* oldest = nullptr;
    for (Watched& watched : std::span(watched_.get(), count_)) {
        if (watched.since != 0 && (oldest == nullptr || watched.since < oldest->since)) {
            oldest = &watched;
        }
    }
    if (oldest == nullptr) {
        return false;
    }
    wait.number_ = oldest->number;
    wait.since_ = std::exchange(oldest->since, 0);
    return true;
}

void SignalWatch::give_back(const SignalWait& wait) noexcept {
    if (hand_over(wait.number_, wait.since_)) {
        return;
    }
    for (Watched& watched : std::span(watched_.get(), count_)) {
        if (watched.number == wait.number_) {
            coalesced_ += watched.since != 0 ? 1U : 0U;
            watched.since = wait.since_;  // older than what has come meanwhile
        }
    }
}

std::size_t SignalWatch::pending() const noexcept {
    std::size_t count = 0;
    for (const Watched& watched : std::span(watched_.get(), count_)) {
        count += watched.since != 0 ? 1U : 0U;
    }
    return count;
}

}  // namespace eddy::inline v0_1::detail
