// SPDX-License-Identifier: MIT
#pragma once

// Boost.Asio is the peer to beat. Where its headers are missing, its lines are left out.
#if !defined(EDDY_HAVE_ASIO) && __has_include(<boost/asio.hpp>)
#define EDDY_HAVE_ASIO 1
#endif

#ifdef EDDY_HAVE_ASIO

#include <chrono>
#include <cstddef>
#include <exception>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "bench.hpp"

/// Asio as somebody writes it who knows it: one thread, concurrency hint 1, `deferred` operations,
/// which need no frame of their own, and joins by counting instead of by parallel groups.
///
/// Twice: "asio" has the default executor type, `any_io_executor`, as nearly every program has it
/// and as the targets mean it; "asio typed" spares itself the type erasure with `awaitable<T, E>`.
namespace bench::peer {

namespace asio = boost::asio;
using Typed = asio::io_context::executor_type;
using Erased = asio::any_io_executor;

template <class E>
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>,
                                         E>;

/// Starts a coroutine; what it throws comes out of `context.run()`.
template <class E, class T, class F>
void start(asio::io_context& context, asio::awaitable<T, E> coroutine, F done) {
    asio::co_spawn(E(context.get_executor()), std::move(coroutine), std::move(done));
}

/// Runs a coroutine, and whatever it started, on a context of its own.
template <class E>
Sample run(asio::awaitable<Sample, E> (*coroutine)(asio::io_context&)) {
    asio::io_context context(1);
    Sample result;
    start<E>(context, coroutine(context), [&](std::exception_ptr error, Sample sample) {
        if (error) {
            std::rethrow_exception(error);
        }
        result = sample;
    });
    context.run();
    return result;
}

/// Lets a coroutine wait until others have counted themselves out: the leanest join of many.
template <class E>
class Countdown final {
public:
    Countdown(asio::io_context& context, std::size_t count)
        : timer_(E(context.get_executor()), Timer<E>::time_point::max()), left_(count) {}

    void arrive() {
        if (--left_ == 0) {
            timer_.cancel();
        }
    }
    asio::awaitable<void, E> wait() {
        if (left_ != 0) {
            co_await timer_.async_wait(asio::as_tuple(asio::deferred));
        }
    }

private:
    Timer<E> timer_;
    std::size_t left_;
};

}  // namespace bench::peer

/// Both ways of a contender that is a template on the executor (and on what else is given).
#define BENCH_ASIO(function, ...)                                               \
    {"asio", function<::bench::peer::Erased __VA_OPT__(, ) __VA_ARGS__>}, {     \
        "asio typed", function<::bench::peer::Typed __VA_OPT__(, ) __VA_ARGS__> \
    }

#else

#define BENCH_ASIO(function, ...)

#endif  // EDDY_HAVE_ASIO
