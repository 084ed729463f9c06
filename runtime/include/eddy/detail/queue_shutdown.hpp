// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/out_queue.hpp>
#include <eddy/detail/outer_wait.hpp>

namespace eddy::inline v0_1::detail {

/// `shutdown` of what writes through an `OutQueue`: everything is sent, also what those bring who
/// wait already; then the stream is shut down. Who comes new is refused meanwhile, unless this is
/// given up.
template <class S>
class EDDY_VISIBLE QueueShutdown final : public SteppedWait {
    using WriteAll = typename WritePortOf<S>::WriteAll;
    using Shutdown = decltype(std::declval<S&>().shutdown());

public:
    static constexpr bool calls_out = detail::calls_out<WriteAll> || detail::calls_out<Shutdown>;
    static constexpr bool steps_call_out =
        detail::any_call_out<WriteAll> || detail::any_call_out<Shutdown>;
    static constexpr bool looks_again = true;  // a try may have sent a part

    QueueShutdown(OutQueue& queue, S& stream, const char* name) noexcept
        : queue_(queue), stream_(stream), name_(name) {}
    ~QueueShutdown() override { reopen(); }

    [[nodiscard]] bool try_now() {
        begin();
        return go_on();
    }
    void start() {
        queue_.begin_shutdown();
        counted_ = true;
        try {
            start_next();
        } catch (...) {
            reopen();
            throw;
        }
    }
    void take() {
        reopen();
        conclude();
    }
    [[nodiscard]] const char* what() const noexcept override { return name_; }

private:
    void start_next() {
        if (flush_.full()) {
            start_inner(*flush_);
        } else {
            start_inner(*shutdown_);
        }
    }
    [[nodiscard]] bool go_on() {
        shutdown_.reset();
        flush_.emplace([&] { return QueueFlush(queue_, name_, QueueFlush::Until::drained); });
        const bool drained = flush_->try_now();
        if (!drained) {
            return false;
        }
        flush_->take();
        flush_.reset();
        shutdown_.emplace([&] { return stream_.shutdown(); });
        const bool shut = shutdown_->try_now();
        if (!shut) {
            return false;
        }
        shutdown_->take();
        shutdown_.reset();
        queue_.shut();
        return true;
    }
    void collect() override {
        if (flush_.full()) {
            flush_->take();
            flush_.reset();
        } else {
            shutdown_->take();
            shutdown_.reset();
            queue_.shut();
        }
    }
    [[nodiscard]] bool proceed() override {
        if (queue_.is_shut() || go_on()) {
            return true;
        }
        start_next();
        return false;
    }
    void given_up() noexcept override { reopen(); }
    void reopen() noexcept {
        if (std::exchange(counted_, false)) {
            queue_.end_shutdown();
        }
    }

    OutQueue& queue_;
    S& stream_;
    const char* name_;
    OperationSlot<QueueFlush> flush_;
    OperationSlot<Shutdown> shutdown_;
    bool counted_ = false;  // it refuses who comes new
};

}  // namespace eddy::inline v0_1::detail
