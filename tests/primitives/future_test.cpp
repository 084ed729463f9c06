// SPDX-License-Identifier: MIT
#include <eddy/future.hpp>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "heap_hooks.hpp"

namespace {

using eddy::Future;
using eddy::Promise;
using eddy::Task;
using eddy::testing::settle;

Task<> read(Future<int> future, std::vector<std::string>& seen) {
    try {
        const int value = co_await future;
        seen.push_back(std::to_string(value));
    } catch (const std::exception& error) {
        seen.push_back(error.what());
    }
}

std::exception_ptr error_named(const char* text) {
    return std::make_exception_ptr(std::runtime_error(text));
}

class FutureFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit FutureFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return promise_.future().operator co_await(); }
    Task<> wait() {
        const int value = co_await promise_.future();
        CHECK(value == 7);
    }
    Task<> wait_again() { co_await wait(); }
    void complete() { promise_.set_value(7); }
    bool intact() const { return promise_.future().statistics().waiters == 0; }

private:
    Promise<int> promise_;
};

class FutureDoneFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit FutureDoneFixture(eddy::testing::VirtualClock&) : future_(promise_.future()) {}
    Task<> prepare() { co_return; }
    auto operation() { return future_.wait(); }
    Task<> wait() { co_await future_.wait(); }
    Task<> wait_again() { co_await wait(); }
    void complete() { promise_ = Promise<void>(); }  // broken, which wait() does not mind
    bool intact() const { return future_.statistics().waiters == 0; }

private:
    Promise<void> promise_;
    Future<void> future_;
};

}  // namespace

EDDY_TEST_CASE_FIFO("everybody who waits gets the value, in order, and whoever comes later too") {
    Promise<int> promise;
    const Future<int> future = promise.future();
    std::vector<std::string> seen;
    std::vector<int> order;
    for (int i = 0; i < 3; ++i) {
        eddy::spawn(
            [](Future<int> f, std::vector<int>& out, int number) -> Task<> {
                const int value = co_await f;
                out.push_back(value + number);
            },
            future,
            std::ref(order),
            i)
            .detach();
    }
    co_await settle();
    CHECK(order.empty());
    CHECK_FALSE(future.done());
    CHECK(future.statistics().waiters == 3);
    promise.set_value(40);
    CHECK(order.empty());  // nobody runs inside
    CHECK(future.done());
    CHECK(promise.done());
    CHECK(future.statistics().done);
    CHECK(future.statistics().waiters == 0);
    co_await settle();
    CHECK(order == std::vector<int>({40, 41, 42}));
    eddy::spawn(read(promise.future(), seen)).detach();
    co_await settle();
    CHECK(seen == std::vector<std::string>{"40"});
    CHECK(future.value() == 40);
    CHECK(future.error() == nullptr);
}

EDDY_TEST_CASE("a second result is refused, and the first one stands") {
    Promise<int> promise;
    const Future<int> future = promise.future();
    promise.set_value(1);
    CHECK_THROWS_AS(promise.set_value(2), eddy::InvalidState);
    CHECK_THROWS_AS(promise.set_exception(error_named("late")), eddy::InvalidState);
    CHECK_FALSE(promise.try_set_value(3));
    CHECK_FALSE(promise.try_set_exception(error_named("late")));
    const int value = co_await future;
    CHECK(value == 1);

    Promise<int> failed;
    failed.set_exception(error_named("first"));
    CHECK_THROWS_AS(failed.set_value(2), eddy::InvalidState);
    CHECK_THROWS_WITH(co_await failed.future(), "first");

    Promise<int> tried;
    CHECK(tried.try_set_value(5));
    CHECK(tried.future().done());
    Promise<int> tried_error;
    CHECK(tried_error.try_set_exception(error_named("tried")));
    CHECK_THROWS_WITH(co_await tried_error.future(), "tried");
}

EDDY_TEST_CASE("no exception is no result") {
    Promise<int> promise;
    CHECK_THROWS_AS(promise.set_exception(nullptr), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(promise.try_set_exception(nullptr)), std::invalid_argument);
    CHECK_FALSE(promise.done());
    co_return;
}

