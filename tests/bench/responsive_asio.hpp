// SPDX-License-Identifier: MIT
#pragma once

#include "asio_kit.hpp"

#ifdef EDDY_HAVE_ASIO

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include "burners.hpp"
#include "responsiveness.hpp"
#include "workload.hpp"

/// The same in Boost.Asio, with the default executor type: see `asio_kit.hpp`.
namespace bench::responsive::asios {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;
using Timer = peer::Timer<peer::Erased>;
using Countdown = peer::Countdown<peer::Erased>;

template <class T = void>
using Task = asio::awaitable<T>;
using Load = Task<> (*)(asio::io_context&, Session&);

inline constexpr auto quiet = asio::as_tuple(asio::deferred);

[[nodiscard]] inline Timer::time_point moment(std::int64_t nanoseconds) noexcept {
    return Timer::time_point(std::chrono::nanoseconds(nanoseconds));
}

inline void start(asio::io_context& context, Task<> coroutine) {
    asio::co_spawn(context, std::move(coroutine), asio::detached);
}

inline Task<> tick(asio::io_context& context, Session& session) {
    Timer timer(context);
    while (!session.finished()) {
        timer.expires_at(moment(session.due()));
        co_await timer.async_wait(asio::deferred);
        session.tick();
    }
}

inline Task<> pause(asio::io_context& context, milliseconds time) {
    Timer timer(context, time);
    co_await timer.async_wait(asio::deferred);
}

inline Task<> idle(asio::io_context& context, Session& session) {
    while (!session.over()) {
        co_await pause(context, milliseconds(20));
    }
}

inline Task<> finish_after(asio::io_context& context, Session& session, Load load) {
    co_await load(context, session);
    session.finish();
}

inline void tick_beside(Session& session, Load load) {
    asio::io_context context(1);
    start(context, tick(context, session));
    start(context, finish_after(context, session, load));
    context.run();
}

[[nodiscard]] inline Quantiles bare_tick() {
    Session session(bare_seconds);
    tick_beside(session, idle);
    return session.wall();
}

template <Load load>
Figures loaded(double seconds) {
    const Quantiles bare = bare_tick();
    Session session(seconds);
    tick_beside(session, load);
    return {.bare = bare,
            .wall = session.wall(),
            .cpu = session.cpu(),
            .extra = {session.first_wall().max, session.first_cpu().max}};
}

// --- jobs that compute and yield ---------------------------------------------------------------

inline Task<> one_computes(asio::io_context&, Session& session) {
    while (!session.over()) {
        spin(session.marks, 1'000'000);
        co_await asio::post(asio::deferred);
    }
}

inline Task<> compute(Session& session, std::size_t& first_steps, Countdown& left) {
    spin(session.marks, 50'000);
    if (++first_steps == crowd) {
        session.first_round_over();
    }
    while (!session.over()) {
        co_await asio::post(asio::deferred);
        spin(session.marks, 50'000);
    }
    left.arrive();
}

inline Task<> many_compute(asio::io_context& context, Session& session) {
    std::size_t first_steps = 0;
    Countdown left(context, crowd);
    session.has_first_round();
    for (std::size_t i = 0; i < crowd; ++i) {
        start(context, compute(session, first_steps, left));
    }
    co_await left.wait();
}

// --- a client that never stops sending ---------------------------------------------------------

inline Task<> read_for_long(asio::io_context& context, Session& session) {
    tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const Flood flood(acceptor.local_endpoint().port());
    tcp::socket socket = co_await acceptor.async_accept(asio::deferred);
    std::array<char, 4096> buffer;
    while (!session.over()) {
        co_await socket.async_read_some(asio::buffer(buffer), asio::deferred);
        session.marks.seldom();
    }
}

// --- a request through four jobs ---------------------------------------------------------------

using boost::system::error_code;
using Requests = asio::experimental::channel<void(error_code, int)>;

inline Task<> pass_on(Requests& in, Requests& out) {
    while (true) {
        const auto [error, request] = co_await in.async_receive(quiet);
        if (error) {
            break;
        }
        co_await out.async_send(error_code(), request, quiet);
    }
    out.close();
}

inline Task<> compute_until_over(Session& session) {
    while (!session.over()) {
        spin(session.marks, 5'000);
        co_await asio::post(asio::deferred);
    }
}

inline Task<> request_often(asio::io_context& context,
                            Session& session,
                            Requests& first,
                            Requests& last) {
    while (!session.over()) {
        co_await pause(context, milliseconds(1));
        const Mark begin = Mark::now();
        co_await first.async_send(error_code(), 1, asio::deferred);
        const int answer = co_await last.async_receive(asio::deferred);
        session.record(begin, Mark::now());
        static_cast<void>(answer);
    }
    first.close();
}

inline void run_requests(Session& session, bool busy) {
    asio::io_context context(1);
    std::array<Requests, 5> queues{Requests(context, 8),
                                   Requests(context, 8),
                                   Requests(context, 8),
                                   Requests(context, 8),
                                   Requests(context, 8)};
    for (std::size_t i = 0; i + 1 < queues.size(); ++i) {
        start(context, pass_on(queues[i], queues[i + 1]));
    }
    for (std::size_t i = 0; busy && i < crowd; ++i) {
        start(context, compute_until_over(session));
    }
    start(context, request_often(context, session, queues.front(), queues.back()));
    context.run();
}

inline Figures requests(double seconds) {
    Session bare(bare_seconds);
    run_requests(bare, false);
    Session session(seconds);
    run_requests(session, true);
    return {.bare = bare.wall(), .wall = session.wall(), .cpu = session.cpu()};
}

// --- a cancelled job that goes on --------------------------------------------------------------

/// `throwing`: what a coroutine does unless it says otherwise: once cancelled, every await throws.
template <bool throwing>
Task<> ignore_cancellation(asio::io_context& context, std::size_t& swallowed) {
    Timer timer(context);
    co_await asio::this_coro::throw_if_cancelled(throwing);
    while (true) {
        try {
            timer.expires_after(milliseconds(1));
            co_await timer.async_wait(asio::deferred);
        } catch (...) {
            ++swallowed;
        }
    }
}

/// Asio knows no grace: the program gives it, then stops the context.
template <bool throwing>
Figures swallow(double) {
    asio::io_context context(1);
    asio::cancellation_signal signal;
    std::size_t swallowed = 0;
    asio::co_spawn(context,
                   ignore_cancellation<throwing>(context, swallowed),
                   asio::bind_cancellation_slot(signal.slot(), asio::detached));
    context.run_for(milliseconds(10));
    const std::int64_t end = wall_now();
    signal.emit(asio::cancellation_type::terminal);
    context.run_for(grace);
    return {.extra = {static_cast<double>(wall_now() - end) / 1e9}};
}

// --- busy workers ------------------------------------------------------------------------------

inline Task<> burn_beside(asio::io_context& context, Session& session) {
    asio::thread_pool pool(processors());
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> units{0};
    for (std::size_t i = 0; i < processors(); ++i) {
        asio::post(pool, [&stop, &units] { burn(stop, units); });
    }
    while (!session.over()) {
        co_await pause(context, milliseconds(50));
    }
    stop = true;
    pool.join();
    work_done = static_cast<double>(units) / 1e6 / session.seconds();
}

template <bool foreign>
Figures burners(double seconds) {
    const Quantiles bare = bare_tick();
    const Foreign other(foreign);
    Session session(tail_factor * seconds);
    tick_beside(session, burn_beside);
    const Quantiles wall = session.wall();
    return {.bare = bare, .wall = wall, .cpu = session.cpu(), .extra = {wall.p999, work_done}};
}

inline Task<> sleep_often(asio::io_context& context, Session& session) {
    Timer timer(context);
    while (!session.over()) {
        const std::int64_t due = wall_now() + short_sleep;
        timer.expires_after(std::chrono::nanoseconds(short_sleep));
        co_await timer.async_wait(asio::deferred);
        session.record({due, 0}, {wall_now(), 0});
    }
}

inline Figures sleep(double seconds) {
    asio::io_context context(1);
    Session session(seconds);
    start(context, sleep_often(context, session));
    context.run();
    return {.wall = session.wall()};
}

}  // namespace bench::responsive::asios

#endif  // EDDY_HAVE_ASIO
