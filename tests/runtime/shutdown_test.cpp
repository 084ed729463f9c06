// SPDX-License-Identifier: MIT
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "unanswered.hpp"
#include "worked_clock.hpp"

// How a loop ends when jobs do not; the ordinary ends are in run_test.cpp.

namespace {

using namespace std::chrono_literals;
using eddy::testing::Gate;
using eddy::testing::RecordingObserver;
using eddy::testing::settle;
using eddy::testing::VirtualClock;

struct Bench {
    VirtualClock clock;
    RecordingObserver observer;
    eddy::Loop loop{{.clock = &clock, .observer = &observer}};

    [[nodiscard]] eddy::Duration elapsed() const { return clock.now().time_since_epoch(); }

    ~Bench() {
        CHECK(loop.statistics().jobs_alive == 0);
        CHECK(loop.statistics().jobs_ready == 0);
        CHECK(loop.statistics().deadlines == 0);
    }
};

eddy::Task<> sleeps() { co_await eddy::sleep_forever(); }
eddy::Task<> stubborn() { co_await eddy::shield(sleeps()); }
eddy::Task<int> number(int value) { co_return value; }

/// Opens a gate when its frame dies.
class OpensAtLast final {
public:
    explicit OpensAtLast(Gate& gate) noexcept : gate_(gate) {}
    OpensAtLast(const OpensAtLast&) = delete;
    OpensAtLast& operator=(const OpensAtLast&) = delete;
    ~OpensAtLast() { gate_.open(); }

private:
    Gate& gate_;
};

/// A wait on the outside world that never answers, and lets go only when the loop is over.
class NoAnswer final : public eddy::Waiter {
public:
    explicit NoAnswer(bool& severed) noexcept : severed_(severed) {}
    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start() const noexcept {}
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "NoAnswer"; }

private:
    void unlink() noexcept override {}
    [[nodiscard]] bool abort() noexcept override { return false; }
    [[nodiscard]] bool sever() noexcept override {
        severed_ = true;
        return true;
    }

    bool& severed_;
};

eddy::Task<> chain(int depth, int& alive) {
    struct Count {
        explicit Count(int& n) : number(n) { ++number; }
        ~Count() { --number; }
        int& number;
    };
    const Count count(alive);
    if (depth == 0) {
        co_await stubborn();
    } else {
        co_await chain(depth - 1, alive);
    }
}

}  // namespace

TEST_CASE("a job spawned by the last act of the main task still runs to its first checkpoint") {
    Bench bench;
    bool started = false;
    bool passed = false;
    const auto late = [&]() -> eddy::Task<> {
        started = true;
        co_await eddy::sleep_forever();
        passed = true;
    };
    const auto main = [&]() -> eddy::Task<> {
        eddy::spawn(late());
        co_return;
    };
    bench.loop.run(main());
    CHECK(started);
    CHECK_FALSE(passed);
}

