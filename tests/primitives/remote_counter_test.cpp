// SPDX-License-Identifier: MIT
#include <eddy/remote_counter.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/counter.hpp>
#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/settle.hpp>

#include "heap_hooks.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Counter;
using eddy::RemoteCounter;
using eddy::Task;
using eddy::testing::settle;

/// Runs `body` in each of `count` threads at about the same time; joins them when it goes.
class Threads final {
public:
    Threads(int count, std::function<void()> body) {
        for (int i = 0; i < count; ++i) {
            threads_.emplace_back(body);
        }
    }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;
    ~Threads() {
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

private:
    std::vector<std::thread> threads_;
};

Task<> tick(int& ticks, const bool& stop) {
    while (!stop) {
        co_await eddy::sleep_for(1ms);
        ++ticks;
    }
}

}  // namespace

TEST_CASE("ten threads that add 100,000 each make exactly 1,000,000, while the loop ticks on") {
    constexpr std::int64_t each = 100'000;
    eddy::run([]() -> Task<> {
        Counter counter;
        int ticks = 0;
        bool stop = false;
        auto heartbeat = eddy::spawn(tick(ticks, stop));
        const RemoteCounter remote = counter.remote();
        std::atomic<bool> release{false};
        int ticks_before = 0;
        {
            const Threads threads(10, [remote, &release] {
                for (std::int64_t i = 0; i < each; ++i) {
                    if (i == each / 2) {
                        release.wait(false);  // until the loop has shown that it is alive
                    }
                    static_cast<void>(remote.add(1));
                }
            });
            const std::int64_t half = co_await counter.wait_at_least(5 * each);
            CHECK(half == 5 * each);
            while (ticks < 3) {
                co_await eddy::sleep_for(1ms);
            }
            ticks_before = ticks;
            release = true;
            release.notify_all();
            const std::int64_t all = co_await counter.wait_at_least(10 * each);
            CHECK(all == 10 * each);
        }
        co_await eddy::sleep_for(2ms);
        CHECK(ticks > ticks_before);
        CHECK(counter.value() == 10 * each);
        CHECK(counter.statistics().peak == 10 * each);
        stop = true;
        co_await heartbeat;
    }());
}

TEST_CASE("adds in both directions from several threads add up exactly") {
    eddy::run([]() -> Task<> {
        Counter counter(1'000'000);
        const RemoteCounter remote = counter.remote();
        {
            std::atomic<int> turn{0};
            const Threads threads(4, [remote, &turn] {
                const std::int64_t delta = turn++ % 2 == 0 ? 3 : -2;
                for (int i = 0; i < 20'000; ++i) {
                    static_cast<void>(remote.add(delta));
                }
            });
            co_await counter.wait_change();
        }
        co_await counter.wait_for([](std::int64_t value) { return value == 1'040'000; });
    }());
}

