// SPDX-License-Identifier: MIT
#include <eddy/semaphore.hpp>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

using namespace std::chrono_literals;

namespace {

using eddy::Event;
using eddy::Permit;
using eddy::Semaphore;
using eddy::Task;
using eddy::testing::settle;

/// Takes permits, notes its number, and keeps them until the door opens.
Task<> take(Semaphore& semaphore,
            std::int64_t permits,
            std::vector<int>& order,
            int number,
            Event* door = nullptr) {
    Permit permit = co_await semaphore.acquire(permits);
    order.push_back(number);
    if (door != nullptr) {
        co_await door->wait();
    } else {
        permit.forget();
    }
}

Task<std::string> outcome_of(Semaphore& semaphore) {
    std::string how = "granted";
    try {
        Permit permit = co_await semaphore.acquire();
        permit.forget();
    } catch (const eddy::ClosedResource&) {
        how = "closed";
    }
    co_return how;
}

}  // namespace

EDDY_TEST_CASE("permits are taken and come back with the guard") {
    Semaphore semaphore(3);
    {
        const Permit two = co_await semaphore.acquire(2);
        CHECK(two.count() == 2);
        CHECK(semaphore.value() == 1);
        CHECK(semaphore.statistics().held == 2);
        CHECK_FALSE(semaphore.locked());
        const Permit one = co_await semaphore.acquire();
        CHECK(semaphore.value() == 0);
        CHECK(semaphore.locked());
        CHECK_FALSE(semaphore.try_acquire().has_value());
    }
    CHECK(semaphore.value() == 3);
    CHECK(semaphore.statistics().held == 0);
    const std::optional<Permit> tried = semaphore.try_acquire(3);
    REQUIRE(tried.has_value());
    CHECK(tried->count() == 3);
}

EDDY_TEST_CASE_FIFO("requests are granted whole, in order, and value shows the grant at once") {
    Semaphore semaphore(0);
    std::vector<int> order;
    eddy::spawn(take(semaphore, 3, order, 0)).detach();
    eddy::spawn(take(semaphore, 1, order, 1)).detach();
    eddy::spawn(take(semaphore, 2, order, 2)).detach();
    co_await settle();
    CHECK(semaphore.statistics().waiters == 3);
    semaphore.release(2);
    co_await settle();
    CHECK(order.empty());  // the small one does not overtake
    CHECK(semaphore.value() == 2);
    CHECK_FALSE(semaphore.try_acquire().has_value());  // nor does a newcomer
    CHECK(semaphore.locked());
    semaphore.release(2);
    CHECK(order.empty());  // nobody runs inside
    CHECK(semaphore.value() == 0);
    CHECK(semaphore.statistics().waiters == 1);
    co_await settle();
    CHECK(order == std::vector<int>({0, 1}));
    semaphore.release(2);
    co_await settle();
    CHECK(order == std::vector<int>({0, 1, 2}));
}

EDDY_TEST_CASE("a permit that was handed over is nobody else's in between (asyncio 45997)") {
    Semaphore semaphore(1);
    std::vector<int> order;
    Event door;
    std::optional<Permit> mine = semaphore.try_acquire();
    REQUIRE(mine.has_value());
    eddy::spawn(take(semaphore, 1, order, 1, &door)).detach();
    co_await settle();
    mine.reset();  // 1 has it now, and has not run
    CHECK(semaphore.value() == 0);
    CHECK_FALSE(semaphore.try_acquire().has_value());
    auto late = eddy::spawn(take(semaphore, 1, order, 2, &door));
    const bool quick = co_await eddy::move_on_after(1s, take(semaphore, 1, order, 3, &door));
    CHECK_FALSE(quick);
    CHECK(order == std::vector<int>{1});
    door.set();
    co_await late;
    CHECK(order == std::vector<int>({1, 2}));
    CHECK(semaphore.value() == 1);
}

EDDY_TEST_CASE_FIFO("a job that gives back and asks again goes behind who waits") {
    Semaphore semaphore(1);
    std::vector<int> order;
    const auto greedy = [](Semaphore& s, std::vector<int>& out, int number) -> Task<> {
        for (int i = 0; i < 3; ++i) {
            const Permit permit = co_await s.acquire();
            out.push_back(number);
            co_await eddy::yield();
        }
    };
    auto a = eddy::spawn(greedy, std::ref(semaphore), std::ref(order), 0);
    auto b = eddy::spawn(greedy, std::ref(semaphore), std::ref(order), 1);
    co_await a;
    co_await b;
    CHECK(order == std::vector<int>({0, 1, 0, 1, 0, 1}));
}

