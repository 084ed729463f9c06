// SPDX-License-Identifier: MIT
#include <eddy/detail/out_queue.hpp>

#include <string>
#include <utility>

#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

// --- the loop ----------------------------------------------------------------------------------

void OutQueue::find_loop(const char* what) {
    if (loop_over_) {
        refuse(what);
    }
    LoopCore* const core = thread_state.core;
    if (core == nullptr) {
        throw InvalidState(std::string(what) + ": no loop runs on this thread");
    }
    if (core->root.closed) {  // nobody would tell of its end any more
        loop_over_ = true;
        return;
    }
    // What has not been sent then is torn, before the stream ends as if it had been all.
    core->listen_to_close_first(*this);
    core_ = core;
}

void OutQueue::schedule() noexcept {
    state_ = State::scheduled;
    hot_ = is_open();
    core_->queue_at_turn_end(*this);
}

void OutQueue::leave() noexcept {
    hot_ = false;
    if (state_ == State::scheduled || state_ == State::ended) {
        core_->drop_callback(*this);
    }
    if (state_ >= State::writing) {
        port_.leave();
    }
    state_ = State::idle;
}

void OutQueue::loop_closing() noexcept {
    if (!core_->inherited()) {
        catch_up();
    }
    const bool torn = gone_ != accepted_ && !core_->inherited();
    leave();
    core_ = nullptr;
    loop_over_ = true;
    if (torn) {
        port_.tear();
    }
    forget();
}

void OutQueue::end() noexcept {
    EDDY_NO_USER(flushes_.empty() && drains_.empty(), "a writer was destroyed while jobs flush it");
    if (core_ == nullptr) {
        return;  // it has done nothing, or the loop has ended
    }
    const bool ours = !core_->inherited();
    EDDY_REQUIRE(!ours || core_->here(),
                 "a writer was destroyed off its loop's thread: let it end where its stream does");
    if (ours) {
        catch_up();  // what the stream has taken in this moment is sent
    }
    shut();  // a message's deleter may call `send`
    leave();
    core_->forget(*this);
    if (ours && gone_ != accepted_) {
        port_.tear();
    }
    forget();
}

// --- sending -----------------------------------------------------------------------------------

void OutQueue::send() noexcept {
    if (state_ >= State::writing) {
        return;
    }
    if (state_ == State::scheduled) {
        core_->drop_callback(*this);
    }
    hot_ = false;
    state_ = State::writing;
    bool waits = false;
    while (!waits) {
        const std::size_t count = gather(parts_);
        if (count == 0) {
            break;
        }
        asking_ = true;
        try {
            ++writes_;
            waits = !port_.write(std::span(parts_).first(count), *this);
        } catch (...) {
            if (!failure_) {
                failure_ = std::current_exception();
            }
        }
        asking_ = false;
        if (failure_) [[unlikely]] {
            stop();
            return;
        }
        if (!waits) {
            sent();
        }
    }
    if (!waits) {
        state_ = State::idle;
    }
    admit();
    wake_flushes();
}

void OutQueue::committed(Waiter& operation, bool willing) noexcept {
    static_cast<void>(operation);
    static_cast<void>(willing);
    state_ = State::ended;
    core_->queue_callback(*this);
}

void OutQueue::call() {
    if (state_ == State::ended) {
        take_result();
    } else {
        hot_ = false;
        state_ = State::idle;
        send();
    }
}

/// What has come meanwhile goes out with what those write who are woken now.
void OutQueue::take_result() noexcept {
    asking_ = true;
    Job* const caller = std::exchange(thread_state.job, nullptr);  // not the one that writes
    try {
        port_.finish();
    } catch (...) {
        if (!failure_) {
            failure_ = std::current_exception();
        }
    }
    thread_state.job = caller;
    asking_ = false;
    state_ = State::idle;
    if (failure_) [[unlikely]] {
        stop();
        return;
    }
    sent();
    if (gone_ != accepted_ && state_ == State::idle) {  // else a message's deleter has
        schedule();
    }
    admit();
    wake_flushes();
}

void OutQueue::catch_up() noexcept {
    if (state_ == State::writing && !asking_) {
        port_.catch_up();
    }
    if (state_ == State::ended && !asking_) {
        core_->drop_callback(*this);
        take_result();
    }
}

// --- failing -----------------------------------------------------------------------------------

void OutQueue::fail(std::exception_ptr why) noexcept {
    if (failed()) {
        return;
    }
    failure_ = std::move(why);
    if (!asking_) {  // else whoever asks sees it
        stop();
    }
}

void OutQueue::fail_and_tear(std::exception_ptr why) noexcept {
    fail(std::move(why));
    port_.tear();
}

void OutQueue::stop() noexcept {
    leave();
    forget();
    admit();
    wake_flushes();
}

void OutQueue::refuse(const char* what) const {
    if (failure_) {
        std::rethrow_exception(failure_);
    }
    throw ClosedResource(std::string(what) + (loop_over_ ? ": the loop has ended"
                                                         : ": the writing side was shut down"));
}

// --- flushing ----------------------------------------------------------------------------------

void OutQueue::wake_flushes() noexcept {
    while (QueuedWaiter* const front = flushes_.front()) {
        if (!failed() && !static_cast<QueueFlush*>(front)->reached()) {
            break;
        }
        flushes_.wake_one();
    }
    if (failed() || is_drained()) {
        drains_.wake_all();
    }
}

bool QueueFlush::reached() const noexcept {
    return until_ == Until::now ? queue_.sent_up_to(target_) : queue_.is_drained();
}

bool QueueFlush::try_now() {
    queue_.enter_loop(name_);
    target_ = queue_.accepted();
    queue_.send();
    if (queue_.failed()) {
        queue_.refuse(name_);
    }
    return reached();
}

void QueueFlush::start() {
    if (queue_.failed() || reached()) {  // since it was tried
        commit();
    } else {
        (until_ == Until::now ? queue_.flushes_ : queue_.drains_).push_back(*this);
    }
}

void QueueFlush::take() const {
    if (queue_.failed() && !reached()) {
        queue_.refuse(name_);
    }
}

void QueueFlush::catch_up() noexcept { queue_.catch_up(); }

}  // namespace eddy::inline v0_1::detail
