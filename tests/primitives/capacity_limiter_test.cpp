// SPDX-License-Identifier: MIT
#include <eddy/capacity_limiter.hpp>

#include <algorithm>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
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

using namespace std::chrono_literals;

namespace {

using eddy::Borrower;
using eddy::CapacityLimiter;
using eddy::CapacityToken;
using eddy::Event;
using eddy::Task;
using eddy::testing::settle;

Task<> hold(CapacityLimiter& limiter, std::vector<int>& order, int number, Event& door) {
    const CapacityToken token = co_await limiter.acquire();
    order.push_back(number);
    co_await door.wait();
}

Task<> hold_for(CapacityLimiter& limiter, Borrower who, std::vector<int>& order, int number) {
    const CapacityToken token = co_await limiter.acquire_on_behalf_of(who);
    CHECK(token.borrower() == who);
    order.push_back(number);
}

}  // namespace

EDDY_TEST_CASE("a job borrows one token, and gives it back with the guard") {
    CapacityLimiter limiter(2);
    {
        CapacityToken token = co_await limiter.acquire();
        CHECK(token.held());
        CHECK(token.borrower().kind() == Borrower::Kind::job);
        CHECK(limiter.borrowed() == 1);
        CHECK(limiter.available() == 1);
        const CapacityToken moved = std::move(token);
        CHECK_FALSE(token.held());  // NOLINT(bugprone-use-after-move): it says so
        CHECK(moved.held());
        CHECK(limiter.borrowed() == 1);
    }
    CHECK(limiter.borrowed() == 0);
    std::optional<CapacityToken> tried = limiter.try_acquire();
    REQUIRE(tried.has_value());
    tried->release();
    tried->release();
    CHECK_FALSE(tried->held());
    CHECK(limiter.available() == 2);
}

EDDY_TEST_CASE_FIFO("borrowers are let in in order, and a newcomer queues behind them") {
    CapacityLimiter limiter(1);
    std::vector<int> order;
    Event door;
    for (int i = 0; i < 3; ++i) {
        eddy::spawn(hold(limiter, order, i, door)).detach();
    }
    co_await settle();
    CHECK(order == std::vector<int>{0});
    CHECK(limiter.statistics().waiters == 2);
    CHECK_FALSE(limiter.try_acquire().has_value());
    limiter.set_total(2);
    CHECK(limiter.available() == 0);  // 1 has it, and has not run
    CHECK_FALSE(limiter.try_acquire().has_value());
    co_await settle();
    CHECK(order == std::vector<int>({0, 1}));
    door.set();
    co_await settle();
    CHECK(order == std::vector<int>({0, 1, 2}));
    CHECK(limiter.borrowed() == 0);
}

EDDY_TEST_CASE("the same borrower gets one token, and may not wait for another") {
    CapacityLimiter limiter(3);
    const CapacityToken mine = co_await limiter.acquire();
    CHECK_THROWS_AS(static_cast<void>(co_await limiter.acquire()), std::logic_error);
    CHECK_THROWS_AS(static_cast<void>(limiter.try_acquire()), eddy::InvalidState);
    const CapacityToken five = co_await limiter.acquire_on_behalf_of(5);
    CHECK_THROWS_AS(static_cast<void>(co_await limiter.acquire_on_behalf_of(5)), std::logic_error);
    CHECK_THROWS_AS(static_cast<void>(limiter.try_acquire_on_behalf_of(5)), eddy::InvalidState);
    CHECK(limiter.borrowed() == 2);

    limiter.set_total(0);
    std::vector<int> order;
    eddy::spawn(hold_for(limiter, 6, order, 6)).detach();
    co_await settle();
    CHECK_THROWS_AS(static_cast<void>(co_await limiter.acquire_on_behalf_of(6)), std::logic_error);
    CHECK_THROWS_AS(
        co_await eddy::select(limiter.acquire_on_behalf_of(7), limiter.acquire_on_behalf_of(7)),
        std::logic_error);
    CHECK(limiter.statistics().waiters == 1);
    limiter.set_total(3);
    co_await settle();
    CHECK(order == std::vector<int>{6});
    const CapacityToken again = co_await limiter.acquire_on_behalf_of(6);  // it has given it back
}

