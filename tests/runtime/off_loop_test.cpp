// SPDX-License-Identifier: MIT
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <eddy/alarm.hpp>
#include <eddy/call_later.hpp>
#include <eddy/interval.hpp>
#include <eddy/join_set.hpp>
#include <eddy/loop.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/loop_metrics.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/started.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "wrong_thread.hpp"

// Every public function of the runtime's core, on a std::thread, on another loop's thread and in a
// forked child. What is awaited needs a job, so not on the first.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::CancelScope;
using eddy::JoinHandle;
using eddy::Loop;
using eddy::Task;
using eddy::TaskGroup;

Task<> sleeps() { co_await eddy::sleep_forever(); }
Task<int> seven() { co_return 7; }

/// A child that does not start, and lends out what it could say so with.
template <class V>
Task<> reports(eddy::Started<V> started, std::optional<eddy::Started<V>>& out) {
    out.emplace(std::move(started));
    co_await eddy::sleep_forever();
}

class Bell final : public eddy::Alarm {
public:
    using eddy::Alarm::arm;
    using eddy::Alarm::disarm;

private:
    void due() noexcept override {}
};

std::string text(const eddy::LoopStatistics& now) {
    return std::to_string(now.jobs_alive) + " alive, " + std::to_string(now.jobs_ready) +
           " ready, " + std::to_string(now.deadlines) + " deadlines, " +
           std::to_string(now.jobs_spawned) + " spawned";
}

std::string text(const CancelScope& scope) {
    return std::string(scope.cancel_called() ? "cancelled" : "not cancelled") +
           (scope.shielded() ? ", shielded" : ", open") + (scope.entered() ? ", entered" : "") +
           ", until " + std::to_string(scope.deadline().time_since_epoch().count());
}

}  // namespace

EDDY_TEST_CASE("a running loop is its thread's, but for its doors") {
    Loop& loop = Loop::current();
    RecordingObserver observer;
    RecordingObserver watching;
    loop.add_observer(watching);
    co_await eddy::yield();
    check_refused(
        {
            {"spawn(task)", [&] { loop.spawn(sleeps()); }},
            {"spawn(fn)", [&] { loop.spawn(sleeps); }},
            {"cancel", [&] { loop.cancel(); }},
            {"detach", [&] { loop.detach([] {}); }},
            {"add_observer", [&] { loop.add_observer(observer); }},
            {"remove_observer", [&] { loop.remove_observer(watching); }},
            {"statistics", [&] { static_cast<void>(loop.statistics()); }},
            {"uv_loop", [&] { static_cast<void>(loop.uv_loop()); }},
        },
        [&] { return text(loop.statistics()); });
    const auto run_elsewhere = [&] { CHECK_THROWS_AS(loop.run(sleeps()), eddy::InvalidState); };
    on_another_thread(run_elsewhere);
    loop.remove_observer(watching);
    check_anywhere({{"Loop::handle", "a door", [&] { static_cast<void>(loop.handle()); }}});
}

