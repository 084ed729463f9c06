// SPDX-License-Identifier: MIT
#include <eddy/run.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::testing::RecordingObserver;
using eddy::testing::VirtualClock;

eddy::Task<int> number(int value) { co_return value; }
eddy::Task<std::unique_ptr<int>> owned(int value) { co_return std::make_unique<int>(value); }
eddy::Task<int&> itself(int& value) { co_return value; }
eddy::Task<> nothing() { co_return; }
eddy::Task<int> fails() {
    co_await eddy::yield();
    throw std::runtime_error("no");
}

eddy::Task<> sleeps() { co_await eddy::sleep_forever(); }

/// Sets `flag` when it is destroyed, so one can see that a frame went, and when.
class Flag final {
public:
    explicit Flag(bool& flag) noexcept : flag_(flag) {}
    Flag(const Flag&) = delete;
    Flag& operator=(const Flag&) = delete;
    ~Flag() { flag_ = true; }

private:
    bool& flag_;
};

/// Waits for ever, whoever cancels.
eddy::Task<> stubborn(bool& destroyed) {
    const Flag flag(destroyed);
    co_await eddy::shield(sleeps());
}

/// Loop, clock and observer of a test that looks at a whole run from outside.
struct Bench {
    VirtualClock clock;
    RecordingObserver observer;
    eddy::Loop loop{{.clock = &clock, .observer = &observer}};

    void check_empty() const {
        CHECK(loop.statistics().jobs_alive == 0);
        CHECK(loop.statistics().jobs_ready == 0);
        CHECK(loop.statistics().deadlines == 0);
        CHECK(loop.handle().closed());
    }
};

}  // namespace

TEST_CASE("run returns what the main task returns") {
    CHECK(eddy::run(number(42)) == 42);
    CHECK(*eddy::run(owned(7)) == 7);
    int value = 1;
    CHECK(&eddy::run(itself(value)) == &value);
    eddy::run(nothing());
    CHECK(eddy::Loop::current_or_null() == nullptr);
}

TEST_CASE("run throws what the main task throws, and nobody else hears of it") {
    Bench bench;
    CHECK_THROWS_WITH_AS(bench.loop.run(fails()), "no", std::runtime_error);
    CHECK(bench.observer.failures.empty());
    bench.check_empty();
}

TEST_CASE("a cancelled main task without a value ends quietly") {
    Bench bench;
    const auto main = []() -> eddy::Task<> {
        eddy::Loop::current().cancel("enough");
        co_await eddy::sleep_forever();
    };
    bench.loop.run(main());
    bench.check_empty();
}

TEST_CASE("a main task that was cancelled before it had a value is JobCancelled") {
    Bench bench;
    const auto main = []() -> eddy::Task<int> {
        eddy::Loop::current().cancel("enough");
        co_await eddy::sleep_forever();
        co_return 1;
    };
    CHECK_THROWS_AS(bench.loop.run(main()), eddy::JobCancelled);
    bench.check_empty();
}

TEST_CASE("a cancelled main task that returns a value all the same returns it") {
    Bench bench;
    const auto main = []() -> eddy::Task<int> {
        eddy::Loop::current().cancel();
        co_return 5;
    };
    CHECK(bench.loop.run(main()) == 5);
    bench.check_empty();
}

EDDY_TEST_CASE("run inside a run is InvalidState and changes nothing") {
    CHECK_THROWS_AS(static_cast<void>(eddy::run(number(1))), eddy::InvalidState);
    eddy::Loop other;
    CHECK_THROWS_AS(static_cast<void>(other.run(number(1))), eddy::InvalidState);
    co_await eddy::yield();
    CHECK(&eddy::Loop::current() != &other);
}

TEST_CASE("a loop that could not run inside another one runs after it") {
    eddy::Loop later;
    const auto main = [&]() -> eddy::Task<> {
        CHECK_THROWS_AS(static_cast<void>(later.run(number(1))), eddy::InvalidState);
        co_return;
    };
    eddy::run(main());
    CHECK(later.run(number(2)) == 2);
}

