// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <vector>

#include <eddy/loop_metrics.hpp>
#include <eddy/run.hpp>
#include <eddy/task_group.hpp>
#include <eddy/wait_queue.hpp>
#include <eddy/yield.hpp>

#include "asio_kit.hpp"
#include "bench.hpp"

/// Calls, spawns and yields. Plain libuv has none of them.
namespace bench {

namespace tasks {

inline constexpr std::size_t calls = 2'000'000;
inline constexpr std::size_t batches = 200;
inline constexpr std::size_t batch = 1'000;
inline constexpr std::size_t yields = 1'000'000;

/// Makes a result count, so that no compiler leaves it out.
inline void use(std::size_t value) { asm volatile("" : : "r"(value) : "memory"); }

// --- Eddy --------------------------------------------------------------------------------------

inline eddy::Task<std::size_t> child(std::size_t value) { co_return value; }
inline eddy::Task<> nothing() { co_return; }
inline eddy::Task<> one_yield() { co_await eddy::yield(); }
inline eddy::Task<> many_yields(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        co_await eddy::yield();
    }
}

inline eddy::Task<Sample> measure_call() {
    const Meter meter;
    std::size_t sum = 0;
    for (std::size_t i = 0; i < calls; ++i) {
        sum += co_await child(i);
    }
    use(sum);
    co_return meter.stop(calls);
}

template <eddy::Task<> (*job)()>
eddy::Task<> spawn_batch(eddy::TaskGroup& group) {
    for (std::size_t i = 0; i < batch; ++i) {
        group.spawn(job());
    }
    co_return;
}

template <eddy::Task<> (*job)()>
eddy::Task<Sample> measure_spawn() {
    const Meter meter;
    for (std::size_t i = 0; i < batches; ++i) {
        co_await eddy::with_task_group(spawn_batch<job>);
    }
    co_return meter.stop(batches * batch);
}

template <std::size_t jobs>
eddy::Task<> spawn_yielding(eddy::TaskGroup& group) {
    for (std::size_t i = 0; i < jobs; ++i) {
        group.spawn(many_yields(yields / jobs));
    }
    co_return;
}

template <std::size_t jobs>
eddy::Task<Sample> measure_yield() {
    const Meter meter;
    co_await eddy::with_task_group(spawn_yielding<jobs>);
    co_return meter.stop(yields);
}

/// Wakes whoever waits, again and again.
class Bell final {
public:
    class Wait final : public eddy::QueuedWaiter {
    public:
        explicit Wait(Bell& bell) noexcept : bell_(bell) {}
        [[nodiscard]] bool try_now() const noexcept { return false; }
        void start() noexcept { bell_.waiting_.push_back(*this); }
        void take() const noexcept {}
        [[nodiscard]] const char* what() const noexcept override { return "Bell"; }

    private:
        Bell& bell_;
    };

    [[nodiscard]] Wait wait() noexcept { return Wait(*this); }
    void ring() noexcept { waiting_.wake_all(); }

private:
    eddy::WaitQueue waiting_;
};

inline eddy::Task<> many_waits(Bell& bell, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        co_await bell.wait();
    }
}

template <std::size_t jobs>
eddy::Task<> spawn_waking(eddy::TaskGroup& group, Bell& bell) {
    for (std::size_t i = 0; i < jobs; ++i) {
        group.spawn(many_waits(bell, yields / jobs));
    }
    for (std::size_t i = 0; i < yields / jobs; ++i) {
        co_await eddy::yield();  // all of them wait
        bell.ring();
    }
}

template <std::size_t jobs>
eddy::Task<Sample> measure_wake() {
    Bell bell;
    const Meter meter;
    co_await eddy::with_task_group(spawn_waking<jobs>, std::ref(bell));
    co_return meter.stop(yields);
}

inline Sample eddy_call() { return eddy::run(measure_call()); }
template <eddy::Task<> (*job)()>
Sample eddy_spawn() {
    return eddy::run(measure_spawn<job>());
}
/// The same while `LoopMetrics` measures; `steps`: each step too.
template <eddy::Task<Sample> (*measure)(), bool steps>
eddy::Task<Sample> measure_metrics() {
    const eddy::LoopMetrics metrics({.steps = steps});
    co_return co_await measure();
}
template <eddy::Task<Sample> (*measure)(), bool steps>
Sample eddy_metrics() {
    return eddy::run(measure_metrics<measure, steps>());
}

template <std::size_t jobs>
Sample eddy_yield() {
    return eddy::run(measure_yield<jobs>());
}
template <std::size_t jobs>
Sample eddy_wake() {
    return eddy::run(measure_wake<jobs>());
}

// --- Boost.Asio --------------------------------------------------------------------------------

