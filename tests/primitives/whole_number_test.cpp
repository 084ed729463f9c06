// SPDX-License-Identifier: MIT
// Every door that takes a number of things: whole numbers only, and no negative ones where they
// make no sense.

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include <eddy/barrier.hpp>
#include <eddy/bounded_executor.hpp>
#include <eddy/broadcast.hpp>
#include <eddy/capacity_limiter.hpp>
#include <eddy/channel.hpp>
#include <eddy/condition.hpp>
#include <eddy/counter.hpp>
#include <eddy/latch.hpp>
#include <eddy/lifo_queue.hpp>
#include <eddy/priority_queue.hpp>
#include <eddy/queue.hpp>
#include <eddy/rate_limiter.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/coroutine_test.hpp>

using namespace std::chrono_literals;

namespace {

enum Few : int { three = 3 };
enum class Scoped : int { three = 3 };

// What is done with a number: `Name{}(number)`.
#define DOOR(Name, call)                                                  \
    struct Name {                                                         \
        template <class N>                                                \
        auto operator()(N n) const -> decltype(static_cast<void>(call)) { \
            static_cast<void>(call);                                      \
        }                                                                 \
    }

// Where a negative number makes no sense.
DOOR(SemaphoreInitial, eddy::Semaphore(n));
DOOR(SemaphoreMax, eddy::Semaphore(0, n));
DOOR(SemaphoreRelease, eddy::Semaphore(0).release(n));
DOOR(SemaphoreForget, eddy::Semaphore(5).forget_permits(n));
DOOR(SemaphoreTry, eddy::Semaphore(5).try_acquire(n));
DOOR(PermitSplit, eddy::Semaphore(5).try_acquire(5)->split(n));
DOOR(CapacityTotal, eddy::CapacityLimiter(n));
DOOR(CapacitySetTotal, eddy::CapacityLimiter(1).set_total(n));
DOOR(LatchCount, eddy::Latch(n));
DOOR(LatchCountDown, eddy::Latch(5).count_down(n));
DOOR(BarrierParties, eddy::Barrier(n));
DOOR(ExecutorLimit, eddy::BoundedExecutor(n));
DOOR(CounterIncrement, eddy::Counter(5).increment(n));
DOOR(CounterDecrement, eddy::Counter(5).decrement(n));
DOOR(RateTokens, eddy::RateLimiter(n, 1s));
DOOR(RateBurst, eddy::RateLimiter(10, 1s, n));
DOOR(RateTry, eddy::RateLimiter(10, 1s).try_acquire(n));
DOOR(QueueCapacity, eddy::Queue<int>(n));
DOOR(LifoCapacity, eddy::LifoQueue<int>(n));
DOOR(PriorityCapacity, eddy::PriorityQueue<int>(n));
DOOR(ChannelCapacity, eddy::open_channel<int>(n));
DOOR(BroadcastCapacity, eddy::Broadcast<int>(n));

// Where it does.
DOOR(CounterInitial, eddy::Counter(n, {.min = -10}));
DOOR(CounterMin, eddy::Counter(5, {.min = n}));
DOOR(CounterMax, eddy::Counter(-5, {.min = -10, .max = n}));
DOOR(CounterAdd, eddy::Counter(5).add(n));
DOOR(CounterSet, eddy::Counter(5, {.min = -10}).set(n));
DOOR(CounterAtMost, eddy::Counter(5, {.min = -10}).wait_at_most(n));
DOOR(CounterAtLeast, eddy::Counter(5).wait_at_least(n));

// What is awaited says it then.
DOOR(SemaphoreAcquire, std::declval<eddy::Semaphore&>().acquire(n));
DOOR(RateAcquire, std::declval<eddy::RateLimiter&>().acquire(n));
DOOR(ConditionNotify, std::declval<eddy::Condition&>().notify(n));
DOOR(RemoteAdd, std::declval<eddy::RemoteCounter&>().add(n));

template <class Door, class... N>
constexpr bool takes = (std::invocable<Door, N> && ...);
template <class Door, class... N>
constexpr bool takes_none_of = !(std::invocable<Door, N> || ...);

template <class Door>
constexpr bool takes_whole_numbers =
    takes<Door, short, int, unsigned, long, std::size_t, std::int64_t, std::uint8_t, Few> &&
    takes<Door, std::integral_constant<int, 3>> &&
    takes_none_of<Door, float, double, long double, bool, Scoped, const char*>;

template <class... Door>
struct Doors {
    static_assert((takes_whole_numbers<Door> && ...));
};

using Unsigned = Doors<SemaphoreInitial,
                       SemaphoreMax,
                       SemaphoreRelease,
                       SemaphoreForget,
                       SemaphoreTry,
                       PermitSplit,
                       CapacityTotal,
                       CapacitySetTotal,
                       LatchCount,
                       LatchCountDown,
                       BarrierParties,
                       ExecutorLimit,
                       CounterIncrement,
                       CounterDecrement,
                       RateTokens,
                       RateBurst,
                       RateTry,
                       QueueCapacity,
                       LifoCapacity,
                       PriorityCapacity,
                       ChannelCapacity,
                       BroadcastCapacity>;
using Signed = Doors<CounterInitial,
                     CounterMin,
                     CounterMax,
                     CounterAdd,
                     CounterSet,
                     CounterAtMost,
                     CounterAtLeast>;
using Awaited = Doors<SemaphoreAcquire, RateAcquire, ConditionNotify, RemoteAdd>;

template <class Call>
std::string refusal(Call call) {
    try {
        call();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "taken";
}

template <class... Door>
void refuse_negative(Doors<Door...>) {
    const auto check = [](auto door) {
        for (const int number : {-1, std::numeric_limits<int>::min()}) {
            CAPTURE(number);
            const std::string said = refusal([&] { door(number); });
            CHECK_MESSAGE(said != "taken", typeid(door).name());
        }
        CHECK_NOTHROW(door(3));
        CHECK_NOTHROW(door(std::size_t{3}));
        CHECK_NOTHROW(door(three));
    };
    (check(Door()), ...);
}

template <class... Door>
void refuse_more_than_64_bits_count(Doors<Door...>) {
    const auto check = [](auto door) {
        const std::string said = refusal([&] { door(std::numeric_limits<std::uint64_t>::max()); });
        CHECK_MESSAGE(said.find("larger") != std::string::npos, typeid(door).name(), ": ", said);
    };
    (check(Door()), ...);
}

}  // namespace

EDDY_TEST_CASE("a negative number of things is an error at every door, never a large one") {
    refuse_negative(Unsigned());
    co_return;
}

EDDY_TEST_CASE("a negative number is what it is where it makes sense") {
    eddy::Counter counter(-3, {.min = -10, .max = -1});
    CHECK(counter.add(-2) == -5);
    CHECK(counter.set(-10) == -10);
    co_return;
}

EDDY_TEST_CASE("a number beyond 63 bits does not come out negative") {
    refuse_more_than_64_bits_count(Signed());
    refuse_more_than_64_bits_count(
        Doors<SemaphoreInitial, CapacityTotal, LatchCount, RateTokens>());
    co_return;
}

EDDY_TEST_CASE("a channel of capacity -1 is an error, not one without a bound") {
    CHECK(refusal([] { static_cast<void>(eddy::open_channel<int>(-1)); }) ==
          "open_channel: the capacity: -1 is negative");
    auto [sender, receiver] = eddy::open_channel<int>(eddy::unbounded);
    CHECK(sender.statistics().capacity == eddy::unbounded);
    eddy::Queue<int> queue(eddy::unbounded);
    CHECK(queue.capacity() == eddy::unbounded);
    eddy::CapacityLimiter limiter(eddy::CapacityLimiter::infinite);
    CHECK(limiter.available() == eddy::CapacityLimiter::infinite);
    eddy::Semaphore semaphore(1, eddy::Semaphore::unlimited);
    CHECK(semaphore.max() == eddy::Semaphore::unlimited);
    co_return;
}

EDDY_TEST_CASE("a negative request is refused where it is awaited") {
    eddy::Semaphore semaphore(1);
    CHECK_THROWS_AS(static_cast<void>(co_await semaphore.acquire(-1)), std::invalid_argument);
    eddy::RateLimiter limiter(1, 1s);
    CHECK_THROWS_AS(co_await limiter.acquire(-1), std::invalid_argument);
    CHECK(semaphore.value() == 1);
    CHECK(limiter.statistics().available == 1);
}

EDDY_TEST_CASE("a condition notifies no negative number of jobs") {
    eddy::Lock lock;
    eddy::Condition condition(lock);
    const auto guard = co_await lock.acquire();
    CHECK_THROWS_AS(condition.notify(-1), std::invalid_argument);
    condition.notify(0);
}

EDDY_TEST_CASE("a rate limiter's burst may be an optional number") {
    const std::optional<std::int64_t> given = 3;
    const std::optional<int> none;
    CHECK(eddy::RateLimiter(10, 1s, given).statistics().burst == 3);
    CHECK(eddy::RateLimiter(10, 1s, none).statistics().burst == 10);
    CHECK(eddy::RateLimiter(10, 1s, std::nullopt).statistics().burst == 10);
    co_return;
}

EDDY_TEST_CASE("whatever converts to an integer is one") {
    const std::atomic<int> number = 3;
    eddy::Semaphore semaphore(number);
    CHECK(semaphore.value() == 3);
    std::optional<eddy::Queue<int>> queue;
    queue.emplace(std::vector<int>(7).size());
    CHECK(queue->capacity() == 7);
    co_return;
}
