// SPDX-License-Identifier: MIT
#include "shortage.hpp"

#include <chrono>
#include <future>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include <eddy/loop_handle.hpp>
#include <eddy/portal.hpp>
#include <eddy/remote_channel.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/task_group.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/try_run_in_executor.hpp>

#include "offload_kit.hpp"

#if EDDY_HEAP_HOOKS

// Memory is short in every place of the executor in turn, on the loop's thread and on the others:
// see shortage.hpp.

namespace {

using namespace std::chrono_literals;
using eddy::run_in_executor;
using eddy::Task;
using eddy::TaskGroup;
using eddy::ThreadPool;
using eddy::testing::HeldCall;
using eddy::testing::ShortageRun;
using eddy::testing::survives_shortage;
using eddy::testing::survives_shortage_in_job;

const std::string long_text = "a text that does not fit into a short string";

std::string copies(const std::string& text) { return text + text; }
int throws() { throw std::runtime_error(long_text); }

Task<int> answers(int value) {
    co_await eddy::yield();
    co_return value;
}

}  // namespace

TEST_CASE("a shortage in offloaded calls, on both sides") {
    survives_shortage_in_job([]() -> Task<> {
        ThreadPool pool({.name = "a pool with a long name of its own", .threads = 2});
        const auto body = [&](TaskGroup& group) -> Task<> {
            for (int i = 0; i < 3; ++i) {
                group.spawn([](ThreadPool& on) -> Task<> {
                    static_cast<void>(co_await run_in_executor(on, copies, long_text));
                }(pool));
            }
            try {
                static_cast<void>(co_await run_in_executor(pool, throws));
            } catch (const std::runtime_error&) {
            }
        };
        co_await eddy::with_task_group(body);
        static_cast<void>(co_await run_in_executor(copies, long_text));
        static_cast<void>(co_await eddy::try_run_in_executor(pool, copies, long_text));
    });
}

TEST_CASE("a shortage while a pool ends with calls queued and running") {
    survives_shortage([](ShortageRun& run) {
        eddy::testing::CountingObserver observer;
        HeldCall held;
        const auto main = [&]() -> Task<> {
            ThreadPool pool({.threads = 1, .grace = 0s});
            const auto stops = [&held](std::stop_token stop) {
                const std::stop_callback let_go(stop, [&held] { held.let_go(); });
                return held();
            };
            eddy::JoinHandle<int> running = eddy::spawn([](ThreadPool& on, auto call) -> Task<int> {
                co_return co_await run_in_executor(on, std::move(call));
            }(pool, stops));
            co_await eddy::yield();
            held.wait_until_it_runs();
            eddy::JoinHandle<std::string> queued =
                eddy::spawn([](ThreadPool& on) -> Task<std::string> {
                    co_return co_await run_in_executor(on, copies, std::string("queued"));
                }(pool));
            co_await eddy::testing::rounds();
            run.begin();
            pool.shutdown(0s);
            run.end();
            const int value = co_await running;
            CHECK(value == 42);
            bool refused = false;
            try {
                static_cast<void>(co_await queued);
            } catch (const std::exception&) {  // ClosedResource, or there was no memory for one
                refused = true;
            }
            CHECK(refused);
        };
        eddy::Loop({.observer = &observer}).run(main());
    });
}

TEST_CASE("a shortage while the loop ends and its calls are left behind") {
    survives_shortage([](ShortageRun& run) {
        eddy::testing::CountingObserver observer;
        HeldCall held;
        {
            ThreadPool pool({.threads = 1, .grace = 1min});
            const auto main = [&]() -> Task<> {
                eddy::spawn([](ThreadPool& on, HeldCall& call) -> Task<> {
                    static_cast<void>(co_await run_in_executor(on, std::ref(call)));
                }(pool, held));
                eddy::spawn([](ThreadPool& on) -> Task<> {
                    static_cast<void>(co_await run_in_executor(on, copies, long_text));
                }(pool));
                co_await eddy::testing::rounds();
                held.wait_until_it_runs();
                run.begin();
            };
            try {
                eddy::Loop({.observer = &observer}).run(main(), {.grace = 0s});
            } catch (const std::bad_alloc&) {
            }
            run.end();
            held.let_go();
        }
    });
}