TEST_CASE("a loop runs once") {
    eddy::Loop loop;
    CHECK(loop.run(number(1)) == 1);
    CHECK_THROWS_AS(static_cast<void>(loop.run(number(2))), eddy::InvalidState);
    CHECK_FALSE(loop.post([] {}));
    CHECK(loop.uv_loop() == nullptr);
}

TEST_CASE("an empty task is refused, and the loop still runs") {
    eddy::Loop loop;
    eddy::Task<int> task = number(1);
    const eddy::Task<int> taken = std::move(task);
    CHECK_THROWS_AS(static_cast<void>(loop.run(std::move(task))), eddy::InvalidState);
    CHECK(loop.run(number(2)) == 2);
}

TEST_CASE("when the main task ends, the other jobs are cancelled and awaited") {
    Bench bench;
    int cleaned = 0;
    const auto child = [&]() -> eddy::Task<> {
        bool cancelled = false;
        try {
            co_await eddy::sleep_forever();
        } catch (const eddy::Cancelled& reason) {
            cancelled = reason.source() == eddy::CancelSource::shutdown;
        }
        CHECK(cancelled);
        co_await eddy::shield([]() -> eddy::Task<> { co_await eddy::sleep_for(1s); });
        ++cleaned;
    };
    const auto main = [&]() -> eddy::Task<> {
        for (int i = 0; i < 10; ++i) {
            eddy::spawn(child());
        }
        co_await eddy::testing::settle();
    };
    bench.loop.run(main());
    CHECK(cleaned == 10);
    CHECK(bench.clock.now().time_since_epoch() == 1s);
    CHECK(bench.observer.abandoned.empty());
    bench.check_empty();
}

TEST_CASE("the other jobs are cancelled when the main task fails, too") {
    Bench bench;
    bool destroyed = false;
    const auto waits = [](bool& gone) -> eddy::Task<> {
        const Flag flag(gone);
        co_await eddy::sleep_forever();
    };
    const auto main = [&]() -> eddy::Task<> {
        eddy::spawn(waits(destroyed));
        co_await eddy::yield();
        throw std::runtime_error("main failed");
    };
    CHECK_THROWS_WITH_AS(bench.loop.run(main()), "main failed", std::runtime_error);
    CHECK(destroyed);
    bench.check_empty();
}

TEST_CASE("a job that fails while the loop ends is reported") {
    Bench bench;
    const auto child = []() -> eddy::Task<> {
        try {
            co_await eddy::sleep_forever();
        } catch (const eddy::Cancelled&) {
            throw std::runtime_error("cleanup failed");
        }
    };
    const auto main = [&]() -> eddy::Task<> {
        eddy::spawn(child(), {.name = "child"});
        co_await eddy::testing::settle();
    };
    bench.loop.run(main());
    REQUIRE(bench.observer.failures.size() == 1);
    CHECK(bench.observer.failures[0].job == "child");
    CHECK(bench.observer.failures[0].message == "cleanup failed");
    bench.check_empty();
}

TEST_CASE("a job that ignores its cancellation is reported by name and destroyed after the grace") {
    Bench bench;
    bool destroyed = false;
    const auto main = [&]() -> eddy::Task<> {
        eddy::spawn(stubborn(destroyed), {.name = "mule"});
        co_await eddy::sleep_for(1s);
    };
    bench.loop.run(main(), {.grace = 5s});
    CHECK(destroyed);
    CHECK(bench.clock.now().time_since_epoch() == 6s);
    REQUIRE(bench.observer.abandoned.size() == 1);
    CHECK(bench.observer.abandoned[0].find("mule") != std::string::npos);
    CHECK(bench.observer.abandoned[0].find("run_test.cpp") != std::string::npos);
    bench.check_empty();
}

TEST_CASE("the main task, too, is destroyed when it ignores its cancellation") {
    Bench bench;
    bool destroyed = false;
    const auto main = [&]() -> eddy::Task<int> {
        eddy::Loop::current().cancel("now");
        co_await stubborn(destroyed);
        co_return 1;
    };
    CHECK_THROWS_AS(bench.loop.run(main(), {.grace = 3s}), eddy::JobCancelled);
    CHECK(destroyed);
    CHECK(bench.observer.abandoned.size() == 1);
    CHECK(bench.clock.now().time_since_epoch() == 3s);
    bench.check_empty();
}

