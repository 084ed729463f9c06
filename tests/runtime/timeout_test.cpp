// SPDX-License-Identifier: MIT
// Deadlines and shields of a scope while it is in use.
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <eddy/cancel_handle.hpp>
#include <eddy/error.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/scope.hpp>
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

/// Runs `work` in `scope`; the moment it ended, and whether it was completed.
struct End {
    bool done;
    eddy::Duration after;
};
Task<End> time_of(CancelScope& scope, Task<> work) {
    const auto start = eddy::now();
    const bool done = co_await with_scope(scope, std::move(work));
    co_return End{done, eddy::now() - start};
}

}  // namespace

EDDY_TEST_CASE("a deadline moved later while the work sleeps gives it more time") {
    CancelScope scope(eddy::ScopeOptions{.timeout = 1s});
    auto job = eddy::spawn(time_of(scope, sleeps(1h)));
    co_await settle();
    scope.set_deadline(scope.deadline() + 4s);
    const End end = co_await job;
    CHECK_FALSE(end.done);
    CHECK(end.after == 5s);
    CHECK(scope.cancel_source() == eddy::CancelSource::deadline);
}

EDDY_TEST_CASE("a deadline moved earlier while the work sleeps takes time away") {
    CancelScope scope(eddy::ScopeOptions{.timeout = 10s});
    auto job = eddy::spawn(time_of(scope, sleeps(1h)));
    co_await settle();
    scope.set_deadline(eddy::now() + 2s);
    const End end = co_await job;
    CHECK_FALSE(end.done);
    CHECK(end.after == 2s);
}

EDDY_TEST_CASE("a deadline moved into the past cancels at once") {
    CancelScope scope(eddy::ScopeOptions{.timeout = 10s});
    auto job = eddy::spawn(time_of(scope, sleeps(1h)));
    co_await eddy::sleep_for(1s);
    scope.set_deadline(eddy::now());
    CHECK(scope.cancel_called());
    const End end = co_await job;
    CHECK_FALSE(end.done);
    CHECK(end.after == 1s);
    CHECK(scope.cancel_source() == eddy::CancelSource::deadline);
}

EDDY_TEST_CASE("a deadline that is removed is gone") {
    CancelScope scope(eddy::ScopeOptions{.timeout = 1s});
    auto job = eddy::spawn(time_of(scope, sleeps(1h)));
    co_await settle();
    scope.set_deadline(eddy::never);
    const End end = co_await job;
    CHECK(end.done);
    CHECK(end.after == 1h);
    CHECK_FALSE(scope.cancel_called());
}

EDDY_TEST_CASE("a scope without a deadline can be given one, again and again") {
    CancelScope scope;
    auto job = eddy::spawn(time_of(scope, sleeps(1h)));
    for (int i = 0; i < 5; ++i) {
        co_await eddy::sleep_for(1s);
        scope.set_deadline(eddy::now() + 2s);  // still making progress
    }
    const End end = co_await job;
    CHECK_FALSE(end.done);
    CHECK(end.after == 7s);
}

EDDY_TEST_CASE("moving the deadline of a cancelled scope does not bring it back") {
    CancelScope scope(eddy::ScopeOptions{.timeout = 1s});
    auto job = eddy::spawn(time_of(scope, eddy::shield(sleeps(3s))));
    co_await eddy::sleep_for(2s);
    CHECK(scope.cancel_called());
    scope.set_deadline(eddy::never);
    CHECK(scope.cancel_called());
    const End end = co_await job;
    CHECK(end.done);  // its work met no checkpoint
}

EDDY_TEST_CASE("an un-entered scope whose deadline has passed is cancelled, for good") {
    CancelScope scope(eddy::ScopeOptions{.deadline = eddy::now() + 1s});
    CHECK_FALSE(scope.cancel_called());
    co_await eddy::sleep_for(1s);
    CHECK(scope.cancel_called());
    scope.set_deadline(eddy::never);
    CHECK(scope.cancel_called());
    const bool done = co_await with_scope(scope, sleeps(1s));
    CHECK_FALSE(done);
    CHECK(scope.cancel_source() == eddy::CancelSource::deadline);
}

EDDY_TEST_CASE("an un-entered scope may move its deadline before it passes") {
    CancelScope scope(eddy::ScopeOptions{.deadline = eddy::now() + 1s});
    scope.set_deadline(eddy::now() + 5s);
    co_await eddy::sleep_for(2s);
    CHECK_FALSE(scope.cancel_called());
    const End end = co_await time_of(scope, sleeps_forever());
    CHECK(end.after == 3s);
}

