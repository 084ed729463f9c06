// SPDX-License-Identifier: MIT
#pragma once

#include "responsive_asio.hpp"

#ifdef EDDY_HAVE_ASIO

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <semaphore>
#include <thread>
#include <utility>

/// What comes to an Asio loop in one moment.
namespace bench::responsive::asios {

inline Task<> posts(asio::io_context& context, Session& session) {
    session.close_window();
    const peer::Erased executor(context.get_executor());
    while (!session.over()) {
        std::size_t called = 0;
        std::thread([&session, &executor, &called] {
            for (std::size_t i = 0; i < burst; ++i) {
                asio::post(executor, [&session, &called] {
                    ++called;
                    session.marks.seldom();
                });
            }
        }).join();
        session.open_window();
        while (called != burst) {
            co_await pause(context, milliseconds(1));
        }
        session.close_window();
        co_await pause(context, milliseconds(5));
    }
}

inline Task<> leave_mark(Session& session, Countdown& left) {
    session.marks.seldom();
    left.arrive();
    co_return;
}

inline Task<> spawns(asio::io_context& context, Session& session) {
    while (!session.over()) {
        Countdown left(context, burst);
        for (std::size_t i = 1; i <= burst; ++i) {
            start(context, leave_mark(session, left));
            if (i % 1000 == 0) {
                co_await asio::post(asio::deferred);
            }
        }
        co_await left.wait();
    }
}

/// Asio has no operation that runs a function in a pool and comes back: made by hand.
template <class F, class Token>
auto async_offload(asio::thread_pool& pool, asio::io_context& context, F fn, Token&& token) {
    return asio::async_initiate<Token, void()>(
        [&pool, &context](auto handler, F work) {
            asio::post(pool,
                       [work = std::move(work),
                        handler = std::move(handler),
                        guard = asio::make_work_guard(context)]() mutable {
                           work();
                           asio::post(guard.get_executor(), std::move(handler));
                       });
        },
        token,
        std::move(fn));
}

/// What the jobs of one burst share.
struct Offloads {
    asio::io_context& context;
    asio::thread_pool& pool;
    Countdown left;
    std::atomic<std::size_t> done{0};
    std::size_t submitted = 0;
};

inline Task<> offload(Session& session, Offloads& all) {
    ++all.submitted;
    std::atomic<std::size_t>* const done = &all.done;
    const auto count = [done] { ++*done; };
    co_await async_offload(all.pool, all.context, count, asio::deferred);
    session.marks.seldom();
    all.left.arrive();
}

inline Task<> results(asio::io_context& context, Session& session) {
    session.close_window();
    asio::thread_pool pool(1);
    while (!session.over()) {
        Offloads all{.context = context, .pool = pool, .left = Countdown(context, burst)};
        std::binary_semaphore go{0};
        asio::post(pool, [&go] { go.acquire(); });
        for (std::size_t i = 0; i < burst; ++i) {
            start(context, offload(session, all));
            if (i % 100 == 99) {
                co_await asio::post(asio::deferred);
            }
        }
        while (all.submitted != burst) {
            co_await asio::post(asio::deferred);
        }
        go.release();
        while (all.done.load() != burst) {
            std::this_thread::sleep_for(milliseconds(1));
        }
        session.open_window();
        co_await all.left.wait();
        session.close_window();
        co_await pause(context, milliseconds(5));
    }
}

inline Task<> sleep_until(asio::io_context& context,
                          Session& session,
                          std::int64_t due,
                          Countdown& left) {
    Timer timer(context, moment(due));
    co_await timer.async_wait(asio::deferred);
    session.marks.seldom();
    left.arrive();
}

inline Task<> sleepers(asio::io_context& context, Session& session) {
    session.close_window();
    while (!session.over()) {
        const std::int64_t due = wall_now() + sleepers_start;
        Countdown left(context, burst);
        for (std::size_t i = 0; i < burst; ++i) {
            start(context, sleep_until(context, session, due, left));
            if (i % 100 == 99) {
                co_await asio::post(asio::deferred);
            }
        }
        session.open_window(due);
        co_await left.wait();
        session.close_window();
        co_await pause(context, milliseconds(5));
    }
}

}  // namespace bench::responsive::asios

#endif  // EDDY_HAVE_ASIO