TEST_CASE("a shortage in portals: every future is answered") {
    std::size_t unanswered = 0;
    survives_shortage([&](ShortageRun& run) {
        eddy::testing::CountingObserver observer;
        bool answered = true;
        bool done = false;
        std::jthread outside;
        const auto main = [&]() -> Task<> {
            const eddy::Portal portal;
            const eddy::LoopHandle loop = eddy::Loop::current().handle();
            outside = std::jthread([&, portal, loop] {
                run.begin();
                try {
                    std::future<int> value = portal.submit(answers, 1);
                    std::future<int> failure = portal.submit(throws);
                    static_cast<void>(portal.call(answers, 2));
                    answered = value.wait_for(10s) == std::future_status::ready &&
                               failure.wait_for(10s) == std::future_status::ready;
                } catch (const std::exception&) {  // there was no memory for it
                }
                run.end();
                static_cast<void>(loop.post([&done] { done = true; }));
            });
            co_await eddy::testing::until([&done] { return done; });
        };
        eddy::Loop({.observer = &observer}).run(main());
        outside.join();
        unanswered += answered ? 0 : 1;
    });
    CHECK(unanswered == 0);
}

TEST_CASE("a shortage while a portal's job is cancelled: its future is answered") {
    survives_shortage([](ShortageRun& run) {
        eddy::testing::CountingObserver observer;
        std::optional<eddy::PortalFuture<int>> future;
        const auto main = [&]() -> Task<> {
            const eddy::Portal portal;
            run.begin();
            future.emplace(portal.submit([]() -> Task<int> {
                co_await eddy::sleep_forever();
                co_return 1;
            }));
            co_await eddy::testing::rounds();
            future->cancel("a reason that does not fit into the string itself: it is too long");
            run.end();
        };
        try {
            eddy::Loop({.observer = &observer}).run(main());
        } catch (const std::bad_alloc&) {
        }
        run.end();
        if (future) {
            CHECK(future->wait_for(0s) == std::future_status::ready);
            CHECK_THROWS(future->get());
        }
    });
}

TEST_CASE("a shortage while a loop ends with portal calls under way") {
    survives_shortage([](ShortageRun& run) {
        eddy::testing::CountingObserver observer;
        std::future<int> never_ends;
        std::future<int> too_late;
        const auto main = [&]() -> Task<> {
            const eddy::Portal portal;
            never_ends = portal.submit([]() -> Task<int> {
                co_await eddy::shield(eddy::sleep_forever());
                co_return 1;
            });
            co_await eddy::testing::rounds();
            run.begin();
            too_late = portal.submit(answers, 1);
        };
        try {
            eddy::Loop({.observer = &observer}).run(main(), {.grace = 0s});
        } catch (const std::bad_alloc&) {
        }
        run.end();
        CHECK(never_ends.wait_for(0s) == std::future_status::ready);
        CHECK_THROWS(never_ends.get());
        if (too_late.valid()) {
            CHECK(too_late.wait_for(0s) == std::future_status::ready);
            try {
                static_cast<void>(too_late.get());
            } catch (const std::exception&) {
            }
        }
    });
}

TEST_CASE("a shortage in remote channels, and when they are dropped") {
    survives_shortage_in_job([]() -> Task<> {
        auto [to_loop, received] = eddy::open_remote_channel<std::string>(2);
        auto [from_loop, sent] = eddy::open_remote_channel<std::string>(1);
        const auto both_ways = [](eddy::RemoteSender<std::string> to,
                                  eddy::RemoteReceiver<std::string> from) {
            to.blocking_send(long_text);
            const auto item = from.blocking_next();
            static_cast<void>(item.has_value());
        };
        const auto body = [&](TaskGroup& group) -> Task<> {
            group.spawn([](auto call, auto to, auto from) -> Task<> {
                co_await run_in_executor(call, std::move(to), std::move(from));
            }(both_ways, std::move(to_loop), std::move(sent)));
            const auto item = co_await received.next();
            static_cast<void>(item.has_value());
            co_await from_loop.send(long_text);
            const auto end = co_await received.next();
            static_cast<void>(end.has_value());
        };
        co_await eddy::with_task_group(body);
    });
}

#endif
