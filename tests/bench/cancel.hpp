// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/yield.hpp>

#include "asio_kit.hpp"
#include "bench.hpp"

/// Cancelling many sleeping jobs, beside the least it can cost: a bare throw through as many
/// coroutine frames.
namespace bench {

namespace cancels {

inline constexpr std::chrono::hours long_time(1);

// --- Eddy --------------------------------------------------------------------------------------

inline eddy::Task<> sleep_below(std::size_t frames) {
    if (frames == 1) {
        co_await eddy::sleep_for(long_time);
    } else {
        co_await sleep_below(frames - 1);
    }
}

inline eddy::Task<> cancel_all(eddy::TaskGroup& group,
                               std::size_t jobs,
                               std::size_t frames,
                               std::optional<Meter>* meter) {
    for (std::size_t i = 0; i < jobs; ++i) {
        group.spawn(sleep_below(frames));
    }
    co_await eddy::yield();  // now they sleep
    meter->emplace();
    group.cancel();
}

template <std::size_t jobs, std::size_t frames>
eddy::Task<Sample> measure() {
    std::optional<Meter> meter;
    co_await eddy::with_task_group(cancel_all, jobs, frames, &meter);
    co_return meter->stop(jobs);
}

template <std::size_t jobs, std::size_t frames>
Sample eddy_cancel() {
    return eddy::run(measure<jobs, frames>());
}

// --- a bare throw ------------------------------------------------------------------------------

/// What every cancelled job throws, and nothing more.
struct Stop {
    std::shared_ptr<const std::string> cause;
};

/// The least that can be awaited: a frame, an exception, a way back.
class Bare final {
public:
    struct promise_type {
        std::coroutine_handle<> parent = std::noop_coroutine();
        std::exception_ptr error;

        Bare get_return_object() noexcept {
            return Bare(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        struct Final {
            Final() noexcept {}
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(
                std::coroutine_handle<promise_type> self) const noexcept {
                return self.promise().parent;
            }
            void await_resume() const noexcept {}
        };
        Final final_suspend() const noexcept { return Final(); }
        void return_void() const noexcept {}
        void unhandled_exception() noexcept { error = std::current_exception(); }
    };

    Bare(Bare&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Bare& operator=(Bare&&) = delete;
    ~Bare() {
        if (frame_) {
            frame_.destroy();
        }
    }

    class Awaiter final {
    public:
        explicit Awaiter(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
        Awaiter(const Awaiter&) = delete;
        Awaiter& operator=(const Awaiter&) = delete;
        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
            frame_.promise().parent = parent;
            return frame_;
        }
        void await_resume() const {
            if (frame_.promise().error) {
                std::rethrow_exception(frame_.promise().error);
            }
        }

    private:
        std::coroutine_handle<promise_type> frame_;
    };
    Awaiter operator co_await() && noexcept { return Awaiter(frame_); }

    void start() { frame_.resume(); }

private:
    explicit Bare(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;
};

/// Waits until it is resumed with a cause to throw.
class Wait final {
public:
    Wait(std::coroutine_handle<>& leaf, const Stop& stop) noexcept : leaf_(leaf), stop_(stop) {}
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) noexcept { leaf_ = self; }
    void await_resume() const { throw Stop(stop_); }

private:
    std::coroutine_handle<>& leaf_;
    const Stop& stop_;
};

inline Bare bare_below(std::size_t frames, std::coroutine_handle<>& leaf, const Stop& stop) {
    if (frames == 1) {
        co_await Wait(leaf, stop);
    } else {
        co_await bare_below(frames - 1, leaf, stop);
    }
}

template <std::size_t jobs, std::size_t frames>
Sample bare_throw() {
    const Stop stop{std::make_shared<const std::string>("stop")};
    std::vector<std::coroutine_handle<>> leaves(jobs);
    std::vector<Bare> all;
    all.reserve(jobs);
    for (std::size_t i = 0; i < jobs; ++i) {
        all.push_back(bare_below(frames, leaves[i], stop));
        all.back().start();
    }
    const Meter meter;
    for (const std::coroutine_handle<>& leaf : leaves) {
        leaf.resume();
    }
    all.clear();
    return meter.stop(jobs);
}

// --- Boost.Asio --------------------------------------------------------------------------------

#ifdef EDDY_HAVE_ASIO
namespace asio = peer::asio;

template <class E>
asio::awaitable<void, E> asio_below(asio::io_context& context,
                                    std::size_t frames,
                                    peer::Timer<E>** timer) {
    if (frames == 1) {
        peer::Timer<E> own(E(context.get_executor()), long_time);
        *timer = &own;
        co_await own.async_wait(asio::deferred);
    } else {
        co_await asio_below<E>(context, frames - 1, timer);
    }
}

/// Each coroutine's timer is cancelled: Asio has no tree to cancel.
template <class E, std::size_t jobs, std::size_t frames>
Sample asio_cancel() {
    asio::io_context context(1);
    std::vector<peer::Timer<E>*> timers(jobs);
    for (std::size_t i = 0; i < jobs; ++i) {
        peer::start<E>(
            context, asio_below<E>(context, frames, &timers[i]), [](std::exception_ptr) {});
    }
    context.poll();
    const Meter meter;
    for (peer::Timer<E>* timer : timers) {
        timer->cancel();
    }
    context.run();
    return meter.stop(jobs);
}
#endif

}  // namespace cancels

inline void add_cancel_rows(std::vector<Row>& rows) {
    using namespace cancels;
    rows.push_back({.name = "cancel_1",
                    .title = "cancel 100,000 sleeping jobs of one frame, each",
                    .unit = "ns",
                    .contenders = {{"eddy", eddy_cancel<100'000, 1>},
                                   {"bare throw", bare_throw<100'000, 1>},
                                   BENCH_ASIO(asio_cancel, 100'000, 1)},
                    .targets = {{"bare throw", 1.3}}});
    rows.push_back({.name = "cancel_8",
                    .title = "cancel 10,000 sleeping jobs of eight frames, each",
                    .unit = "ns",
                    .contenders = {{"eddy", eddy_cancel<10'000, 8>},
                                   {"bare throw", bare_throw<10'000, 8>},
                                   BENCH_ASIO(asio_cancel, 10'000, 8)},
                    .targets = {{"bare throw", 1.3}}});
}

}  // namespace bench
