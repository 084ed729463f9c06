// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/borrower.hpp>
#include <eddy/capacity_limiter.hpp>
#include <eddy/channel.hpp>
#include <eddy/detail/awaiting.hpp>
#include <eddy/keyed_lock.hpp>
#include <eddy/lifo_queue.hpp>
#include <eddy/priority_queue.hpp>
#include <eddy/queue.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>

#include "heap_hooks.hpp"

// What is left of the memory that a burst has needed.

#if EDDY_HEAP_HOOKS

namespace {

using namespace eddy::testing;
using eddy::Queue;
using eddy::Task;

constexpr int burst = 100'000;
constexpr std::ptrdiff_t little = 48L * 1024;

[[nodiscard]] std::ptrdiff_t held() { return heap_counters().bytes; }

template <class Q>
void burst_through(Q& queue) {
    const std::ptrdiff_t before = held();
    for (int i = 0; i < burst; ++i) {
        REQUIRE(queue.try_put(i));
    }
    CHECK(held() - before > burst * 4);
    for (int i = 0; i < burst; ++i) {
        REQUIRE(queue.try_get().has_value());
    }
    CHECK(held() - before < little);
}

}  // namespace

EDDY_TEST_CASE("an unbounded queue gives back what a burst has taken, whatever its order") {
    eddy::Queue<int> fifo(eddy::unbounded);
    eddy::LifoQueue<int> lifo(eddy::unbounded);
    eddy::PriorityQueue<int> sorted(eddy::unbounded);
    for (int round = 0; round < 2; ++round) {
        burst_through(fifo);
        burst_through(lifo);
        burst_through(sorted);
    }
    co_return co_await settle();
}

EDDY_TEST_CASE("an unbounded channel gives back what a burst has taken") {
    auto [sender, receiver] = eddy::open_channel<int>(eddy::unbounded);
    const std::ptrdiff_t before = held();
    for (int i = 0; i < burst; ++i) {
        co_await sender.send(i);
    }
    CHECK(held() - before > burst * 4);
    for (int i = 0; i < burst; ++i) {
        const int got = co_await receiver.receive();
        if (got != i) {
            FAIL("at ", i);
        }
    }
    CHECK(held() - before < little);
}

EDDY_TEST_CASE("slots that were reserved and not used leave nothing behind") {
    auto [sender, receiver] = eddy::open_channel<int>(eddy::unbounded);
    const std::ptrdiff_t before = held();
    {
        std::vector<decltype(sender.try_reserve())> slots;
        for (int i = 0; i < burst; ++i) {
            slots.push_back(sender.try_reserve());
            REQUIRE(slots.back().has_value());
        }
        CHECK(held() - before > burst * 4);
    }
    CHECK(held() - before < little);
    const auto nothing = receiver.try_receive();
    CHECK_FALSE(nothing.has_value());
    co_return co_await settle();
}

EDDY_TEST_CASE("items that went straight to jobs that waited leave nothing behind") {
    constexpr int waiting = 20'000;
    Queue<std::string> queue(4);
    int got = 0;
    std::vector<eddy::JoinHandle<void>> jobs;
    for (int i = 0; i < waiting; ++i) {
        jobs.push_back(eddy::spawn([](Queue<std::string>& from, int& count) -> Task<> {
            const std::string item = co_await from.get();
            count += item.empty() ? 0 : 1;
        }(queue, got)));
    }
    co_await settle();
    const std::ptrdiff_t before = held();
    for (int i = 0; i < waiting; ++i) {
        REQUIRE(queue.try_put("x"));
    }
    CHECK(held() - before > waiting * static_cast<int>(sizeof(std::string)));
    co_await settle();
    CHECK(got == waiting);
    CHECK(held() - before < little);
}

EDDY_TEST_CASE("what a burst leaves in a queue is still there, and in order") {
    Queue<std::unique_ptr<int>> queue(eddy::unbounded);
    int next = 0;
    int expected = 0;
    for (const int most : {50'000, 20'000, 7'000, 100, 60'000, 1}) {
        while (queue.size() < static_cast<std::size_t>(most)) {
            REQUIRE(queue.try_put(std::make_unique<int>(next++)));
        }
        while (queue.size() > static_cast<std::size_t>(most) / 40) {
            const auto item = queue.try_get();
            REQUIRE(item.has_value());
            REQUIRE(**item == expected++);
        }
    }
    CHECK(queue.size() == static_cast<std::size_t>(next - expected));
    co_return co_await settle();
}

