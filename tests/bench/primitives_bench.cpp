// SPDX-License-Identifier: MIT
// What jobs pay for meeting each other: locks, queues, semaphores, events, beside Asio's channel.
#include <cstddef>
#include <exception>
#include <vector>

#include <eddy/event.hpp>
#include <eddy/lock.hpp>
#include <eddy/notify.hpp>
#include <eddy/queue.hpp>
#include <eddy/run.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/task_group.hpp>
#include <eddy/yield.hpp>

#include "asio_kit.hpp"
#include "command_line.hpp"
#include "counting_new.hpp"

#ifdef EDDY_HAVE_ASIO
#include <boost/asio/experimental/channel.hpp>
#endif

namespace bench {

namespace {

constexpr std::size_t free_locks = 5'000'000;
constexpr std::size_t contended_locks = 500'000;
constexpr std::size_t items = 1'000'000;
constexpr std::size_t bound = 64;
constexpr std::size_t rounds = 500'000;
constexpr std::size_t sleepers = 10'000;

// --- Eddy --------------------------------------------------------------------------------------

eddy::Task<Sample> measure_free_lock() {
    eddy::Lock lock;
    const Meter meter;
    for (std::size_t i = 0; i < free_locks; ++i) {
        const auto guard = co_await lock.acquire();
    }
    co_return meter.stop(free_locks);
}

eddy::Task<> lock_often(eddy::Lock& lock, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto guard = co_await lock.acquire();
        co_await eddy::yield();
    }
}

eddy::Task<Sample> measure_contended_lock() {
    constexpr std::size_t jobs = 100;
    eddy::Lock lock;
    const Meter meter;
    co_await eddy::with_task_group([&lock](eddy::TaskGroup& group) -> eddy::Task<> {
        for (std::size_t i = 0; i < jobs; ++i) {
            group.spawn(lock_often(lock, contended_locks / jobs));
        }
        co_return;
    });
    co_return meter.stop(contended_locks);
}

eddy::Task<> put_many(eddy::Queue<std::size_t>& queue, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        co_await queue.put(i);
    }
}

eddy::Task<> get_many(eddy::Queue<std::size_t>& queue, std::size_t count) {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        sum += co_await queue.get();
    }
    asm volatile("" : : "r"(sum));
}

eddy::Task<Sample> measure_queue(std::size_t pairs) {
    eddy::Queue<std::size_t> queue(bound);
    const Meter meter;
    co_await eddy::with_task_group([&queue, pairs](eddy::TaskGroup& group) -> eddy::Task<> {
        for (std::size_t i = 0; i < pairs; ++i) {
            group.spawn(put_many(queue, items / pairs));
            group.spawn(get_many(queue, items / pairs));
        }
        co_return;
    });
    co_return meter.stop(items);
}

eddy::Task<> answer_permits(eddy::Semaphore& in, eddy::Semaphore& out) {
    for (std::size_t i = 0; i < rounds; ++i) {
        auto permit = co_await in.acquire();
        permit.forget();
        out.release();
    }
}

eddy::Task<Sample> measure_semaphores() {
    eddy::Semaphore ping(0);
    eddy::Semaphore pong(0);
    const Meter meter;
    co_await eddy::with_task_group([&ping, &pong](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(answer_permits(ping, pong));
        ping.release();
        co_await answer_permits(pong, ping);
    });
    co_return meter.stop(rounds);
}

eddy::Task<> answer_notes(eddy::Notify& in, eddy::Notify& out) {
    for (std::size_t i = 0; i < rounds; ++i) {
        co_await in.wait();
        out.notify_one();
    }
}

eddy::Task<Sample> measure_notes() {
    eddy::Notify ping;
    eddy::Notify pong;
    const Meter meter;
    co_await eddy::with_task_group([&ping, &pong](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(answer_notes(ping, pong));
        ping.notify_one();
        co_await answer_notes(pong, ping);
    });
    co_return meter.stop(rounds);
}

eddy::Task<> wait_for(eddy::Event& event) { co_await event.wait(); }

