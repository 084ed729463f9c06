// SPDX-License-Identifier: MIT
#include <eddy/barrier.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "heap_hooks.hpp"

namespace {

using eddy::Barrier;
using eddy::Task;
using eddy::testing::heap_counters;
using eddy::testing::settle;

/// What the jobs of a test got: an index, `broken` or `cancelled`.
constexpr int broken = -1;
constexpr int cancelled = -2;

Task<> comes(Barrier& barrier, int& result) {
    try {
        result = static_cast<int>(co_await barrier.wait());
    } catch (const eddy::BrokenBarrier&) {
        result = broken;
    } catch (const eddy::Cancelled&) {
        result = cancelled;
        throw;
    }
}

Task<> comes_often(Barrier& barrier, int rounds, std::vector<int>& seen) {
    for (int i = 0; i < rounds; ++i) {
        const auto index = co_await barrier.wait();
        seen.push_back(i * 100 + static_cast<int>(index));
    }
}

/// What the test alone can complete is the breaking: nobody ever comes last.
class BarrierFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit BarrierFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    Task<> wait() {
        bool refused = false;
        try {
            static_cast<void>(co_await barrier_.wait());
        } catch (const eddy::BrokenBarrier&) {
            refused = true;
        }
        CHECK(refused);
    }
    Task<> wait_again() { co_await wait(); }
    void complete() { barrier_.abort(); }
    bool intact() const { return barrier_.statistics().waiters == 0; }

private:
    Barrier barrier_{3};
};

}  // namespace

EDDY_TEST_CASE("all go on when the last has come, each with its place in the order of arrival") {
    Barrier barrier(3);
    CHECK(barrier.parties() == 3);
    std::vector<int> results(3, 99);
    eddy::spawn(comes(barrier, results[0])).detach();
    co_await settle();
    eddy::spawn(comes(barrier, results[1])).detach();
    co_await settle();
    CHECK(results == std::vector<int>({99, 99, 99}));
    CHECK(barrier.statistics().waiters == 2);
    CHECK(barrier.statistics().rounds == 0);
    const auto mine = co_await barrier.wait();
    CHECK(mine == 2);
    CHECK(barrier.statistics().waiters == 0);
    CHECK(barrier.statistics().rounds == 1);
    co_await settle();
    CHECK(results == std::vector<int>({0, 1, 99}));
}

EDDY_TEST_CASE("round after round, every index is given once") {
    Barrier barrier(4);
    std::vector<int> seen;
    std::vector<eddy::JoinHandle<void>> jobs;
    for (int i = 0; i < 4; ++i) {
        jobs.push_back(eddy::spawn(comes_often(barrier, 25, seen)));
    }
    for (auto& job : jobs) {
        co_await job;
    }
    CHECK(barrier.statistics().rounds == 25);
    std::sort(seen.begin(), seen.end());
    std::vector<int> all;
    for (int i = 0; i < 25; ++i) {
        for (int index = 0; index < 4; ++index) {
            all.push_back(i * 100 + index);
        }
    }
    CHECK(seen == all);
}

EDDY_TEST_CASE("who comes before the others have run belongs to the next round") {
    Barrier barrier(2);
    int first = 99;
    int next = 99;
    eddy::spawn(comes(barrier, first)).detach();
    co_await settle();
    static_cast<void>(co_await barrier.wait());
    CHECK(first == 99);  // granted, not resumed
    eddy::spawn(comes(barrier, next)).detach();
    co_await settle();
    CHECK(first == 0);
    CHECK(next == 99);
    CHECK(barrier.statistics().waiters == 1);
    const auto last = co_await barrier.wait();
    CHECK(last == 1);
    co_await settle();
    CHECK(next == 0);
}

EDDY_TEST_CASE("one party never waits") {
    Barrier barrier(1);
    for (int i = 0; i < 3; ++i) {
        const auto index = co_await barrier.wait();
        CHECK(index == 0);
    }
    CHECK(barrier.statistics().rounds == 3);
}

TEST_CASE("a barrier for nobody is an invalid argument") {
    CHECK_THROWS_AS(Barrier(0), std::invalid_argument);
}

EDDY_TEST_CASE("a waiter that is cancelled has not come, and no index is missing") {
    Barrier barrier(3);
    std::vector<int> results(4, 99);
    std::vector<std::unique_ptr<eddy::CancelScope>> scopes;
    for (std::size_t i = 0; i < 2; ++i) {
        scopes.push_back(std::make_unique<eddy::CancelScope>());
        eddy::spawn(with_scope(*scopes[i], comes(barrier, results[i]))).detach();
        co_await settle();
    }
    scopes[0]->cancel();
    CHECK(barrier.statistics().waiters == 1);
    eddy::spawn(comes(barrier, results[2])).detach();
    co_await settle();
    CHECK(results == std::vector<int>({cancelled, 99, 99, 99}));
    eddy::spawn(comes(barrier, results[3])).detach();
    co_await settle();
    CHECK(results == std::vector<int>({cancelled, 0, 1, 2}));
}