EDDY_TEST_CASE("jobs, numbers and addresses are different borrowers") {
    CapacityLimiter limiter(10);
    const CapacityToken job = co_await limiter.acquire();
    const std::uint64_t id = job.borrower().value();
    const CapacityToken number = co_await limiter.acquire_on_behalf_of(id);
    const CapacityToken object =
        co_await limiter.acquire_on_behalf_of(reinterpret_cast<const void*>(id));
    CHECK(limiter.borrowed() == 3);
    const std::vector<Borrower> all = limiter.statistics().borrowers;
    CHECK(all.size() == 3);
    for (const Borrower& who : {job.borrower(), number.borrower(), object.borrower()}) {
        CHECK(std::count(all.begin(), all.end(), who) == 1);
    }
    CHECK(Borrower(-1) != Borrower(1));
}

EDDY_TEST_CASE("statistics say who borrows, of how many, and how many wait") {
    CapacityLimiter limiter(1);
    const CapacityToken token = co_await limiter.acquire_on_behalf_of(42);
    std::vector<int> order;
    auto waits = eddy::spawn(hold_for(limiter, 43, order, 1));
    co_await settle();
    const eddy::CapacityLimiterStatistics seen = limiter.statistics();
    CHECK(seen.borrowed == 1);
    CHECK(seen.total == 1);
    CHECK(seen.borrowers == std::vector<Borrower>{42});
    CHECK(seen.waiters == 1);
    limiter.set_total(2);
    CHECK(limiter.statistics().borrowers.size() == 2);
    co_await waits;
}

EDDY_TEST_CASE("a total of zero pauses, an infinite one lets in whoever comes") {
    CapacityLimiter limiter(0);
    std::vector<int> order;
    Event door;
    CHECK_FALSE(limiter.try_acquire().has_value());
    for (int i = 0; i < 50; ++i) {
        eddy::spawn(hold(limiter, order, i, door)).detach();
    }
    co_await settle();
    CHECK(order.empty());
    CHECK(limiter.statistics().waiters == 50);
    limiter.set_total(CapacityLimiter::infinite);
    CHECK(limiter.statistics().waiters == 0);
    CHECK(limiter.available() == CapacityLimiter::infinite);
    co_await settle();
    CHECK(order.size() == 50);
    CHECK(limiter.borrowed() == 50);
    CHECK_THROWS_AS(limiter.set_total(-1), std::invalid_argument);
    CHECK(limiter.total() == CapacityLimiter::infinite);
    CHECK_THROWS_AS(CapacityLimiter(-1), std::invalid_argument);
    door.set();
    co_await settle();
    CHECK(limiter.borrowed() == 0);
}

EDDY_TEST_CASE("shrinking evicts nobody, growing lets in exactly what there is room for") {
    CapacityLimiter limiter(4);
    std::vector<int> order;
    Event door;
    for (int i = 0; i < 9; ++i) {
        eddy::spawn(hold(limiter, order, i, door)).detach();
    }
    co_await settle();
    CHECK(order.size() == 4);
    limiter.set_total(1);
    CHECK(limiter.available() == -3);
    CHECK(limiter.borrowed() == 4);
    limiter.set_total(3);  // still fewer than are borrowed
    CHECK(limiter.statistics().waiters == 5);
    limiter.set_total(6);  // by 3, but there is room for 2
    CHECK(limiter.borrowed() == 6);
    CHECK(limiter.statistics().waiters == 3);
    co_await settle();
    CHECK(order.size() == 6);
    door.set();
    co_await settle();
    CHECK(order.size() == 9);
}

EDDY_TEST_CASE("after a shrink nobody new gets in until enough are back") {
    CapacityLimiter limiter(3);
    std::optional<CapacityToken> a = limiter.try_acquire_on_behalf_of(1);
    std::optional<CapacityToken> b = limiter.try_acquire_on_behalf_of(2);
    std::optional<CapacityToken> c = limiter.try_acquire_on_behalf_of(3);
    limiter.set_total(1);
    std::vector<int> order;
    Event door;
    eddy::spawn(hold(limiter, order, 1, door)).detach();
    co_await settle();
    a.reset();
    b.reset();
    co_await settle();
    CHECK(order.empty());
    CHECK(limiter.available() == 0);
    c.reset();
    CHECK(limiter.borrowed() == 1);
    co_await settle();
    CHECK(order == std::vector<int>{1});
    door.set();
    co_await settle();
}

