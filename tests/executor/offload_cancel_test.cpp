// SPDX-License-Identifier: MIT
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <thread>

#include <eddy/error.hpp>
#include <eddy/offload.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>

#include "offload_kit.hpp"

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

namespace {

constexpr Duration long_time = 1h;

/// A job that offloads in a scope of its own, and what became of it.
struct Subject {
    CancelScope scope;
    bool cancelled = false;
    bool cancelled_later = false;
    int value = 0;

    Task<> offload(ThreadPool& pool, OffloadOptions options, HeldCall& call) {
        try {
            value = co_await run_in_executor(pool, options, std::ref(call));
        } catch (const Cancelled&) {
            cancelled = true;
            throw;
        }
        try {
            co_await checkpoint();
        } catch (const Cancelled&) {
            cancelled_later = true;
            throw;
        }
    }

    JoinHandle<bool> start(ThreadPool& pool, HeldCall& call, OffloadOptions options = {}) {
        return spawn(with_scope(scope, offload(pool, options, call)));
    }
};

}  // namespace

EDDY_TEST_CASE("cancelled before the await: nothing is submitted") {
    ThreadPool pool({.threads = 1});
    HeldCall call;
    Subject subject;
    auto handle = subject.start(pool, call);
    subject.scope.cancel();
    const bool completed = co_await handle;
    CHECK_FALSE(completed);
    CHECK(subject.cancelled);
    CHECK(call.runs == 0);
    CHECK(pool.statistics().threads == 0);
    CHECK(pool.statistics().withdrawn == 0);
}

EDDY_TEST_CASE("cancelled while queued: withdrawn at once, and it never runs") {
    ThreadPool pool({.threads = 1});
    HeldCall blocker;
    HeldCall call;
    Subject first;
    Subject subject;
    auto running = first.start(pool, blocker);
    co_await rounds();
    blocker.wait_until_it_runs();
    auto handle = subject.start(pool, call);
    co_await rounds();
    CHECK(pool.statistics().queued == 1);
    subject.scope.cancel();
    CHECK(pool.statistics().queued == 0);
    CHECK(pool.statistics().withdrawn == 1);
    const bool completed = co_await handle;
    CHECK_FALSE(completed);
    CHECK(subject.cancelled);
    blocker.let_go();
    co_await running;
    CHECK(call.runs == 0);
    CHECK(pool.statistics().done == 1);
}

EDDY_TEST_CASE("a withdrawn call's arguments are destroyed on the loop's thread") {
    ThreadPool pool({.threads = 1});
    HeldCall blocker;
    Subject first;
    auto running = first.start(pool, blocker);
    co_await rounds();
    blocker.wait_until_it_runs();
    Tracked::Log log;
    CancelScope scope;
    auto handle = spawn(with_scope(
        scope,
        [](ThreadPool& workers, Tracked argument) -> Task<> {
            co_await run_in_executor(workers, [](const Tracked&) {}, argument);
        },
        std::ref(pool),
        Tracked(log)));
    co_await rounds();
    scope.cancel();
    co_await handle.wait();
    CHECK(log.alive == 0);
    CHECK(log.destroyed_on_worker == 0);
    blocker.let_go();
    co_await running;
}

EDDY_TEST_CASE("cancelled while it runs: its stop is requested, and its value still counts") {
    ThreadPool pool;
    std::binary_semaphore started{0};
    CancelScope scope;
    int value = 0;
    auto handle = spawn(with_scope(
        scope,
        [](ThreadPool& workers, std::binary_semaphore& begun, int& result) -> Task<> {
            result = co_await run_in_executor(
                workers,
                [](std::stop_token stop, std::binary_semaphore& on) {
                    on.release();
                    while (!stop.stop_requested()) {
                        std::this_thread::yield();
                    }
                    return 42;
                },
                std::ref(begun));
            co_await checkpoint();
        },
        std::ref(pool),
        std::ref(started),
        std::ref(value)));
    co_await rounds();
    started.acquire();
    scope.cancel();
    const bool completed = co_await handle;
    CHECK_FALSE(completed);  // the cancellation arrived at the checkpoint after it
    CHECK(value == 42);
}

