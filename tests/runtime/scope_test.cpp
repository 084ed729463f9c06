// SPDX-License-Identifier: MIT
#include <eddy/scope.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <eddy/error.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

using namespace std::chrono_literals;
using eddy::CancelScope;
using eddy::Task;
using eddy::with_scope;
using eddy::testing::error_of;
using eddy::testing::Gate;
using eddy::testing::holds;
using eddy::testing::let_run;
using eddy::testing::settle;
using eddy::testing::test_clock;

namespace {

Task<> sleeps(eddy::Duration time) { co_await eddy::sleep_for(time); }
Task<> sleeps_forever() { co_await eddy::sleep_forever(); }
Task<> counts_checkpoints(int& passed) {
    while (true) {
        co_await eddy::checkpoint();
        ++passed;
    }
}
Task<> sets(bool& flag) {
    flag = true;
    co_return;
}

}  // namespace

EDDY_TEST_CASE("a scope cancelled before entry lets its work run to the first checkpoint only") {
    CancelScope scope;
    scope.cancel("not wanted");
    CHECK(scope.cancel_called());
    bool began = false;
    bool went_on = false;
    const bool done = co_await with_scope(scope, [&began, &went_on]() -> Task<> {
        began = true;
        co_await eddy::checkpoint();
        went_on = true;
    });
    CHECK_FALSE(done);
    CHECK(began);
    CHECK_FALSE(went_on);
    CHECK(scope.cancelled_caught());
    CHECK_FALSE(scope.entered());
}

EDDY_TEST_CASE("a cancelled scope that nobody notices is left without a word") {
    CancelScope scope;
    bool ran = false;
    scope.cancel();
    const bool done = co_await with_scope(scope, sets(ran));
    CHECK(done);
    CHECK(ran);
    CHECK_FALSE(scope.cancelled_caught());
    co_await eddy::checkpoint();  // leaving is no checkpoint, and nothing is left over
}

EDDY_TEST_CASE("a scope is entered once") {
    CancelScope scope;
    const bool first = co_await with_scope(scope, sleeps(1s));
    CHECK(first);
    const auto again = co_await error_of(with_scope(scope, sleeps(1s)));
    CHECK(holds<eddy::InvalidState>(again));
}

EDDY_TEST_CASE("a scope cannot be entered a second time while it is in use") {
    CancelScope scope;
    const bool done = co_await with_scope(scope, [](CancelScope& same) -> Task<> {
        CHECK(same.entered());
        const auto again = co_await error_of(with_scope(same, sleeps(1s)));
        CHECK(holds<eddy::InvalidState>(again));
        CHECK(same.entered());
    });
    CHECK(done);
}

EDDY_TEST_CASE("cancelling twice keeps the first reason") {
    const eddy::SpawnOptions name{.name = "host"};
    auto job = eddy::spawn(name, []() -> Task<std::string> {
        CancelScope scope;
        std::string reason;
        const bool done = co_await with_scope(scope, [&reason](CancelScope& inner) -> Task<> {
            inner.cancel("first");
            inner.cancel("second");
            try {
                co_await eddy::checkpoint();
            } catch (const eddy::Cancelled& cancelled) {
                reason = cancelled.reason() + " by " + cancelled.origin().substr(0, 4);
                CHECK(cancelled.source() == eddy::CancelSource::explicit_call);
                throw;
            }
        });
        CHECK_FALSE(done);
        co_return reason;
    });
    const std::string reason = co_await job;
    CHECK(reason == "first by host");
}

EDDY_TEST_CASE("a scope cancelled after its exit does nothing, whoever asks") {
    CancelScope scope;
    std::optional<eddy::CancelHandle> handle;
    auto job = eddy::spawn([&scope, &handle]() -> Task<> {
        const bool done = co_await with_scope(scope, [&handle](CancelScope& inner) -> Task<> {
            handle = inner.handle();
            co_await eddy::yield();
        });
        CHECK(done);
    });
    co_await job;
    job.detach();  // the job that was inside is gone, the scope is not
    scope.cancel("late");
    CHECK(handle->cancel("late"));
    CHECK(scope.handle().cancel("late"));
    co_await settle();
    CHECK_FALSE(scope.cancel_called());
}