eddy::Task<Sample> measure_crowd() {
    eddy::Event event;
    Sample sample;
    co_await eddy::with_task_group([&event, &sample](eddy::TaskGroup& group) -> eddy::Task<> {
        std::vector<eddy::JoinHandle<void>> handles;
        handles.reserve(sleepers);
        for (std::size_t i = 0; i < sleepers; ++i) {
            handles.push_back(group.spawn(wait_for(event)));
        }
        while (event.statistics().waiters != sleepers) {
            co_await eddy::yield();
        }
        const Meter meter;
        event.set();
        for (eddy::JoinHandle<void>& handle : handles) {
            co_await handle;
        }
        sample = meter.stop(sleepers);
    });
    co_return sample;
}

template <auto measure, auto... arguments>
Sample eddy_row() {
    return eddy::run(measure(arguments...));
}

// --- Boost.Asio --------------------------------------------------------------------------------

#ifdef EDDY_HAVE_ASIO
namespace asio = peer::asio;
using boost::system::error_code;

/// A channel of one token is a lock, of several a semaphore; of values, a queue.
template <class E, class... Values>
using Channel = asio::experimental::
    basic_channel<E, asio::experimental::channel_traits<>, void(error_code, Values...)>;

template <class E>
asio::awaitable<Sample, E> asio_free_lock(asio::io_context& context) {
    Channel<E> lock(E(context.get_executor()), 1);
    const Meter meter;
    for (std::size_t i = 0; i < free_locks; ++i) {
        if (!lock.try_send(error_code())) {
            co_await lock.async_send(error_code(), asio::deferred);
        }
        lock.try_receive([](auto...) {});
    }
    co_return meter.stop(free_locks);
}

template <class E>
asio::awaitable<void, E> asio_lock_often(Channel<E>& lock, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        if (!lock.try_send(error_code())) {
            co_await lock.async_send(error_code(), asio::deferred);
        }
        co_await asio::post(asio::deferred);
        lock.try_receive([](auto...) {});
    }
}

template <class E>
asio::awaitable<Sample, E> asio_contended_lock(asio::io_context& context) {
    constexpr std::size_t jobs = 100;
    Channel<E> lock(E(context.get_executor()), 1);
    peer::Countdown<E> countdown(context, jobs);
    const Meter meter;
    for (std::size_t i = 0; i < jobs; ++i) {
        peer::start<E>(context,
                       asio_lock_often<E>(lock, contended_locks / jobs),
                       [&](std::exception_ptr) { countdown.arrive(); });
    }
    co_await countdown.wait();
    co_return meter.stop(contended_locks);
}

template <class E, bool try_first>
asio::awaitable<void, E> asio_put_many(Channel<E, std::size_t>& queue, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        if (!try_first || !queue.try_send(error_code(), i)) {
            co_await queue.async_send(error_code(), i, asio::deferred);
        }
    }
}

template <class E, bool try_first>
asio::awaitable<void, E> asio_get_many(Channel<E, std::size_t>& queue, std::size_t count) {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (!try_first || !queue.try_receive([&](error_code, std::size_t n) { sum += n; })) {
            sum += co_await queue.async_receive(asio::deferred);
        }
    }
    asm volatile("" : : "r"(sum));
}

template <class E, std::size_t pairs, bool try_first>
asio::awaitable<Sample, E> asio_queue(asio::io_context& context) {
    Channel<E, std::size_t> queue(E(context.get_executor()), bound);
    peer::Countdown<E> countdown(context, 2 * pairs);
    const auto done = [&](std::exception_ptr) { countdown.arrive(); };
    const Meter meter;
    for (std::size_t i = 0; i < pairs; ++i) {
        peer::start<E>(context, asio_put_many<E, try_first>(queue, items / pairs), done);
        peer::start<E>(context, asio_get_many<E, try_first>(queue, items / pairs), done);
    }
    co_await countdown.wait();
    co_return meter.stop(items);
}

template <class E>
asio::awaitable<void, E> asio_answer(Channel<E>& in, Channel<E>& out) {
    for (std::size_t i = 0; i < rounds; ++i) {
        co_await in.async_receive(asio::deferred);
        out.try_send(error_code());
    }
}

template <class E>
asio::awaitable<Sample, E> asio_ping_pong(asio::io_context& context) {
    Channel<E> ping(E(context.get_executor()), 1);
    Channel<E> pong(E(context.get_executor()), 1);
    peer::Countdown<E> countdown(context, 1);
    const Meter meter;
    peer::start<E>(
        context, asio_answer<E>(ping, pong), [&](std::exception_ptr) { countdown.arrive(); });
    ping.try_send(error_code());
    co_await asio_answer<E>(pong, ping);
    co_await countdown.wait();
    co_return meter.stop(rounds);
}