TEST_CASE("no grace at all destroys at once what does not end by itself") {
    Bench bench;
    bool destroyed = false;
    bool cleaned = false;
    const auto main = [&]() -> eddy::Task<> {
        eddy::spawn(stubborn(destroyed));
        eddy::spawn(
            [](bool& done) -> eddy::Task<> {
                const Flag flag(done);
                co_await eddy::sleep_forever();
            },
            std::ref(cleaned));
        co_await eddy::testing::settle();
    };
    bench.loop.run(main(), {.grace = 0s});
    CHECK(destroyed);
    CHECK(cleaned);
    CHECK(bench.clock.now().time_since_epoch() == 0s);
    bench.check_empty();
}

TEST_CASE("a group full of jobs that ignore cancellation is destroyed children first") {
    Bench bench;
    std::vector<int> order;
    class Note final {
    public:
        Note(std::vector<int>& log, int number) : log_(log), number_(number) {}
        Note(const Note&) = delete;
        Note& operator=(const Note&) = delete;
        ~Note() { log_.push_back(number_); }

    private:
        std::vector<int>& log_;
        int number_;
    };
    const auto child = [&](int number) -> eddy::Task<> {
        const Note note(order, number);
        co_await eddy::shield(sleeps());
    };
    const auto main = [&]() -> eddy::Task<> {
        const Note note(order, 0);
        const auto body = [&](eddy::TaskGroup& group) -> eddy::Task<> {
            group.spawn(child(1));
            group.spawn(child(2));
            eddy::Loop::current().cancel();
            co_return;
        };
        co_await eddy::with_task_group(body);
    };
    bench.loop.run(main(), {.grace = 1s});
    REQUIRE(order.size() == 3);
    CHECK(order.back() == 0);
    CHECK(bench.observer.abandoned.size() == 3);
    bench.check_empty();
}

TEST_CASE("a spawn while the loop cancels its jobs still runs, cancelled") {
    Bench bench;
    bool started = false;
    bool cancelled = false;
    const auto late = [&]() -> eddy::Task<> {
        started = true;
        try {
            co_await eddy::yield();
        } catch (const eddy::Cancelled&) {
            cancelled = true;
            throw;
        }
    };
    const auto child = [&]() -> eddy::Task<> {
        try {
            co_await eddy::sleep_forever();
        } catch (const eddy::Cancelled&) {
            eddy::spawn(late());
            throw;
        }
    };
    const auto main = [&]() -> eddy::Task<> {
        eddy::spawn(child());
        co_await eddy::testing::settle();
    };
    bench.loop.run(main());
    CHECK(started);
    CHECK(cancelled);
    bench.check_empty();
}

TEST_CASE("a spawn into a loop that is over, or closing, is LoopClosed") {
    Bench bench;
    bool refused_by_closing = false;
    bool ran = false;
    class Spawner final {
    public:
        Spawner(bool& refused, bool& started) : refused_(refused), started_(started) {}
        Spawner(const Spawner&) = delete;
        Spawner& operator=(const Spawner&) = delete;
        ~Spawner() {
            try {
                eddy::spawn(
                    [](bool& flag) -> eddy::Task<> {
                        flag = true;
                        co_return;
                    },
                    std::ref(started_));
            } catch (const eddy::LoopClosed&) {
                refused_ = true;
            }
        }

    private:
        bool& refused_;
        bool& started_;
    };
    const auto mule = [&]() -> eddy::Task<> {
        const Spawner spawner(refused_by_closing, ran);
        co_await eddy::shield(sleeps());
    };
    const auto main = [&]() -> eddy::Task<> {
        eddy::spawn(mule());
        co_await eddy::testing::settle();
    };
    bench.loop.run(main(), {.grace = 0s});
    CHECK(refused_by_closing);
    CHECK_FALSE(ran);
    CHECK_THROWS_AS(bench.loop.spawn(nothing()), eddy::LoopClosed);
    bench.check_empty();
}