EDDY_TEST_CASE("a JoinHandle is its job's thread's") {
    JoinHandle<void> job = eddy::spawn(sleeps());
    JoinHandle<int> ended = eddy::spawn(seven());
    co_await ended.wait();
    co_await settle();
    check_refused(
        {
            {"id", [&] { static_cast<void>(job.id()); }},
            {"name", [&] { static_cast<void>(job.name()); }},
            {"state", [&] { static_cast<void>(job.state()); }},
            {"done", [&] { static_cast<void>(job.done()); }},
            {"info", [&] { static_cast<void>(job.info()); }},
            {"cancel", [&] { job.cancel(); }},
            {"cancel_handle", [&] { static_cast<void>(job.cancel_handle()); }},
            off_loop_await("wait", [&] { return job.wait(); }),
            {"co_await",
             [&]() -> Task<> {
                 return [](JoinHandle<void>& handle) -> Task<> { co_await handle; }(job);
             }},
            {"id of one that has ended", [&] { static_cast<void>(ended.id()); }},
            {"done of one that has ended", [&] { static_cast<void>(ended.done()); }},
            {"cancel of one that has ended", [&] { ended.cancel(); }},
            {"cancel_handle of one that has ended",
             [&] { static_cast<void>(ended.cancel_handle()); }},
            off_loop_await("wait of one that has ended", [&] { return ended.wait(); }),
            {"co_await of one that has ended",
             [&]() -> Task<> {
                 return [](JoinHandle<int>& handle) -> Task<> {
                     static_cast<void>(co_await handle);
                 }(ended);
             }},
        },
        [&] {
            return std::string(to_string(job.state())) + ", " + (ended.done() ? "ended" : "runs");
        });
    check_anywhere({
        {"valid", "the handle alone", [&] { static_cast<void>(job.valid()); }},
        {"an empty handle's end", "the handle alone", [] { JoinHandle<void>().detach(); }},
        {"a move and back",
         "the handle alone",
         [&] {
             JoinHandle<void> moved = std::move(job);
             job = std::move(moved);
         }},
    });
    const int value = co_await ended;
    CHECK(value == 7);
}

EDDY_TEST_CASE("a scope is its loop's, entered or not") {
    CancelScope fresh;
    CancelScope scope({.deadline = eddy::after(eddy::now(), 1h)});
    bool checked = false;
    const auto table = [](CancelScope& any) -> std::vector<OffLoopCall> {
        return {
            {"cancel_called", [&] { static_cast<void>(any.cancel_called()); }},
            {"cancelled_caught", [&] { static_cast<void>(any.cancelled_caught()); }},
            {"entered", [&] { static_cast<void>(any.entered()); }},
            {"cancel_source", [&] { static_cast<void>(any.cancel_source()); }},
            {"deadline", [&] { static_cast<void>(any.deadline()); }},
            {"shielded", [&] { static_cast<void>(any.shielded()); }},
            {"cancel", [&] { any.cancel(); }},
            {"set_deadline", [&] { any.set_deadline(eddy::never); }},
            {"set_shield", [&] { any.set_shield(true); }},
            {"handle", [&] { static_cast<void>(any.handle()); }},
            {"with_scope",
             [&]() -> Task<> {
                 return [](CancelScope& entered) -> Task<> {
                     static_cast<void>(co_await eddy::with_scope(
                         entered, [](CancelScope&) -> Task<> { co_return; }));
                 }(any);
             }},
        };
    };
    const auto body = [&](CancelScope& inside) -> Task<> {
        check_refused(table(inside), [&] { return text(inside); });
        check_refused(table(fresh), [&] { return text(fresh); });
        checked = true;
        co_await eddy::checkpoint();
    };
    const bool done = co_await eddy::with_scope(scope, body);
    CHECK(done);
    CHECK(checked);
    check_refused(table(scope), [&] { return text(scope); });
}

EDDY_TEST_CASE("a group and a Started are their loop's") {
    const auto body = [](TaskGroup& group) -> Task<> {
        std::optional<eddy::Started<>> started;
        std::optional<eddy::Started<int>> started_with;
        auto waiting = eddy::spawn(
            [&]() -> Task<> { co_await group.start(reports<void>, std::ref(started)); });
        auto waiting_with = eddy::spawn([&]() -> Task<> {
            static_cast<void>(co_await group.start<int>(reports<int>, std::ref(started_with)));
        });
        while (!started || !started_with) {
            co_await eddy::yield();
        }
        check_refused(
            {
                {"spawn(task)", [&] { group.spawn(sleeps()); }},
                {"spawn(fn)", [&] { group.spawn(sleeps); }},
                {"cancel", [&] { group.cancel(); }},
                {"cancel_called", [&] { static_cast<void>(group.cancel_called()); }},
                {"size", [&] { static_cast<void>(group.size()); }},
                {"start",
                 [&]() -> Task<> {
                     return group.start([](eddy::Started<> report) -> Task<> {
                         report();
                         co_return;
                     });
                 }},
                {"Started", [&] { (*started)(); }},
                {"Started with a value", [&] { (*started_with)(7); }},
            },
            [&] {
                return std::to_string(group.size()) + (group.cancel_called() ? " cancelled" : "");
            });
        waiting.cancel();
        waiting_with.cancel();
        co_await waiting.wait();
        co_await waiting_with.wait();
        CHECK(group.size() == 0);
    };
    co_await eddy::with_task_group(body);
}

