// SPDX-License-Identifier: MIT
#include <chrono>
#include <functional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/as_completed.hpp>
#include <eddy/detach_on_cancel.hpp>
#include <eddy/gather.hpp>
#include <eddy/join_set.hpp>
#include <eddy/map_bounded.hpp>
#include <eddy/net/happy_eyeballs.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/race.hpp>
#include <eddy/retry.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/stop_token.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_cleanup.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "place_recorder.hpp"

// Where jobs say they come from, and where they say they wait: always in the file of who uses the
// library, whatever of it stands in between.

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::TaskGroup;
using eddy::testing::MemoryListener;
using eddy::testing::MemoryStream;
using eddy::testing::PlaceRecorder;
using eddy::testing::settle;
using Lines = std::vector<int>;

Task<int> leaf(int value = 1) {
    co_await eddy::sleep_for(1ms);
    co_return value;
}
constexpr int child_line = __LINE__ + 1;
Task<> child() { co_await eddy::sleep_for(1ms); }

/// Tasks whose coroutines are the library's.
Task<int> timed() { return eddy::fail_after(1h, leaf()); }

std::vector<Task<int>> two_leaves() {
    std::vector<Task<int>> tasks;
    tasks.push_back(leaf());
    tasks.push_back(timed());
    return tasks;
}

}  // namespace

EDDY_TEST_CASE_FIFO(
    "a spawned task comes from the line of its spawn, a callable from its coroutine") {
    PlaceRecorder places;
    co_await eddy::spawn(child());
    constexpr int first = __LINE__ - 1;
    co_await eddy::spawn(timed());
    CHECK(places.take_lines() == Lines{first, first + 2});
    co_await eddy::spawn({.name = "named"}, child);
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    co_await eddy::spawn(child);
    CHECK(places.take_lines() == Lines{child_line});
    // This coroutine is the library's: it comes from where its spawner does.
    co_await eddy::spawn([]() -> Task<> { co_await eddy::spawn(timed); });
    const Lines nested = places.take_lines();
    REQUIRE(nested.size() == 2);
    CHECK(nested[1] == nested[0]);
    co_await eddy::with_task_group([&places](TaskGroup& group) -> Task<> {
        group.spawn(timed());
        CHECK(places.take_lines() == Lines{__LINE__ - 1});
        group.spawn(child);
        CHECK(places.take_lines() == Lines{child_line});
        eddy::JoinSet<int> set(group);
        set.spawn(timed());
        CHECK(places.take_lines() == Lines{__LINE__ - 1});
        co_await set.join_next();
    });
    CHECK(places.foreign() == "");
}

EDDY_TEST_CASE_FIFO("children of combinators come from the call") {
    PlaceRecorder places;
    co_await eddy::gather(leaf(), timed());
    CHECK(places.take_lines() == Lines(2, __LINE__ - 1));
    co_await eddy::gather(two_leaves());
    CHECK(places.take_lines() == Lines(2, __LINE__ - 1));
    co_await eddy::gather_settled(leaf(), timed());
    CHECK(places.take_lines() == Lines(2, __LINE__ - 1));
    co_await eddy::gather_settled(two_leaves());
    CHECK(places.take_lines() == Lines(2, __LINE__ - 1));
    co_await eddy::race(leaf(), timed());
    CHECK(places.take_lines() == Lines(2, __LINE__ - 1));
    co_await eddy::race(two_leaves());
    CHECK(places.take_lines() == Lines(2, __LINE__ - 1));
    co_await eddy::as_completed(two_leaves(), [](std::size_t, int) {});
    CHECK(places.take_lines() == Lines(2, __LINE__ - 1));
    co_await eddy::map_bounded(1, std::vector<int>(1), leaf);
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    co_await eddy::map_bounded_settled(1, std::vector<int>(1), leaf);
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    // Called by another one of the library, and by a job that is nothing else.
    co_await eddy::fail_after(1h, eddy::gather(timed(), timed()));
    CHECK(places.take_lines() == Lines{__LINE__ - 1, __LINE__ - 1});
    co_await eddy::spawn(eddy::shield(eddy::gather(timed(), timed())));
    CHECK(places.take_lines() == Lines{__LINE__ - 1, __LINE__ - 1, __LINE__ - 1});
    CHECK(places.foreign() == "");
}

