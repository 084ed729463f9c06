// SPDX-License-Identifier: MIT
#include <eddy/join_set.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/gather.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

using namespace std::chrono_literals;
using eddy::JoinSet;
using eddy::Outcome;
using eddy::Task;
using eddy::TaskGroup;
using eddy::testing::cancel_at_each_checkpoint;
using eddy::testing::expected_failures;
using eddy::testing::settle;

namespace {

Task<int> number(int value, eddy::Duration delay = 0ms) {
    co_await eddy::sleep_for(delay);
    co_return value;
}
Task<> nothing(eddy::Duration delay = 0ms) { co_await eddy::sleep_for(delay); }
Task<std::unique_ptr<int>> owned(int value) {
    co_await eddy::yield();
    co_return std::make_unique<int>(value);
}
Task<int&> itself(int& value) {
    co_await eddy::yield();
    co_return value;
}
Task<int> fails(std::string message, eddy::Duration delay = 0ms) {
    co_await eddy::sleep_for(delay);
    throw std::runtime_error(message);
}
/// When it is cancelled: takes its time, then throws if it has a message.
Task<int> cleans_up(eddy::Duration delay, bool& done, std::string message = {}) {
    std::exception_ptr cancelled;
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled&) {
        cancelled = std::current_exception();
    }
    co_await eddy::shield(nothing(delay));
    done = true;
    if (!message.empty()) {
        throw std::runtime_error(message);
    }
    std::rethrow_exception(cancelled);
}

/// Everything that is in the set, as text, in order.
Task<std::string> drain(JoinSet<int>& set) {
    std::string text;
    while (true) {
        auto outcome = co_await set.join_next();
        if (!outcome) {
            break;
        }
        if (outcome->cancelled()) {
            text += "cancelled ";
            continue;
        }
        try {
            text += std::to_string(outcome->value()) + " ";
        } catch (const std::exception& error) {
            text += std::string(error.what()) + " ";
        }
    }
    co_return text;
}

}  // namespace

EDDY_TEST_CASE("outcomes come in order of completion, a failure cancels nobody") {
    co_await eddy::with_task_group([](TaskGroup& group) -> Task<> {
        JoinSet<int> set(group);
        set.spawn(number(1, 30ms));
        set.spawn(fails("no", 20ms), {.name = "failing"});
        set.spawn(number, 3, 10ms);
        set.spawn({.name = "named"}, number, 4, 40ms);
        CHECK(set.size() == 4);
        CHECK(group.size() == 4);
        CHECK(co_await drain(set) == "3 no 1 4 ");
        CHECK(set.empty());
        CHECK(!group.cancel_called());
    });
}

EDDY_TEST_CASE("join_next of an empty set is empty at once, but is a checkpoint") {
    JoinSet<int> set;
    CHECK(set.empty());
    const auto outcome = co_await set.join_next();
    CHECK(!outcome);
    CHECK(!set.try_join_next());

    eddy::CancelScope scope;
    scope.cancel();
    const bool completed = co_await eddy::with_scope(scope, [&set]() -> Task<> {
        const auto never = co_await set.join_next();
        static_cast<void>(never);
    });
    CHECK(!completed);
}

EDDY_TEST_CASE("a spawn never runs the body inline") {
    JoinSet<> set;
    bool ran = false;
    auto body = [&ran]() -> Task<> {
        ran = true;
        co_return;
    };
    set.spawn(body);
    CHECK(!ran);
    const auto outcome = co_await set.join_next();
    CHECK(ran);
    CHECK(outcome->has_value());
}

EDDY_TEST_CASE("results may be move-only, references or nothing") {
    JoinSet<std::unique_ptr<int>> owners;
    owners.spawn(owned(7));
    auto owner = co_await owners.join_next();
    CHECK(*owner->value() == 7);

    int target = 1;
    JoinSet<int&> references;
    references.spawn(itself(target));
    auto reference = co_await references.join_next();
    CHECK(&reference->value() == &target);

    JoinSet<> quiet;
    quiet.spawn(nothing());
    auto outcome = co_await quiet.join_next();
    outcome->value();
}

