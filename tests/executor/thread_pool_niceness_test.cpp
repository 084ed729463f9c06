// SPDX-License-Identifier: MIT
#include <algorithm>
#include <functional>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>

#include <eddy/portal.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/thread_pool.hpp>

#include "offload_kit.hpp"

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

using namespace eddy;
using namespace eddy::testing;

TEST_CASE("a niceness outside 0 to 19 is invalid_argument") {
    CHECK_THROWS_AS(ThreadPool({.niceness = -1}), std::invalid_argument);
    CHECK_THROWS_AS(ThreadPool({.niceness = 20}), std::invalid_argument);
    std::string text;
    try {
        const ThreadPool pool({.niceness = -5});
    } catch (const std::invalid_argument& error) {
        text = error.what();
    }
    CHECK(text.find("0 to 19") != std::string::npos);
}

#ifdef __linux__

namespace {

int nice_of_this_thread() {
    return getpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)));
}

/// The tests themselves may be run nicely.
int nicer_by(int more) { return std::min(nice_of_this_thread() + more, 19); }

Task<int> hold(ThreadPool& pool, HeldCall& call) {
    co_return co_await run_in_executor(pool, std::ref(call));
}

Task<int> ask(ThreadPool& pool) { co_return co_await run_in_executor(pool, nice_of_this_thread); }

/// Lends its place in the pool, once it is told to, until a job of the loop has run.
void lend(const Portal& portal, std::binary_semaphore& go) {
    go.acquire();
    portal.call([] { return rounds(); });
}

}  // namespace

EDDY_TEST_CASE("the threads are nicer than the loop's, which stays as it is") {
    const int before = nice_of_this_thread();
    ThreadPool pool({.niceness = 3});
    const int nice = co_await ask(pool);
    CHECK(nice == nicer_by(3));
    CHECK(nice_of_this_thread() == before);
}

EDDY_TEST_CASE("nicer than 19 does not exist") {
    ThreadPool pool({.niceness = 19});
    const int nice = co_await ask(pool);
    CHECK(nice == 19);
}

EDDY_TEST_CASE("without a niceness the threads are as nice as the loop's") {
    ThreadPool pool;
    const int nice = co_await ask(pool);
    CHECK(nice == nice_of_this_thread());
}

EDDY_TEST_CASE("every thread of a pool is as nice as the first") {
    ThreadPool pool({.threads = 2, .niceness = 3});
    HeldCall call;
    auto held = spawn(hold(pool, call));
    co_await rounds();
    call.wait_until_it_runs();
    const int nice = co_await ask(pool);
    CHECK(nice == nicer_by(3));
    call.let_go();
    co_await held;
}

EDDY_TEST_CASE_FIFO("a thread that another worker starts is no nicer than that one") {
    ThreadPool pool({.threads = 1, .niceness = 3});
    std::binary_semaphore go{0};
    auto lending = spawn(
        [](ThreadPool& workers, std::binary_semaphore& told) -> Task<> {
            co_await run_in_executor(workers, lend, Portal(), std::ref(told));
        },
        std::ref(pool),
        std::ref(go));
    co_await rounds();
    auto asking = spawn(ask(pool));  // there is no thread for it, until the first lends its place
    co_await rounds();
    CHECK(pool.statistics().threads == 1);
    go.release();
    const int nice = co_await asking;
    CHECK(nice == nicer_by(3));
    co_await lending;
}

EDDY_TEST_CASE("a pool that is made on a nicer thread adds to that one's niceness") {
    ThreadPool outer({.threads = 1, .niceness = 3});
    std::unique_ptr<ThreadPool> inner;
    co_await run_in_executor(
        outer,
        [](std::unique_ptr<ThreadPool>& pool) {
            pool = std::make_unique<ThreadPool>(ThreadPoolOptions{.niceness = 4});
        },
        std::ref(inner));
    const int nice = co_await ask(*inner);
    CHECK(nice == nicer_by(7));
    co_await run_in_executor(
        outer, [](std::unique_ptr<ThreadPool>& pool) { pool.reset(); }, std::ref(inner));
}

#endif