EDDY_TEST_CASE("cancelled while it runs, without a stop token: awaited to its end") {
    ThreadPool pool;
    HeldCall call;
    Subject subject;
    auto handle = subject.start(pool, call);
    co_await rounds();
    call.wait_until_it_runs();
    subject.scope.cancel();
    co_await rounds();
    CHECK_FALSE(handle.done());
    call.let_go();
    co_await handle;
    CHECK(subject.value == 42);
    CHECK_FALSE(subject.cancelled);
    CHECK(subject.cancelled_later);
}

EDDY_TEST_CASE(
    "abandoned: the await ends at once, the worker keeps its slot and drops the result") {
    ThreadPool pool({.threads = 1});
    HeldCall call;
    Tracked::Log log;
    CancelScope scope;
    bool cancelled = false;
    auto handle = spawn(with_scope(
        scope,
        [](ThreadPool& workers, HeldCall& held, Tracked::Log& tracked, bool& unwound) -> Task<> {
            try {
                const Tracked result = co_await run_in_executor(
                    workers,
                    {.on_cancel = OnCancel::abandon},
                    [](HeldCall& inner, const Tracked& argument) {
                        inner();
                        return argument;
                    },
                    std::ref(held),
                    Tracked(tracked));
                CHECK(false);
            } catch (const Cancelled&) {
                unwound = true;
                throw;
            }
        },
        std::ref(pool),
        std::ref(call),
        std::ref(log),
        std::ref(cancelled)));
    co_await rounds();
    call.wait_until_it_runs();
    scope.cancel();
    const bool completed = co_await handle;
    CHECK_FALSE(completed);
    CHECK(cancelled);
    CHECK(log.alive == 1);
    CHECK(pool.statistics().running == 1);
    auto next =
        spawn([](ThreadPool& workers) -> Task<> { co_await run_in_executor(workers, [] {}); },
              std::ref(pool));
    co_await rounds();
    CHECK(pool.statistics().queued == 1);  // the slot is taken until the call has really ended
    call.let_go();
    co_await next;
    CHECK(log.alive == 0);
    CHECK(log.destroyed_on_worker >= 1);
    CHECK(pool.statistics().done == 2);
}

EDDY_TEST_CASE("an abandoned call is asked to stop") {
    ThreadPool pool({.threads = 1});
    std::binary_semaphore started{0};
    CancelScope scope;
    auto handle = spawn(with_scope(
        scope,
        [](ThreadPool& workers, std::binary_semaphore& begun) -> Task<> {
            co_await run_in_executor(
                workers,
                {.on_cancel = OnCancel::abandon},
                [](const std::stop_token& stop, std::binary_semaphore& on) {
                    on.release();
                    while (!stop.stop_requested()) {
                        std::this_thread::yield();
                    }
                },
                std::ref(begun));
        },
        std::ref(pool),
        std::ref(started)));
    co_await rounds();
    started.acquire();
    scope.cancel();
    co_await handle.wait();
    co_await until([&] { return pool.statistics().done == 1; });
}

EDDY_TEST_CASE(
    "finished but not delivered: committed, the value is returned, whatever on_cancel says") {
    for (const OnCancel on_cancel : {OnCancel::wait, OnCancel::abandon}) {
        ThreadPool pool;
        HeldCall call;
        Subject subject;
        auto handle = subject.start(pool, call, {.on_cancel = on_cancel});
        co_await rounds();
        call.wait_until_it_runs();
        call.let_go();
        // Blocks the loop: the result is in its inbox, and no turn passes.
        pool.shutdown(long_time);
        subject.scope.cancel();
        co_await handle;
        CHECK(subject.value == 42);
        CHECK_FALSE(subject.cancelled);
        CHECK(subject.cancelled_later);
    }
}