EDDY_TEST_CASE("what has ended waits to be collected, and try_join_next takes it") {
    JoinSet<int> set;
    set.spawn(number(1, 1ms));
    set.spawn(number(2, 1h));
    CHECK(!set.try_join_next());
    co_await eddy::sleep_for(2ms);
    CHECK(set.size() == 2);
    auto outcome = set.try_join_next();
    REQUIRE(outcome.has_value());
    CHECK(outcome->value() == 1);
    CHECK(set.size() == 1);
    CHECK(!set.try_join_next());
}

EDDY_TEST_CASE_FIFO("callers of join_next are served in order of arrival") {
    JoinSet<int> set;
    std::vector<int> order;
    auto take = [&](int caller) -> Task<> {
        const auto outcome = co_await set.join_next();
        order.push_back(outcome ? caller : -caller);
    };
    set.spawn(number(1, 10ms));
    set.spawn(number(2, 10ms));
    co_await eddy::gather(take(1), take(2), take(3));
    CHECK(order == std::vector<int>({1, 2, -3}));  // nothing was left for the third
}

EDDY_TEST_CASE("each outcome goes to one of the callers") {
    JoinSet<int> set;
    int sum = 0;
    int empty = 0;
    auto take = [&]() -> Task<> {
        while (true) {
            auto outcome = co_await set.join_next();
            if (!outcome) {
                ++empty;
                break;
            }
            sum += outcome->value();
            co_await eddy::yield();
        }
    };
    for (int i = 1; i <= 1000; ++i) {
        set.spawn(number(i, std::chrono::milliseconds(i % 13)));
    }
    co_await eddy::gather(take(), take(), take());
    CHECK(sum == 500500);
    CHECK(empty == 3);
}

EDDY_TEST_CASE("cancel_all cancels what runs, keeps what is done, and the set goes on") {
    co_await eddy::with_task_group([](TaskGroup& group) -> Task<> {
        JoinSet<int> set(group);
        bool cleaned = false;
        set.spawn(number(1, 1ms));
        set.spawn(number(2, 1h));
        set.spawn(cleans_up(5ms, cleaned));
        co_await eddy::sleep_for(2ms);
        set.cancel_all("enough");
        CHECK(set.size() == 3);
        CHECK(co_await drain(set) == "1 cancelled cancelled ");
        CHECK(cleaned);
        set.spawn(number(4));
        CHECK(co_await drain(set) == "4 ");
        CHECK(!group.cancel_called());
    });
}

EDDY_TEST_CASE("the outcome of a cancelled job is an error that says why, never Cancelled itself") {
    JoinSet<int> set;
    eddy::JoinHandle<int> handle = set.spawn(number(1, 1h));
    handle.cancel("changed my mind");
    auto outcome = co_await set.join_next();
    CHECK(outcome->cancelled());
    CHECK(!outcome->has_value());
    CHECK_THROWS_AS(outcome->value(), eddy::JobCancelled);
    std::string message;
    try {
        outcome->value();
    } catch (const eddy::JobCancelled& error) {
        message = error.what();
    }
    CHECK(message.find("changed my mind") != std::string::npos);
}

EDDY_TEST_CASE("a result taken through the handle is not there for join_next") {
    JoinSet<int> set;
    eddy::JoinHandle<int> handle = set.spawn(number(1));
    CHECK(co_await handle == 1);
    auto outcome = co_await set.join_next();
    CHECK(!outcome->cancelled());
    CHECK_THROWS_AS(outcome->value(), eddy::InvalidState);
}

EDDY_TEST_CASE("cancelling the group cancels the jobs, whose outcomes can still be looked at") {
    bool cleaned = false;
    std::string text;
    co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
        JoinSet<int> set(group);
        set.spawn(number(1, 1h));
        set.spawn(cleans_up(5ms, cleaned));
        group.cancel();
        text = co_await eddy::shield(drain(set));
    });
    CHECK(text == "cancelled cancelled ");
    CHECK(cleaned);
}

EDDY_TEST_CASE("a cancelled join_next has taken nothing") {
    JoinSet<int> set;
    set.spawn(number(1, 10ms));
    const auto nothing_yet = co_await eddy::move_on_after(5ms, [&set]() -> Task<> {
        const auto outcome = co_await set.join_next();
        static_cast<void>(outcome);
    });
    CHECK(!nothing_yet);
    CHECK(set.size() == 1);
    CHECK(co_await drain(set) == "1 ");
}