EDDY_TEST_CASE_FIFO("jobs that the library makes for itself come from the call that needs them") {
    PlaceRecorder places;
    co_await eddy::detach_on_cancel(timed());
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    co_await eddy::detach_on_cancel(child);
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    co_await eddy::detach_on_cancel(timed);
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    co_await eddy::with_stop_source([](std::stop_token) { return child(); });
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    const auto connector = [](eddy::Address) -> Task<int> { return timed(); };
    const auto here = eddy::Address::loopback(1);
    co_await eddy::connect_first(std::vector<eddy::Address>(1, here), connector);
    CHECK(places.take_lines() == Lines{__LINE__ - 1});
    co_await eddy::with_task_group([&places](TaskGroup& group) -> Task<> {
        const auto starts = [](eddy::Started<> started) -> Task<> {
            co_await eddy::sleep_for(1ms);
            started();
        };
        co_await group.start(starts);
        CHECK(places.take_lines() == Lines{__LINE__ - 1});
        const auto hidden = [starts](eddy::Started<> started) {
            return eddy::shield(starts, std::move(started));
        };
        co_await group.start(hidden);
        CHECK(places.take_lines() == Lines{__LINE__ - 1});
    });
    CHECK(places.foreign() == "");
}

namespace {

Task<> greets(MemoryStream stream) {
    co_await eddy::sleep_for(1ms);
    co_await stream.write_all("hello");
}

constexpr int alone_line = __LINE__ + 2;
Task<> serves_alone(MemoryListener& listener) {
    co_await eddy::serve(listener, greets, {.name = "guest"});
}
constexpr int inside_line = __LINE__ + 2;
Task<> serves_inside(eddy::Server& server, MemoryListener& listener) {
    co_await eddy::move_on_after(1h, eddy::serve(server, listener, greets));
}

Task<> talks_to(MemoryListener& listener) {
    const MemoryStream client = listener.connect();
    co_await eddy::sleep_for(2ms);
}

}  // namespace

EDDY_TEST_CASE_FIFO("connections come from where the user serves") {
    PlaceRecorder places;
    {
        MemoryListener listener;
        eddy::Server server;
        auto serving = eddy::spawn(eddy::serve(server, listener, greets));
        co_await talks_to(listener);
        CHECK(places.take_lines() == Lines{__LINE__ - 2, __LINE__ - 2});
        server.drain();
        co_await serving;
    }
    {
        MemoryListener listener;
        auto serving = eddy::spawn(serves_alone(listener));
        co_await talks_to(listener);
        CHECK(places.take_lines() == Lines{__LINE__ - 2, alone_line});
        serving.cancel();
        co_await serving.wait();
    }
    {
        MemoryListener listener;
        eddy::Server server;
        auto serving = eddy::spawn(serves_inside(server, listener));
        co_await talks_to(listener);
        CHECK(places.take_lines() == Lines{__LINE__ - 2, inside_line});
        server.drain();
        co_await serving;
    }
    {
        MemoryListener listener;
        eddy::Server server;
        auto serving = eddy::spawn(eddy::serve_until_signal(server, listener, greets));
        co_await talks_to(listener);
        CHECK(places.take_lines() == Lines(3, __LINE__ - 2));
        server.drain();
        co_await serving;
    }
    CHECK(places.foreign() == "");
}

namespace {

Task<> spawns_a_child(TaskGroup& group) {
    group.spawn(child());
    co_return;
}
constexpr int group_line = __LINE__ + 1;
Task<> opens_a_group() { co_await eddy::with_task_group(spawns_a_child); }
Task<> fails_once(int& calls) {
    co_await eddy::yield();
    if (++calls == 1) {
        throw std::runtime_error("once");
    }
}

}  // namespace

EDDY_TEST_CASE_FIFO("a job waits at the user's line, whatever of the library it waits in") {
    PlaceRecorder places;
    auto job = eddy::spawn(opens_a_group());
    co_await settle();
    CHECK(static_cast<int>(job.info().at.line()) == group_line);
    co_await job;
    const auto others = []() -> Task<> {
        int calls = 0;
        co_await eddy::retry({.attempts = 2, .jitter = 0.0}, fails_once, std::ref(calls));
        co_await eddy::with_cleanup(child(), child());
        co_await eddy::move_on_after(1ms, eddy::sleep_forever());
        co_await eddy::shield(child());
        co_await eddy::select(eddy::sleep_for(1ms), eddy::sleep_for(2ms));
        auto other = eddy::spawn(child());
        co_await eddy::fail_after(1h, other);
    };
    co_await eddy::spawn(others);
    CHECK(places.foreign() == "");
}

namespace {
Task<> child_of_an_application();
}

EDDY_TEST_CASE_FIFO("a file that is not below the folder where Eddy was built is a user's") {
    PlaceRecorder places;
    auto job = eddy::spawn(child_of_an_application());
    co_await job;
    CHECK(places.foreign().find("waiting at /elsewhere/application.cpp:") != std::string::npos);
}

namespace {
// Stays at the end: whatever follows would be of that file.
#line 1 "/elsewhere/application.cpp"
Task<> child_of_an_application() { co_await eddy::sleep_for(1ms); }
}  // namespace