EDDY_TEST_CASE("a large request that leaves the head lets in the small ones behind it at once") {
    Semaphore semaphore(2, 10);
    std::vector<int> order;
    Event door;
    eddy::CancelScope scope;
    auto large = eddy::spawn(with_scope(scope, take(semaphore, 5, order, 5, &door)));
    co_await settle();
    auto one = eddy::spawn(take(semaphore, 1, order, 1, &door));
    co_await settle();
    CHECK(order.empty());
    scope.cancel();
    CHECK(semaphore.value() == 1);  // granted inside the cancel
    CHECK(semaphore.statistics().waiters == 0);
    co_await settle();
    CHECK(order == std::vector<int>{1});
    auto select_loser = eddy::spawn(
        [](Semaphore& s, Event& stop) -> Task<> {
            const auto got = co_await eddy::select(s.acquire(5), stop.wait());
            CHECK(got.index() == 1);
        },
        std::ref(semaphore),
        std::ref(door));
    co_await settle();
    auto two = eddy::spawn(take(semaphore, 1, order, 2, &door));
    co_await settle();
    CHECK(order == std::vector<int>{1});
    door.set();
    CHECK(semaphore.statistics().waiters == 0);
    co_await two;
    co_await one;
    co_await select_loser;
    static_cast<void>(co_await large);
    CHECK(order == std::vector<int>({1, 2}));
    CHECK(semaphore.value() == 2);
}

EDDY_TEST_CASE(
    "release and cancel of the first waiter in one turn, both ways (asyncio 37658, 42130)") {
    for (const bool release_first : {true, false}) {
        Semaphore semaphore(0, 1);
        std::vector<int> order;
        Event door;
        eddy::CancelScope scope;
        auto first = eddy::spawn(with_scope(scope, take(semaphore, 1, order, 1, &door)));
        co_await settle();
        auto second = eddy::spawn(take(semaphore, 1, order, 2, &door));
        co_await settle();
        if (release_first) {
            semaphore.release();
            scope.cancel();
        } else {
            scope.cancel();
            semaphore.release();
        }
        door.set();
        const bool finished = co_await first;
        CHECK_FALSE(finished);  // it got its permit, or not: the next checkpoint threw
        co_await second;
        CHECK(order == (release_first ? std::vector<int>({1, 2}) : std::vector<int>{2}));
        CHECK(semaphore.value() == 1);
    }
}