EDDY_TEST_CASE("a JoinSet is its loop's, also before its first job and after its last") {
    for (const bool running : {false, true}) {
        eddy::JoinSet<> set;
        if (running) {
            set.spawn(sleeps());
            co_await settle();
        }
        check_refused(
            {
                {"size", [&] { static_cast<void>(set.size()); }},
                {"empty", [&] { static_cast<void>(set.empty()); }},
                {"cancel_all", [&] { set.cancel_all(); }},
                {"try_join_next", [&] { static_cast<void>(set.try_join_next()); }},
                off_loop_await("join_next", [&] { return set.join_next(); }),
                // In a child without a loop of its own, a set has none to spawn in.
                {"spawn",
                 [&]() -> Task<> {
                     return [](eddy::JoinSet<>& any) -> Task<> {
                         any.spawn(sleeps());
                         co_return;
                     }(set);
                 }},
            },
            [&] { return std::to_string(set.size()); });
        set.cancel_all();
        while (!set.empty()) {
            const auto outcome = co_await set.join_next();
            CHECK(outcome->cancelled());
        }
    }
}

EDDY_TEST_CASE("an Interval, a timer, an alarm and metrics are their loop's") {
    eddy::Interval interval(1h);
    eddy::TimerHandle timer = eddy::call_later(1h, [] {});
    Bell bell;
    bell.arm(eddy::after(eddy::now(), 1h));
    eddy::LoopMetrics metrics({.probe_interval = 1h});
    co_await interval.tick();
    check_refused(
        {
            {"Interval::reset", [&] { interval.reset(); }},
            off_loop_await("Interval::tick", [&] { return interval.tick(); }),
            {"TimerHandle::pending", [&] { static_cast<void>(timer.pending()); }},
            {"TimerHandle::cancel", [&] { timer.cancel(); }},
            {"Alarm::armed", [&] { static_cast<void>(bell.armed()); }},
            {"Alarm::arm",
             [&]() -> Task<> {
                 return [](Bell& any) -> Task<> {
                     any.arm(eddy::now());
                     co_return;
                 }(bell);
             }},
            {"LoopMetrics::lag", [&] { static_cast<void>(metrics.lag()); }},
            {"LoopMetrics::step_time", [&] { static_cast<void>(metrics.step_time()); }},
            {"LoopMetrics::schedule_latency",
             [&] { static_cast<void>(metrics.schedule_latency()); }},
            {"LoopMetrics::turn_time", [&] { static_cast<void>(metrics.turn_time()); }},
            {"LoopMetrics::poll_time", [&] { static_cast<void>(metrics.poll_time()); }},
            {"LoopMetrics::ready_depth", [&] { static_cast<void>(metrics.ready_depth()); }},
            {"LoopMetrics::reset", [&] { metrics.reset(); }},
        },
        [&] {
            return text(Loop::current().statistics()) + (timer.pending() ? ", timer" : "") +
                   (bell.armed() ? ", bell" : "");
        });
    check_anywhere({
        {"Interval::period", "a constant", [&] { static_cast<void>(interval.period()); }},
        {"Interval::missed_tick", "a constant", [&] { static_cast<void>(interval.missed_tick()); }},
        {"a copy of a TimerHandle",
         "the handle alone",
         [&] { const eddy::TimerHandle copy = timer; }},
    });
    CHECK(timer.cancel());
    bell.disarm();
}