#ifdef EDDY_HAVE_ASIO
namespace asio = peer::asio;

template <class E>
asio::awaitable<std::size_t, E> asio_child(std::size_t value) {
    co_return value;
}
template <class E, bool yielding>
asio::awaitable<void, E> asio_job() {
    if constexpr (yielding) {
        co_await asio::post(asio::deferred);
    }
    co_return;
}
template <class E>
asio::awaitable<void, E> asio_many_yields(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        co_await asio::post(asio::deferred);
    }
}

template <class E>
asio::awaitable<Sample, E> asio_measure_call(asio::io_context&) {
    const Meter meter;
    std::size_t sum = 0;
    for (std::size_t i = 0; i < calls; ++i) {
        sum += co_await asio_child<E>(i);
    }
    use(sum);
    co_return meter.stop(calls);
}

template <class E, bool yielding>
asio::awaitable<Sample, E> asio_measure_spawn(asio::io_context& context) {
    const Meter meter;
    for (std::size_t i = 0; i < batches; ++i) {
        peer::Countdown<E> countdown(context, batch);
        for (std::size_t k = 0; k < batch; ++k) {
            peer::start<E>(
                context, asio_job<E, yielding>(), [&](std::exception_ptr) { countdown.arrive(); });
        }
        co_await countdown.wait();
    }
    co_return meter.stop(batches * batch);
}

template <class E, std::size_t jobs>
asio::awaitable<Sample, E> asio_measure_yield(asio::io_context& context) {
    const Meter meter;
    peer::Countdown<E> countdown(context, jobs);
    for (std::size_t i = 0; i < jobs; ++i) {
        peer::start<E>(context, asio_many_yields<E>(yields / jobs), [&](std::exception_ptr) {
            countdown.arrive();
        });
    }
    co_await countdown.wait();
    co_return meter.stop(yields);
}

template <class E>
Sample asio_call() {
    return peer::run<E>(asio_measure_call<E>);
}
template <class E, bool yielding>
Sample asio_spawn() {
    return peer::run<E>(asio_measure_spawn<E, yielding>);
}
template <class E, std::size_t jobs>
Sample asio_yield() {
    return peer::run<E>(asio_measure_yield<E, jobs>);
}
#endif

}  // namespace tasks

inline void add_task_rows(std::vector<Row>& rows) {
    using namespace tasks;
    rows.push_back({.name = "call",
                    .title = "await of a child that finishes at once",
                    .unit = "ns",
                    .contenders = {{"eddy", eddy_call}, BENCH_ASIO(asio_call)},
                    .targets = {{"asio", 0.6}},
                    .allocation_free = true});
    rows.push_back({.name = "spawn",
                    .title = "spawn and join, in batches of 1,000",
                    .unit = "ns",
                    .contenders = {{"eddy", eddy_spawn<nothing>}, BENCH_ASIO(asio_spawn, false)},
                    .targets = {{"asio", 0.15}},
                    .allocation_free = true});
    rows.push_back({.name = "spawn_yield",
                    .title = "the same, and each job yields once",
                    .unit = "ns",
                    .contenders = {{"eddy", eddy_spawn<one_yield>}, BENCH_ASIO(asio_spawn, true)},
                    .targets = {{"asio", 0.2}}});
    rows.push_back({.name = "yield_1",
                    .title = "yield of the only job",
                    .unit = "ns",
                    .contenders = {{"eddy", eddy_yield<1>}, BENCH_ASIO(asio_yield, 1)},
                    .targets = {{"asio", 0.2}}});
    rows.push_back({.name = "yield_1000",
                    .title = "yield of one of 1,000 jobs",
                    .unit = "ns",
                    .contenders = {{"eddy", eddy_yield<1'000>}, BENCH_ASIO(asio_yield, 1'000)},
                    .targets = {{"asio", 0.2}}});
    rows.push_back({.name = "metrics",
                    .title = "the same, and what it costs to measure it",
                    .unit = "ns",
                    .contenders = {{"eddy", eddy_yield<1'000>},
                                   {"with metrics", eddy_metrics<measure_yield<1'000>, true>},
                                   {"not each step", eddy_metrics<measure_yield<1'000>, false>}},
                    .targets = {}});
    rows.push_back({.name = "metrics_wake",
                    .title = "wake one of 1,000 jobs that wait, and what it costs to measure it",
                    .unit = "ns",
                    .contenders = {{"eddy", eddy_wake<1'000>},
                                   {"with metrics", eddy_metrics<measure_wake<1'000>, true>},
                                   {"not each step", eddy_metrics<measure_wake<1'000>, false>}},
                    .targets = {}});
}

}  // namespace bench
