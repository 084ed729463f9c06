// SPDX-License-Identifier: MIT
#include <eddy/sleep.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <semaphore>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <eddy/clock.hpp>
#include <eddy/error.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/observer.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

using namespace std::chrono_literals;
using eddy::Task;
using eddy::TaskGroup;
using eddy::with_task_group;
using eddy::testing::let_run;
using eddy::testing::settle;
using eddy::testing::test_clock;

namespace {

Task<> notes(int name, eddy::Duration time, std::vector<int>& order) {
    co_await eddy::sleep_for(time);
    order.push_back(name);
}
Task<> counts(eddy::Duration time, std::size_t& count) {
    co_await eddy::sleep_for(time);
    ++count;
}

}  // namespace

EDDY_TEST_CASE("sleep_for lasts as long as it says") {
    const auto start = eddy::now();
    co_await eddy::sleep_for(1h);
    CHECK(eddy::now() - start == 1h);
    co_await eddy::sleep_for(1ns);
    CHECK(eddy::now() - start == 1h + 1ns);
}

EDDY_TEST_CASE("sleep_until waits for the moment, and yields once for one that has passed") {
    const auto start = eddy::now();
    co_await eddy::sleep_until(start + 5s);
    CHECK(eddy::now() == start + 5s);
    co_await eddy::sleep_until(start);
    co_await eddy::sleep_until(eddy::TimePoint::min());
    CHECK(eddy::now() == start + 5s);
}

EDDY_TEST_CASE("sleep_for of zero or less lets the others go first") {
    for (const eddy::Duration time :
         {eddy::Duration(0), eddy::Duration(-1), eddy::Duration::min()}) {
        const auto start = eddy::now();
        bool other = false;
        auto job = eddy::spawn([&other]() -> Task<> {
            other = true;
            co_return;
        });
        co_await eddy::sleep_for(time);
        co_await eddy::sleep_for(time);  // a random order may have put this job first once
        CHECK(other);
        CHECK(eddy::now() == start);
        co_await job;
    }
}

EDDY_TEST_CASE("huge sleeps last for ever, without overflow") {
    std::vector<int> order;
    for (const eddy::Duration time : {eddy::Duration::max(), eddy::Duration::max() - 1ns}) {
        const bool done = co_await eddy::move_on_after(1h, notes(1, time, order));
        CHECK_FALSE(done);
    }
    const bool until = co_await eddy::move_on_after(
        1h, []() -> Task<> { co_await eddy::sleep_until(eddy::never); });
    CHECK_FALSE(until);
    CHECK(order.empty());
}

EDDY_TEST_CASE("sleepers wake in the order of their deadlines") {
    std::vector<int> order;
    co_await with_task_group([&order](TaskGroup& group) -> Task<> {
        for (const int name : {5, 1, 4, 2, 3}) {
            group.spawn(notes(name, std::chrono::seconds(name), order));
        }
        co_return;
    });
    CHECK(order == std::vector<int>{1, 2, 3, 4, 5});
}

EDDY_TEST_CASE_FIFO("equal deadlines wake in the order of registration") {
    std::vector<int> order;
    co_await with_task_group([&order](TaskGroup& group) -> Task<> {
        for (int name = 0; name < 100; ++name) {
            group.spawn(notes(name, 1s, order));
        }
        co_return;
    });
    CHECK(order.size() == 100);
    CHECK(std::is_sorted(order.begin(), order.end()));
}

EDDY_TEST_CASE("a sleep never ends early, not by a nanosecond") {
    auto& clock = test_clock();
    const auto start = eddy::now();
    bool woke = false;
    auto job = eddy::spawn([&woke]() -> Task<> {
        co_await eddy::sleep_for(1s);
        woke = true;
    });
    co_await let_run();
    const auto registered = eddy::now();
    CHECK(registered == start);
    clock.advance(1s - 1ns);
    co_await let_run();
    CHECK_FALSE(woke);
    clock.advance(1ns);
    co_await let_run();
    co_await job;
    CHECK(woke);
}

TEST_CASE("on the machine's clock a sleep never ends early either") {
    bool early = false;
    eddy::run([](bool& out) -> Task<> {
        for (const eddy::Duration time : {100us, 900us, 1001us, 3000us}) {
            const auto start = eddy::now();
            co_await eddy::sleep_for(time);
            out = out || eddy::now() - start < time;
        }
    }(early));
    CHECK_FALSE(early);
}

EDDY_TEST_CASE("sleep_forever ends by cancellation only") {
    const auto start = eddy::now();
    const bool done =
        co_await eddy::move_on_after(24h, []() -> Task<> { co_await eddy::sleep_forever(); });
    CHECK_FALSE(done);
    CHECK(eddy::now() - start == 24h);
}

EDDY_TEST_CASE("a cancelled sleeper leaves no deadline behind") {
    auto sleeper = eddy::spawn([]() -> Task<> { co_await eddy::sleep_for(1h); });
    co_await settle();
    CHECK(eddy::Loop::current().statistics().deadlines == 1);
    sleeper.cancel();
    CHECK(eddy::Loop::current().statistics().deadlines == 0);
    co_await sleeper.wait();
}