EDDY_TEST_CASE("a deadline withdraws a queued call") {
    ThreadPool pool({.threads = 1});
    HeldCall blocker;
    Subject first;
    auto running = first.start(pool, blocker);
    co_await rounds();
    blocker.wait_until_it_runs();
    auto timed = spawn(
        [](ThreadPool& workers) -> Task<bool> {
            co_return co_await move_on_after(
                1s,
                [](ThreadPool& inner) -> Task<> { co_await run_in_executor(inner, [] {}); },
                std::ref(workers));
        },
        std::ref(pool));
    co_await rounds();
    CHECK(pool.statistics().queued == 1);
    test_clock().advance(2s);
    const bool completed = co_await timed;
    CHECK_FALSE(completed);
    CHECK(pool.statistics().withdrawn == 1);
    blocker.let_go();
    co_await running;
}

EDDY_TEST_CASE("select withdraws a queued call that lost") {
    ThreadPool pool({.threads = 1});
    HeldCall blocker;
    Subject first;
    auto running = first.start(pool, blocker);
    co_await rounds();
    blocker.wait_until_it_runs();
    int runs = 0;
    const auto winner = co_await select(run_in_executor(pool, [&runs] { ++runs; }), yield());
    CHECK(winner.index() == 1);
    CHECK(pool.statistics().withdrawn == 1);
    blocker.let_go();
    co_await running;
    CHECK(runs == 0);
}

EDDY_TEST_CASE("cancelling an awaiting job among many leaves the others alone") {
    ThreadPool pool({.threads = 1});
    HeldCall blocker;
    Subject first;
    auto running = first.start(pool, blocker);
    co_await rounds();
    blocker.wait_until_it_runs();
    std::vector<std::unique_ptr<CancelScope>> scopes;
    std::vector<JoinHandle<bool>> handles;
    std::vector<int> order;
    for (int i = 0; i < 20; ++i) {
        scopes.push_back(std::make_unique<CancelScope>());
        handles.push_back(spawn(with_scope(
            *scopes.back(),
            [](ThreadPool& workers, std::vector<int>& ran, int mine) -> Task<> {
                co_await run_in_executor(
                    workers,
                    [](std::vector<int>& out, int number) { out.push_back(number); },
                    std::ref(ran),
                    mine);
            },
            std::ref(pool),
            std::ref(order),
            i)));
    }
    co_await rounds();
    for (std::size_t i = 1; i < scopes.size(); i += 2) {
        scopes[i]->cancel();
    }
    blocker.let_go();
    for (std::size_t i = 0; i < handles.size(); ++i) {
        const bool completed = co_await handles[i];
        CHECK(completed == (i % 2 == 0));
    }
    co_await running;
    CHECK(order.size() == 10);
    for (const int number : order) {
        CHECK(number % 2 == 0);
    }
}

namespace {

/// An operation that cannot be queued: a select of it and others comes to nothing.
class FailsToStart final : public Waiter {
public:
    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start() const { throw std::runtime_error("cannot be queued"); }
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "FailsToStart"; }

private:
    void unlink() noexcept override {}
};

Task<bool> comes_to_nothing(ThreadPool& pool, HeldCall& call) {
    auto operation = run_in_executor(pool, std::ref(call));
    FailsToStart fails;
    try {
        static_cast<void>(co_await select(operation, fails));
    } catch (const std::runtime_error&) {
        co_return true;
    }
    co_return false;
}

}  // namespace

EDDY_TEST_CASE("a call in a select that comes to nothing is withdrawn, or left alone") {
    ThreadPool pool({.threads = 1});
    HeldCall first;
    HeldCall second;
    first.let_go();  // if it has begun already
    const bool refused = co_await comes_to_nothing(pool, first);
    CHECK(refused);
    HeldCall busy;
    auto job = spawn([](ThreadPool& where, HeldCall& call) -> Task<int> {
        co_return co_await run_in_executor(where, std::ref(call));
    }(pool, busy));
    co_await until([&] { return busy.runs == 1; });
    const bool refused_too = co_await comes_to_nothing(pool, second);
    CHECK(refused_too);
    busy.let_go();
    const int value = co_await job;
    CHECK(value == 42);
    const int later = co_await run_in_executor(pool, [] { return 7; });
    CHECK(later == 7);
    CHECK(second.runs == 0);
}
