// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/run_counts.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

/// One matrix for every wait: ready at once, waiting, cancelled before, while and after, completed
/// and cancelled in the same turn, frame destroyed, loop shut down; and for every operation:
/// awaited again after it has ended, was cancelled, or has lost a select whose frame is gone.
///
///     struct LockFixture {
///         static constexpr bool waits = true;
///         static constexpr bool commits_at_once = true;
///         explicit LockFixture(VirtualClock& clock);
///         Task<> prepare();       // so that the first `wait` must wait
///         Task<> wait();          // the operation, once
///         Task<> wait_again();    // by another job, after `complete` and the end of the first one
///         void complete();        // makes the first wait succeed
///         bool intact() const;    // nobody is queued, and no grant is lost
///
///         auto operation();       // what `wait` awaits, unless that is a task
///         void took();            // optional: an operation of the test's has succeeded
///         void complete_again();  // optional: `complete` for the second success
///         static constexpr bool refuses_again = true;  // optional: it can succeed but once
///         static constexpr bool holds_time = true;  // optional: while it waits, as an offload
///     };
///     EDDY_WAIT_MATRIX("Lock::acquire", LockFixture)
///
/// `waits`: the wait lasts until `complete`; not so for `yield`. `commits_at_once`: the waiter is
/// committed when `complete` returns, not later in the turn.

namespace eddy::testing::wait_matrix {

/// How far a job under test has come.
struct Progress {
    bool started = false;
    bool succeeded = false;
    bool cancelled = false;       // the wait itself threw `Cancelled`
    bool cancelled_next = false;  // the checkpoint after a successful wait did
    [[nodiscard]] bool over() const noexcept { return succeeded || cancelled; }
};

inline Task<> follow(Task<> wait, Progress& progress) {
    progress.started = true;
    try {
        co_await std::move(wait);
        progress.succeeded = true;
    } catch (const Cancelled&) {
        progress.cancelled = true;
        throw;
    }
    try {
        co_await checkpoint();
    } catch (const Cancelled&) {
        progress.cancelled_next = true;
        throw;
    }
}

template <class Fixture>
Task<> use(Fixture& fixture, Progress& progress) {
    return follow(fixture.wait(), progress);
}

/// Enough for a job that is ready to come to its wait, in any order.
inline Task<> rounds() {
    for (int i = 0; i < 4; ++i) {
        co_await yield();
    }
}

/// Nothing was lost: after `complete`, another job gets what the first one left.
template <class Fixture>
Task<> expect_intact(Fixture& fixture) {
    CHECK(fixture.intact());
    co_await fixture.wait_again();
    CHECK(fixture.intact());
}

/// A job that waits in a scope which the test can cancel.
template <class Fixture>
class Subject final {
public:
    CancelScope scope;
    Progress progress;

    explicit Subject(Fixture& fixture) : Subject(fixture.wait()) {}
    explicit Subject(Task<> wait)
        : handle_(spawn(with_scope(scope, follow(std::move(wait), progress)))) {}