EDDY_TEST_CASE("a steady load allocates nothing, also when it comes in waves") {
    Queue<int> queue(eddy::unbounded);
    const auto wave = [&queue](int size) {
        for (int i = 0; i < size; ++i) {
            REQUIRE(queue.try_put(i));
        }
        for (int i = 0; i < size; ++i) {
            REQUIRE(queue.try_get() == i);
        }
    };
    wave(4'000);
    const std::size_t before = heap_counters().allocations;
    for (int i = 0; i < 50; ++i) {
        wave(4'000);
    }
    CHECK(heap_counters().allocations == before);
    // Larger ones: a few times each wave, not once an item; and not at all while much is stored.
    wave(100'000);
    const std::size_t between = heap_counters().allocations;
    wave(100'000);
    CHECK(heap_counters().allocations - between < 40);
    for (int i = 0; i < 20'000; ++i) {
        REQUIRE(queue.try_put(i));
    }
    const std::size_t steady = heap_counters().allocations;
    for (int i = 0; i < 100'000; ++i) {
        REQUIRE(queue.try_put(i));
        REQUIRE(queue.try_get().has_value());
    }
    CHECK(heap_counters().allocations - steady <= 1);
    co_return co_await settle();
}

EDDY_TEST_CASE("without memory for a smaller store a queue keeps the large one") {
    Queue<int> queue(eddy::unbounded);
    for (int i = 0; i < burst; ++i) {
        REQUIRE(queue.try_put(i));
    }
    const std::ptrdiff_t full = held();
    {
        FailAllocation shortage(0, FailAllocation::Mode::and_after);
        bool in_order = true;
        for (int i = 0; i < burst - 1; ++i) {
            const auto item = queue.try_get();
            in_order = in_order && item == i;
        }
        CHECK(shortage.stop());
        CHECK(in_order);
        CHECK(held() == full);
    }
    CHECK(queue.try_get() == burst - 1);
    CHECK(held() - full < -burst * 3);
    co_return co_await settle();
}

EDDY_TEST_CASE("items given back after a burst find room without an allocation") {
    Queue<int> queue(eddy::unbounded);
    for (int i = 0; i < burst; ++i) {
        REQUIRE(queue.try_put(i));
    }
    {
        // A hundred gets that have their items and die with them, as a frame that is destroyed.
        std::vector<std::unique_ptr<Queue<int>::Get<int>>> gets;
        for (int i = 0; i < 100; ++i) {
            gets.push_back(std::make_unique<Queue<int>::Get<int>>(queue));
            const bool at_once = gets.back()->try_now();
            REQUIRE(at_once);
            eddy::detail::WaiterAccess::commit_at_once(*gets.back(),
                                                       *eddy::detail::thread_state.job);
        }
        while (queue.size() != 0) {
            REQUIRE(queue.try_get().has_value());
        }
        FailAllocation shortage(0, FailAllocation::Mode::and_after);
        for (auto get = gets.rbegin(); get != gets.rend(); ++get) {
            eddy::detail::WaiterAccess::abandon_own(**get);
        }
        CHECK_FALSE(shortage.stop());
    }
    CHECK(queue.size() == 100);
    for (int i = 0; i < 100; ++i) {
        REQUIRE(queue.try_get() == i);
    }
    co_return co_await settle();
}

EDDY_TEST_CASE("a channel gives back the place of handles that are closed") {
    auto [sender, receiver] = eddy::open_channel<int>(1);
    const std::ptrdiff_t before = held();
    {
        std::vector<decltype(sender)> crowd;
        for (int i = 0; i < 20'000; ++i) {
            crowd.push_back(sender);
        }
        while (!crowd.empty()) {
            crowd.pop_back();
        }
    }
    CHECK(held() - before < little);
    co_await sender.send(1);
    const int got = co_await receiver.receive();
    CHECK(got == 1);
}

EDDY_TEST_CASE("keyed locks and limiters give back the place of a crowd") {
    const std::ptrdiff_t before = held();
    eddy::KeyedLock<int> locks;
    eddy::CapacityLimiter limiter(eddy::CapacityLimiter::infinite);
    {
        std::vector<eddy::KeyedLock<int>::Guard> guards;
        for (int i = 0; i < 20'000; ++i) {
            guards.push_back(*locks.try_acquire(i));
        }
        while (!guards.empty()) {
            guards.pop_back();
        }
        std::vector<eddy::CapacityToken> tokens;
        for (std::uint64_t i = 0; i < 20'000; ++i) {
            tokens.push_back(*limiter.try_acquire_on_behalf_of(eddy::Borrower(i + 1'000'000)));
        }
        while (!tokens.empty()) {
            tokens.pop_back();
        }
    }
    CHECK(limiter.borrowed() == 0);
    CHECK(locks.statistics().keys == 0);
    CHECK(held() - before < little);
    auto guard = co_await locks.acquire(7);
    CHECK(locks.locked(7));
}

#endif
