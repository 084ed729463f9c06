// SPDX-License-Identifier: MIT
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <thread>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>

#include "child_process.hpp"

#ifndef EDDY_NO_FORK

using namespace eddy;
using namespace std::chrono_literals;

namespace {

/// A whole program in a child process, its exit handlers and static destructors included.
template <class P>
testing::ChildResult run_program(P program) {
    return testing::run_in_child([&program]() -> int {
        program();
        std::exit(0);
    });
}

int count_of(std::string_view part, std::string_view text) {
    int count = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

void sleeps_for_an_hour() { std::this_thread::sleep_for(1h); }

Task<> give_up_after_a_moment() {
    const bool completed = co_await move_on_after(10ms, []() -> Task<> {
        co_await run_in_executor({.on_cancel = OnCancel::abandon}, sleeps_for_an_hour);
    });
    static_cast<void>(completed);
}

Task<> wait_in_vain() {
    co_await with_task_group([](TaskGroup& group) -> Task<> {
        group.spawn([]() -> Task<> { co_await run_in_executor(sleeps_for_an_hour); });
        co_await sleep_for(10ms);
        group.cancel();
    });
}

}  // namespace

TEST_CASE("a call that never ends, abandoned, keeps the process for a second at most") {
    const auto start = std::chrono::steady_clock::now();
    const auto end = run_program([] { eddy::run(give_up_after_a_moment()); });
    CHECK(end.exit_code == 0);
    CHECK(std::chrono::steady_clock::now() - start < 10s);  // 1 s of grace, and a slow machine
}

TEST_CASE("a call that never ends, awaited, keeps the process until the loop's grace is over") {
    const auto start = std::chrono::steady_clock::now();
    const auto end = run_program([] {
        Loop loop;
        try {
            loop.run(
                []() -> Task<> {
                    Loop::current().cancel("time to go");
                    co_await wait_in_vain();
                }(),
                {.grace = 50ms});
        } catch (const ExceptionGroup&) {
        } catch (const JobCancelled&) {
        }
    });
    CHECK(end.exit_code == 0);
    CHECK(std::chrono::steady_clock::now() - start < 10s);
}

namespace {

/// A pool that outlives every loop, and ends with the static objects.
ThreadPool& static_pool() {
    static ThreadPool pool({.threads = 1, .grace = 100ms});
    return pool;
}

Task<> leave_in(ThreadPool& pool) {
    const bool completed = co_await move_on_after(
        10ms,
        [](ThreadPool& workers) -> Task<> {
            co_await run_in_executor(workers, {.on_cancel = OnCancel::abandon}, sleeps_for_an_hour);
        },
        std::ref(pool));
    static_cast<void>(completed);
}

Task<> exit_from_a_job() {
    spawn(give_up_after_a_moment()).detach();
    co_await sleep_for(20ms);
    std::exit(7);
}

Task<> exit_while_it_is_awaited() {
    spawn([]() -> Task<> { co_await run_in_executor(sleeps_for_an_hour); }).detach();
    co_await sleep_for(10ms);
    std::exit(7);
}

}  // namespace

TEST_CASE(
    "a call that never ends keeps no process, whatever pool it is in, and however that ends") {
    struct Way {
        const char* what;
        void (*program)();
        int status;
    };
    const Way ways[] = {
        {"a pool beside the loop",
         [] {
             ThreadPool pool({.threads = 1, .grace = 100ms});
             eddy::run(leave_in(pool));
         },
         0},
        {"a pool that goes before the loop's end",
         [] {
             eddy::run([]() -> Task<> {
                 ThreadPool pool({.threads = 1, .grace = 100ms});
                 co_await leave_in(pool);
             }());
         },
         0},
        {"a static pool", [] { eddy::run(leave_in(static_pool())); }, 0},
        {"exit after a loop",
         [] {
             eddy::run(give_up_after_a_moment());
             std::exit(7);
         },
         7},
        {"exit in a loop, the call abandoned", [] { eddy::run(exit_from_a_job()); }, 7},
        {"exit in a loop, the call awaited", [] { eddy::run(exit_while_it_is_awaited()); }, 7},
        {"quick_exit in a loop",
         [] {
             eddy::run([]() -> Task<> {
                 spawn(give_up_after_a_moment()).detach();
                 co_await sleep_for(20ms);
                 std::quick_exit(7);
             }());
         },
         7},
    };
    for (const Way& way : ways) {
        INFO(way.what);
        const auto start = std::chrono::steady_clock::now();
        const auto end = run_program(way.program);
        CHECK(end.exit_code == way.status);
        const auto took = std::chrono::steady_clock::now() - start;
        CHECK(took < 10s);  // 1 s of grace, and a slow machine
    }
}

TEST_CASE("a call that outlasts the grace is one line of the loop's and one of the pool's") {
    for (const bool catches : {true, false}) {
        const auto end = run_program([catches] {
            eddy::run(
                [](bool goes_on) -> Task<> {
                    spawn({.name = "caller"}, [goes_on]() -> Task<> {
                        try {
                            co_await run_in_executor(sleeps_for_an_hour);
                        } catch (const LoopClosed&) {
                            if (!goes_on) {
                                throw;
                            }
                        }
                    }).detach();
                    co_await sleep_for(10ms);
                }(catches),
                {.grace = 10ms});
        });
        CHECK(end.exit_code == 0);
        CHECK(count_of("[eddy]", end.errors) == 2);
        CHECK(count_of("cut off after its grace period from what it waited for, and ended: caller",
                       end.errors) == 1);
        CHECK(count_of("waits for run_in_executor since", end.errors) == 1);
        CHECK(count_of("process_exit_test.cpp:", end.errors) == 2);  // spawned, and awaited
        CHECK(count_of("1 call still ran", end.errors) == 1);
        CHECK(count_of("destroyed", end.errors) == 0);
    }
}

#endif
