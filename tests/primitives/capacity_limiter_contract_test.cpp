// SPDX-License-Identifier: MIT
// What every wait has in common, what a limiter costs, and what it refuses or aborts at.
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/capacity_limiter.hpp>
#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "heap_hooks.hpp"

namespace {

using eddy::CapacityLimiter;
using eddy::CapacityToken;
using eddy::Task;
using eddy::testing::settle;

class LimiterFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit LimiterFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return limiter_.acquire(); }
    Task<> wait() { const CapacityToken token = co_await limiter_.acquire(); }
    Task<> wait_again() {
        CHECK(limiter_.available() == 1);  // whoever had it is gone
        co_await wait();
    }
    void complete() { limiter_.set_total(1); }
    bool intact() const {
        return limiter_.statistics().waiters == 0 && limiter_.statistics().borrowers.empty() &&
               limiter_.borrowed() == 0;
    }

private:
    CapacityLimiter limiter_{0};
};

Task<> waits(CapacityLimiter& limiter) { const CapacityToken token = co_await limiter.acquire(); }

}  // namespace

EDDY_TEST_CASE_FIFO("once there is room for the borrowers, nothing that a limiter does allocates") {
    CapacityLimiter limiter(1);
    const auto work = [](CapacityLimiter& l) -> Task<std::size_t> {
        std::size_t before = 0;
        for (int i = 0; i < 300; ++i) {
            if (i == 1) {
                before = eddy::testing::heap_counters().allocations;
            }
            const CapacityToken token = co_await l.acquire();
            co_await eddy::yield();
        }
        co_return eddy::testing::heap_counters().allocations - before;
    };
    auto a = eddy::spawn(work, std::ref(limiter));
    auto b = eddy::spawn(work, std::ref(limiter));
    auto c = eddy::spawn(work, std::ref(limiter));
    const std::size_t first = co_await a;
    const std::size_t second = co_await b;
    const std::size_t third = co_await c;
    CHECK(first + second + third == 0);
}

EDDY_TEST_CASE("when there is no memory for another borrower nothing has happened") {
    CapacityLimiter limiter(100);
    std::vector<CapacityToken> tokens;
    tokens.reserve(100);
    bool failed = false;
    for (int i = 0; i < 100; ++i) {
        eddy::testing::FailAllocation fail(0);
        try {
            tokens.push_back(*limiter.try_acquire_on_behalf_of(i));
        } catch (const std::bad_alloc&) {
            failed = true;
        }
        fail.stop();
    }
    CHECK(failed == (EDDY_HEAP_HOOKS != 0));
    CHECK(limiter.borrowed() == static_cast<std::int64_t>(tokens.size()));
    CHECK(limiter.statistics().borrowers.size() == tokens.size());
    co_return;
}

EDDY_TEST_CASE("a capacity limiter refuses other threads, and nothing has happened") {
    CapacityLimiter limiter(2);
    const CapacityToken held = co_await limiter.acquire();
    int refused = 0;
    std::thread([&] {
        const auto attempt = [&refused](auto call) {
            try {
                call();
            } catch (const eddy::WrongThread&) {
                ++refused;
            }
        };
        attempt([&] { limiter.set_total(9); });
        attempt([&] { static_cast<void>(limiter.total()); });
        attempt([&] { static_cast<void>(limiter.borrowed()); });
        attempt([&] { static_cast<void>(limiter.available()); });
        attempt([&] { static_cast<void>(limiter.statistics()); });
        attempt([&] { static_cast<void>(limiter.try_acquire()); });
        attempt([&] { static_cast<void>(limiter.try_acquire_on_behalf_of(1)); });
        eddy::run([](CapacityLimiter& l, int& count) -> Task<> {
            try {
                const CapacityToken token = co_await l.acquire();
            } catch (const eddy::WrongThread&) {
                ++count;
            }
        }(limiter, refused));
    }).join();
    CHECK(refused == 8);
    CHECK(limiter.total() == 2);
    CHECK(limiter.borrowed() == 1);
}

TEST_CASE("outside a job there is nobody to borrow for, unless one is named") {
    CapacityLimiter limiter(2);
    CHECK_THROWS_AS(static_cast<void>(limiter.try_acquire()), eddy::InvalidState);
    const auto token = limiter.try_acquire_on_behalf_of(&limiter);
    REQUIRE(token.has_value());
    CHECK(token->borrower() == eddy::Borrower(&limiter));
    CHECK(limiter.borrowed() == 1);
}

EDDY_ABORT_TEST_CASE("destroying a capacity limiter that jobs wait on is a broken contract",
                     "a CapacityLimiter was destroyed while jobs wait on it") {
    auto limiter = std::make_unique<CapacityLimiter>(0);
    eddy::spawn(waits(*limiter)).detach();
    co_await settle();
    limiter.reset();
}

EDDY_ABORT_TEST_CASE("destroying a capacity limiter whose tokens are held is a broken contract",
                     "while tokens of it are held") {
    auto limiter = std::make_unique<CapacityLimiter>(1);
    const CapacityToken token = co_await limiter->acquire();
    limiter.reset();
}

EDDY_ABORT_TEST_CASE("a capacity token that ends on another thread is a broken contract",
                     "a CapacityToken ended on another thread") {
    CapacityLimiter limiter(1);
    CapacityToken token = co_await limiter.acquire();
    std::thread([](CapacityToken taken) { static_cast<void>(taken); }, std::move(token)).join();
}

EDDY_WAIT_MATRIX("CapacityLimiter::acquire", LimiterFixture)