EDDY_TEST_CASE_FIFO("a hundred thousand sleeping jobs") {
    std::size_t count = 0;
    const auto start = eddy::now();
    co_await with_task_group([&count](TaskGroup& group) -> Task<> {
        for (std::size_t i = 0; i < 100'000; ++i) {
            group.spawn(counts(std::chrono::milliseconds(1 + i * 7919 % 1000), count));
        }
        co_await settle();
        CHECK(eddy::Loop::current().statistics().deadlines == 100'000);
        CHECK(count == 0);
    });
    CHECK(count == 100'000);
    CHECK(eddy::now() - start == 1s);
}

EDDY_TEST_CASE("a job that sleeps for zero for ever starves nobody") {
    auto spinner = eddy::spawn([]() -> Task<> {
        while (true) {
            co_await eddy::sleep_for(0s);
        }
    });
    int turns = 0;
    auto other = eddy::spawn([&turns]() -> Task<> {
        for (int i = 0; i < 1000; ++i) {
            co_await eddy::yield();
            ++turns;
        }
    });
    co_await other;
    CHECK(turns == 1000);
    bool posted = false;
    CHECK(eddy::Loop::current().post([&posted] { posted = true; }));
    auto sleeper = eddy::spawn([]() -> Task<> { co_await eddy::sleep_for(1s); });
    while (!posted) {
        co_await eddy::yield();
    }
    test_clock().advance(2s);  // time is the test's to move while somebody is busy
    co_await sleeper;
    spinner.cancel();
    co_await spinner.wait();
}

namespace {

/// While it lives, this process gets no further descriptor.
class NoDescriptors final {
public:
    NoDescriptors() {
        getrlimit(RLIMIT_NOFILE, &before_);
        const int next = dup(STDIN_FILENO);
        close(next);
        rlimit none = before_;
        none.rlim_cur = static_cast<rlim_t>(next);
        setrlimit(RLIMIT_NOFILE, &none);
    }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;
    ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

/// Some short sleeps on the real clock; how many were early.
Task<int> early_ones() {
    int early = 0;
    for (const auto delay : {1us, 50us, 200us, 999us, 1000us, 1001us, 1500us}) {
        const eddy::TimePoint start = eddy::now();
        co_await eddy::sleep_for(delay);
        early += eddy::now() - start < delay ? 1 : 0;
    }
    co_return early;
}

Task<int> early_ones_without_descriptors() {
    const NoDescriptors none;
    const int early = co_await early_ones();
    co_return early;
}

}  // namespace

TEST_CASE("a deadline is never early, whatever the resolution of timers, and without descriptors") {
    for (const eddy::Duration resolution : {0us, 100us, 999us, 1000us, 5000us}) {
        CHECK(eddy::run(early_ones(), {}, {.timer_resolution = resolution}) == 0);
    }
    CHECK(eddy::run(early_ones_without_descriptors()) == 0);
}

namespace {

/// Real time, told by somebody else.
class OtherClock final : public eddy::Clock {
public:
    [[nodiscard]] eddy::TimePoint now() const noexcept override { return steady().now(); }
};

}  // namespace

TEST_CASE("a clock of one's own that only tells the time is slept by, and settles") {
    OtherClock clock;
    bool settled = false;
    const eddy::TimePoint begun = clock.now();
    eddy::Loop loop({.clock = &clock});
    loop.run([](bool& flag) -> eddy::Task<> {
        std::optional<eddy::Completion<void>> answer;
        auto asks = eddy::spawn([&answer]() -> eddy::Task<> {
            co_await eddy::from_callback<void>(
                [&answer](eddy::Completion<void> given) { answer.emplace(std::move(given)); });
        });
        auto answers = eddy::spawn([&answer]() -> eddy::Task<> {
            co_await eddy::sleep_for(2ms);
            answer->resolve();
        });
        co_await eddy::testing::settle();  // not while somebody waits for the world
        flag = asks.done();
        co_await asks;
        co_await answers;
    }(settled));
    CHECK(settled);
    CHECK(clock.now() - begun >= 2ms);
}

namespace {

/// A virtual clock that nobody moves.
class StoppedClock final : public eddy::Clock {
public:
    [[nodiscard]] eddy::TimePoint now() const noexcept override { return eddy::TimePoint(1h); }
    [[nodiscard]] bool is_virtual() const noexcept override { return true; }
};

/// Says when its loop sleeps until the world wakes it.
class SleepsForEver final : public eddy::Observer {
public:
    [[nodiscard]] std::uint32_t hooks() const noexcept override { return polls; }
    void before_poll(eddy::Duration timeout) override {
        if (timeout == eddy::Duration::max()) {
            sleeps.release();
        }
    }
    std::counting_semaphore<> sleeps{0};
};

}  // namespace

TEST_CASE("in virtual time that nobody moves only the world wakes a loop") {
    StoppedClock clock;
    SleepsForEver observer;
    eddy::Loop loop({.clock = &clock, .observer = &observer});
    eddy::testing::Gate gate;
    std::thread other([&gate, &observer, handle = loop.handle()] {
        observer.sleeps.acquire();
        CHECK(handle.post([&gate] { gate.open(); }));
    });
    bool slept = false;
    loop.run([](eddy::testing::Gate& opened, bool& woken) -> eddy::Task<> {
        auto sleeper = eddy::spawn([&woken]() -> eddy::Task<> {
            co_await eddy::sleep_for(1ns);
            woken = true;
        });
        co_await opened.wait();
        sleeper.cancel();
        co_await sleeper.wait();
    }(gate, slept));
    other.join();
    CHECK_FALSE(slept);
}
