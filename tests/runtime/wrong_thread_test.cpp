// SPDX-License-Identifier: MIT
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

// What belongs to a loop refuses other threads, with and without a loop of their own. The loop's
// thread stands still meanwhile, so nothing races.

namespace {

using namespace std::chrono_literals;
using eddy::testing::VirtualClock;

eddy::Task<> sleeps() { co_await eddy::sleep_forever(); }

/// Runs `fn` on a thread without a loop, then inside a job of another loop.
template <class F>
void elsewhere(F fn) {
    std::thread(fn).join();
    std::thread([&fn] {
        const auto main = [&fn]() -> eddy::Task<> {
            fn();
            co_return;
        };
        eddy::run(main());
    }).join();
}

}  // namespace

EDDY_TEST_CASE("spawning, cancelling and detaching a loop from another thread is WrongThread") {
    eddy::Loop& loop = eddy::Loop::current();
    elsewhere([&loop] {
        CHECK_THROWS_AS(loop.spawn(sleeps()), eddy::WrongThread);
        CHECK_THROWS_AS(loop.spawn(sleeps), eddy::WrongThread);
        CHECK_THROWS_AS(loop.cancel(), eddy::WrongThread);
        CHECK_THROWS_AS(loop.detach([] {}), eddy::WrongThread);
    });
    co_await eddy::checkpoint();
    CHECK(loop.statistics().jobs_alive == 1);
}

EDDY_TEST_CASE("cancelling a job from another thread is WrongThread, and does not cancel it") {
    eddy::JoinHandle<void> job = eddy::spawn(sleeps());
    co_await eddy::yield();
    elsewhere([&job] { CHECK_THROWS_AS(job.cancel(), eddy::WrongThread); });
    CHECK(job.state() == eddy::JobState::pending);
}

EDDY_TEST_CASE("touching a scope from another thread is WrongThread") {
    eddy::CancelScope scope;
    const bool done =
        co_await eddy::with_scope(scope, [](eddy::CancelScope& inside) -> eddy::Task<> {
            elsewhere([&inside] {
                CHECK_THROWS_AS(inside.cancel(), eddy::WrongThread);
                CHECK_THROWS_AS(inside.set_deadline(eddy::never), eddy::WrongThread);
                CHECK_THROWS_AS(inside.set_shield(true), eddy::WrongThread);
            });
            co_await eddy::checkpoint();
        });
    CHECK(done);
    CHECK_FALSE(scope.cancel_called());
}

EDDY_TEST_CASE("touching a group from another thread is WrongThread") {
    const auto body = [](eddy::TaskGroup& group) -> eddy::Task<> {
        elsewhere([&group] {
            CHECK_THROWS_AS(group.spawn(sleeps()), eddy::WrongThread);
            CHECK_THROWS_AS(group.cancel(), eddy::WrongThread);
        });
        CHECK(group.size() == 0);
        CHECK_FALSE(group.cancel_called());
        co_await eddy::checkpoint();
    };
    co_await eddy::with_task_group(body);
}

EDDY_TEST_CASE("a job of one loop is not awaited in another") {
    eddy::JoinHandle<void> job = eddy::spawn(sleeps());
    co_await eddy::yield();
    std::thread([&job] {
        const auto main = [&job]() -> eddy::Task<> {
            int refused = 0;
            try {
                co_await job.wait();
            } catch (const eddy::WrongThread&) {
                ++refused;
            }
            try {
                co_await job;
            } catch (const eddy::WrongThread&) {
                ++refused;
            }
            CHECK(refused == 2);
        };
        eddy::run(main());
    }).join();
    CHECK(job.state() == eddy::JobState::pending);
}

TEST_CASE("a loop that does not run takes no jobs, only posts") {
    eddy::Loop loop;
    CHECK_THROWS_WITH_AS(loop.spawn(sleeps()),
                         "Loop::spawn: this loop does not run; LoopHandle::post a function that "
                         "does it, or do it in the main job",
                         eddy::WrongThread);
    bool spawned = false;
    CHECK(loop.post([&] {
        eddy::spawn(
            [](bool& flag) -> eddy::Task<> {
                flag = true;
                co_return;
            },
            std::ref(spawned));
    }));
    const auto main = []() -> eddy::Task<> {
        co_await eddy::sleep_for(1ns);
        co_await eddy::yield();
    };
    loop.run(main());
    CHECK(spawned);
}