EDDY_TEST_CASE("requests that can never be granted, and negative ones, fail at once") {
    Semaphore semaphore(2, 3);
    CHECK_THROWS_AS(static_cast<void>(co_await semaphore.acquire(4)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(co_await semaphore.acquire(-1)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(semaphore.try_acquire(4)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(semaphore.try_acquire(-1)), std::invalid_argument);
    CHECK_THROWS_AS(semaphore.release(-1), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(semaphore.forget_permits(-1)), std::invalid_argument);
    CHECK_THROWS_AS(Semaphore(-1), std::invalid_argument);
    CHECK_THROWS_AS(Semaphore(2, 1), std::invalid_argument);
    CHECK_THROWS_AS(Semaphore(0, -1), std::invalid_argument);
    CHECK(semaphore.value() == 2);
}

EDDY_TEST_CASE("a request for nothing is granted at once, even past who waits") {
    Semaphore semaphore(0);
    std::vector<int> order;
    eddy::spawn(take(semaphore, 1, order, 1)).detach();
    co_await settle();
    const Permit none = co_await semaphore.acquire(0);
    CHECK(none.count() == 0);
    const std::optional<Permit> tried = semaphore.try_acquire(0);
    CHECK(tried.has_value());
    semaphore.release(0);
    co_await settle();
    CHECK(order.empty());
    semaphore.release();
    co_await settle();
    CHECK(order == std::vector<int>{1});
}

EDDY_TEST_CASE("more than the maximum is out of range, and changes nothing") {
    Semaphore semaphore(1, 3);
    CHECK_THROWS_AS(semaphore.release(3), std::out_of_range);
    CHECK_THROWS_AS(semaphore.release(Semaphore::unlimited), std::out_of_range);
    CHECK(semaphore.value() == 1);
    semaphore.release(2);
    CHECK_THROWS_AS(semaphore.release(), std::out_of_range);
    {
        const Permit held = co_await semaphore.acquire(3);
        CHECK_THROWS_AS(semaphore.release(), std::out_of_range);  // they come back by themselves
    }
    CHECK(semaphore.value() == 3);
    CHECK(semaphore.forget_permits(2) == 2);
    CHECK(semaphore.forget_permits(2) == 1);
    CHECK(semaphore.value() == 0);
    semaphore.release(3);
    CHECK(semaphore.max() == 3);
}

EDDY_TEST_CASE("closing fails who waits and who comes, not who has a grant") {
    Semaphore semaphore(0, 5);
    auto granted = eddy::spawn(outcome_of(semaphore));
    co_await settle();
    auto waits = eddy::spawn(outcome_of(semaphore));
    co_await settle();
    semaphore.release();
    semaphore.close();
    CHECK(semaphore.closed());
    CHECK(semaphore.statistics().waiters == 0);
    const std::string first = co_await granted;
    CHECK(first == "granted");
    const std::string second = co_await waits;
    CHECK(second == "closed");
    CHECK_THROWS_AS(static_cast<void>(co_await semaphore.acquire()), eddy::ClosedResource);
    CHECK_THROWS_AS(static_cast<void>(co_await semaphore.acquire(0)), eddy::ClosedResource);
    CHECK_THROWS_AS(static_cast<void>(semaphore.try_acquire()), eddy::ClosedResource);
    semaphore.close();  // again
}

EDDY_TEST_CASE("a closed semaphore takes permits back and never opens again (tokio 8021)") {
    Semaphore semaphore(2, 5);
    {
        const Permit held = co_await semaphore.acquire(2);
        semaphore.close();
    }
    CHECK(semaphore.value() == 2);
    semaphore.release(3);
    CHECK(semaphore.value() == 5);
    CHECK(semaphore.forget_permits(5) == 5);
    semaphore.release(1);
    CHECK(semaphore.closed());
    CHECK_THROWS_AS(static_cast<void>(co_await semaphore.acquire()), eddy::ClosedResource);
    CHECK_THROWS_AS(static_cast<void>(semaphore.try_acquire()), eddy::ClosedResource);
}

EDDY_TEST_CASE("permits move, split, merge and are forgotten") {
    Semaphore semaphore(5);
    Semaphore other(1);
    {
        Permit permit = co_await semaphore.acquire(4);
        Permit moved = std::move(permit);
        CHECK(permit.count() == 0);  // NOLINT(bugprone-use-after-move): it says so
        CHECK(moved.count() == 4);
        {
            const Permit part = moved.split(3);
            CHECK(part.count() == 3);
            CHECK(moved.count() == 1);
            CHECK(semaphore.value() == 1);
        }
        CHECK(semaphore.value() == 4);
        CHECK_THROWS_AS(static_cast<void>(moved.split(2)), std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(moved.split(-1)), std::invalid_argument);
        Permit more = co_await semaphore.acquire(2);
        moved.merge(std::move(more));
        CHECK(moved.count() == 3);
        CHECK(more.count() == 0);  // NOLINT(bugprone-use-after-move): it says so
        Permit stranger = co_await other.acquire();
        CHECK_THROWS_AS(moved.merge(std::move(stranger)), std::invalid_argument);
        CHECK(stranger.count() == 1);  // NOLINT(bugprone-use-after-move): nothing was taken
        Permit lost = moved.split(1);
        lost.forget();
        CHECK(lost.count() == 0);
        CHECK(semaphore.statistics().held == 2);
        moved.release();
        CHECK(moved.count() == 0);
        moved.release();
        CHECK(semaphore.value() == 4);
    }
    CHECK(semaphore.value() == 4);
    CHECK(other.value() == 1);
}

EDDY_TEST_CASE("a permit may end in another job than the one that asked for it") {
    Semaphore semaphore(1);
    Permit permit = co_await semaphore.acquire();
    auto keeper = eddy::spawn(
        [](Permit kept) -> Task<> {
            co_await eddy::yield();
            CHECK(kept.count() == 1);
        },
        std::move(permit));
    CHECK(semaphore.value() == 0);
    co_await keeper;
    CHECK(semaphore.value() == 1);
}
