// SPDX-License-Identifier: MIT
#include <eddy/join_handle.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

using namespace std::chrono_literals;
using eddy::JobState;
using eddy::JoinHandle;
using eddy::Task;
using eddy::testing::as;
using eddy::testing::error_of;
using eddy::testing::expected_failures;
using eddy::testing::Gate;
using eddy::testing::holds;
using eddy::testing::let_run;
using eddy::testing::settle;

namespace {

Task<> sleeps(eddy::Duration time) { co_await eddy::sleep_for(time); }
Task<> sleeps_forever() { co_await eddy::sleep_forever(); }
Task<int> answers() {
    co_await eddy::sleep_for(1s);
    co_return 42;
}
Task<int> fails() {
    co_await eddy::sleep_for(1s);
    throw std::runtime_error("broken");
}
Task<int> swallows() {
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled&) {
    }
    co_return 7;
}
template <class T>
Task<T> result_of(JoinHandle<T>& handle) {
    co_return co_await handle;
}
Task<> waits_for(JoinHandle<int>& handle, bool& done) {
    co_await handle.wait();
    done = true;
}

}  // namespace

EDDY_TEST_CASE("a handle gives the result, whatever its type") {
    auto number = eddy::spawn(answers());
    const int value = co_await number;
    CHECK(value == 42);
    auto owner =
        eddy::spawn([]() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); });
    const auto owned = co_await owner;
    CHECK(*owned == 3);
    std::string place;
    auto reference = eddy::spawn([&place]() -> Task<std::string&> { co_return place; });
    std::string& same = co_await reference;
    CHECK(&same == &place);
    auto nothing = eddy::spawn(sleeps(1s));
    co_await nothing;
    const int at_once = co_await eddy::spawn(answers());
    CHECK(at_once == 42);
}

EDDY_TEST_CASE("a handle throws what the job threw") {
    auto handle = eddy::spawn(fails());
    const auto error = co_await error_of(result_of(handle));
    CHECK(std::string(as<std::runtime_error>(error).what()) == "broken");
}

EDDY_TEST_CASE("a job goes from pending to finished, failed or cancelled") {
    auto finished = eddy::spawn(answers());
    auto failed = eddy::spawn(fails());
    auto cancelled = eddy::spawn(eddy::shield(sleeps(1s)));
    CHECK(finished.state() == JobState::pending);
    CHECK_FALSE(finished.done());
    co_await settle();
    CHECK(finished.state() == JobState::pending);
    CHECK(cancelled.state() == JobState::pending);
    co_await finished.wait();
    CHECK(finished.done());
    CHECK(finished.state() == JobState::finished);
    co_await failed.wait();
    CHECK(failed.state() == JobState::failed);
    const auto error = co_await error_of(result_of(failed));
    CHECK(error != nullptr);
    co_await cancelled;
}

EDDY_TEST_CASE("a cancelled job is cancelling until it has unwound") {
    auto handle = eddy::spawn([]() -> Task<> {
        co_await eddy::shield(sleeps(5s));
        co_await eddy::checkpoint();
    });
    co_await settle();
    handle.cancel("enough");
    CHECK(handle.state() == JobState::cancelling);
    CHECK_FALSE(handle.done());
    co_await handle.wait();
    CHECK(handle.state() == JobState::cancelled);
}

EDDY_TEST_CASE(
    "awaiting a job that was cancelled by somebody else throws JobCancelled, which says why") {
    auto handle = eddy::spawn(sleeps_forever(), {.name = "sleeper"});
    co_await settle();
    handle.cancel("enough");
    const auto error = co_await error_of(result_of(handle));
    REQUIRE(holds<eddy::JobCancelled>(error));
    const std::string text = as<eddy::JobCancelled>(error).what();
    CHECK(text.find("sleeper") != std::string::npos);
    CHECK(text.find("enough") != std::string::npos);
    CHECK(text.find("main") != std::string::npos);  // who did it
    co_await eddy::checkpoint();                    // nobody cancelled this job
}

EDDY_TEST_CASE("cancelling is idempotent, and does nothing to a job that has ended") {
    auto running = eddy::spawn(sleeps_forever());
    running.cancel("first");
    running.cancel("second");
    const auto error = co_await error_of(result_of(running));
    CHECK(std::string(as<eddy::JobCancelled>(error).what()).find("first") != std::string::npos);
    auto ended = eddy::spawn(answers());
    co_await ended.wait();
    ended.cancel();
    CHECK(ended.state() == JobState::finished);
    const int value = co_await ended;
    CHECK(value == 42);
}

