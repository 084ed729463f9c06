// SPDX-License-Identifier: MIT
// Cancellation in bulk and in depth.
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/scope.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/sequencer.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

using namespace std::chrono_literals;
using eddy::CancelScope;
using eddy::Task;
using eddy::TaskGroup;
using eddy::with_scope;
using eddy::with_task_group;
using eddy::testing::Gate;
using eddy::testing::HandOffLock;
using eddy::testing::settle;

namespace {

Task<> counts_cancelled(std::size_t& count) {
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled&) {
        ++count;
        throw;
    }
}
Task<> nested(int depth, CancelScope*& innermost, int& caught_in) {
    if (depth == 0) {
        co_await eddy::sleep_forever();
        co_return;
    }
    CancelScope scope;
    innermost = &scope;
    const bool done = co_await with_scope(scope, nested(depth - 1, innermost, caught_in));
    if (!done) {
        caught_in = depth;
    }
}
Task<> nested_timeouts(int depth, int& gave_up) {
    if (depth == 0) {
        co_await eddy::sleep_forever();
        co_return;
    }
    const bool done = co_await eddy::move_on_after(1s, nested_timeouts(depth - 1, gave_up));
    if (!done) {
        gave_up = depth;
    }
}
Task<> nested_groups(int depth, std::size_t& cancelled) {
    co_await with_task_group([depth, &cancelled](TaskGroup& group) -> Task<> {
        group.spawn(counts_cancelled(cancelled));
        if (depth != 0) {
            group.spawn(nested_groups(depth - 1, cancelled));
        }
        co_return;
    });
}

}  // namespace

EDDY_TEST_CASE_FIFO("a hundred thousand jobs are cancelled at once") {
    std::size_t count = 0;
    co_await with_task_group([&count](TaskGroup& group) -> Task<> {
        for (int i = 0; i < 100'000; ++i) {
            group.spawn(counts_cancelled(count));
        }
        co_await settle();
        group.cancel();
        CHECK(count == 0);
        CHECK(eddy::Loop::current().statistics().jobs_ready == 100'000);
    });
    CHECK(count == 100'000);
}

EDDY_TEST_CASE_FIFO("five thousand nested scopes are cancelled from the outside") {
    CancelScope outer;
    CancelScope* innermost = nullptr;
    int caught_in = -1;
    auto job = eddy::spawn(with_scope(outer, nested(5'000, innermost, caught_in)));
    co_await settle();
    outer.cancel();
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(caught_in == -1);  // none of those inside absorbed it
}

EDDY_TEST_CASE_FIFO("in five thousand nested scopes only the cancelled one absorbs") {
    CancelScope outer;
    CancelScope* innermost = nullptr;
    int caught_in = -1;
    auto job = eddy::spawn(with_scope(outer, nested(5'000, innermost, caught_in)));
    co_await settle();
    innermost->cancel();
    const bool done = co_await job;
    CHECK(done);
    CHECK(caught_in == 1);
}

EDDY_TEST_CASE_FIFO("five thousand nested timeouts due in the same turn: the outermost absorbs") {
    int gave_up = -1;
    co_await nested_timeouts(5'000, gave_up);
    CHECK(gave_up == 5'000);
    CHECK(eddy::Loop::current().statistics().deadlines == 0);
}

EDDY_TEST_CASE_FIFO("a thousand nested groups are cancelled as one") {
    std::size_t cancelled = 0;
    auto job = eddy::spawn(nested_groups(1'000, cancelled));
    co_await settle();
    job.cancel();
    co_await job.wait();
    CHECK(cancelled == 1'001);
    CHECK(job.state() == eddy::JobState::cancelled);
}

EDDY_TEST_CASE_FIFO("shields go up and down over ten thousand sleeping jobs") {
    CancelScope outer;
    CancelScope inner(eddy::ScopeOptions{.shield = true});
    std::size_t count = 0;
    auto job = eddy::spawn(with_scope(outer, [&]() -> Task<> {
        const bool done = co_await with_scope(inner, [&count]() -> Task<> {
            co_await with_task_group([&count](TaskGroup& group) -> Task<> {
                for (int i = 0; i < 10'000; ++i) {
                    group.spawn(counts_cancelled(count));
                }
                co_return;
            });
        });
        CHECK(done);
        co_await eddy::checkpoint();
    }));
    co_await settle();
    outer.cancel();
    co_await settle();
    CHECK(count == 0);
    inner.set_shield(false);
    inner.set_shield(true);  // their waits are over already
    const bool done = co_await job;
    CHECK(count == 10'000);
    CHECK_FALSE(done);
}

TEST_CASE("cancelled at any checkpoint, a lock between jobs is never lost") {
    HandOffLock* lock = nullptr;
    bool held_at_end = true;
    const auto count = eddy::testing::cancel_at_each_checkpoint(
        [&]() -> Task<> {
            HandOffLock mine;
            lock = &mine;
            struct Look {
                HandOffLock& lock;
                bool& held;
                Look(HandOffLock& l, bool& h) : lock(l), held(h) {}
                Look(const Look&) = delete;
                Look& operator=(const Look&) = delete;
                ~Look() { held = lock.held() || lock.waiters() != 0; }
            };
            const Look look(mine, held_at_end);
            co_await with_task_group([&mine](TaskGroup& group) -> Task<> {
                for (int i = 0; i < 4; ++i) {
                    group.spawn([&mine]() -> Task<> {
                        for (int round = 0; round < 3; ++round) {
                            const HandOffLock::Guard guard = co_await mine.acquire();
                            co_await eddy::yield();
                        }
                    });
                }
                co_return;
            });
        },
        [&held_at_end] { CHECK_FALSE(held_at_end); });
    CHECK(count == 4 * 3 * 2);
}

TEST_CASE("cancelled at any checkpoint, a pipeline of gates and timeouts ends") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        Gate first;
        Gate second;
        co_await with_task_group([&](TaskGroup& group) -> Task<> {
            group.spawn([&first, &second]() -> Task<> {
                co_await first.wait();
                co_await eddy::sleep_for(1s);
                second.open();
            });
            group.spawn([&second]() -> Task<> {
                const bool done = co_await eddy::move_on_after(
                    5s, [&second]() -> Task<> { co_await second.wait(); });
                CHECK(done);
            });
            co_await eddy::yield();
            first.open();
        });
    });
    CHECK(count == 4);
}