EDDY_TEST_CASE("cancellation is a level: every checkpoint inside throws again") {
    int thrown = 0;
    CancelScope scope;
    const bool done = co_await with_scope(scope, [&thrown](CancelScope& inner) -> Task<> {
        inner.cancel();
        for (int i = 0; i < 3; ++i) {
            try {
                co_await eddy::sleep_for(1h);
            } catch (const eddy::Cancelled&) {
                ++thrown;
            }
        }
    });
    CHECK(thrown == 3);
    CHECK(done);  // it was swallowed: the work has finished
    CHECK_FALSE(scope.cancelled_caught());
}

EDDY_TEST_CASE("cancelling oneself arrives at the next checkpoint") {
    int before = 0;
    int after = 0;
    const bool done = co_await with_scope({}, [&](CancelScope& scope) -> Task<> {
        scope.cancel();
        ++before;
        co_await eddy::yield();
        ++after;
    });
    CHECK_FALSE(done);
    CHECK(before == 1);
    CHECK(after == 0);
}

EDDY_TEST_CASE("an outer cancellation passes inner scopes that were not cancelled") {
    CancelScope outer;
    CancelScope inner;
    auto job = eddy::spawn([&outer, &inner]() -> Task<> {
        const bool done = co_await with_scope(outer, [&inner]() -> Task<> {
            const bool inner_done = co_await with_scope(inner, sleeps_forever());
            CHECK(inner_done);
        });
        CHECK_FALSE(done);
    });
    co_await let_run();
    outer.cancel();
    co_await job;
    CHECK(outer.cancelled_caught());
    CHECK_FALSE(inner.cancel_called());
    CHECK_FALSE(inner.cancelled_caught());
}

EDDY_TEST_CASE("when inner and outer scope are cancelled, the outer one absorbs") {
    CancelScope outer;
    CancelScope inner;
    auto job = eddy::spawn([&outer, &inner]() -> Task<> {
        const auto done = co_await with_scope(outer, with_scope(inner, sleeps_forever()));
        CHECK_FALSE(done.has_value());
    });
    co_await let_run();
    inner.cancel();
    outer.cancel();
    co_await job;
    CHECK(inner.cancel_called());
    CHECK_FALSE(inner.cancelled_caught());
    CHECK(outer.cancelled_caught());
}

EDDY_TEST_CASE("an inner cancellation ends at the inner scope") {
    CancelScope inner;
    bool went_on = false;
    const bool done = co_await with_scope({}, [&]() -> Task<> {
        inner.cancel();
        const bool inner_done = co_await with_scope(inner, sleeps_forever());
        CHECK_FALSE(inner_done);
        co_await eddy::checkpoint();
        went_on = true;
    });
    CHECK(done);
    CHECK(went_on);
}

EDDY_TEST_CASE("a foreign exception replaces Cancelled and is not absorbed") {
    CancelScope scope;
    scope.cancel();
    const auto error = co_await error_of(with_scope(scope, []() -> Task<> {
        try {
            co_await eddy::checkpoint();
        } catch (const eddy::Cancelled&) {
            throw std::runtime_error("cleanup failed");
        }
    }));
    CHECK(holds<std::runtime_error>(error));
    CHECK_FALSE(scope.cancelled_caught());
}

EDDY_TEST_CASE("the work of a cancelled scope is waited for, however slow its cleanup") {
    CancelScope scope;
    auto start = eddy::now();
    auto job = eddy::spawn(with_scope(scope, []() -> Task<> {
        bool cancelled = false;
        try {
            co_await eddy::sleep_forever();
        } catch (const eddy::Cancelled&) {
            cancelled = true;
        }
        CHECK(cancelled);
        co_await eddy::shield(sleeps(5s));
        co_await eddy::checkpoint();
    }));
    co_await let_run();
    scope.cancel();
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(eddy::now() - start == 5s);
    CHECK(scope.cancelled_caught());
}