EDDY_TEST_CASE("a waiter cancelled after the last has come succeeds") {
    Barrier barrier(2);
    int result = 99;
    eddy::CancelScope scope;
    eddy::spawn(with_scope(scope, comes(barrier, result))).detach();
    co_await settle();
    static_cast<void>(co_await barrier.wait());
    scope.cancel();
    co_await settle();
    CHECK(result == 0);
}

EDDY_TEST_CASE("reset breaks the round for who waits, and nobody else") {
    Barrier barrier(2);
    barrier.reset();
    int before = 99;
    int after = 99;
    eddy::spawn(comes(barrier, before)).detach();
    co_await settle();
    barrier.reset();
    CHECK(barrier.statistics().waiters == 0);
    CHECK_FALSE(barrier.broken());
    eddy::spawn(comes(barrier, after)).detach();
    co_await settle();
    CHECK(before == broken);
    CHECK(after == 99);
    const auto index = co_await barrier.wait();
    CHECK(index == 1);
    barrier.reset();  // a complete round stays complete
    co_await settle();
    CHECK(after == 0);
}

EDDY_TEST_CASE("abort breaks it for all, until reset") {
    Barrier barrier(2);
    int waiting = 99;
    int later = 99;
    eddy::spawn(comes(barrier, waiting)).detach();
    co_await settle();
    barrier.abort();
    barrier.abort();
    CHECK(barrier.broken());
    CHECK(barrier.statistics().broken);
    CHECK(barrier.statistics().waiters == 0);
    CHECK(waiting == 99);  // a wake runs nothing
    eddy::spawn(comes(barrier, later)).detach();
    co_await settle();
    CHECK(waiting == broken);
    CHECK(later == broken);
    bool other_side_gone = false;
    try {
        static_cast<void>(co_await barrier.wait());
    } catch (const eddy::BrokenResource&) {
        other_side_gone = true;
    }
    CHECK(other_side_gone);
    barrier.reset();
    eddy::spawn(comes(barrier, later)).detach();
    co_await settle();
    static_cast<void>(co_await barrier.wait());
    co_await settle();
    CHECK(later == 0);
}

EDDY_TEST_CASE("a select that something else has won has not come") {
    Barrier barrier(2);
    eddy::Event event;
    std::size_t winner = 9;
    auto job = eddy::spawn(
        [](Barrier& b, eddy::Event& e, std::size_t& out) -> Task<> {
            const auto got = co_await eddy::select(b.wait(), e.wait());
            out = got.index();
        },
        std::ref(barrier),
        std::ref(event),
        std::ref(winner));
    co_await settle();
    CHECK(barrier.statistics().waiters == 1);
    event.set();
    CHECK(barrier.statistics().waiters == 0);
    co_await job;
    CHECK(winner == 1);
}

EDDY_TEST_CASE_FIFO("waiting at a barrier asks the heap for nothing") {
    Barrier barrier(2);
    std::vector<int> seen;
    seen.reserve(200);
    for (int round = 0; round < 2; ++round) {
        auto other = eddy::spawn(comes_often(barrier, 50, seen));
        co_await settle();
        const auto before = heap_counters().allocations;
        for (int i = 0; i < 50; ++i) {
            static_cast<void>(co_await barrier.wait());
        }
        if (round == 1) {
            CHECK(heap_counters().allocations == before);
        }
        co_await other;
    }
}

EDDY_TEST_CASE("a barrier refuses other threads") {
    Barrier barrier(2);
    barrier.reset();
    int refused = 0;
    std::thread([&] {
        const auto expect_refused = [&refused](auto&& call) {
            try {
                call();
            } catch (const eddy::WrongThread&) {
                ++refused;
            }
        };
        expect_refused([&] { barrier.reset(); });
        expect_refused([&] { barrier.abort(); });
        expect_refused([&] { static_cast<void>(barrier.broken()); });
        expect_refused([&] { static_cast<void>(barrier.statistics()); });
    }).join();
    CHECK(refused == 4);
    CHECK_FALSE(barrier.broken());
    co_return;
}

EDDY_ABORT_TEST_CASE("destroying a barrier that jobs wait on is a broken contract",
                     "a Barrier was destroyed while jobs wait on it") {
    auto barrier = std::make_unique<Barrier>(2);
    int result = 0;
    eddy::spawn(comes(*barrier, result)).detach();
    co_await settle();
    barrier.reset();
}

EDDY_WAIT_MATRIX("Barrier::wait", BarrierFixture)
