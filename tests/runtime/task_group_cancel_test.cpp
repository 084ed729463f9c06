// SPDX-License-Identifier: MIT
// Groups under cancellation: from inside, from outside, and both.
#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "test_kit.hpp"

using namespace std::chrono_literals;
using eddy::CancelScope;
using eddy::ExceptionGroup;
using eddy::Task;
using eddy::TaskGroup;
using eddy::with_scope;
using eddy::with_task_group;
using eddy::testing::as;
using eddy::testing::error_of;
using eddy::testing::Gate;
using eddy::testing::holds;
using eddy::testing::let_run;
using eddy::testing::note_cancelled;
using eddy::testing::settle;

namespace {

Task<> sleeps(eddy::Duration time) { co_await eddy::sleep_for(time); }
Task<> sleeps_forever() { co_await eddy::sleep_forever(); }
/// Notes that it was cancelled.
Task<> notes_end(std::string& ends, char name) {
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled&) {
        ends += name;
        throw;
    }
}
Task<> fails_in_cleanup() {
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled&) {
        throw std::runtime_error("cleanup failed");
    }
}
Task<> outlives_the_timeout(bool& done) {
    CHECK(eddy::current_effective_deadline() == eddy::never);
    co_await eddy::sleep_for(5s);
    done = true;
}
Task<> notes_how_far(int& steps) {
    ++steps;
    co_await eddy::checkpoint();
    ++steps;
}

}  // namespace

EDDY_TEST_CASE("cancelling a group ends its jobs and its body, quietly") {
    bool child = false;
    bool body = false;
    const auto start = eddy::now();
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        group.spawn(note_cancelled(sleeps_forever(), child));
        group.spawn(
            [](TaskGroup& same) -> Task<> {
                co_await eddy::sleep_for(1s);
                same.cancel("enough");
                same.cancel("again");
                CHECK(same.cancel_called());
            },
            std::ref(group));
        co_await note_cancelled(sleeps_forever(), body);
    });
    CHECK(child);
    CHECK(body);
    CHECK(eddy::now() - start == 1s);
    co_await eddy::checkpoint();
}

EDDY_TEST_CASE("a cancelled group whose body had its value returns it") {
    const int value = co_await with_task_group([](TaskGroup& group) -> Task<int> {
        group.spawn(sleeps_forever());
        group.cancel();
        co_return 3;
    });
    CHECK(value == 3);
}

EDDY_TEST_CASE("a cancelled group whose body had no value yet throws JobCancelled") {
    const auto error = co_await error_of(with_task_group([](TaskGroup& group) -> Task<int> {
        group.cancel();
        co_await eddy::checkpoint();
        co_return 3;
    }));
    CHECK(holds<eddy::JobCancelled>(error));
}

EDDY_TEST_CASE("an empty group in a cancelled scope exits quietly: leaving is no checkpoint") {
    bool left = false;
    CancelScope scope;
    scope.cancel();
    const bool done = co_await with_scope(scope, [&left]() -> Task<> {
        co_await with_task_group([](TaskGroup&) -> Task<> { co_return; });
        left = true;
    });
    CHECK(done);
    CHECK(left);
}

EDDY_TEST_CASE("a group whose jobs end in a cancelled scope without a checkpoint exits quietly") {
    bool left = false;
    CancelScope scope;
    scope.cancel();
    const bool done = co_await with_scope(scope, [&left]() -> Task<> {
        const int value = co_await with_task_group([](TaskGroup& group) -> Task<int> {
            group.spawn([]() -> Task<> { co_return; });
            co_return 5;
        });
        CHECK(value == 5);
        left = true;
        co_await eddy::checkpoint();
        left = false;
    });
    CHECK_FALSE(done);
    CHECK(left);
}

EDDY_TEST_CASE("a job spawned into a cancelled group starts and runs to its first checkpoint") {
    int steps = 0;
    co_await with_task_group([&steps](TaskGroup& group) -> Task<> {
        group.cancel();
        auto handle = group.spawn(notes_how_far(steps));
        CHECK(handle.state() == eddy::JobState::pending);
        co_return;
    });
    CHECK(steps == 1);
}

EDDY_TEST_CASE("a job spawned into a failed group starts and runs to its first checkpoint") {
    int steps = 0;
    const auto error = co_await error_of(with_task_group([&steps](TaskGroup& group) -> Task<> {
        group.spawn(
            [](TaskGroup& same, int& count) -> Task<> {
                try {
                    co_await eddy::sleep_forever();
                } catch (const eddy::Cancelled&) {
                    same.spawn(notes_how_far(count));
                    throw;
                }
            },
            std::ref(group),
            std::ref(steps));
        co_await settle();
        throw std::runtime_error("broken");
    }));
    CHECK(holds<ExceptionGroup>(error));
    CHECK(steps == 1);
}