EDDY_TEST_CASE("a job cancelled while it is ready keeps what it got and throws afterwards") {
    CancelScope scope;
    Gate gate;
    bool passed_gate = false;
    auto job = eddy::spawn(with_scope(scope, [&gate, &passed_gate]() -> Task<> {
        co_await gate.wait();
        passed_gate = true;
        co_await eddy::checkpoint();
    }));
    co_await settle();
    gate.open();
    scope.cancel();
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(passed_gate);
}

EDDY_TEST_CASE("a busy loop of checkpoints ends at the first one after the cancellation") {
    int passed = 0;
    CancelScope scope;
    auto job = eddy::spawn(with_scope(scope, counts_checkpoints(passed)));
    co_await let_run();
    CHECK(passed > 0);
    scope.cancel();
    const int then = passed;
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(passed - then <= 1);
}

EDDY_TEST_CASE("current_effective_deadline is the earliest deadline that can be seen") {
    const auto start = eddy::now();
    CHECK(eddy::current_effective_deadline() == eddy::never);
    co_await eddy::fail_after(10s, [start]() -> Task<> {
        CHECK(eddy::current_effective_deadline() == start + 10s);
        co_await eddy::fail_after(20s, [start]() -> Task<> {
            CHECK(eddy::current_effective_deadline() == start + 10s);
            co_await eddy::fail_after(5s, [start]() -> Task<> {
                CHECK(eddy::current_effective_deadline() == start + 5s);
                co_return;
            });
        });
        co_await eddy::shield([]() -> Task<> {
            CHECK(eddy::current_effective_deadline() == eddy::never);
            co_return;
        });
        const bool done = co_await with_scope(
            eddy::ScopeOptions{.timeout = 30s, .shield = true}, [start]() -> Task<> {
                CHECK(eddy::current_effective_deadline() == start + 30s);
                co_return;
            });
        CHECK(done);
    });
    const bool done = co_await with_scope({}, [](CancelScope& scope) -> Task<> {
        scope.cancel();
        CHECK(eddy::current_effective_deadline() == eddy::TimePoint::min());
        co_return;
    });
    CHECK(done);
}

EDDY_TEST_CASE("current_effective_deadline looks through groups and jobs") {
    const auto start = eddy::now();
    co_await eddy::fail_after(10s, [start]() -> Task<> {
        co_await eddy::with_task_group([start](eddy::TaskGroup& group) -> Task<> {
            group.spawn([start]() -> Task<> {
                CHECK(eddy::current_effective_deadline() == start + 10s);
                co_return;
            });
            co_return;
        });
    });
    auto detached = eddy::spawn([]() -> Task<> {
        CHECK(eddy::current_effective_deadline() == eddy::never);
        co_return;
    });
    co_await detached;
}

TEST_CASE("current_effective_deadline outside a job is InvalidState") {
    CHECK_THROWS_AS(static_cast<void>(eddy::current_effective_deadline()), eddy::InvalidState);
}

TEST_CASE("a scope is made, configured and destroyed without a loop") {
    CancelScope scope(eddy::ScopeOptions{.deadline = eddy::TimePoint::min()});
    CHECK_FALSE(scope.cancel_called());  // no loop, no clock
    scope.set_shield(true);
    scope.set_deadline(eddy::never);
    CHECK(scope.shielded());
    CHECK(scope.deadline() == eddy::never);
    scope.cancel();
    CHECK(scope.cancel_called());
    const CancelScope timed(eddy::ScopeOptions{.deadline = eddy::TimePoint(1s), .timeout = 1s});
    CHECK(timed.deadline() == eddy::TimePoint(1s));  // a timeout says nothing without a clock
    const CancelScope late(eddy::ScopeOptions{.timeout = -1ns});
    CHECK_FALSE(late.cancel_called());
}
