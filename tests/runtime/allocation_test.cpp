// SPDX-License-Identifier: MIT
#include <chrono>
#include <cstddef>
#include <functional>
#include <new>
#include <optional>
#include <stdexcept>
#include <thread>

#include <eddy/cancel_handle.hpp>
#include <eddy/detail/frame_pool.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/wait_queue.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "heap_hooks.hpp"

#if EDDY_HEAP_HOOKS

// How often the library asks the heap, and what happens when the heap says no.

namespace {

using namespace std::chrono_literals;
using eddy::testing::FailAllocation;
using eddy::testing::Gate;
using eddy::testing::heap_counters;
using eddy::testing::VirtualClock;

eddy::Task<int> number(int value) { co_return value; }
eddy::Task<> sleeps(eddy::Duration delay) { co_await eddy::sleep_for(delay); }
eddy::Task<> passes(Gate& gate) { co_await gate.wait(); }

#if EDDY_FRAME_POOL  // sanitizers watch every frame: nothing is recycled for them

eddy::Task<> yields_once() { co_await eddy::yield(); }

/// Allocations of this thread since it was made.
class Allocations final {
public:
    [[nodiscard]] std::size_t count() const noexcept {
        return heap_counters().allocations - before_;
    }

private:
    std::size_t before_ = heap_counters().allocations;
};

/// A turnstile: each wait is contended, each pass lets exactly one through.
class Turnstile final {
public:
    class Wait final : public eddy::QueuedWaiter {
    public:
        explicit Wait(Turnstile& owner) noexcept : owner_(owner) {}
        [[nodiscard]] bool try_now() const noexcept { return false; }
        void start() noexcept { owner_.waiting_.push_back(*this); }
        void take() const noexcept {}
        [[nodiscard]] const char* what() const noexcept override { return "Turnstile"; }

    private:
        Turnstile& owner_;
    };

    [[nodiscard]] Wait wait() noexcept { return Wait(*this); }
    bool let_one_through() noexcept { return waiting_.wake_one(); }

private:
    eddy::WaitQueue waiting_;
};

eddy::Task<> goes_through(Turnstile& turnstile, int times) {
    for (int i = 0; i < times; ++i) {
        co_await turnstile.wait();
    }
}

#endif

/// Failures of jobs that nobody collects; allocates nothing itself.
class Quiet final : public eddy::Observer {
public:
    void failure(const eddy::JobInfo&, std::exception_ptr, std::string_view) override { ++count; }
    int count = 0;
};

/// Runs `scenario` in a loop of its own again and again, with the first, then the second, ...
/// allocation failing, until none is left; returns how many there were.
std::size_t fail_each_allocation(const std::function<eddy::Task<>()>& scenario,
                                 FailAllocation::Mode mode = FailAllocation::Mode::once) {
    for (std::size_t n = 0; n < 10'000; ++n) {
        VirtualClock clock;
        Quiet observer;
        bool out_of_memory = false;
        FailAllocation failure(n, mode);
        try {
            eddy::Loop loop({.clock = &clock, .observer = &observer});
            loop.run(scenario());
            out_of_memory = observer.count != 0;
        } catch (const std::bad_alloc&) {
            out_of_memory = true;
        } catch (const eddy::ExceptionGroup&) {
            out_of_memory = true;
        } catch (const std::runtime_error&) {
        }
        if (!failure.stop()) {
            CHECK_FALSE(out_of_memory);
            return n;
        }
    }
    FAIL("the scenario allocates without end");
    return 0;
}

void survives(const std::function<eddy::Task<>()>& scenario, std::size_t at_least) {
    CHECK(fail_each_allocation(scenario) >= at_least);
    CHECK(fail_each_allocation(scenario, FailAllocation::Mode::and_after) >= at_least);
}

}  // namespace

#if EDDY_FRAME_POOL

// First in, first out: the shuffle of a seeded schedule allocates, and that is not what is counted.