EDDY_TEST_CASE("a job that was cancelled before it ran starts, and ends at its first checkpoint") {
    int steps = 0;
    auto handle = eddy::spawn([&steps]() -> Task<> {
        ++steps;
        co_await eddy::checkpoint();
        ++steps;
    });
    handle.cancel();
    co_await handle.wait();
    CHECK(handle.state() == JobState::cancelled);
    CHECK(steps == 1);
}

EDDY_TEST_CASE("a job that catches Cancelled and returns has finished") {
    auto handle = eddy::spawn(swallows());
    co_await settle();
    handle.cancel();
    const int value = co_await handle;
    CHECK(value == 7);
    CHECK(handle.state() == JobState::finished);
}

EDDY_TEST_CASE("a job that fails while it is cancelled has failed") {
    auto handle = eddy::spawn([]() -> Task<> {
        try {
            co_await eddy::sleep_forever();
        } catch (const eddy::Cancelled&) {
            throw std::runtime_error("cleanup failed");
        }
    });
    co_await settle();
    handle.cancel();
    const auto error = co_await error_of(result_of(handle));
    CHECK(holds<std::runtime_error>(error));
    CHECK(handle.state() == JobState::failed);
}

EDDY_TEST_CASE(
    "a job that cancels itself goes on to its next checkpoint; without one it finishes") {
    std::optional<JoinHandle<int>> self;
    self = eddy::spawn([&self]() -> Task<int> {
        self->cancel();
        co_return 1;
    });
    const int value = co_await *self;
    CHECK(value == 1);
    CHECK(self->state() == JobState::finished);
    bool passed = false;
    self = eddy::spawn([&self, &passed]() -> Task<int> {
        self->cancel();
        passed = true;
        co_await eddy::yield();
        co_return 1;
    });
    co_await self->wait();
    CHECK(self->state() == JobState::cancelled);
    CHECK(passed);
}

EDDY_TEST_CASE("wait never throws for the job's outcome") {
    auto failed = eddy::spawn(fails());
    auto cancelled = eddy::spawn(sleeps_forever());
    cancelled.cancel();
    co_await failed.wait();
    co_await cancelled.wait();
    co_await failed.wait();
    const auto error = co_await error_of(result_of(failed));
    CHECK(holds<std::runtime_error>(error));
}

EDDY_TEST_CASE("any number of jobs may wait; the result is handed out once") {
    auto handle = eddy::spawn(answers());
    bool first = false;
    bool second = false;
    auto a = eddy::spawn(waits_for(handle, first));
    auto b = eddy::spawn(waits_for(handle, second));
    const int value = co_await handle;
    CHECK(value == 42);
    co_await a;
    co_await b;
    CHECK(first);
    CHECK(second);
    const auto error = co_await error_of(result_of(handle));
    CHECK(holds<eddy::InvalidState>(error));
}

EDDY_TEST_CASE("a failure is rethrown to everybody who asks") {
    auto handle = eddy::spawn(fails());
    for (int i = 0; i < 2; ++i) {
        const auto error = co_await error_of(result_of(handle));
        CHECK(holds<std::runtime_error>(error));
    }
}

EDDY_TEST_CASE("a job cannot wait for itself") {
    std::optional<JoinHandle<int>> self;
    std::exception_ptr waited;
    self = eddy::spawn([&]() -> Task<int> {
        auto wait = [&self]() -> Task<> { co_await self->wait(); };
        waited = co_await error_of(wait());
        const auto awaited = co_await error_of(result_of(*self));
        CHECK(holds<eddy::InvalidState>(awaited));
        co_return 1;
    });
    const int value = co_await *self;
    CHECK(value == 1);
    CHECK(holds<eddy::InvalidState>(waited));
}

EDDY_TEST_CASE("an empty handle is InvalidState to everything but valid and detach") {
    JoinHandle<int> handle;
    CHECK_FALSE(handle.valid());
    CHECK_THROWS_AS(static_cast<void>(handle.state()), eddy::InvalidState);
    CHECK_THROWS_AS(handle.cancel(), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(handle.cancel_handle()), eddy::InvalidState);
    handle.detach();
    const auto error = co_await error_of(result_of(handle));
    CHECK(holds<eddy::InvalidState>(error));
    auto real = eddy::spawn(answers());
    handle = std::move(real);
    CHECK(handle.valid());
    CHECK_FALSE(real.valid());
    const int value = co_await handle;
    CHECK(value == 42);
}

