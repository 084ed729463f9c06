// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <vector>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/time.hpp>
#include <eddy/with_scope.hpp>

#include "asio_kit.hpp"
#include "bench.hpp"
#include "uv_timers.hpp"

/// Many sleeps, and deadlines that are set and taken back among many others.
namespace bench {

namespace timers {

using std::chrono::milliseconds;

inline constexpr std::size_t settings = 300'000;
inline constexpr std::size_t timeouts = 100'000;

/// The same mixture for everybody: 0 to 100 ms, in no order.
[[nodiscard]] inline milliseconds short_delay(std::size_t i) noexcept {
    return milliseconds((i * 7'919) % 101);
}
/// Sooner than all the long ones: a request's timeout among many idle connections.
[[nodiscard]] inline milliseconds request_delay(std::size_t i) noexcept {
    return milliseconds(5'000 + i % 1'000);
}
/// From one hour to two.
[[nodiscard]] inline milliseconds long_delay(std::size_t i) noexcept {
    return milliseconds(3'600'000 + (i * 2'654'435'761U) % 3'600'000);
}

/// Everybody in turn, in an order that no cache likes.
[[nodiscard]] inline std::size_t scattered(std::size_t i) noexcept {
    return (i * 61'283) % sleepers;
}

// --- Eddy --------------------------------------------------------------------------------------

inline eddy::Task<> sleeper(milliseconds delay) { co_await eddy::sleep_for(delay); }

inline eddy::Task<> spawn_sleepers(eddy::TaskGroup& group) {
    for (std::size_t i = 0; i < sleepers; ++i) {
        group.spawn(sleeper(short_delay(i)));
    }
    co_return;
}

inline eddy::Task<Sample> measure_sleeps() {
    const Meter meter;
    co_await eddy::with_task_group(spawn_sleepers);
    co_return meter.stop(sleepers);
}

inline eddy::Task<> nothing() { co_return; }

/// A deadline that is taken back as soon as it is set.
inline eddy::Task<> set_deadlines(eddy::CancelScope& scope, Sample* sample) {
    const eddy::TimePoint now = eddy::now();
    const Meter meter;
    for (std::size_t i = 0; i < settings; ++i) {
        scope.set_deadline(now + request_delay(i));
        scope.set_deadline(eddy::never);
    }
    *sample = meter.stop(settings);
    co_return;
}

inline eddy::Task<> measure_settings(Sample& sample) {
    eddy::CancelScope scope;
    co_await eddy::with_scope(scope, set_deadlines(scope, &sample));
}

inline eddy::Task<> measure_timeouts(Sample& sample) {
    const Meter meter;
    for (std::size_t i = 0; i < timeouts; ++i) {
        const bool done = co_await eddy::move_on_after(request_delay(i), nothing());
        static_cast<void>(done);
    }
    sample = meter.stop(timeouts);
}

/// Lets `measured` fill in the sample while 100,000 jobs sleep.
inline eddy::Task<> among_sleepers(eddy::TaskGroup& group,
                                   eddy::Task<> (*measured)(Sample&),
                                   Sample* sample) {
    for (std::size_t i = 0; i < sleepers; ++i) {
        group.spawn(sleeper(long_delay(i)));
    }
    co_await eddy::yield();  // now they sleep
    co_await measured(*sample);
    group.cancel();
}

inline eddy::Task<> forever() { co_await eddy::sleep_forever(); }
inline eddy::Task<> wait_in(eddy::CancelScope& scope) {
    co_await eddy::with_scope(scope, forever());
}

/// Moves the deadlines of 100,000 waiting scopes, in no order.
inline eddy::Task<> move_deadlines(eddy::TaskGroup& group,
                                   std::deque<eddy::CancelScope>* scopes,
                                   Sample* sample) {
    const eddy::TimePoint now = eddy::now();
    for (std::size_t i = 0; i < sleepers; ++i) {
        scopes->emplace_back(eddy::ScopeOptions{.deadline = now + long_delay(i)});
        group.spawn(wait_in(scopes->back()));
    }
    co_await eddy::yield();  // now they wait
    const Meter meter;
    for (std::size_t i = 0; i < settings; ++i) {
        (*scopes)[scattered(i)].set_deadline(now + long_delay(sleepers + i));
    }
    *sample = meter.stop(settings);
    group.cancel();
}

inline Sample eddy_moves() {
    std::deque<eddy::CancelScope> scopes;
    Sample sample;
    eddy::run(eddy::with_task_group(move_deadlines, &scopes, &sample));
    return sample;
}

template <eddy::Task<> (*measured)(Sample&)>
Sample eddy_among_sleepers() {
    Sample sample;
    eddy::run(eddy::with_task_group(among_sleepers, measured, &sample));
    return sample;
}

inline Sample eddy_sleeps() { return eddy::run(measure_sleeps()); }

// --- libuv -------------------------------------------------------------------------------------

inline Sample uv_sleeps() {
    UvTimers timers;
    const Meter meter;
    timers.init();
    for (std::size_t i = 0; i < sleepers; ++i) {
        timers.start(i, short_delay(i));
    }
    timers.run();
    return meter.stop(sleepers);
}

inline Sample uv_settings() {
    UvTimers timers;
    timers.init();
    for (std::size_t i = 0; i < sleepers; ++i) {
        timers.start(i, long_delay(i));
    }
    const Meter meter;
    for (std::size_t i = 0; i < settings; ++i) {
        timers.start(sleepers, request_delay(i));
        timers.stop(sleepers);
    }
    return meter.stop(settings);
}

inline Sample uv_moves() {
    UvTimers timers;
    timers.init();
    for (std::size_t i = 0; i < sleepers; ++i) {
        timers.start(i, long_delay(i));
    }
    const Meter meter;
    for (std::size_t i = 0; i < settings; ++i) {
        timers.stop(scattered(i));
        timers.start(scattered(i), long_delay(sleepers + i));
    }
    return meter.stop(settings);
}

// --- Boost.Asio --------------------------------------------------------------------------------

#ifdef EDDY_HAVE_ASIO
namespace asio = peer::asio;

template <class E>
asio::awaitable<void, E> asio_sleeper(asio::io_context& context, milliseconds delay) {
    peer::Timer<E> timer(E(context.get_executor()), delay);
    co_await timer.async_wait(asio::deferred);
}

template <class E>
Sample asio_sleeps() {
    asio::io_context context(1);
    const Meter meter;
    for (std::size_t i = 0; i < sleepers; ++i) {
        peer::start<E>(context, asio_sleeper<E>(context, short_delay(i)), asio::detached);
    }
    context.run();
    return meter.stop(sleepers);
}

template <class E>
std::vector<peer::Timer<E>> asio_pending(asio::io_context& context) {
    std::vector<peer::Timer<E>> timers;
    timers.reserve(sleepers);
    for (std::size_t i = 0; i < sleepers; ++i) {
        timers.emplace_back(E(context.get_executor()), long_delay(i));
        timers.back().async_wait([](const boost::system::error_code&) {});
    }
    return timers;
}

/// Cancelled handlers run with an error: the context is polled after every 100.
template <class E>
void asio_set(asio::io_context& context, peer::Timer<E>& timer, std::size_t i, milliseconds delay) {
    timer.expires_after(delay);  // cancels what is pending
    timer.async_wait([](const boost::system::error_code&) {});
    if (i % 100 == 99) {
        context.poll();
    }
}

template <class E>
Sample asio_moves() {
    asio::io_context context(1);
    std::vector<peer::Timer<E>> timers = asio_pending<E>(context);
    const Meter meter;
    for (std::size_t i = 0; i < settings; ++i) {
        asio_set(context, timers[scattered(i)], i, long_delay(sleepers + i));
    }
    return meter.stop(settings);
}

template <class E>
Sample asio_settings() {
    asio::io_context context(1);
    const std::vector<peer::Timer<E>> timers = asio_pending<E>(context);
    peer::Timer<E> timer(E(context.get_executor()));
    const Meter meter;
    for (std::size_t i = 0; i < settings; ++i) {
        asio_set(context, timer, i, request_delay(i));
        timer.cancel();
    }
    return meter.stop(settings);
}
#endif

}  // namespace timers

inline void add_timer_rows(std::vector<Row>& rows) {
    using namespace timers;
    rows.push_back(
        {.name = "sleep",
         .title = "100,000 jobs that sleep 0 to 100 ms, CPU time of each",
         .unit = "ns",
         .contenders = {{"eddy", eddy_sleeps}, {"libuv", uv_sleeps}, BENCH_ASIO(asio_sleeps)},
         .targets = {{"libuv", 1.15}}});
    rows.push_back({.name = "timer",
                    .title = "make a deadline, sooner than 100,000 others, and cancel it",
                    .unit = "ns",
                    .contenders = {{"eddy", eddy_among_sleepers<measure_settings>},
                                   {"libuv", uv_settings},
                                   BENCH_ASIO(asio_settings)},
                    .targets = {{"libuv", 0.35}},
                    .allocation_free = true});
    rows.push_back(
        {.name = "timer_move",
         .title = "cancel any one of 100,000 deadlines and make another",
         .unit = "ns",
         .contenders = {{"eddy", eddy_moves}, {"libuv", uv_moves}, BENCH_ASIO(asio_moves)},
         .targets = {},
         .allocation_free = true});
    rows.push_back({.name = "timeout",
                    .title = "move_on_after around a task that ends at once, among 100,000",
                    .unit = "ns",
                    .contenders = {{"eddy", eddy_among_sleepers<measure_timeouts>}},
                    .targets = {},
                    .allocation_free = true});
}

}  // namespace bench