template <class E>
asio::awaitable<void, E> asio_wait_for(peer::Timer<E>& event) {
    co_await event.async_wait(asio::as_tuple(asio::deferred));
}

template <class E>
asio::awaitable<Sample, E> asio_crowd(asio::io_context& context) {
    peer::Timer<E> event(E(context.get_executor()), peer::Timer<E>::time_point::max());
    peer::Countdown<E> countdown(context, sleepers);
    for (std::size_t i = 0; i < sleepers; ++i) {
        peer::start<E>(
            context, asio_wait_for<E>(event), [&](std::exception_ptr) { countdown.arrive(); });
    }
    co_await asio::post(asio::deferred);  // now they wait
    const Meter meter;
    event.cancel();
    co_await countdown.wait();
    co_return meter.stop(sleepers);
}

template <class E>
Sample asio_free() {
    return peer::run<E>(asio_free_lock<E>);
}
template <class E>
Sample asio_contended() {
    return peer::run<E>(asio_contended_lock<E>);
}
template <class E, std::size_t pairs, bool try_first>
Sample asio_queued() {
    return peer::run<E>(asio_queue<E, pairs, try_first>);
}
template <class E>
Sample asio_tokens() {
    return peer::run<E>(asio_ping_pong<E>);
}
template <class E>
Sample asio_woken() {
    return peer::run<E>(asio_crowd<E>);
}
#define BENCH_ASIO_TRY_FIRST(pairs) \
    {"asio try first", asio_queued<::bench::peer::Erased, pairs, true>}
#else
#define BENCH_ASIO_TRY_FIRST(pairs)
#endif

std::vector<Row> rows() {
    return {
        {.name = "lock",
         .title = "acquire and release of a free lock",
         .unit = "ns",
         .contenders = {{"eddy", eddy_row<measure_free_lock>}, BENCH_ASIO(asio_free)},
         .targets = {{"asio", 0.45}},
         .allocation_free = true},
        {.name = "lock_100",
         .title = "100 jobs take turns with a lock, and yield while they have it",
         .unit = "ns",
         .contenders = {{"eddy", eddy_row<measure_contended_lock>}, BENCH_ASIO(asio_contended)},
         .targets = {{"asio", 0.15}},
         .allocation_free = false},
        {.name = "queue_1x1",
         .title = "an item through a queue of 64, one job at each end",
         .unit = "ns",
         .contenders = {{"eddy", eddy_row<measure_queue, 1>},
                        BENCH_ASIO(asio_queued, 1, false),
                        BENCH_ASIO_TRY_FIRST(1)},
         .targets = {{"asio", 0.05}, {"asio try first", 0.6}},
         .allocation_free = false},
        {.name = "queue_4x4",
         .title = "the same, four jobs at each end",
         .unit = "ns",
         .contenders = {{"eddy", eddy_row<measure_queue, 4>},
                        BENCH_ASIO(asio_queued, 4, false),
                        BENCH_ASIO_TRY_FIRST(4)},
         .targets = {{"asio", 0.05}, {"asio try first", 0.6}},
         .allocation_free = false},
        {.name = "semaphore",
         .title = "there and back between two jobs with two semaphores",
         .unit = "ns",
         .contenders = {{"eddy", eddy_row<measure_semaphores>}, BENCH_ASIO(asio_tokens)},
         .targets = {{"asio", 0.12}},
         .allocation_free = false},
        {.name = "notify",
         .title = "there and back between two jobs with two notifies",
         .unit = "ns",
         .contenders = {{"eddy", eddy_row<measure_notes>}, BENCH_ASIO(asio_tokens)},
         .targets = {{"asio", 0.12}},
         .allocation_free = false},
        {.name = "crowd",
         .title = "10,000 jobs woken by one event, each until it has ended",
         .unit = "ns",
         .contenders = {{"eddy", eddy_row<measure_crowd>}, BENCH_ASIO(asio_woken)},
         .targets = {},
         .allocation_free = false},
    };
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) { return bench::run_main(count, arguments, bench::rows()); }