EDDY_TEST_CASE("cancelling who waits does not cancel who is waited for") {
    auto handle = eddy::spawn(answers());
    const auto none = co_await eddy::move_on_after(500ms, result_of(handle));
    CHECK_FALSE(none.has_value());
    CHECK(handle.state() == JobState::pending);
    const int value = co_await handle;
    CHECK(value == 42);
}

EDDY_TEST_CASE("a failure that nobody collects is reported, once") {
    auto& failures = expected_failures();
    eddy::spawn(fails(), {.name = "dropped before its end"}).detach();
    {
        auto kept = eddy::spawn(fails(), {.name = "dropped after its end"});
        co_await eddy::sleep_for(2s);
        CHECK(kept.done());
        CHECK(failures.size() == 1);
    }
    REQUIRE(failures.size() == 2);
    CHECK(failures[0].job == "dropped before its end");
    CHECK(failures[1].job == "dropped after its end");
    CHECK(failures[1].message == "broken");
}

EDDY_TEST_CASE("a failure is not lost when the handle goes while somebody still waits") {
    auto& failures = expected_failures();
    bool done = false;
    std::optional<JoinHandle<int>> handle = eddy::spawn(fails(), {.name = "waited for"});
    auto waiter = eddy::spawn(waits_for(*handle, done));
    co_await settle();
    handle.reset();
    co_await waiter;
    CHECK(done);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].job == "waited for");
}

EDDY_TEST_CASE("a failure that was collected, and a cancellation, are not reported") {
    auto handle = eddy::spawn(fails());
    const auto error = co_await error_of(result_of(handle));
    CHECK(error != nullptr);
    eddy::spawn(sleeps_forever()).cancel("dropped");
    co_await settle();
}

EDDY_TEST_CASE("dropping a handle lets the job go on") {
    bool ran = false;
    eddy::spawn([&ran]() -> Task<> {
        co_await eddy::sleep_for(1s);
        ran = true;
    }).detach();
    co_await eddy::sleep_for(2s);
    CHECK(ran);
}

EDDY_TEST_CASE("a job has a name, an id of its own, a parent and a place") {
    auto first = eddy::spawn(sleeps(1s), {.name = "first"});
    auto second = eddy::spawn(sleeps(1s));
    CHECK(first.name() == "first");
    CHECK(second.name().empty());
    CHECK(first.id() != second.id());
    const eddy::JobInfo info = first.info();
    CHECK(info.parent != 0);
    CHECK(std::string(info.spawned.file_name()).find("join_handle_test") != std::string::npos);
    co_await settle();
    CHECK(first.info().waiting_for == "sleep");
    co_await first;
    co_await second;
    CHECK(first.info().waiting_for.empty());
    CHECK(first.name() == "first");
}

EDDY_TEST_CASE("the frame and its parameters die when the body ends, the result stays") {
    auto parameter = std::make_shared<int>(3);
    const std::weak_ptr<int> watch = parameter;
    auto handle = eddy::spawn([](std::shared_ptr<int> p) -> Task<int> { co_return *p; },
                              std::move(parameter));
    co_await handle.wait();
    CHECK(watch.expired());
    const int value = co_await handle;
    CHECK(value == 3);
}

TEST_CASE("a handle may outlive its loop, and keeps the result") {
    JoinHandle<int> finished;
    JoinHandle<int> cancelled;
    eddy::testing::VirtualClock clock;
    eddy::run(
        [](JoinHandle<int>& a, JoinHandle<int>& b) -> Task<> {
            a = eddy::spawn(answers());
            co_await a.wait();
            b = eddy::spawn(swallows());
            co_await settle();
            auto third = eddy::spawn(sleeps_forever());
            third.detach();
        }(finished, cancelled),
        {},
        {.clock = &clock});
    CHECK(finished.state() == JobState::finished);
    CHECK(finished.info().waiting_for.empty());
    CHECK(cancelled.done());
    CHECK(cancelled.state() == JobState::finished);
    cancelled.cancel();
    static_assert(!std::is_copy_constructible_v<JoinHandle<int>>);
    static_assert(std::is_nothrow_move_assignable_v<JoinHandle<int>>);
}
