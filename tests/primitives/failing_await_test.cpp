// SPDX-License-Identifier: MIT
// Awaits of primitives that fail at once, for ever, hold up nobody. (Trial A3, A4.)
#include <chrono>
#include <cstddef>
#include <functional>

#include <doctest/doctest.h>

#include <eddy/barrier.hpp>
#include <eddy/broadcast.hpp>
#include <eddy/capacity_limiter.hpp>
#include <eddy/channel.hpp>
#include <eddy/counter.hpp>
#include <eddy/detail/turn.hpp>
#include <eddy/error.hpp>
#include <eddy/lock.hpp>
#include <eddy/queue.hpp>
#include <eddy/select.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/yield.hpp>

#include "failures_before_others.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::detail::Turn;
using eddy::testing::failures_before_others;
using eddy::testing::few_failures;

}  // namespace

EDDY_TEST_CASE("what is closed or refuses fails for ever without holding up anybody") {
    eddy::Semaphore semaphore(0);
    semaphore.close();
    const std::size_t acquires =
        co_await failures_before_others([&semaphore] { return semaphore.acquire(); });
    CHECK(acquires <= few_failures);
    CHECK(acquires >= Turn::budget - 1);

    eddy::Queue<int> queue(1);
    queue.shutdown();
    const std::size_t gets = co_await failures_before_others([&queue] { return queue.get(); });
    CHECK(gets <= few_failures);

    eddy::Counter counter;
    counter.close();
    const std::size_t waits =
        co_await failures_before_others([&counter] { return counter.wait_at_least(1); });
    CHECK(waits <= few_failures);

    auto [sender, receiver] = eddy::open_channel<int>(1);
    sender.close();
    const std::size_t receives =
        co_await failures_before_others([&r = receiver] { return r.receive(); });
    CHECK(receives <= few_failures);

    eddy::Lock lock;
    const auto guard = co_await lock.acquire();
    const std::size_t again = co_await failures_before_others([&lock] { return lock.acquire(); });
    CHECK(again <= few_failures);
}

EDDY_TEST_CASE("a queue that never runs empty lets a deadline that stands first be chosen") {
    eddy::Queue<int> queue(1);
    static_cast<void>(queue.try_put(1));
    const eddy::TimePoint deadline = eddy::now() + 1s;
    std::size_t items = 0;
    while (items < 100'000) {
        const auto got = co_await eddy::select(eddy::sleep_until(deadline), queue.get());
        if (got.index() == 0) {
            break;
        }
        ++items;
        static_cast<void>(queue.try_put(1));
        if (items == 1'000) {
            eddy::testing::test_clock().advance(1s);
        }
    }
    CHECK(items == 1'000);
}