EDDY_TEST_CASE(
    "a host cancelled while it waits cancels its jobs, waits for them and passes it on") {
    const auto start = eddy::now();
    CancelScope scope;
    bool child = false;
    bool passed = false;
    auto job = eddy::spawn(with_scope(scope, [&]() -> Task<> {
        co_await note_cancelled(with_task_group([&](TaskGroup& group) -> Task<> {
                                    group.spawn(note_cancelled(sleeps_forever(), child));
                                    group.spawn([]() -> Task<> {
                                        co_await eddy::shield(sleeps(5s));
                                        co_await eddy::checkpoint();
                                    });
                                    co_return;
                                }),
                                passed);
        co_await note_cancelled([]() -> Task<> { co_await eddy::checkpoint(); }(), passed);
    }));
    co_await eddy::sleep_for(1s);
    scope.cancel();
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(child);
    CHECK(passed);
    CHECK(eddy::now() - start == 5s);
    CHECK(scope.cancelled_caught());
}

EDDY_TEST_CASE(
    "failures of children outrank the outer cancellation, which is pending all the same") {
    CancelScope scope;
    std::exception_ptr error;
    bool pending = false;
    auto job = eddy::spawn(with_scope(scope, [&]() -> Task<> {
        error = co_await error_of(with_task_group([](TaskGroup& group) -> Task<> {
            group.spawn(fails_in_cleanup());
            co_await eddy::sleep_forever();
        }));
        co_await note_cancelled([]() -> Task<> { co_await eddy::checkpoint(); }(), pending);
    }));
    co_await settle();
    scope.cancel();
    const bool done = co_await job;
    CHECK_FALSE(done);
    REQUIRE(holds<ExceptionGroup>(error));
    CHECK(as<ExceptionGroup>(error).exceptions().size() == 1);
    CHECK(pending);
    CHECK(scope.cancelled_caught());
}

EDDY_TEST_CASE("a cancellation from outside gets out although the group was cancelled too") {
    for (const bool outer_first : {false, true}) {
        CancelScope scope;
        TaskGroup* inside = nullptr;
        bool passed = false;
        auto job = eddy::spawn(with_scope(scope, [&]() -> Task<> {
            co_await note_cancelled(with_task_group([&](TaskGroup& group) -> Task<> {
                                        inside = &group;
                                        group.spawn(sleeps_forever());
                                        co_await eddy::sleep_forever();
                                    }),
                                    passed);
        }));
        co_await settle();
        if (outer_first) {
            scope.cancel();
        }
        inside->cancel();
        if (!outer_first) {
            scope.cancel();
        }
        const bool done = co_await job;
        CHECK_FALSE(done);
        CHECK(passed);
        CHECK(scope.cancelled_caught());
    }
}

EDDY_TEST_CASE("children live in the scope around the group, not in the one around spawn") {
    bool child_cancelled = false;
    bool child_done = false;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        const bool in_time = co_await eddy::move_on_after(1s, [&]() -> Task<> {
            group.spawn(note_cancelled(outlives_the_timeout(child_done), child_cancelled));
            co_await eddy::sleep_forever();
        });
        CHECK_FALSE(in_time);
    });
    CHECK_FALSE(child_cancelled);
    CHECK(child_done);
}

EDDY_TEST_CASE("a shield around the group protects its children") {
    CancelScope scope;
    bool child_done = false;
    auto job = eddy::spawn(with_scope(scope, [&]() -> Task<> {
        co_await eddy::shield(with_task_group([&](TaskGroup& group) -> Task<> {
            group.spawn([&child_done]() -> Task<> {
                co_await eddy::sleep_for(5s);
                child_done = true;
            });
            co_return;
        }));
        co_await eddy::checkpoint();
    }));
    co_await settle();
    scope.cancel();
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(child_done);
}

EDDY_TEST_CASE("a child cancelled through its handle is no failure of the group") {
    bool other = false;
    co_await with_task_group([&other](TaskGroup& group) -> Task<> {
        auto handle = group.spawn(sleeps_forever());
        group.spawn([&other]() -> Task<> {
            co_await eddy::sleep_for(1s);
            other = true;
        });
        co_await settle();
        handle.cancel("not needed");
        co_await handle.wait();
        CHECK(handle.state() == eddy::JobState::cancelled);
    });
    CHECK(other);
}