EDDY_TEST_CASE("a deadline that is set before entry replaces the timeout") {
    CancelScope none(eddy::ScopeOptions{.timeout = 1s});
    none.set_deadline(eddy::never);
    CHECK(none.deadline() == eddy::never);
    const End all = co_await time_of(none, sleeps(5s));
    CHECK(all.done);
    CancelScope later(eddy::ScopeOptions{.deadline = eddy::now() + 2s, .timeout = 1s});
    later.set_deadline(eddy::now() + 3s);
    const End end = co_await time_of(later, sleeps_forever());
    CHECK(end.after == 3s);
    CancelScope sooner(eddy::ScopeOptions{.timeout = 10s});
    sooner.set_deadline(eddy::now() + 1s);
    co_await eddy::sleep_for(500ms);
    CHECK(sooner.deadline() == eddy::now() + 500ms);
    const End rest = co_await time_of(sooner, sleeps_forever());
    CHECK(rest.after == 500ms);
}

EDDY_TEST_CASE("before entry deadline() says what it would be if it were entered now") {
    const auto start = eddy::now();
    CancelScope scope(eddy::ScopeOptions{.deadline = start + 4s, .timeout = 2s});
    CHECK(scope.deadline() == start + 2s);
    co_await eddy::sleep_for(1s);
    CHECK(scope.deadline() == start + 3s);
    co_await eddy::sleep_for(2s);
    CHECK(scope.deadline() == start + 4s);
    CHECK_FALSE(scope.cancel_called());
    const End end = co_await time_of(scope, sleeps_forever());
    CHECK(end.after == 1s);
    CHECK(scope.deadline() == start + 4s);

    CancelScope entered(eddy::ScopeOptions{.timeout = 2s});
    auto job = eddy::spawn(time_of(entered, sleeps_forever()));
    co_await eddy::sleep_for(1s);
    CHECK(entered.deadline() == start + 6s);  // counted from entry, and so it stays
    static_cast<void>(co_await job);
    CHECK(entered.deadline() == start + 6s);
}

EDDY_TEST_CASE(
    "an un-entered scope whose deadline has passed was cancelled by that, and not later") {
    CancelScope idle(eddy::ScopeOptions{.timeout = 0s});
    CHECK(idle.cancel_source() == eddy::CancelSource::deadline);

    CancelScope called(eddy::ScopeOptions{.timeout = 0s});
    called.cancel("too late");
    CancelScope moved;
    moved.set_deadline(eddy::now());
    moved.cancel("too late");
    CancelScope asked(eddy::ScopeOptions{.deadline = eddy::now() + 1s});
    co_await eddy::sleep_for(2s);
    asked.handle().cancel("too late");
    co_await settle();
    for (CancelScope* const scope : {&called, &moved, &asked}) {
        CHECK(scope->cancel_source() == eddy::CancelSource::deadline);
        const End end = co_await time_of(*scope, sleeps(1s));
        CHECK_FALSE(end.done);
        CHECK(scope->cancel_source() == eddy::CancelSource::deadline);
    }

    CancelScope early(eddy::ScopeOptions{.deadline = eddy::now() + 1s});
    early.cancel("in time");
    co_await eddy::sleep_for(2s);
    CHECK(early.cancel_source() == eddy::CancelSource::explicit_call);
}

EDDY_TEST_CASE("an un-entered scope with no time left is cancelled, for good") {
    for (const eddy::Duration timeout : {eddy::Duration(0s), eddy::Duration(-1s)}) {
        CancelScope scope(eddy::ScopeOptions{.timeout = timeout});
        CHECK(scope.cancel_called());
        CHECK(scope.deadline() == eddy::now());
        scope.set_deadline(eddy::never);
        CHECK(scope.cancel_called());
        const End end = co_await time_of(scope, sleeps(1s));
        CHECK_FALSE(end.done);
        CHECK(scope.cancel_source() == eddy::CancelSource::deadline);
    }
    CancelScope left(eddy::ScopeOptions{.timeout = 1ns});
    CHECK_FALSE(left.cancel_called());
    co_await eddy::sleep_for(1s);
    CHECK_FALSE(left.cancel_called());  // it begins with entry
}

EDDY_TEST_CASE("of a timeout and a deadline the earlier counts") {
    CancelScope early(eddy::ScopeOptions{.deadline = eddy::now() + 1s, .timeout = 5s});
    const End first = co_await time_of(early, sleeps_forever());
    CHECK(first.after == 1s);
    CancelScope late(eddy::ScopeOptions{.deadline = eddy::now() + 5s, .timeout = 1s});
    const End second = co_await time_of(late, sleeps_forever());
    CHECK(second.after == 1s);
}

EDDY_TEST_CASE("a shield hides cancellation from outside until it ends") {
    CancelScope scope;
    const auto start = eddy::now();
    bool woke = false;
    auto job = eddy::spawn(with_scope(scope, [&woke]() -> Task<> {
        co_await eddy::shield(sleeps(5s));
        woke = true;
        co_await eddy::checkpoint();
        woke = false;
    }));
    co_await eddy::sleep_for(1s);
    scope.cancel();
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(woke);
    CHECK(eddy::now() - start == 5s);
}