    /// Waits for its end, and checks that it ended one way or the other.
    Task<> end() {
        const bool completed = co_await handle_;
        CHECK(progress.succeeded != progress.cancelled);
        CHECK(completed == (progress.succeeded && !progress.cancelled_next));
    }

private:
    JoinHandle<bool> handle_;
};

template <class Fixture>
Task<> ready_at_once() {
    Fixture fixture(test_clock());
    co_await fixture.prepare();
    fixture.complete();
    co_await rounds();
    Progress progress;
    co_await use(fixture, progress);
    CHECK(progress.succeeded);
    co_await expect_intact(fixture);
}

template <class Fixture>
Task<> waiting_then_completed() {
    Fixture fixture(test_clock());
    co_await fixture.prepare();
    Subject<Fixture> subject(fixture);
    co_await rounds();
    CHECK(subject.progress.started);
    if constexpr (Fixture::waits) {
        CHECK_FALSE(subject.progress.over());
    }
    fixture.complete();
    if constexpr (Fixture::waits) {
        CHECK_FALSE(subject.progress.over());  // a wake runs nothing
    }
    co_await subject.end();
    CHECK(subject.progress.succeeded);
    CHECK_FALSE(subject.scope.cancelled_caught());
    co_await expect_intact(fixture);
}

/// `Cancelled` comes on entry, before any effect, even if the operation could finish at once.
template <class Fixture>
Task<> cancelled_before() {
    Fixture fixture(test_clock());
    co_await fixture.prepare();
    Subject<Fixture> waiting(fixture);
    waiting.scope.cancel("before");
    co_await waiting.end();
    CHECK(waiting.progress.cancelled);
    CHECK(waiting.scope.cancelled_caught());
    fixture.complete();
    co_await rounds();
    Subject<Fixture> ready(fixture);
    ready.scope.cancel("before");
    co_await ready.end();
    CHECK(ready.progress.cancelled);
    co_await expect_intact(fixture);
}

template <class Fixture>
Task<> cancelled_while_waiting() {
    Fixture fixture(test_clock());
    co_await fixture.prepare();
    Subject<Fixture> subject(fixture);
    co_await rounds();
    subject.scope.cancel("while it waits");
    CHECK_FALSE(subject.progress.cancelled);  // a cancel runs nothing either
    co_await subject.end();
    if constexpr (Fixture::waits) {
        CHECK(subject.progress.cancelled);
        CHECK(subject.scope.cancelled_caught());
    }
    fixture.complete();
    co_await rounds();
    co_await expect_intact(fixture);
}

/// The same turn, completion first: the operation happened, the next checkpoint is cancelled.
template <class Fixture>
Task<> completed_then_cancelled() {
    Fixture fixture(test_clock());
    co_await fixture.prepare();
    Subject<Fixture> subject(fixture);
    co_await rounds();
    fixture.complete();
    subject.scope.cancel("too late for the wait");
    co_await subject.end();
    if constexpr (Fixture::waits && Fixture::commits_at_once) {
        CHECK(subject.progress.succeeded);
    }
    if constexpr (Fixture::waits) {
        CHECK((subject.progress.cancelled || subject.progress.cancelled_next));
        CHECK(subject.scope.cancelled_caught());
    }
    co_await rounds();
    co_await expect_intact(fixture);
}

/// The same turn, cancellation first: it did not happen, and somebody else can have it.
template <class Fixture>
Task<> cancelled_then_completed() {
    Fixture fixture(test_clock());
    co_await fixture.prepare();
    Subject<Fixture> subject(fixture);
    co_await rounds();
    subject.scope.cancel("just in time");
    fixture.complete();
    co_await subject.end();
    if constexpr (Fixture::waits) {
        CHECK(subject.progress.cancelled);
    }
    co_await rounds();
    co_await expect_intact(fixture);
}

// --- awaited again -----------------------------------------------------------------------------

template <class Fixture>
concept HasOperation = requires(Fixture& fixture) { fixture.operation(); };

template <class Fixture>
inline constexpr bool refuses_again = [] {
    if constexpr (requires { Fixture::refuses_again; }) {
        return Fixture::refuses_again;
    } else {
        return false;
    }
}();

template <class Fixture>
inline constexpr bool holds_time = [] {
    if constexpr (requires { Fixture::holds_time; }) {
        return Fixture::holds_time;
    } else {
        return false;
    }
}();

template <class Fixture, class Op>
Task<> await_operation(Fixture& fixture, Op& operation) {
    static_cast<void>(fixture);
    if constexpr (std::is_void_v<decltype(operation.take())>) {
        co_await operation;
    } else {
        static_cast<void>(co_await operation);
    }
    if constexpr (requires { fixture.took(); }) {
        fixture.took();
    }
}

/// By another job, and the wait is a wait.
template <class Fixture, class Op>
Task<> succeeds(Fixture& fixture, Op& operation) {
    Subject<Fixture> subject(await_operation(fixture, operation));
    co_await rounds();
    if constexpr (Fixture::waits) {
        CHECK_FALSE(subject.progress.over());
    }
    fixture.complete();
    co_await subject.end();
    CHECK(subject.progress.succeeded);
    CHECK(fixture.intact());
}

template <class Fixture, class Op>
Task<> succeeds_again(Fixture& fixture, Op& operation) {
    Subject<Fixture> subject(await_operation(fixture, operation));
    co_await rounds();
    if (!subject.progress.over()) {
        if constexpr (requires { fixture.complete_again(); }) {
            fixture.complete_again();
        } else {
            fixture.complete();
        }
    }
    co_await subject.end();
    CHECK(subject.progress.succeeded);
    CHECK(fixture.intact());
}

/// What it brought, or waited for, is gone; it says so, and nothing has happened.
template <class Fixture, class Op>
Task<> is_refused(Fixture& fixture, Op& operation) {
    bool refused = false;
    try {
        co_await await_operation(fixture, operation);
    } catch (const InvalidState&) {
        refused = true;
    } catch (const EndOfStream&) {
        refused = true;
    }
    CHECK(refused);
    CHECK(fixture.intact());
}

template <class Fixture>
auto a_moment() {
    if constexpr (holds_time<Fixture>) {
        return yield();
    } else {
        return sleep_for(std::chrono::nanoseconds(1));
    }
}

template <class Fixture, class Op>
Task<> loses_a_select(Op& operation) {
    const auto got = co_await select(operation, a_moment<Fixture>());
    CHECK(got.index() == 1);
    const auto first = co_await select(a_moment<Fixture>(), operation);
    CHECK(first.index() == 0);
}

template <class Fixture>
Task<> again_after_cancel() {
    if constexpr (HasOperation<Fixture> && Fixture::waits) {
        Fixture fixture(test_clock());
        co_await fixture.prepare();
        auto operation = fixture.operation();
        for (int i = 0; i < 2; ++i) {
            Subject<Fixture> subject(await_operation(fixture, operation));
            co_await rounds();
            subject.scope.cancel("while it waits");
            co_await subject.end();
            CHECK(subject.progress.cancelled);
        }
        co_await succeeds(fixture, operation);
    }
}

template <class Fixture>
Task<> again_after_select() {
    if constexpr (HasOperation<Fixture> && Fixture::waits) {
        Fixture fixture(test_clock());
        co_await fixture.prepare();
        auto operation = fixture.operation();
        Subject<Fixture> loser(loses_a_select<Fixture>(operation));
        co_await loser.end();
        CHECK(loser.progress.succeeded);
        CHECK(fixture.intact());
        co_await succeeds(fixture, operation);
    }
}

template <class Fixture>
Task<> again_after_end() {
    if constexpr (HasOperation<Fixture>) {
        Fixture fixture(test_clock());
        co_await fixture.prepare();
        auto operation = fixture.operation();
        co_await succeeds(fixture, operation);
        if constexpr (refuses_again<Fixture>) {
            co_await is_refused(fixture, operation);
        } else {
            co_await succeeds_again(fixture, operation);
        }
    }
}

/// Its frame dies last of all it can see, so that it can judge what is left.
template <class Fixture>
struct Verdict final {
    explicit Verdict(Fixture& judged) : fixture(judged) {}
    Verdict(const Verdict&) = delete;
    Verdict& operator=(const Verdict&) = delete;
    ~Verdict() { CHECK(fixture.intact()); }
    Fixture& fixture;
};

/// In the frame of a job that is never resumed: completes the wait of others when it dies.
template <class Fixture>
struct Trigger final {
    Trigger(Fixture& fixture, bool& used) : fixture_(fixture), used_(used) {}
    Trigger(const Trigger&) = delete;
    Trigger& operator=(const Trigger&) = delete;
    ~Trigger() {
        if (!std::exchange(used_, true)) {
            fixture_.complete();
        }
    }

private:
    Fixture& fixture_;
    bool& used_;
};

inline Task<> ignores_everything() {
    co_await shield([]() -> Task<> { co_await sleep_forever(); });
}

template <class Fixture>
Task<> dies_completing(Fixture& fixture, bool& used) {
    const Trigger<Fixture> trigger(fixture, used);
    co_await ignores_everything();
}

template <class Fixture>
Task<> stubborn_jobs(VirtualClock& clock, bool complete) {
    Fixture fixture(clock);
    const Verdict<Fixture> verdict(fixture);
    co_await fixture.prepare();
    bool used = !complete;
    // In whatever order they die, one of the outer two completes before the inner two go.
    co_await with_task_group([&fixture, &used](TaskGroup& group) -> Task<> {
        group.spawn(dies_completing(fixture, used));
        group.spawn(shield(fixture.wait()));
        group.spawn(shield(fixture.wait()));
        group.spawn(dies_completing(fixture, used));
        co_return;
    });
}

inline Task<> leave_behind(Task<> work) {
    spawn(std::move(work)).detach();
    co_await rounds();
}

/// Jobs that ignore the end of the loop lose their frames while they wait.
template <class Fixture>
void destroyed(bool complete) {
    for (const std::optional<std::uint64_t> seed : schedules()) {
        VirtualClock clock;
        RecordingObserver observer;
        Loop loop({.clock = &clock, .observer = &observer, .schedule_seed = seed});
        loop.run(leave_behind(stubborn_jobs<Fixture>(clock, complete)),
                 {.grace = std::chrono::milliseconds(1)});
        CHECK(loop.statistics().jobs_alive == 0);
        CHECK(loop.statistics().deadlines == 0);
        CHECK(observer.failures.empty());
        CHECK_FALSE(observer.abandoned.empty());
        run_counts().seeded += seed ? 1U : 0U;
    }
}

template <class Fixture>
Task<> waits_until_shutdown(std::shared_ptr<Fixture> fixture) {
    const Verdict<Fixture> verdict(*fixture);
    try {
        co_await fixture->wait();
        CHECK_FALSE(Fixture::waits);
    } catch (const Cancelled& cancelled) {
        CHECK(cancelled.source() == CancelSource::shutdown);
        throw;
    }
}

template <class Fixture>
Task<> loop_ends() {
    auto fixture = std::make_shared<Fixture>(test_clock());
    co_await fixture->prepare();
    spawn(waits_until_shutdown(std::move(fixture))).detach();
    co_await rounds();
}

}  // namespace eddy::testing::wait_matrix