EDDY_TEST_CASE_FIFO("awaiting a child, yielding and sleeping do not touch the heap when warm") {
    for (int round = 0; round < 2; ++round) {
        const Allocations allocations;
        int sum = 0;
        for (int i = 0; i < 1'000; ++i) {
            sum += co_await number(1);
        }
        CHECK(sum == 1'000);
        for (int i = 0; i < 1'000; ++i) {
            co_await eddy::yield();
            co_await eddy::checkpoint();
        }
        for (int i = 0; i < 1'000; ++i) {
            co_await eddy::sleep_for(1s);
        }
        const std::size_t count = allocations.count();
        if (round == 1) {
            CHECK(count == 0);
        }
    }
}

EDDY_TEST_CASE_FIFO("a contended wait does not touch the heap") {
    Turnstile turnstile;
    eddy::JoinHandle<void> first = eddy::spawn(goes_through(turnstile, 1'000));
    eddy::JoinHandle<void> second = eddy::spawn(goes_through(turnstile, 1'000));
    co_await eddy::yield();
    const Allocations allocations;
    for (int i = 0; i < 2'000; ++i) {
        const bool passed = turnstile.let_one_through();
        CHECK(passed);
        co_await eddy::yield();
    }
    CHECK(first.done());
    CHECK(second.done());
    CHECK(allocations.count() <= 1);  // doctest's
}

TEST_CASE("a spawn takes two allocations from a cold pool and none from a warm one") {
    std::size_t cold = 99;
    std::size_t warm = 99;
    std::size_t warm_join = 99;
    std::thread([&] {  // the pool belongs to the thread
        const auto main = [&]() -> eddy::Task<> {
            {
                const Allocations allocations;
                eddy::JoinHandle<void> job = eddy::spawn(yields_once());
                cold = allocations.count();
                co_await job;
            }
            const Allocations allocations;
            eddy::JoinHandle<void> job = eddy::spawn(yields_once());
            warm = allocations.count();
            co_await job;
            job.detach();
            warm_join = allocations.count();
        };
        eddy::run(main());
    })
        .join();
    CHECK(cold <= 2);
    CHECK(warm == 0);
    CHECK(warm_join == 0);
}

EDDY_TEST_CASE_FIFO("a thousand jobs in a group come from the pool the second time") {
    std::size_t second_round = 99;
    const auto body = [](eddy::TaskGroup& group) -> eddy::Task<> {
        for (int i = 0; i < 1'000; ++i) {
            group.spawn(yields_once());
        }
        co_return;
    };
    for (int round = 0; round < 2; ++round) {
        const Allocations allocations;
        co_await eddy::with_task_group(body);
        second_round = allocations.count();
    }
    CHECK(second_round == 0);
}

EDDY_TEST_CASE_FIFO("scopes with deadlines that do not fire do not touch the heap when warm") {
    std::size_t count = 99;
    for (int round = 0; round < 2; ++round) {
        const Allocations allocations;
        for (int i = 0; i < 100; ++i) {
            const bool done = co_await eddy::move_on_after(1s, yields_once());
            static_cast<void>(done);
        }
        count = allocations.count();
    }
    CHECK(count == 0);
}

#endif

TEST_CASE("an allocation that fails while a child is awaited or a job sleeps is bad_alloc") {
    survives(
        []() -> eddy::Task<> {
            const int value = co_await number(1);
            co_await eddy::sleep_for(std::chrono::seconds(value));
            co_await eddy::yield();
        },
        2);
}

TEST_CASE("spawning survives the failure of any allocation") {
    survives(
        []() -> eddy::Task<> {
            eddy::JoinHandle<int> named =
                eddy::spawn(number(1), {.name = "a name that takes a string"});
            eddy::JoinHandle<void> plain = eddy::spawn(sleeps(1s));
            eddy::spawn(
                [](eddy::Duration delay) -> eddy::Task<> { co_await eddy::sleep_for(delay); }, 2s);
            const int value = co_await named;
            CHECK(value == 1);
            co_await plain;
        },
        6);
}

TEST_CASE("a group, its failures and its cancellation survive the failure of any allocation") {
    survives(
        []() -> eddy::Task<> {
            Gate gate;
            const auto body = [&](eddy::TaskGroup& group) -> eddy::Task<> {
                group.spawn(passes(gate));
                group.spawn(sleeps(1h), {.name = "sleeper"});
                group.spawn([]() -> eddy::Task<> {
                    co_await eddy::sleep_for(1s);
                    throw std::runtime_error("a failure of the group's own");
                });
                co_await eddy::sleep_for(1min);
            };
            bool failed = false;
            try {
                co_await eddy::with_task_group(body);
            } catch (const eddy::ExceptionGroup&) {
                failed = true;
            }
            CHECK(failed);
        },
        6);
}

TEST_CASE("scopes, timeouts and cancel handles survive the failure of any allocation") {
    survives(
        []() -> eddy::Task<> {
            const bool slept = co_await eddy::move_on_after(1s, sleeps(1h));
            CHECK_FALSE(slept);
            eddy::CancelScope scope;
            const eddy::CancelHandle stop = scope.handle();
            const bool accepted = stop.cancel("with a reason that takes a string");
            CHECK(accepted);
            const bool waited = co_await eddy::with_scope(scope, sleeps(1h));
            CHECK_FALSE(waited);
            bool timed_out = false;
            try {
                co_await eddy::fail_after(1s, sleeps(1h));
            } catch (const eddy::TimedOut&) {
                timed_out = true;
            }
            CHECK(timed_out);
        },
        4);
}

TEST_CASE("posting survives the failure of any allocation") {
    survives(
        []() -> eddy::Task<> {
            Gate gate;
            const bool accepted = eddy::Loop::current().post([&gate] { gate.open(); });
            CHECK(accepted);
            co_await gate.wait();
            bool cancelled = false;
            eddy::JoinHandle<void> job = eddy::spawn(sleeps(1h));
            job.cancel("with a reason that takes a string");
            try {
                co_await job;
            } catch (const eddy::JobCancelled&) {
                cancelled = true;
            }
            CHECK(cancelled);
        },
        3);
}

TEST_CASE("the end of a loop with jobs in it survives the failure of any allocation") {
    survives(
        []() -> eddy::Task<> {
            for (int i = 0; i < 3; ++i) {
                eddy::spawn(sleeps(1h));
            }
            eddy::spawn([]() -> eddy::Task<> {
                try {
                    co_await eddy::sleep_forever();
                } catch (const eddy::Cancelled&) {
                }
                co_await eddy::shield(sleeps(1s));
            });
            co_await eddy::yield();
        },
        6);
}

#endif