EDDY_TEST_CASE("what belongs to the thread's own loop is not there on one without") {
    const JoinHandle<void> job = eddy::spawn(sleeps());
    co_await settle();
    on_another_thread([] {
        CHECK(Loop::current_or_null() == nullptr);
        CHECK_THROWS_AS(static_cast<void>(Loop::current()), eddy::InvalidState);
        CHECK_THROWS_AS(eddy::spawn(sleeps()), eddy::InvalidState);
        CHECK_THROWS_AS(eddy::call_later(1s, [] {}), eddy::InvalidState);
        CHECK_THROWS_AS(eddy::LoopMetrics(), eddy::InvalidState);
    });
    const ChildResult child = run_in_child([] {
        if (Loop::current_or_null() != nullptr) {
            return 1;
        }
        const auto refused = [](auto call) {
            try {
                call();
            } catch (const eddy::InvalidState& error) {
                return std::string(error.what()).find("fork") != std::string::npos;
            }
            return false;
        };
        return !refused([] { static_cast<void>(Loop::current()); })       ? 2
               : !refused([] { eddy::spawn(sleeps()); })                  ? 3
               : !refused([] { eddy::call_later(1s, [] {}); })            ? 4
               : !refused([] { static_cast<void>(eddy::LoopMetrics()); }) ? 5
                                                                          : 0;
    });
    CHECK(child.exit_code == 0);
}

// --- the ends ----------------------------------------------------------------------------------

EDDY_ABORT_TEST_CASE("a JoinHandle that is dropped on another thread says what to do",
                     "a JoinHandle ended or was detached off its job's thread") {
    auto job = std::make_unique<JoinHandle<void>>(eddy::spawn(sleeps()));
    co_await eddy::yield();
    on_another_thread([&] { job.reset(); });
}

EDDY_ABORT_TEST_CASE("so does one that is detached there, even if its job has ended",
                     "a JoinHandle ended or was detached off its job's thread") {
    JoinHandle<int> job = eddy::spawn(seven());
    co_await job.wait();
    on_another_thread([&] { job.detach(); });
}

EDDY_ABORT_TEST_CASE("so does one that is assigned over in the job of another loop",
                     "a JoinHandle ended or was detached off its job's thread") {
    JoinHandle<void> job = eddy::spawn(sleeps());
    co_await eddy::yield();
    on_another_thread([&] {
        eddy::run([](JoinHandle<void>& foreign) -> Task<> {
            JoinHandle<void> own = eddy::spawn(sleeps());
            own = std::move(foreign);  // swaps
            foreign.cancel();
            {
                const JoinHandle<void> dropped = std::move(own);
            }
            co_return;
        }(job));
    });
}

EDDY_ABORT_TEST_CASE("a scope with handles that is destroyed on another thread says what to do",
                     "a CancelScope with handles was destroyed off its loop's thread") {
    auto scope = std::make_unique<CancelScope>();
    const eddy::CancelHandle handle = scope->handle();
    co_await eddy::yield();
    on_another_thread([&] { scope.reset(); });
}

EDDY_ABORT_TEST_CASE("a JoinSet that is destroyed on another thread says what to do",
                     "a JoinSet was destroyed off its loop's thread") {
    auto set = std::make_unique<eddy::JoinSet<>>();
    set->spawn(sleeps());
    co_await eddy::yield();
    on_another_thread([&] { set.reset(); });
}

EDDY_ABORT_TEST_CASE("metrics that are destroyed on another thread say so",
                     "a LoopMetrics was destroyed off its loop's thread") {
    auto metrics = std::make_unique<eddy::LoopMetrics>();
    co_await eddy::yield();
    on_another_thread([&] { metrics.reset(); });
}