TEST_CASE("a chain of cancelled jobs that each spawn another one comes to its end") {
    Bench bench;
    int spawned = 0;
    const std::function<eddy::Task<>()> again = [&]() -> eddy::Task<> {
        if (++spawned < 1'000) {
            eddy::spawn(again());
        }
        co_await eddy::checkpoint();
    };
    const auto main = [&]() -> eddy::Task<> {
        eddy::spawn(again());
        co_return;
    };
    bench.loop.run(main());
    CHECK(spawned == 1'000);
}

TEST_CASE("the grace runs from the cancellation, and cancelling again does not prolong it") {
    Bench bench;
    const auto main = []() -> eddy::Task<> {
        eddy::spawn(stubborn());
        eddy::Loop::current().cancel("first");
        co_await eddy::shield([]() -> eddy::Task<> {
            co_await eddy::sleep_for(2s);
            eddy::Loop::current().cancel("again");
            co_await eddy::sleep_for(1s);
        });
    };
    bench.loop.run(main(), {.grace = 5s});
    CHECK(bench.elapsed() == 5s);
    CHECK(bench.observer.abandoned.size() == 1);
}

TEST_CASE("a negative grace is none") {
    for (const eddy::Duration grace : {eddy::Duration(-1ns), eddy::Duration::min()}) {
        Bench bench;
        const auto main = []() -> eddy::Task<> {
            eddy::spawn(stubborn());
            co_await settle();
        };
        bench.loop.run(main(), {.grace = grace});
        CHECK(bench.elapsed() == 0s);
        CHECK(bench.observer.abandoned.size() == 1);
    }
}

TEST_CASE("the loop ends as soon as the last job does, long before the grace") {
    Bench bench;
    const auto main = []() -> eddy::Task<> {
        eddy::spawn([]() -> eddy::Task<> {
            co_await eddy::shield([]() -> eddy::Task<> { co_await eddy::sleep_for(3s); });
        });
        co_await eddy::yield();
    };
    bench.loop.run(main(), {.grace = 1h});
    CHECK(bench.elapsed() == 3s);
    CHECK(bench.observer.abandoned.empty());
}

TEST_CASE("a chain of a hundred thousand tasks is destroyed in a bounded stack") {
    Bench bench;
    int alive = 0;
    const auto main = [&]() -> eddy::Task<> {
        eddy::spawn(chain(100'000, alive));
        co_await settle();
        CHECK(alive == 100'001);
    };
    bench.loop.run(main(), {.grace = 1s});
    CHECK(alive == 0);
}

TEST_CASE("a wait in flight that survives the grace is cut off with LoopClosed, and cleaned up") {
    Bench bench;
    bool severed = false;
    bool told = false;
    const auto job = [&]() -> eddy::Task<> {
        try {
            co_await NoAnswer(severed);
        } catch (const eddy::LoopClosed&) {
            told = true;
        }
    };
    const auto main = [&]() -> eddy::Task<> {
        eddy::spawn(job());
        co_await settle();
    };
    bench.loop.run(main(), {.grace = 2s});
    CHECK(severed);
    CHECK(told);
    CHECK(bench.elapsed() == 2s);
}

TEST_CASE("destructors of destroyed jobs may wake others that are about to be destroyed") {
    Bench bench;
    Gate gate;
    int passed = 0;
    const auto waits = [&]() -> eddy::Task<> {
        const OpensAtLast opener(gate);
        co_await eddy::shield([](Gate& g) -> eddy::Task<> { co_await g.wait(); }, std::ref(gate));
        ++passed;
    };
    const auto main = [&]() -> eddy::Task<> {
        for (int i = 0; i < 3; ++i) {
            eddy::spawn(waits());
        }
        co_await settle();
    };
    bench.loop.run(main(), {.grace = 0s});
    CHECK(gate.is_open());
    CHECK(passed == 0);
    CHECK(bench.observer.abandoned.size() == 3);
}

TEST_CASE("posts are called after the last job, too, but cannot spawn any more") {
    Bench bench;
    bool called = false;
    bool refused = false;
    bool reposted = true;
    const auto main = [&]() -> eddy::Task<> {
        CHECK(eddy::Loop::current().post([&] {
            called = true;
            reposted = eddy::Loop::current().post([] {});
            try {
                eddy::spawn(sleeps());
            } catch (const eddy::LoopClosed&) {
                refused = true;
            }
        }));
        co_return;
    };
    bench.loop.run(main());
    CHECK(called);
    CHECK(refused);
    CHECK_FALSE(reposted);
}

TEST_CASE("a join handle outlives the loop and still knows how its job ended") {
    std::optional<eddy::JoinHandle<int>> finished;
    std::optional<eddy::JoinHandle<void>> cancelled;
    std::optional<eddy::JoinHandle<void>> destroyed;
    {
        Bench bench;
        const auto main = [&]() -> eddy::Task<> {
            finished = eddy::spawn(number(7), {.name = "seven"});
            cancelled = eddy::spawn(sleeps());
            destroyed = eddy::spawn(stubborn());
            co_await settle();
        };
        bench.loop.run(main(), {.grace = 1s});
    }
    CHECK(finished->state() == eddy::JobState::finished);
    CHECK(finished->name() == "seven");
    CHECK(cancelled->state() == eddy::JobState::cancelled);
    CHECK(destroyed->state() == eddy::JobState::cancelled);
    CHECK(destroyed->done());
    destroyed->cancel("does nothing");
}

TEST_CASE("a failure kept in a handle beyond the loop is logged, not lost, and not a crash") {
    std::optional<eddy::JoinHandle<void>> failed;
    Bench bench;
    const auto main = [&]() -> eddy::Task<> {
        failed = eddy::spawn([]() -> eddy::Task<> {
            co_await eddy::yield();
            throw std::runtime_error("kept");
        });
        co_await settle();
    };
    bench.loop.run(main());
    CHECK(bench.observer.failures.empty());
    CHECK(failed->state() == eddy::JobState::failed);
    failed.reset();  // no loop any more: to the log
}

TEST_CASE("threads that post while jobs are cancelled are served until the last job has ended") {
    Bench bench;
    int calls = 0;
    const auto cleans_up = [&]() -> eddy::Task<> {
        try {
            co_await eddy::sleep_forever();
        } catch (const eddy::Cancelled&) {
        }
        Gate answered;
        const eddy::LoopHandle loop = eddy::Loop::current().handle();
        std::thread poster([&, loop] {
            CHECK(loop.post([&] {
                ++calls;
                answered.open();
            }));
        });
        co_await eddy::shield([](Gate& g) -> eddy::Task<> { co_await g.wait(); },
                              std::ref(answered));
        poster.join();
    };
    const auto main = [&]() -> eddy::Task<> {
        eddy::spawn(cleans_up());
        co_await settle();
    };
    bench.loop.run(main(), {.grace = eddy::Duration::max()});  // no deadline to jump to
    CHECK(calls == 1);
}

namespace {

eddy::Task<> cleans_up(eddy::testing::WorkedClock& clock, int& cleaned) {
    try {
        co_await eddy::testing::Unanswered();
    } catch (const eddy::LoopClosed&) {
        clock.work(1ms);
        ++cleaned;
    }
}

}  // namespace

TEST_CASE("every job that is cut off after the grace cleans up, however many and slow they are") {
    eddy::testing::WorkedClock clock;
    RecordingObserver observer;
    int cleaned = 0;
    const auto main = [&]() -> eddy::Task<> {
        for (int i = 0; i < 200; ++i) {
            eddy::spawn(cleans_up(clock, cleaned));
        }
        co_await eddy::yield();
    };
    eddy::run(main(), {.grace = 0ms}, {.clock = &clock, .observer = &observer});
    CHECK(cleaned == 200);
}