EDDY_TEST_CASE("a burst of adds is one change of the counter, and one allocation-free wake-up") {
    Counter counter;
    const RemoteCounter remote = counter.remote();
    std::size_t allocated = 0;
    bool accepted = true;
    std::thread([&] {
        const std::size_t before = eddy::testing::heap_counters().allocations;
        for (int i = 0; i < 1'000; ++i) {
            accepted = remote.add(2) && accepted;
        }
        allocated = eddy::testing::heap_counters().allocations - before;
    }).join();
    CHECK(accepted);
    CHECK(counter.value() == 0);  // touched on the loop only
    const std::int64_t value = co_await counter.wait_at_least(1);
    CHECK(value == 2'000);
    CHECK(counter.statistics().updates == 1);
    CHECK(allocated == 0);
}

EDDY_TEST_CASE("adds that cancel each other out are no change") {
    Counter counter(3);
    const RemoteCounter remote = counter.remote();
    CHECK(remote.add(5));
    CHECK(remote.add(-5));
    CHECK(remote.add(0));
    co_await settle();
    CHECK(counter.statistics().updates == 0);
    CHECK(counter.value() == 3);
}

EDDY_TEST_CASE("a sum that would leave the range is refused whole and reported with its amount") {
    auto& failures = eddy::testing::expected_failures();
    Counter counter(3, {.min = 0, .max = 10});
    const RemoteCounter remote = counter.remote();
    CHECK(remote.add(-4));
    CHECK(remote.add(-1));
    co_await settle();
    CHECK(counter.value() == 3);
    REQUIRE(failures.size() == 1);
    CHECK(
        failures[0].message ==
        "RemoteCounter: the sum: -5 would take the counter from 3 out of [0, 10]; it stays there");
    CHECK(remote.add(7));  // and the door stays open
    co_await settle();
    CHECK(counter.value() == 10);
    CHECK(failures.size() == 1);
}

EDDY_TEST_CASE("one add is at most 2^31, either way") {
    Counter counter(0, {.min = -5'000'000'000, .max = 5'000'000'000});
    const RemoteCounter remote = counter.remote();
    CHECK_THROWS_AS(static_cast<void>(remote.add(RemoteCounter::max_delta + 1)),
                    std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(remote.add(-RemoteCounter::max_delta - 1)),
                    std::invalid_argument);
    CHECK(remote.add(-RemoteCounter::max_delta));
    co_await settle();
    CHECK(counter.value() == -2'147'483'648);
    CHECK(remote.add(RemoteCounter::max_delta));
    CHECK(remote.add(RemoteCounter::max_delta));
    co_await settle();
    CHECK(counter.value() == 2'147'483'648);
}

EDDY_TEST_CASE("add returns false once the counter is gone") {
    std::optional<RemoteCounter> remote;
    {
        Counter counter;
        remote = counter.remote();
        CHECK(remote->add(1));
        CHECK_FALSE(remote->closed());
    }
    CHECK(remote->closed());
    CHECK_FALSE(remote->add(1));
    co_await settle();  // the knock finds nobody
}

EDDY_TEST_CASE("close applies what was accepted, and refuses the rest") {
    Counter counter;
    const RemoteCounter remote = counter.remote();
    auto waiter = eddy::spawn(
        [](Counter& c) -> Task<> {
            const std::int64_t value = co_await c.wait_at_least(5);
            CHECK(value == 7);
        },
        std::ref(counter));
    co_await settle();
    CHECK(remote.add(7));
    counter.close();
    CHECK(counter.value() == 7);
    CHECK_FALSE(remote.add(1));
    co_await waiter;
    CHECK(counter.value() == 7);
    CHECK_THROWS_AS(static_cast<void>(counter.remote()), eddy::ClosedResource);
}

EDDY_TEST_CASE("a sum that close cannot apply is reported too") {
    auto& failures = eddy::testing::expected_failures();
    {
        Counter counter(0, {.min = 0, .max = 5});
        const RemoteCounter remote = counter.remote();
        CHECK(remote.add(6));
        counter.close();
        CHECK(counter.value() == 0);
    }
    co_await settle();
    CHECK(failures.size() == 1);
}

TEST_CASE("the end of the loop applies what was accepted, and closes the door") {
    Counter counter;
    std::optional<RemoteCounter> remote;
    eddy::run([](Counter& c, std::optional<RemoteCounter>& out) -> Task<> {
        out = c.remote();
        CHECK(out->add(7));
        co_return;
    }(counter, remote));
    CHECK(counter.value() == 7);
    CHECK(remote->closed());
    CHECK_FALSE(remote->add(1));
    eddy::run([](Counter& c) -> Task<> {  // the next loop makes a new door
        CHECK(c.remote().add(1));
        co_await c.wait_at_least(8);
    }(counter));
    CHECK(counter.value() == 8);
    CHECK_FALSE(remote->add(1));
}

TEST_CASE("a sum that the end of the loop cannot apply is reported") {
    eddy::testing::RecordingObserver observer;
    Counter counter(0, {.min = 0, .max = 5});
    eddy::run(
        [](Counter& c) -> Task<> {
            CHECK(c.remote().add(6));
            co_return;
        }(counter),
        {},
        {.observer = &observer});
    CHECK(counter.value() == 0);
    CHECK(observer.failures.size() == 1);
}

TEST_CASE("outside a loop, or while it ends, there is no door to open") {
    Counter counter;
    CHECK_THROWS_AS(static_cast<void>(counter.remote()), eddy::InvalidState);
    bool refused = false;
    {
        eddy::Loop loop;  // never runs: calls what was posted to it on its way out
        CHECK(loop.post([&] {
            try {
                static_cast<void>(counter.remote());
            } catch (const eddy::LoopClosed&) {
                refused = true;
            }
        }));
    }
    CHECK(refused);
}

TEST_CASE("adds that race with the end of the counter are all applied, or all refused") {
    for (int round = 0; round < 30; ++round) {
        std::int64_t total = 0;
        std::atomic<std::int64_t> accepted{0};
        eddy::run([](std::int64_t& value, std::atomic<std::int64_t>& yes) -> Task<> {
            Counter counter;
            const RemoteCounter remote = counter.remote();
            {
                const Threads threads(3, [remote, &yes] {
                    while (remote.add(1)) {
                        ++yes;
                    }
                });
                co_await counter.wait_at_least(10);
                counter.close();
            }
            value = counter.value();
        }(total, accepted));
        CHECK(total == accepted);
    }
}

TEST_CASE("adds that race with the end of the loop are all applied, or all refused") {
    for (int round = 0; round < 30; ++round) {
        Counter counter;
        std::atomic<std::int64_t> accepted{0};
        {
            std::unique_ptr<Threads> threads;
            eddy::run([](Counter& c,
                         std::atomic<std::int64_t>& yes,
                         std::unique_ptr<Threads>& adders) -> Task<> {
                adders = std::make_unique<Threads>(3, [remote = c.remote(), &yes] {
                    while (remote.add(1)) {
                        ++yes;
                    }
                });
                co_await c.wait_at_least(10);
            }(counter, accepted, threads));
        }
        CHECK(counter.value() == accepted);
    }
}