EDDY_TEST_CASE("a failure reaches everybody, as the same object") {
    Promise<int> promise;
    const Future<int> future = promise.future();
    std::vector<const void*> objects;
    for (int i = 0; i < 3; ++i) {
        eddy::spawn(
            [](Future<int> f, std::vector<const void*>& out) -> Task<> {
                try {
                    const int value = co_await f;
                    CHECK(value == 0);
                } catch (const std::runtime_error& error) {
                    out.push_back(&error);
                }
            },
            future,
            std::ref(objects))
            .detach();
    }
    co_await settle();
    const std::exception_ptr error = error_named("no answer");
    promise.set_exception(error);
    co_await settle();
    REQUIRE(objects.size() == 3);
    CHECK(objects[0] == objects[1]);
    CHECK(objects[1] == objects[2]);
    CHECK(future.error() == error);
    CHECK_THROWS_WITH(future.value(), "no answer");
}

EDDY_TEST_CASE(
    "a promise that goes without a result breaks, for those who wait and those who come") {
    std::vector<std::string> seen;
    Future<int> future;
    {
        Promise<int> promise;
        future = promise.future();
        eddy::spawn(read(future, seen)).detach();
        eddy::spawn(read(future, seen)).detach();
        co_await settle();
        CHECK(future.statistics().waiters == 2);
    }
    CHECK(future.done());
    co_await settle();
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].find("broken promise") != std::string::npos);
    CHECK(seen[0] == seen[1]);
    CHECK_THROWS_AS(co_await future, eddy::BrokenResource);
}

EDDY_TEST_CASE("a broken promise nobody waits for is nobody's failure") {
    {
        const Promise<int> promise;
    }
    Future<int> future = Promise<int>().future();
    CHECK(future.done());
    co_return;
}

EDDY_TEST_CASE("assigning a promise breaks the one that was there, moving it does not") {
    Promise<int> promise;
    const Future<int> first = promise.future();
    Promise<int> moved = std::move(promise);
    CHECK_FALSE(first.done());
    CHECK_THROWS_AS(promise.set_value(1), eddy::InvalidState);  // NOLINT: it says so
    CHECK_THROWS_AS(static_cast<void>(promise.future()), eddy::InvalidState);
    moved = Promise<int>();
    CHECK(first.done());
    CHECK_THROWS_AS(co_await first, eddy::BrokenResource);
    const Future<int> second = moved.future();
    moved.set_value(3);
    CHECK(second.value() == 3);
}

EDDY_TEST_CASE("a failure nobody has read is reported, once, when nobody can read it any more") {
    auto& failures = eddy::testing::expected_failures();
    {
        Promise<int> promise;
        const Future<int> future = promise.future();
        {
            const Future<int> copy = future;
            promise.set_exception(error_named("unread"));
        }
        CHECK(failures.empty());
    }
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].where == "Future");
    CHECK(failures[0].message == "unread");
    {
        Promise<int> promise;
        const Future<int> awaited = promise.future();
        promise.set_exception(error_named("read by a job"));
        CHECK_THROWS(co_await awaited);
    }
    {
        Promise<int> promise;
        promise.set_exception(error_named("looked at"));
        CHECK(promise.future().error() != nullptr);
    }
    {
        Promise<int> promise;
        promise.set_exception(error_named("thrown by value"));
        const Future<int> future = promise.future();
        CHECK_THROWS(future.value());
    }
    CHECK(failures.size() == 1);
    {
        Promise<int> promise;
        promise.set_exception(error_named("only waited for"));
        co_await promise.future().wait();
    }
    CHECK(failures.size() == 2);
}

EDDY_TEST_CASE("cancelling one who waits leaves the future and the others alone (anyio's rule)") {
    Promise<int> promise;
    const Future<int> future = promise.future();
    std::vector<std::string> seen;
    eddy::CancelScope scope;
    auto leaves = eddy::spawn(with_scope(scope, read(future, seen)));
    eddy::spawn(read(future, seen)).detach();
    co_await settle();
    scope.cancel();
    CHECK(future.statistics().waiters == 1);
    const bool stayed = co_await leaves;
    CHECK_FALSE(stayed);
    CHECK_FALSE(future.done());
    promise.set_value(9);
    co_await settle();
    CHECK(seen == std::vector<std::string>{"9"});
}

EDDY_TEST_CASE("a Cancelled that is set arrives as JobCancelled: it is not the waiter's own") {
    Promise<int> promise;
    const Future<int> future = promise.future();
    eddy::CancelScope scope;
    scope.cancel("enough");
    const bool done = co_await eddy::with_scope(
        scope,
        [](Promise<int>& p) -> Task<> {
            std::exception_ptr caught;
            try {
                co_await eddy::checkpoint();
            } catch (...) {
                caught = std::current_exception();
            }
            p.set_exception(caught);
        },
        std::ref(promise));
    CHECK(done);
    std::string message;
    try {
        const int value = co_await future;
        CHECK(value == 0);
    } catch (const eddy::JobCancelled& error) {
        message = error.what();
    }
    CHECK(message.find("enough") != std::string::npos);
}