EDDY_TEST_CASE(
    "a token for a job that is cancelled in that turn goes to the next (anyio 947, 398)") {
    for (const bool release_first : {true, false}) {
        CapacityLimiter limiter(1);
        std::optional<CapacityToken> token = limiter.try_acquire();
        std::vector<int> order;
        Event door;
        door.set();
        eddy::CancelScope scope;
        auto first = eddy::spawn(with_scope(scope, hold(limiter, order, 1, door)));
        co_await settle();
        auto second = eddy::spawn(hold(limiter, order, 2, door));
        co_await settle();
        if (release_first) {
            token.reset();
            scope.cancel();
        } else {
            scope.cancel();
            token.reset();
        }
        CHECK(limiter.borrowed() == 1);
        static_cast<void>(co_await first);
        co_await second;
        CHECK(order == (release_first ? std::vector<int>({1, 2}) : std::vector<int>{2}));
        CHECK(limiter.borrowed() == 0);
        const CapacityToken again = co_await limiter.acquire();  // nothing is left of anybody
    }
}

EDDY_TEST_CASE("an attempt between the grant and the resume does not over-grant (anyio 1170)") {
    CapacityLimiter limiter(1);
    std::optional<CapacityToken> token = limiter.try_acquire();
    std::vector<int> order;
    Event door;
    auto waits = eddy::spawn(hold(limiter, order, 1, door));
    co_await settle();
    token.reset();
    CHECK_FALSE(limiter.try_acquire().has_value());
    CHECK_FALSE(limiter.try_acquire_on_behalf_of(9).has_value());
    CHECK(limiter.borrowed() == 1);
    CHECK(limiter.available() == 0);
    door.set();
    co_await waits;
    CHECK(limiter.borrowed() == 0);
}

EDDY_TEST_CASE("a borrower who gives up may come again (anyio 1145)") {
    CapacityLimiter limiter(0);
    for (int i = 0; i < 3; ++i) {
        const auto got = co_await eddy::move_on_after(1s, [&limiter]() -> Task<> {
            const CapacityToken token = co_await limiter.acquire_on_behalf_of(1);
        });
        CHECK_FALSE(got);
        CHECK(limiter.statistics().waiters == 0);
    }
    const auto chosen = co_await eddy::select(limiter.acquire_on_behalf_of(1), eddy::sleep_for(1s));
    CHECK(chosen.index() == 1);
    limiter.set_total(1);
    const CapacityToken token = co_await limiter.acquire_on_behalf_of(1);
    CHECK(limiter.borrowed() == 1);
}

EDDY_TEST_CASE("a token that ends in another job frees its borrower") {
    CapacityLimiter limiter(1);
    CapacityToken token = co_await limiter.acquire();
    auto keeper = eddy::spawn(
        [](CapacityToken kept) -> Task<> {
            CHECK(kept.held());
            co_return;
        },
        std::move(token));
    CHECK_THROWS_AS(static_cast<void>(co_await limiter.acquire()),
                    eddy::InvalidState);  // still its borrower
    co_await keeper;
    const CapacityToken again = co_await limiter.acquire();
    CHECK(again.held());
}

EDDY_TEST_CASE("who borrows twice is told which borrower that is") {
    eddy::CapacityLimiter limiter(3);
    const auto message_of = [&limiter](const eddy::Borrower& who) {
        std::string text;
        const auto token = limiter.try_acquire_on_behalf_of(who);
        try {
            static_cast<void>(limiter.try_acquire_on_behalf_of(who));
        } catch (const std::logic_error& error) {
            text = error.what();
        }
        return text;
    };
    CHECK(message_of(7).find("borrower 7") != std::string::npos);
    CHECK(message_of(&limiter).find("this object") != std::string::npos);
    CHECK(message_of(eddy::Borrower::job(7)).find("job #7") != std::string::npos);
    co_return;
}
