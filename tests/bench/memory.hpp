// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <uv.h>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/wait_queue.hpp>
#include <eddy/yield.hpp>

#include "asio_kit.hpp"
#include "bench.hpp"
#include "gate.hpp"

/// Bytes of heap for each of 100,000 jobs that wait, malloc's own overhead included.
///
/// Each measurement has a thread of its own: nothing is left in pools from before. Handles lie in a
/// vector that is made before, and do not count.
namespace bench {

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)

namespace memory {

inline constexpr std::size_t jobs = 100'000;
inline constexpr std::chrono::hours long_time(1);

[[nodiscard]] inline std::size_t heap_in_use() noexcept {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/// What the heap has grown by.
class Growth final {
public:
    [[nodiscard]] Sample per_job() const noexcept {
        return {.cost = static_cast<double>(heap_in_use() - bytes_) / jobs,
                .allocations = static_cast<double>(allocation_count - allocations_) / jobs};
    }

private:
    std::size_t bytes_ = heap_in_use();
    std::uint64_t allocations_ = allocation_count;
};

template <Sample (*measured)()>
Sample on_fresh_thread() {
    Sample sample;
    std::thread([&] { sample = measured(); }).join();
    return sample;
}

// --- Eddy --------------------------------------------------------------------------------------

inline eddy::Task<> at_gate(Gate& gate) { co_await gate.wait(); }
inline eddy::Task<> asleep() { co_await eddy::sleep_for(long_time); }

template <bool sleeping>
eddy::Task<> fill(eddy::TaskGroup& group, Gate* gate, Sample* sample) {
    std::vector<eddy::JoinHandle<void>> handles;
    handles.reserve(jobs);
    const Growth growth;
    for (std::size_t i = 0; i < jobs; ++i) {
        handles.push_back(group.spawn(sleeping ? asleep() : at_gate(*gate)));
    }
    co_await eddy::yield();  // now they wait
    *sample = growth.per_job();
    group.cancel();
}

template <bool sleeping>
Sample eddy_bytes() {
    Gate gate;
    Sample sample;
    eddy::run(eddy::with_task_group(fill<sleeping>, &gate, &sample));
    return sample;
}

// --- libuv -------------------------------------------------------------------------------------

inline Sample uv_bytes() {
    uv_loop_t loop;
    uv_loop_init(&loop);
    std::vector<std::unique_ptr<uv_timer_t>> timers;
    timers.reserve(jobs);
    const Growth growth;
    for (std::size_t i = 0; i < jobs; ++i) {
        timers.push_back(std::make_unique<uv_timer_t>());
        uv_timer_init(&loop, timers.back().get());
        uv_timer_start(timers.back().get(), [](uv_timer_t*) {}, 3'600'000, 0);
    }
    const Sample sample = growth.per_job();
    for (const auto& timer : timers) {
        uv_close(reinterpret_cast<uv_handle_t*>(timer.get()), nullptr);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return sample;
}

// --- Boost.Asio --------------------------------------------------------------------------------

#ifdef EDDY_HAVE_ASIO
namespace asio = peer::asio;

template <class E>
asio::awaitable<void, E> asio_asleep(asio::io_context& context) {
    peer::Timer<E> timer(E(context.get_executor()), long_time);
    co_await timer.async_wait(asio::deferred);
}

/// Asio's event is a timer that never expires; here one for all.
template <class E>
asio::awaitable<void, E> asio_at_gate(peer::Timer<E>& gate) {
    co_await gate.async_wait(asio::deferred);
}

template <class E, bool sleeping>
Sample asio_bytes() {
    asio::io_context context(1);
    peer::Timer<E> gate(E(context.get_executor()), peer::Timer<E>::time_point::max());
    std::size_t left = jobs;
    const Growth growth;
    for (std::size_t i = 0; i < jobs; ++i) {
        peer::start<E>(context,
                       sleeping ? asio_asleep<E>(context) : asio_at_gate<E>(gate),
                       [&left](std::exception_ptr) { --left; });
    }
    context.poll();
    return growth.per_job();
}

template <class E, bool sleeping>
Sample asio_bytes_fresh() {
    return on_fresh_thread<asio_bytes<E, sleeping>>();
}
#endif

}  // namespace memory

inline void add_memory_rows(std::vector<Row>& rows) {
    using namespace memory;
    rows.push_back({.name = "bytes_waiting",
                    .title = "heap of a suspended job that can be joined",
                    .unit = "bytes",
                    .contenders = {{"eddy", on_fresh_thread<eddy_bytes<false>>},
                                   BENCH_ASIO(asio_bytes_fresh, false)},
                    .targets = {{"", 320}}});
    rows.push_back({.name = "bytes_asleep",
                    .title = "heap of a sleeping job",
                    .unit = "bytes",
                    .contenders = {{"eddy", on_fresh_thread<eddy_bytes<true>>},
                                   {"libuv", on_fresh_thread<uv_bytes>},
                                   BENCH_ASIO(asio_bytes_fresh, true)},
                    .targets = {{"", 384}}});
}

#else

inline void add_memory_rows(std::vector<Row>&) {}  // there is no mallinfo2

#endif

}  // namespace bench