TEST_CASE("a loop that is cancelled before it runs begins cancelled") {
    VirtualClock clock;
    eddy::testing::RecordingObserver observer;
    eddy::Loop loop{{.clock = &clock}};
    // Nobody's yet: any thread may prepare it, one at a time.
    std::thread([&] {
        loop.add_observer(observer);
        loop.cancel("changed my mind");
        CHECK(loop.statistics().jobs_alive == 0);
        CHECK(loop.uv_loop() != nullptr);
        loop.remove_observer(observer);
    }).join();
    std::string reason;
    bool went_on = false;
    const auto main = [&]() -> eddy::Task<int> {
        try {
            co_await eddy::checkpoint();
        } catch (const eddy::Cancelled& cancelled) {
            reason = cancelled.reason();
            throw;
        }
        went_on = true;
        co_return 7;
    };
    CHECK_THROWS_AS(static_cast<void>(loop.run(main())), eddy::JobCancelled);
    CHECK(reason == "changed my mind");
    CHECK_FALSE(went_on);
    loop.cancel();  // it is over: nothing to do
    CHECK(loop.statistics().jobs_alive == 0);
    CHECK(loop.uv_loop() == nullptr);
}

TEST_CASE("a void main job that is cancelled before it runs just ends") {
    eddy::Loop loop;
    loop.cancel();
    loop.run(sleeps());
}

TEST_CASE("eight threads run a loop each") {
    // Made and destroyed here: libuv closes descriptors behind the back of the thread sanitizer,
    // which takes a number that another thread gets again for a race.
    struct Lane {
        VirtualClock clock;
        eddy::Loop loop{{.clock = &clock}};
        int sum = 0;
    };
    std::vector<std::unique_ptr<Lane>> lanes;
    for (int id = 0; id < 8; ++id) {
        lanes.push_back(std::make_unique<Lane>());
    }
    const auto child = [](int value, int& sum) -> eddy::Task<> {
        co_await eddy::sleep_for(std::chrono::seconds(value));
        co_await eddy::yield();
        sum += value;
    };
    const auto main = [&child](int& sum) -> eddy::Task<> {
        const auto body = [&](eddy::TaskGroup& group) -> eddy::Task<> {
            for (int i = 0; i < 1'000; ++i) {
                group.spawn(child(i, sum));
            }
            co_return;
        };
        co_await eddy::with_task_group(body);
        eddy::spawn(sleeps());
    };
    std::vector<std::thread> threads;
    for (const auto& lane : lanes) {
        threads.emplace_back([&main, &lane] { lane->loop.run(main(lane->sum)); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (const auto& lane : lanes) {
        CHECK(lane->sum == 499'500);
        CHECK(lane->loop.statistics().jobs_alive == 0);
    }
}

EDDY_TEST_CASE("a job is not awaited in another loop while it runs") {
    auto job = eddy::spawn(sleeps());
    co_await eddy::yield();
    auto wait = job.wait();
    std::thread([&wait] {
        const auto main = [&wait]() -> eddy::Task<> {
            bool refused = false;
            try {
                co_await wait;
            } catch (const eddy::WrongThread&) {
                refused = true;
            }
            CHECK(refused);
        };
        eddy::run(main());
    }).join();
    job.cancel();
    co_await job.wait();
}

TEST_CASE("more loops at once than there are places for their threads leave nothing behind") {
    constexpr std::ptrdiff_t count = 70;
    for (int round = 0; round < 2; ++round) {
        std::barrier all_run(count);
        std::atomic<int> refused{0};
        std::vector<std::thread> threads;
        for (std::ptrdiff_t i = 0; i < count; ++i) {
            threads.emplace_back([&] {
                const auto main = [&]() -> eddy::Task<> {
                    all_run.arrive_and_wait();
                    co_return;
                };
                eddy::Loop loop;
                const eddy::LoopHandle handle = loop.handle();
                loop.run(main());
                refused += handle.post([] {}) ? 0 : 1;
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        CHECK(refused == count);
    }
}