EDDY_TEST_CASE("a shield does not hide a scope's own cancellation or deadline") {
    CancelScope own(eddy::ScopeOptions{.shield = true});
    auto job = eddy::spawn(time_of(own, sleeps(1h)));
    co_await eddy::sleep_for(1s);
    own.cancel();
    const End end = co_await job;
    CHECK(end.after == 1s);
    CancelScope timed(eddy::ScopeOptions{.timeout = 2s, .shield = true});
    const End late = co_await time_of(timed, sleeps(1h));
    CHECK(late.after == 2s);
    CHECK(timed.cancelled_caught());
}

EDDY_TEST_CASE(
    "a shielded scope absorbs its own cancellation though the outside is cancelled too") {
    CancelScope outer;
    CancelScope inner(eddy::ScopeOptions{.timeout = 1s, .shield = true});
    bool absorbed_inside = false;
    auto job = eddy::spawn(with_scope(outer, [&]() -> Task<> {
        const bool done = co_await with_scope(inner, sleeps_forever());
        absorbed_inside = !done;
        co_await eddy::checkpoint();
    }));
    co_await let_run();
    outer.cancel();
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(absorbed_inside);
    CHECK(inner.cancelled_caught());
    CHECK(outer.cancelled_caught());
}

EDDY_TEST_CASE("taking a shield away aborts a sleeping child at once") {
    CancelScope outer;
    CancelScope inner(eddy::ScopeOptions{.shield = true});
    const auto start = eddy::now();
    bool child_cancelled = false;
    auto job = eddy::spawn(with_scope(outer, [&]() -> Task<> {
        const bool done = co_await with_scope(inner, [&]() -> Task<> {
            co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
                group.spawn(eddy::testing::note_cancelled(sleeps(1h), child_cancelled));
                co_await eddy::sleep_for(1h);
            });
        });
        CHECK(done);
    }));
    co_await eddy::sleep_for(1s);
    outer.cancel();
    co_await eddy::sleep_for(1s);
    CHECK_FALSE(child_cancelled);
    inner.set_shield(false);
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(child_cancelled);
    CHECK(eddy::now() - start == 2s);
    CHECK_FALSE(inner.cancelled_caught());
    CHECK(outer.cancelled_caught());
}

EDDY_TEST_CASE("a shield raised while Cancelled is in flight does not make its scope catch it") {
    CancelScope outer;
    CancelScope inner;
    bool flew = false;
    auto job = eddy::spawn(with_scope(outer, [&]() -> Task<> {
        const bool done =
            co_await with_scope(inner, eddy::testing::note_cancelled(sleeps_forever(), flew));
        CHECK(done);
    }));
    co_await settle();
    outer.cancel();          // the sleep is over,
    inner.set_shield(true);  // but its job has not run yet
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(flew);
    CHECK_FALSE(inner.cancelled_caught());
    CHECK(outer.cancelled_caught());
}

EDDY_TEST_CASE("a shield raised by the handler of Cancelled lets the cleanup wait") {
    CancelScope outer;
    CancelScope inner;
    bool cleaned = false;
    auto job = eddy::spawn(with_scope(outer, [&]() -> Task<> {
        const bool done = co_await with_scope(inner, [&]() -> Task<> {
            bool cancelled = false;
            try {
                co_await eddy::sleep_forever();
            } catch (const eddy::Cancelled&) {
                cancelled = true;
            }
            CHECK(cancelled);
            inner.set_shield(true);
            co_await eddy::sleep_for(1s);
            cleaned = true;
            inner.set_shield(false);
            co_await eddy::checkpoint();
        });
        CHECK(done);
    }));
    co_await settle();
    outer.cancel();
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(cleaned);
}

EDDY_TEST_CASE("a child whose Cancelled is in flight under a new shield is cancelled, not failed") {
    CancelScope outer;
    CancelScope inner;
    bool flew = false;
    auto job = eddy::spawn(with_scope(outer, [&]() -> Task<> {
        const bool done = co_await with_scope(inner, [&]() -> Task<> {
            co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
                group.spawn(eddy::testing::note_cancelled(sleeps_forever(), flew));
                co_return;
            });
        });
        CHECK(done);
        co_await eddy::checkpoint();
    }));
    co_await settle();
    outer.cancel();
    inner.set_shield(true);
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(flew);
}

EDDY_TEST_CASE("shield returns the result, and throws what the work threw") {
    const int value = co_await eddy::shield([]() -> Task<int> { co_return 3; });
    CHECK(value == 3);
    const auto error = co_await error_of(eddy::shield([]() -> Task<> {
        throw std::runtime_error("no");
        co_return;
    }));
    CHECK(holds<std::runtime_error>(error));
}
