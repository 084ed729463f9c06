// SPDX-License-Identifier: MIT
#include <chrono>
#include <csignal>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>

#include <doctest/doctest.h>

#include <eddy/net/connect.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/thread_pool.hpp>

#include "child_process.hpp"
#include "offload_kit.hpp"

// A server that drains while its handlers await offloaded calls. In real time, as calls take that.

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

namespace {

struct Calls {
    HeldCall held;
    int value = 0;
    bool cancelled = false;
    bool stop_asked = false;
};

/// The call owns what it touches, or the handler does.
Task<> asks(MemoryStream stream, std::shared_ptr<Calls> calls, ThreadPool& pool, OnCancel way) {
    try {
        calls->value = co_await run_in_executor(
            pool,
            {.on_cancel = way},
            [](const std::shared_ptr<Calls>& mine) {
                const int value = mine->held();
                mine->stop_asked = current_stop_token().stop_requested();
                return value;
            },
            calls);
        co_await stream.write_all(std::string_view("answer"));
    } catch (const Cancelled&) {
        calls->cancelled = true;
        throw;
    }
}

}  // namespace

TEST_CASE("a drain ends what awaits calls that may be abandoned, and leaves the others alone") {
    for (const OnCancel way : {OnCancel::abandon, OnCancel::wait}) {
        RecordingObserver observer;
        ThreadPool pool({.threads = 1});
        auto calls = std::make_shared<Calls>();
        run(
            [](ThreadPool& workers, std::shared_ptr<Calls> ref, OnCancel cancel) -> Task<> {
                const bool abandons = cancel == OnCancel::abandon;
                MemoryListener listener;
                {
                    Server server(
                        {.drain = 1ms, .unwind = abandons ? Duration(1h) : Duration(1ms)});
                    auto serving =
                        spawn(serve(server, listener, asks, ref, std::ref(workers), cancel));
                    const MemoryStream client = listener.connect();
                    co_await rounds();
                    ref->held.wait_until_it_runs();
                    server.drain();
                    co_await serving;
                    CHECK(server.statistics().left == (abandons ? 0 : 1));
                    CHECK(server.statistics().cancelled == (abandons ? 1 : 0));
                    CHECK(ref->cancelled == abandons);
                }
                ref->held.let_go();
                if (!abandons) {
                    co_await until([&] { return ref->cancelled; });
                    CHECK(ref->value == 42);  // it has come all the same
                }
            }(pool, calls, way),
            {},
            {.observer = &observer});
        pool.shutdown(1h);
        CHECK(calls->stop_asked);
        CHECK(observer.left.size() == (way == OnCancel::wait ? 1 : 0));
        if (way == OnCancel::wait) {
            CHECK(observer.left[0].find("waits for run_in_executor") != std::string::npos);
        }
        CHECK(observer.abandoned.empty());
        CHECK(observer.failures.empty());
    }
}

#ifndef EDDY_NO_FORK

namespace {

int count_of(std::string_view part, std::string_view text) {
    int count = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

Task<> never_answers(MemoryStream) {
    co_await run_in_executor([] { std::this_thread::sleep_for(1h); });
}

Task<> program(Server& server) {
    MemoryListener listener;
    auto serving = spawn(serve_until_signal(server, listener, never_answers));
    const MemoryStream client = listener.connect();
    co_await until([] { return default_pool().statistics().running == 1; });
    static_cast<void>(raise(SIGTERM));
    co_await serving;
}

}  // namespace

TEST_CASE("a server whose handler awaits a call of an hour ends within drain, unwind and grace") {
    const auto start = std::chrono::steady_clock::now();
    const auto result = run_in_child([] {
        Server server({.drain = 20ms, .unwind = 20ms});
        return run_main(program(server), {.grace = 20ms});
    });
    CHECK(std::chrono::steady_clock::now() - start < 20s);
    CHECK(result.exit_code == 0);
    CHECK(count_of("left alone, its server has drained and it has not ended: connection #",
                   result.errors) == 1);
    CHECK(count_of("cut off after its grace period from what it waited for, and ended: connection",
                   result.errors) == 1);
    CHECK(count_of("1 call still ran", result.errors) == 1);
    CHECK(count_of("[eddy]", result.errors) == 3);
}

namespace {

Task<> told_twice(Server& server) {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    auto serving = spawn(serve_until_signal(server, listener, [](TcpStream) -> Task<> {
        co_await run_in_executor([] { std::this_thread::sleep_for(1h); });
    }));
    const TcpStream client = co_await connect(listener.local_address());
    co_await until([] { return default_pool().statistics().running == 1; });
    static_cast<void>(raise(SIGTERM));
    co_await server.wait_draining();
    static_cast<void>(raise(SIGTERM));
    co_await serving;
    CHECK(server.statistics().left == 1);
}

}  // namespace

TEST_CASE("a second signal ends a server whose handler awaits a call, and its program, now") {
    const auto start = std::chrono::steady_clock::now();
    const auto result = run_in_child([] {
        Server server({.drain = 1h, .unwind = 20ms, .name = "visitor"});
        return run_main(told_twice(server), {.grace = 1h});
    });
    CHECK(std::chrono::steady_clock::now() - start < 20s);
    CHECK(result.exit_code == 0);
    CHECK(count_of("left alone, its server has drained and it has not ended: visitor #",
                   result.errors) == 1);
    CHECK(count_of("serve_drain_test.cpp:", result.errors) >= 2);  // where it waits, and came from
    CHECK(count_of("cut off after its grace period from what it waited for, and ended: visitor",
                   result.errors) == 1);
    CHECK(count_of("1 call still ran", result.errors) == 1);
    CHECK(count_of("[eddy]", result.errors) == 3);
}

#endif