EDDY_TEST_CASE_FIFO("an outcome that was handed over before the cancellation is returned") {
    JoinSet<int> set;
    std::string story;
    set.spawn(number(1, 5ms));
    eddy::JoinHandle<void> taker = eddy::spawn([&]() -> Task<> {
        auto outcome = co_await set.join_next();
        story += "took " + std::to_string(outcome->value());
        try {
            co_await eddy::checkpoint();
        } catch (const eddy::Cancelled&) {
            story += ", cancelled";
            throw;
        }
    });
    co_await settle();
    co_await eddy::sleep_for(5ms);  // the job ends first, the taker has not run yet
    CHECK(set.empty());
    CHECK(story.empty());
    taker.cancel();
    co_await taker.wait();
    CHECK(story == "took 1, cancelled");
}

EDDY_TEST_CASE("destroying the set cancels its jobs; the group waits for them") {
    bool cleaned = false;
    co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
        {
            JoinSet<int> set(group);
            set.spawn(number(1, 1h));
            set.spawn(cleans_up(5ms, cleaned));
            co_await settle();
        }
        CHECK(group.size() == 2);
    });
    CHECK(cleaned);
}

EDDY_TEST_CASE("failures that nobody collects are reported, those collected are not") {
    auto& failures = expected_failures();
    bool cleaned = false;
    {
        JoinSet<int> set;
        set.spawn(fails("collected", 1ms));
        set.spawn(fails("left behind", 2ms));
        set.spawn(cleans_up(1ms, cleaned, "after the set"));
        auto outcome = co_await set.join_next();
        CHECK_THROWS_WITH(outcome->value(), "collected");
        co_await eddy::sleep_for(5ms);
        CHECK(failures.empty());
    }
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message == "left behind");
    co_await eddy::sleep_for(5ms);
    CHECK(cleaned);
    REQUIRE(failures.size() == 2);
    CHECK(failures[1].message == "after the set");
}

EDDY_TEST_CASE("a handle that outlives the set collects the failure") {
    eddy::JoinHandle<int> handle;
    {
        JoinSet<int> set;
        handle = set.spawn(fails("later", 1ms));
        co_await eddy::sleep_for(2ms);
    }
    CHECK_THROWS_WITH(co_await handle, "later");
}

EDDY_TEST_CASE("a job may destroy its own set") {
    auto set = std::make_unique<JoinSet<int>>();
    bool cancelled = false;
    eddy::JoinHandle<int> handle = set->spawn([&]() -> Task<int> {
        set.reset();
        try {
            co_await eddy::checkpoint();
        } catch (const eddy::Cancelled&) {
            cancelled = true;
        }
        co_return 1;
    });
    CHECK(co_await handle == 1);
    CHECK(cancelled);
}

EDDY_TEST_CASE("jobs may spawn into their set, also while the group's host waits") {
    int ended = 0;
    co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
        auto set = std::make_shared<JoinSet<>>(group);
        auto spawner = [&ended](std::shared_ptr<JoinSet<>> mine, int depth, auto self) -> Task<> {
            co_await eddy::sleep_for(1ms);
            if (depth != 0) {
                mine->spawn(self, mine, depth - 1, self);
                auto outcome = co_await mine->join_next();
                CHECK(outcome.has_value());
            }
            ++ended;
        };
        set->spawn(spawner, set, 3, spawner);
        co_return;
    });
    CHECK(ended == 4);
}

EDDY_TEST_CASE_FIFO("spawning is refused once the group's last job has ended") {
    std::optional<JoinSet<>> set;
    bool refused = false;
    bool ran = false;
    auto never = [&ran]() -> Task<> {
        ran = true;
        co_return;
    };
    eddy::JoinHandle<void> late;
    co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
        set.emplace(group);
        set->spawn(nothing(1ms));
        late = eddy::spawn([&]() -> Task<> {
            co_await eddy::sleep_for(1ms);
            CHECK(group.size() == 0);  // the host has not gone on yet, but is about to
            try {
                set->spawn(never);
            } catch (const eddy::InvalidState&) {
                refused = true;
            }
        });
        co_return;
    });
    co_await late.wait();
    CHECK(refused);
    CHECK(!ran);
}