#define EDDY_WAIT_MATRIX_CASE(Fixture, name, body) \
    TEST_CASE(name) { ::eddy::testing::run_test(&::eddy::testing::wait_matrix::body<Fixture>); }

/// The test cases of the matrix for one fixture; `subject` is a string literal, "Lock::acquire".
#define EDDY_WAIT_MATRIX(subject, Fixture)                                                         \
    EDDY_WAIT_MATRIX_CASE(Fixture, subject " that can finish does not wait", ready_at_once)        \
    EDDY_WAIT_MATRIX_CASE(Fixture, subject " waits until it is completed", waiting_then_completed) \
    EDDY_WAIT_MATRIX_CASE(                                                                         \
        Fixture, subject " in a cancelled scope has no effect", cancelled_before)                  \
    EDDY_WAIT_MATRIX_CASE(Fixture,                                                                 \
                          subject " cancelled while it waits leaves nothing behind",               \
                          cancelled_while_waiting)                                                 \
    EDDY_WAIT_MATRIX_CASE(Fixture,                                                                 \
                          subject " completed, then cancelled in the same turn, succeeds",         \
                          completed_then_cancelled)                                                \
    EDDY_WAIT_MATRIX_CASE(Fixture,                                                                 \
                          subject " cancelled, then completed in the same turn, throws",           \
                          cancelled_then_completed)                                                \
    EDDY_WAIT_MATRIX_CASE(Fixture, subject " ends when the loop shuts down", loop_ends)            \
    EDDY_WAIT_MATRIX_CASE(                                                                         \
        Fixture, subject " is awaited again after it was cancelled", again_after_cancel)           \
    EDDY_WAIT_MATRIX_CASE(                                                                         \
        Fixture, subject " is awaited again after it has lost a select", again_after_select)       \
    EDDY_WAIT_MATRIX_CASE(                                                                         \
        Fixture, subject " is awaited again after it has ended", again_after_end)                  \
    TEST_CASE(subject " leaves its queue when its frame is destroyed") {                           \
        ::eddy::testing::wait_matrix::destroyed<Fixture>(false);                                   \
    }                                                                                              \
    TEST_CASE(subject " passes its grant on when its frame is destroyed before it resumes") {      \
        ::eddy::testing::wait_matrix::destroyed<Fixture>(true);                                    \
    }