EDDY_TEST_CASE(
    "a child that was cancelled for itself is no reason to throw when the outside is later") {
    CancelScope scope;
    bool left = false;
    bool pending = false;
    auto job = eddy::spawn(with_scope(scope, [&]() -> Task<> {
        co_await with_task_group([&](TaskGroup& group) -> Task<> {
            auto handle = group.spawn(sleeps_forever());
            group.spawn([&scope]() -> Task<> {
                co_await eddy::sleep_for(1s);
                scope.cancel("the last act of the group");
            });
            co_await settle();
            handle.cancel("not needed");
            co_await handle.wait();
        });
        left = true;  // leaving is no checkpoint
        co_await note_cancelled([]() -> Task<> { co_await eddy::checkpoint(); }(), pending);
    }));
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(left);
    CHECK(pending);
}

EDDY_TEST_CASE("nor is one that was cancelled with the group alone") {
    CancelScope scope;
    bool left = false;
    auto job = eddy::spawn(with_scope(scope, [&]() -> Task<> {
        const int value = co_await with_task_group([&](TaskGroup& group) -> Task<int> {
            group.spawn(sleeps_forever());
            group.spawn([&scope]() -> Task<> {
                co_await eddy::shield(sleeps(1s));
                scope.cancel("while the group is on its way out");
            });
            co_await settle();
            group.cancel();
            co_return 5;
        });
        CHECK(value == 5);
        left = true;
        co_await eddy::checkpoint();
        left = false;
    }));
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(left);
}

EDDY_TEST_CASE("a child that is cancelled for itself and from outside passes it on") {
    CancelScope scope;
    bool passed = false;
    auto job = eddy::spawn(with_scope(scope, [&]() -> Task<> {
        co_await note_cancelled(with_task_group([&](TaskGroup& group) -> Task<> {
                                    auto handle = group.spawn(sleeps_forever());
                                    group.spawn([&, handle = &handle]() -> Task<> {
                                        handle->cancel("not needed");
                                        scope.cancel();
                                        co_return;
                                    });
                                    co_await eddy::shield(settle());
                                }),
                                passed);
    }));
    const bool done = co_await job;
    CHECK_FALSE(done);
    CHECK(passed);
}

EDDY_TEST_CASE("a child that times out inside only hurts itself") {
    const int value = co_await with_task_group([](TaskGroup& group) -> Task<int> {
        auto handle = group.spawn([]() -> Task<int> {
            const bool done = co_await eddy::move_on_after(1s, sleeps_forever());
            co_return done ? 1 : 2;
        });
        const int result = co_await handle;
        co_return result;
    });
    CHECK(value == 2);
}

EDDY_TEST_CASE("a child that catches Cancelled and fails is a failure of the group") {
    const auto error = co_await error_of(with_task_group([](TaskGroup& group) -> Task<> {
        group.spawn(fails_in_cleanup());
        co_await settle();
        group.cancel();
    }));
    REQUIRE(holds<ExceptionGroup>(error));
    CHECK(as<ExceptionGroup>(error).contains<std::runtime_error>());
}

EDDY_TEST_CASE("a Cancelled kept and thrown where nothing is cancelled is a failure") {
    const auto error = co_await error_of(with_task_group([](TaskGroup& group) -> Task<> {
        group.spawn([]() -> Task<> {
            std::exception_ptr kept;
            const bool done = co_await with_scope({}, [&kept](CancelScope& scope) -> Task<> {
                scope.cancel();
                try {
                    co_await eddy::checkpoint();
                } catch (...) {
                    kept = std::current_exception();
                }
            });
            CHECK(done);
            std::rethrow_exception(kept);
        });
        co_return;
    }));
    REQUIRE(holds<ExceptionGroup>(error));
    CHECK(as<ExceptionGroup>(error).contains<eddy::InvalidState>());
}

// Documented in task_group.hpp, "Order", and in the runtime's README.
EDDY_TEST_CASE_FIFO("of siblings that are cancelled together those wake first that came last") {
    std::string order;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        for (const char name : {'1', '2', '3'}) {
            group.spawn(notes_end, std::ref(order), name);
        }
        co_await settle();
        group.cancel();
    });
    CHECK(order == "321");
}

TEST_CASE("at a loop's end jobs of its root wake in the same order") {
    std::string order;
    eddy::Loop loop;
    loop.run([](std::string& ends) -> Task<> {
        for (const char name : {'1', '2', '3'}) {
            eddy::spawn(notes_end, std::ref(ends), name).detach();
        }
        co_await eddy::yield();
    }(order));
    CHECK(order == "321");
}