EDDY_TEST_CASE("sets nest: a job of one may have a group with another") {
    JoinSet<int> outer;
    for (int i = 0; i < 3; ++i) {
        outer.spawn(
            [](int base) -> Task<int> {
                co_return co_await eddy::with_task_group(
                    [](TaskGroup& group, int first) -> Task<int> {
                        JoinSet<int> inner(group);
                        inner.spawn(number(first, 1ms));
                        inner.spawn(number(first + 1, 2ms));
                        int sum = 0;
                        while (true) {
                            auto outcome = co_await inner.join_next();
                            if (!outcome) {
                                break;
                            }
                            sum += outcome->value();
                        }
                        co_return sum;
                    },
                    base);
            },
            i * 10);
    }
    int sum = 0;
    while (!outer.empty()) {
        auto outcome = co_await outer.join_next();
        sum += outcome->value();
    }
    CHECK(sum == 1 + 21 + 41);
}

TEST_CASE("a set may outlive its loop, with outcomes in it") {
    eddy::testing::RecordingObserver observer;
    JoinSet<int> set;
    {
        eddy::Loop loop({.observer = &observer});
        loop.run([](JoinSet<int>& mine) -> Task<> {
            mine.spawn(number(1));
            mine.spawn(number(2, 1h));
            co_await eddy::sleep_for(1ms);
        }(set));
    }
    CHECK(set.size() == 2);
    auto first = set.try_join_next();
    CHECK(first->value() == 1);
    auto second = set.try_join_next();
    CHECK(second->cancelled());
    CHECK(observer.failures.empty());
    CHECK_THROWS_AS(set.spawn(number(3)), eddy::InvalidState);
}

TEST_CASE("a job that ignores its cancellation does not take its set down with it") {
    eddy::testing::VirtualClock clock;
    eddy::testing::RecordingObserver observer;
    eddy::Loop loop({.clock = &clock, .observer = &observer});
    bool waiting = false;
    loop.run(
        [](bool& flag) -> Task<> {
            eddy::spawn([&flag]() -> Task<> {
                co_await eddy::with_task_group([&flag](TaskGroup& group) -> Task<> {
                    JoinSet<> set(group);
                    set.spawn([]() -> Task<> { co_await eddy::shield(nothing(1h)); });
                    flag = true;
                    // Its job is destroyed first, which serves this wait; then this one is.
                    co_await eddy::shield([&set]() -> Task<> {
                        const auto outcome = co_await set.join_next();
                        FAIL("got " << outcome.has_value());
                    });
                });
            });
            co_await settle();
        }(waiting),
        {.grace = 1s});
    CHECK(waiting);
    CHECK(observer.abandoned.size() == 2);
    CHECK(observer.failures.empty());
    CHECK(loop.statistics().jobs_alive == 0);
}

TEST_CASE("join_next can be cancelled at each of its checkpoints") {
    int begun = 0;
    int ended = 0;
    struct Count {
        int& ended;
        explicit Count(int& counter) : ended(counter) {}
        ~Count() { ++ended; }
    };
    const auto child = [&begun, &ended](int value) -> Task<int> {
        ++begun;
        const Count count(ended);
        co_await eddy::sleep_for(std::chrono::milliseconds(value));
        co_return value;
    };
    const auto checkpoints = cancel_at_each_checkpoint(
        [&]() -> Task<> {
            co_await eddy::with_task_group([&](TaskGroup& group) -> Task<> {
                JoinSet<int> set(group);
                set.spawn(child(1));
                set.spawn(child(2));
                set.spawn(child(2));
                const std::string text = co_await drain(set);
                CHECK(text == "1 2 2 ");
            });
        },
        [&] { CHECK(begun == ended); });
    CHECK(checkpoints == 7);
}

namespace {

Task<int> next_of(JoinSet<int>& set) {
    auto outcome = co_await set.join_next();
    co_return outcome ? outcome->value() : 0;
}

}  // namespace

EDDY_TEST_CASE_FIFO("an outcome whose caller died goes to the next one that waits") {
    JoinSet<int> set;
    set.spawn(number(7));
    co_await settle();
    auto dies = set.join_next();
    const bool taken = dies.try_now();
    CHECK(taken);
    set.spawn(number(8, 1h));
    auto waiting = eddy::spawn(next_of(set));
    co_await settle();
    // As a job's frame would be destroyed between the end of its wait and its resumption.
    using eddy::detail::WaiterAccess;
    WaiterAccess::commit_at_once(dies, *eddy::detail::thread_state.job);
    WaiterAccess::abandon_own(dies);
    const int got = co_await waiting;
    CHECK(got == 7);
    set.cancel_all();
}