EDDY_TEST_CASE(
    "results may be nothing, references, or move-only ones that are looked at in place") {
    Promise<void> nothing;
    nothing.set_value();
    co_await nothing.future();
    const Future<void> void_future = nothing.future();
    void_future.value();

    int target = 4;
    Promise<int&> reference;
    reference.set_value(target);
    const Future<int&> where = reference.future();
    int& got = co_await where;
    CHECK(&got == &target);
    CHECK(&where.value() == &target);

    Promise<std::unique_ptr<int>> unique;
    const Future<std::unique_ptr<int>> future = unique.future();
    CHECK_THROWS_AS(future.value(), eddy::InvalidState);
    unique.set_value(std::make_unique<int>(6));
    co_await future.wait();
    CHECK(*future.value() == 6);
}

EDDY_TEST_CASE("an empty future says so") {
    Future<int> future;
    CHECK_FALSE(future.valid());
    CHECK_THROWS_AS(static_cast<void>(future.done()), eddy::InvalidState);
    CHECK_THROWS_AS(co_await future, eddy::InvalidState);
    future = Promise<int>().future();
    CHECK(future.valid());
}

EDDY_TEST_CASE("a future can be one of the things a select waits for") {
    Promise<int> promise;
    const Future<int> future = promise.future();
    const auto late = co_await eddy::select(future, eddy::sleep_for(std::chrono::seconds(1)));
    CHECK(late.index() == 1);
    CHECK(future.statistics().waiters == 0);
    promise.set_value(2);
    const auto there =
        co_await eddy::select(future.wait(), eddy::sleep_for(std::chrono::seconds(1)));
    CHECK(there.index() == 0);
}

EDDY_TEST_CASE_FIFO("a promise is one allocation, a wait none") {
    std::size_t before = eddy::testing::heap_counters().allocations;
    Promise<int> promise;
    const Future<int> future = promise.future();
    CHECK(eddy::testing::heap_counters().allocations - before == EDDY_HEAP_HOOKS);
    auto waiter = eddy::spawn(
        [](Future<int> f) -> Task<std::size_t> {
            const std::size_t start = eddy::testing::heap_counters().allocations;
            const int first = co_await f;
            const int second = co_await f;
            co_return eddy::testing::heap_counters().allocations - start +
                static_cast<std::size_t>(first - second);
        },
        future);
    co_await settle();
    before = eddy::testing::heap_counters().allocations;
    promise.set_value(1);
    CHECK(eddy::testing::heap_counters().allocations == before);
    const std::size_t allocated = co_await waiter;
    CHECK(allocated == 0);
}

EDDY_TEST_CASE("promise and future refuse other threads, and nothing has happened") {
    Promise<int> promise;
    const Future<int> future = promise.future();
    CHECK_FALSE(future.done());  // bound to this thread
    int refused = 0;
    std::thread([&] {
        const auto attempt = [&refused](auto call) {
            try {
                call();
            } catch (const eddy::WrongThread&) {
                ++refused;
            }
        };
        attempt([&] { promise.set_value(1); });
        attempt([&] { static_cast<void>(promise.try_set_value(1)); });
        attempt([&] { promise.set_exception(error_named("x")); });
        attempt([&] { static_cast<void>(promise.future()); });
        attempt([&] { static_cast<void>(promise.done()); });
        attempt([&] { static_cast<void>(future.done()); });
        attempt([&] { static_cast<void>(future.value()); });
        attempt([&] { static_cast<void>(future.error()); });
        attempt([&] { static_cast<void>(future.statistics()); });
    }).join();
    CHECK(refused == 9);
    CHECK_FALSE(future.done());
    co_return;
}

EDDY_ABORT_TEST_CASE("a promise that ends on another thread is a broken contract",
                     "a Promise ended on another thread") {
    Promise<int> promise;
    CHECK_FALSE(promise.done());
    std::thread([](Promise<int> taken) { static_cast<void>(taken); }, std::move(promise)).join();
    co_return;
}

TEST_CASE("promise and future may be made before a loop and outlive it") {
    Promise<int> promise;
    Future<int> future = promise.future();
    eddy::run([](Promise<int>& p) -> Task<> {
        p.set_value(11);
        co_return;
    }(promise));
    CHECK(future.value() == 11);
}

EDDY_WAIT_MATRIX("co_await Future", FutureFixture)
EDDY_WAIT_MATRIX("Future::wait", FutureDoneFixture)
