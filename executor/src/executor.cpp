// SPDX-License-Identifier: MIT
#include <eddy/executor.hpp>

#include <utility>

#include <eddy/detail/failure_from.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/offload.hpp>
#include <eddy/require.hpp>

#include "offload_notice.hpp"

namespace eddy::inline v0_1 {

namespace {

thread_local Work* current_work = nullptr;  // the call this thread runs

}  // namespace

std::stop_token Work::stop_token() {
    // Sequentially consistent with request_stop(): at least one of the two sees the other.
    if (!has_stop_.load()) {
        stop_ = std::stop_source();
        has_stop_.store(true);
        if (stop_requested_.load()) {
            stop_.request_stop();
        }
    }
    return stop_.get_token();
}

std::stop_token current_stop_token() {
    return current_work != nullptr ? current_work->stop_token() : std::stop_token();
}

bool detail::call_should_stop() noexcept {
    return current_work != nullptr && current_work->stop_requested_.load();
}

void Work::request_stop() noexcept {
    stop_requested_.store(true);
    if (has_stop_.load()) {
        stop_.request_stop();
    }
}

void Work::deliver() {
    if (waiter_ != nullptr) [[likely]] {
        waiter_->arrived();
    } else {
        --detail::thread_state.core->owed;
        destroy();
    }
}

// --- the worker's side -------------------------------------------------------------------------

void Work::execute() noexcept {
    if (notice_ != nullptr) [[unlikely]] {
        detail::OffloadNotice::send(*std::exchange(notice_, nullptr));
    }
    Work* const outer = std::exchange(current_work, this);
    invoke();
    current_work = outer;
}

void Work::complete() noexcept {
    if (inbox_ == nullptr || !try_change(State::running, State::finished)) {
        destroy();  // nobody's from the start, or left alone
        return;
    }
    const bool accepted = inbox_->push(*this);
    EDDY_REQUIRE(accepted || inbox_->inherited(),  // the loop was left behind by its host
                 "this is a defect of Eddy: a loop ended before a result it was owed");
}

void Work::release() noexcept {
    if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        destroy();
    }
}

void Work::run() noexcept {
    if (!claim()) {
        release();
        return;
    }
    if (detail::thread_state.core != nullptr) {
        drop_call();
        error_ = detail::failure_from([] {
            return WrongThread(
                "an Executor ran offloaded work on the thread of a loop, which it would have "
                "blocked");
        });
    } else {
        execute();
    }
    complete();
}

void Work::reject(std::exception_ptr why) noexcept {
    if (!claim()) {
        release();
        return;
    }
    drop_call();
    error_ = std::move(why);
    complete();
}

void Work::drop_notice() noexcept { delete notice_; }

}  // namespace eddy::inline v0_1
