// SPDX-License-Identifier: MIT
#include <eddy/task_local.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <eddy/call_later.hpp>
#include <eddy/error.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::TaskLocal;
using eddy::testing::Gate;

TaskLocal<std::string> request_id;
TaskLocal<int> depth;

[[nodiscard]] std::string current_id() {
    const std::string* id = request_id.get();
    return id != nullptr ? *id : "none";
}

Task<std::string> id_in_a_child() {
    co_await eddy::yield();
    co_return current_id();
}

Task<std::string> id_when_open(Gate& gate) {
    co_await gate.wait();
    co_return current_id();
}

Task<> keeps_its_own(std::string id) {
    const auto bound = request_id.bind(id);
    for (int i = 0; i < 5; ++i) {
        co_await eddy::yield();
        CHECK(current_id() == id);
        const std::string in_child = co_await id_in_a_child();
        CHECK(in_child == id);
    }
}

Task<> nested(int level) {
    const auto bound = depth.bind(level);
    co_await eddy::yield();
    if (level != 0) {
        co_await nested(level - 1);
    }
    CHECK(*depth.get() == level);
}

}  // namespace

EDDY_TEST_CASE("a task-local is unbound at first and bound until the end of the block") {
    CHECK(request_id.get() == nullptr);
    {
        const auto bound = request_id.bind("a");
        CHECK(current_id() == "a");
        const std::string in_child = co_await id_in_a_child();
        CHECK(in_child == "a");
    }
    CHECK(request_id.get() == nullptr);
}

EDDY_TEST_CASE("an inner binding covers the outer one until it ends") {
    const auto outer = request_id.bind("outer");
    const std::string* const address = request_id.get();
    {
        const auto inner = request_id.bind("inner");
        CHECK(current_id() == "inner");
    }
    CHECK(current_id() == "outer");
    CHECK(request_id.get() == address);
    co_return;
}

EDDY_TEST_CASE("variables do not see each other's bindings") {
    const auto number = depth.bind(7);
    const auto id = request_id.bind(3U, 'x');
    REQUIRE(depth.get() != nullptr);
    CHECK(*depth.get() == 7);
    CHECK(current_id() == "xxx");
    co_return;
}

EDDY_TEST_CASE("jobs that run in turns keep their own values") {
    co_await eddy::with_task_group([](eddy::TaskGroup& group) -> Task<> {
        for (const char* id : {"a", "b", "c"}) {
            group.spawn(keeps_its_own(id));
        }
        CHECK(request_id.get() == nullptr);
        co_return;
    });
    CHECK(request_id.get() == nullptr);
}

EDDY_TEST_CASE("a job starts with what was bound where it was spawned, and keeps it") {
    Gate gate;
    eddy::JoinHandle<std::string> before = eddy::spawn(id_when_open(gate));
    eddy::JoinHandle<std::string> during;
    eddy::JoinHandle<std::string> covered;
    {
        const auto bound = request_id.bind("spawned here");
        during = eddy::spawn(id_when_open(gate));
        const auto inner = request_id.bind("covered");
        covered = eddy::spawn(id_when_open(gate));
    }
    eddy::JoinHandle<std::string> behind = eddy::spawn(id_when_open(gate));
    gate.open();
    const std::string of_before = co_await before;
    const std::string of_during = co_await during;
    const std::string of_covered = co_await covered;
    const std::string of_behind = co_await behind;
    CHECK(of_before == "none");
    CHECK(of_during == "spawned here");
    CHECK(of_covered == "covered");
    CHECK(of_behind == "none");
}

EDDY_TEST_CASE("a child's binding is nothing to its parent") {
    const auto bound = request_id.bind("parent");
    auto child = eddy::spawn(keeps_its_own("child"));
    co_await child;
    CHECK(current_id() == "parent");
}

EDDY_TEST_CASE("a value lives as long as a job can see it") {
    static TaskLocal<std::shared_ptr<int>> resource;
    Gate gate;
    auto kept = std::make_shared<int>(1);
    eddy::JoinHandle<std::string> child;
    {
        const auto bound = resource.bind(kept);
        child = eddy::spawn(id_when_open(gate));
        CHECK(kept.use_count() == 2);
    }
    CHECK(kept.use_count() == 2);
    gate.open();
    static_cast<void>(co_await child);
    child.detach();
    CHECK(kept.use_count() == 1);
}

EDDY_TEST_CASE("many bindings nest") { co_await nested(2'000); }

EDDY_TEST_CASE("callbacks are outside jobs: nothing is bound there, and nothing can be") {
    const auto bound = request_id.bind("job");
    bool checked = false;
    eddy::call_later(1s, [&checked] {
        CHECK(request_id.get() == nullptr);
        CHECK_THROWS_AS(static_cast<void>(request_id.bind("callback")), eddy::InvalidState);
        checked = true;
    });
    co_await eddy::sleep_for(2s);
    CHECK(checked);
}

TEST_CASE("outside a loop nothing is bound") { CHECK(request_id.get() == nullptr); }

TEST_CASE("bindings end when their job is cancelled at any checkpoint") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([] { return keeps_its_own("x"); });
    CHECK(count >= 10);
}

namespace {

Task<> binds(int count, Gate& gate) {
    const auto bound = depth.bind(count);
    if (count != 0) {
        co_await binds(count - 1, gate);
    } else {
        eddy::spawn([](Gate& until) -> Task<> { co_await until.wait(); }, std::ref(gate)).detach();
    }
}

}  // namespace

EDDY_TEST_CASE_FIFO(
    "a hundred thousand bindings go in a bounded stack, with the last job to see them") {
    Gate gate;
    co_await binds(100'000, gate);
    CHECK(depth.get() == nullptr);
    co_await eddy::testing::settle();
    gate.open();
}
