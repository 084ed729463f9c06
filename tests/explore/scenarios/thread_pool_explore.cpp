// SPDX-License-Identifier: MIT
#include <chrono>
#include <stop_token>
#include <string_view>
#include <thread>

#include <eddy/set_log.hpp>
#include <eddy/thread_pool.hpp>

#include "call.hpp"
#include "explore.hpp"
#include "loop.hpp"

using namespace std::chrono_literals;

namespace {

void discard(eddy::LogLevel, std::string_view) noexcept {}
[[maybe_unused]] const bool discarded = (eddy::set_log(discard, eddy::LogLevel::error), true);

/// A loop of another thread with one call, which may be cancelled meanwhile.
void run_one(eddy::Executor& pool, Call& call, bool cancelled) {
    CoreLoop loop(CoreLoop::Woken::by_bell);
    loop.spawn([&] { return offload_one(pool, {}, call); });
    loop.core().run_turn();
    if (cancelled) {
        loop.cancel();
    }
    loop.run();
    loop.end();
}

}  // namespace

EXPLORE("thread pool: two calls on one thread, which may go meanwhile") {
    CoreLoop loop(CoreLoop::Woken::by_bell);
    Call a;
    Call b;
    {
        eddy::ThreadPool pool({.threads = 1, .idle_timeout = 1s});
        loop.spawn([&] { return offload_one(pool, {}, a); });
        loop.run();
        loop.spawn([&] { return offload_one(pool, {}, b); });
        loop.run();
    }
    loop.end();
    explore::check(a.returned == 1 && b.returned == 1, "each has run and returned");
}

// With a surprise each there are thirty times as many: that is for the night.
EXPLORE("thread pool: two loops submit to one thread", .surprises = 0) {
    Call a;
    Call b;
    {
        eddy::ThreadPool pool({.threads = 1, .idle_timeout = 1s});
        std::thread other([&] { run_one(pool, b, false); });
        run_one(pool, a, false);
        other.join();
    }
    explore::check(a.returned == 1 && b.returned == 1, "each has run and returned");
}

EXPLORE("thread pool: calls are withdrawn while its thread comes for them") {
    CoreLoop loop(CoreLoop::Woken::by_bell);
    Call a;
    Call b;
    {
        eddy::ThreadPool pool({.threads = 1, .idle_timeout = 1s});
        loop.spawn([&] { return offload_one(pool, {}, a); });
        loop.spawn([&] { return offload_one(pool, {}, b); });
        loop.core().run_turn();
        loop.cancel();
        loop.run();
    }
    loop.end();
    a.must_be_over_once();
    b.must_be_over_once();
}

EXPLORE("thread pool: shut down under what is queued and what runs") {
    CoreLoop loop(CoreLoop::Woken::by_bell);
    Call a;
    Call b;
    {
        eddy::ThreadPool pool({.threads = 1, .idle_timeout = 1s});
        loop.spawn([&] { return offload_one(pool, {}, a); });
        loop.spawn([&] { return offload_one(pool, {}, b); });
        loop.core().run_turn();
        pool.shutdown(1s);
        loop.run();
    }
    loop.end();
    a.must_be_over_once();
    b.must_be_over_once();
}

EXPLORE("thread pool: shut down without grace, what runs goes on alone") {
    CoreLoop loop(CoreLoop::Woken::by_bell);
    Call a;
    Call b;
    {
        eddy::ThreadPool pool({.threads = 1, .idle_timeout = 1s});
        loop.spawn([&] { return offload_one(pool, {}, a); });
        loop.spawn([&] { return offload_one(pool, {}, b); });
        loop.core().run_turn();
        pool.shutdown(0s);
    }
    loop.run();
    loop.end();
    a.must_be_over_once();
    b.must_be_over_once();
}

EXPLORE("thread pool: shut down while another loop withdraws") {
    Call a;
    {
        eddy::ThreadPool pool({.threads = 1, .idle_timeout = 1s});
        std::thread other([&] { run_one(pool, a, true); });
        pool.shutdown(1s);
        other.join();
    }
    a.must_be_over_once();
}

EXPLORE("thread pool: its end stops a call that runs") {
    CoreLoop loop(CoreLoop::Woken::by_bell);
    Call call;
    {
        eddy::ThreadPool pool({.threads = 1, .idle_timeout = 1s});
        const auto fn = [](std::stop_token token, Call* its) {
            ++its->ran;
            while (!token.stop_requested()) {
                std::this_thread::yield();
            }
        };
        loop.spawn([&] { return offload(pool, {}, call, fn, &call); });
        loop.core().run_turn();
    }
    loop.run();
    loop.end();
    call.must_be_over_once();
}