EDDY_ABORT_TEST_CASE("an alarm that is disarmed on another thread says so",
                     "an Alarm was disarmed off its loop's thread") {
    Bell bell;
    bell.arm(eddy::after(eddy::now(), 1h));
    co_await eddy::yield();
    on_another_thread([&] { bell.disarm(); });
}

EDDY_ABORT_TEST_CASE("a loop that is destroyed while it runs says so",
                     "a Loop was destroyed while it runs") {
    on_another_thread([] {
        auto* loop = new Loop;
        loop->run([](Loop* self) -> Task<> {
            delete self;
            co_return;
        }(loop));
    });
    co_return;
}

TEST_CASE("when its loop is over, any thread may let go of what is left") {
    std::unique_ptr<JoinHandle<void>> job;
    std::unique_ptr<eddy::JoinSet<>> set;
    std::unique_ptr<CancelScope> scope;
    std::unique_ptr<eddy::LoopMetrics> metrics;
    std::optional<eddy::CancelHandle> handle;
    const auto main = [&]() -> Task<> {
        job = std::make_unique<JoinHandle<void>>(eddy::spawn(sleeps()));
        set = std::make_unique<eddy::JoinSet<>>();
        set->spawn(sleeps());
        scope = std::make_unique<CancelScope>();
        handle = scope->handle();
        metrics = std::make_unique<eddy::LoopMetrics>();
        co_await eddy::yield();
    };
    on_another_thread([&] { eddy::run(main()); });
    CHECK_THROWS_AS(static_cast<void>(job->done()), eddy::WrongThread);
    job.reset();
    set.reset();
    scope.reset();
    metrics.reset();
    CHECK_FALSE(handle->cancel());
}

TEST_CASE("a hundred loops at a time are more than are kept count of, and none is taken for over") {
    check_aborts("a JoinHandle ended or was detached off its job's thread", [] {
        std::vector<std::unique_ptr<Loop>> loops;
        std::vector<std::thread> threads;
        std::unique_ptr<JoinHandle<void>> job;
        std::atomic<int> running{0};
        for (int i = 0; i < 100; ++i) {
            loops.push_back(std::make_unique<Loop>());
            Loop& loop = *loops.back();
            while (running.load() != i) {
                std::this_thread::yield();
            }
            static_cast<void>(loop.post([&job, &running, last = i == 99] {
                if (last) {
                    job = std::make_unique<JoinHandle<void>>(eddy::spawn(sleeps()));
                }
                ++running;
            }));
            threads.emplace_back([&loop] { loop.run(sleeps()); });
        }
        while (running.load() != 100) {
            std::this_thread::yield();
        }
        job.reset();
    });
}

EDDY_TEST_CASE("a forked child may let go of all it has inherited") {
    auto job = std::make_unique<JoinHandle<void>>(eddy::spawn(sleeps()));
    auto set = std::make_unique<eddy::JoinSet<>>();
    set->spawn(sleeps());
    auto scope = std::make_unique<CancelScope>();
    const eddy::CancelHandle handle = scope->handle();
    auto metrics = std::make_unique<eddy::LoopMetrics>();
    auto bell = std::make_unique<Bell>();
    bell->arm(eddy::after(eddy::now(), 1h));
    co_await settle();
    const ChildResult child = run_in_child([&] {
        job->detach();
        // Also while a loop of its own runs.
        eddy::run([](auto& all_jobs, auto& all_metrics) -> Task<> {
            all_jobs.reset();
            all_metrics.reset();
            co_return;
        }(set, metrics));
        scope.reset();
        bell->disarm();
        bell.reset();
        return 0;
    });
    CHECK_MESSAGE(child.exit_code == 0, child.errors << " (signal " << child.signal << ")");
    CHECK(set->size() == 1);
    CHECK(job->state() == eddy::JobState::pending);
    CHECK(bell->armed());
    bell->disarm();
}
