// SPDX-License-Identifier: MIT
#include <eddy/single_flight.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>

#include "child_process.hpp"
#include "flight_kit.hpp"
#include "heap_hooks.hpp"

using namespace std::chrono_literals;

namespace {

using eddy::Event;
using eddy::SingleFlight;
using eddy::Task;
using eddy::testing::ask;
using eddy::testing::Flights;
using eddy::testing::Seen;
using eddy::testing::settle;
using eddy::testing::Source;

}  // namespace

EDDY_TEST_CASE("a hundred calls with one key make one flight, and share its result") {
    Flights flights;
    Source source;
    Seen seen;
    for (int i = 0; i < 100; ++i) {
        eddy::spawn(ask(flights, "a", source, 5, seen)).detach();
    }
    co_await settle();
    CHECK(source.calls == 1);
    CHECK(flights.statistics().flights == 1);
    CHECK(flights.statistics().waiters == 100);
    source.door.set();
    co_await settle();
    CHECK(seen == Seen(100, "5"));
    CHECK(source.calls == 1);
    CHECK(flights.statistics().flights == 0);
    CHECK(flights.statistics().waiters == 0);
    CHECK(flights.statistics().started == 1);
    CHECK(flights.statistics().joined == 99);
    const int again = co_await flights.get("a", &Source::fetch, &source, 6);
    CHECK(again == 6);  // it remembers nothing
    CHECK(source.calls == 2);
}

EDDY_TEST_CASE("other keys fly beside it") {
    Flights flights;
    Source source;
    Seen a;
    Seen b;
    eddy::spawn(ask(flights, "a", source, 1, a)).detach();
    eddy::spawn(ask(flights, "b", source, 2, b)).detach();
    co_await settle();
    CHECK(source.calls == 2);
    CHECK(flights.statistics().flights == 2);
    source.door.set();
    co_await settle();
    CHECK(a == Seen{"1"});
    CHECK(b == Seen{"2"});
}

EDDY_TEST_CASE("a failure reaches all, as one object, and the next call starts afresh") {
    Flights flights;
    Source source;
    source.fails = true;
    std::vector<std::exception_ptr> errors;
    for (int i = 0; i < 3; ++i) {
        eddy::spawn(
            [](Flights& f, Source& s, std::vector<std::exception_ptr>& out) -> Task<> {
                try {
                    const int value = co_await f.get("a", &Source::fetch, &s, 1);
                    CHECK(value == 0);
                } catch (const std::runtime_error&) {
                    out.push_back(std::current_exception());
                }
            },
            std::ref(flights),
            std::ref(source),
            std::ref(errors))
            .detach();
    }
    co_await settle();
    source.door.set();
    co_await settle();
    REQUIRE(errors.size() == 3);
    CHECK(errors[0] == errors[1]);
    CHECK(errors[1] == errors[2]);
    source.fails = false;
    const int value = co_await flights.get("a", &Source::fetch, &source, 8);
    CHECK(value == 8);
    CHECK(source.calls == 2);
}

EDDY_TEST_CASE("a function that throws before it makes a task has failed") {
    SingleFlight<int, int> flights;
    const auto bad = [](int) -> Task<int> { throw std::runtime_error("no task"); };
    CHECK_THROWS_WITH(co_await flights.get(1, bad, 2), "no task");
    CHECK(flights.statistics().flights == 0);
}

EDDY_TEST_CASE("the entry is gone before the first caller resumes") {
    Flights flights;
    Source source;
    source.fails = true;
    int retried = 0;
    const auto retry_once = [](Flights& f, Source& s, int& count) -> Task<> {
        try {
            const int value = co_await f.get("a", &Source::fetch, &s, 1);
            CHECK(value == 0);
        } catch (const std::runtime_error&) {
            s.fails = false;
            ++count;
        }
        const int value = co_await f.get("a", &Source::fetch, &s, 2);
        CHECK(value == 2);
    };
    auto one = eddy::spawn(retry_once, std::ref(flights), std::ref(source), std::ref(retried));
    auto two = eddy::spawn(retry_once, std::ref(flights), std::ref(source), std::ref(retried));
    co_await settle();
    source.door.set();
    co_await one;
    co_await two;
    CHECK(retried == 2);
    CHECK(source.calls == 2);  // both joined the second flight
    CHECK(flights.statistics().flights == 0);
}

EDDY_TEST_CASE("the leader is cancelled, and the flight goes on for the others") {
    Flights flights;
    Source source;
    Seen seen;
    eddy::CancelScope leader;
    auto first = eddy::spawn(with_scope(leader, ask(flights, "a", source, 1, seen)));
    co_await settle();
    for (int i = 0; i < 3; ++i) {
        eddy::spawn(ask(flights, "a", source, 2, seen)).detach();
    }
    co_await settle();
    leader.cancel();
    const bool finished = co_await first;
    CHECK_FALSE(finished);
    CHECK(flights.statistics().waiters == 3);
    source.door.set();
    co_await settle();
    CHECK(seen == Seen(3, "1"));
    CHECK(source.calls == 1);
    CHECK(source.cancelled == 0);
}

EDDY_TEST_CASE("a flight goes on for nobody, and the next caller finds it") {
    Flights flights;
    Source source;
    Seen seen;
    const bool in_time = co_await eddy::move_on_after(1s, ask(flights, "a", source, 1, seen));
    CHECK_FALSE(in_time);
    CHECK(flights.statistics().flights == 1);
    CHECK(flights.statistics().waiters == 0);
    eddy::spawn(ask(flights, "a", source, 2, seen)).detach();
    co_await settle();
    source.door.set();
    co_await settle();
    CHECK(seen == Seen{"1"});
    CHECK(source.calls == 1);
}

EDDY_TEST_CASE("a failure that nobody waited for is reported") {
    auto& failures = eddy::testing::expected_failures();
    Flights flights;
    Source source;
    source.fails = true;
    Seen seen;
    const bool in_time = co_await eddy::move_on_after(1s, ask(flights, "a", source, 1, seen));
    CHECK_FALSE(in_time);
    source.door.set();
    co_await settle();
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message == "no luck");
    CHECK(flights.statistics().flights == 0);
}

EDDY_TEST_CASE("a cancelled caller starts no flight") {
    Flights flights;
    Source source;
    Seen seen;
    eddy::CancelScope scope;
    scope.cancel();
    const bool done = co_await eddy::with_scope(scope, ask(flights, "a", source, 1, seen));
    CHECK_FALSE(done);
    CHECK(flights.statistics().started == 0);
    CHECK(source.calls == 0);
}

EDDY_TEST_CASE("scopes and deadlines around the leader do not reach the flight") {
    SingleFlight<int, bool> flights;
    const auto looks = []() -> Task<bool> {
        co_await eddy::sleep_for(5s);
        co_return eddy::current_effective_deadline() == eddy::never;
    };
    const auto in_time = co_await eddy::select(flights.get(1, looks), eddy::sleep_for(1s));
    CHECK(in_time.index() == 1);
    bool led = true;
    const auto lead = [&]() -> Task<> {
        const bool free = co_await flights.get(2, looks);
        CHECK(free);
    };
    led = co_await eddy::move_on_after(1s, lead);
    CHECK_FALSE(led);
    const bool free = co_await flights.get(2, looks);
    CHECK(free);
    CHECK(flights.statistics().started == 2);
}

EDDY_TEST_CASE("a function that asks for its own key is told, instead of waiting for itself") {
    SingleFlight<int, int> flights;
    const auto inner = []() -> Task<int> { co_return 1; };
    const auto again = [inner](SingleFlight<int, int>& f, int key) -> Task<int> {
        const int value = co_await f.get(key, inner);
        co_return value + 1;
    };
    CHECK_THROWS_AS(co_await flights.get(1, again, std::ref(flights), 1), eddy::InvalidState);
    const int value = co_await flights.get(1, again, std::ref(flights), 2);
    CHECK(value == 2);
}

EDDY_TEST_CASE("a select that another one has won leaves the flight to the others") {
    Flights flights;
    Source source;
    Event stop;
    stop.set();
    const auto got =
        co_await eddy::select(stop.wait(), flights.get("a", &Source::fetch, &source, 1));
    CHECK(got.index() == 0);
    CHECK(flights.statistics().started == 0);
    const auto late =
        co_await eddy::select(flights.get("a", &Source::fetch, &source, 1), eddy::sleep_for(1s));
    CHECK(late.index() == 1);
    CHECK(flights.statistics().flights == 1);
    CHECK(flights.statistics().waiters == 0);
    source.door.set();
    const auto there =
        co_await eddy::select(flights.get("a", &Source::fetch, &source, 1), eddy::sleep_for(1s));
    REQUIRE(there.index() == 0);
    CHECK(std::get<0>(there) == 1);
}

EDDY_TEST_CASE("results may be nothing, references, or shared ones that cannot be copied") {
    SingleFlight<int, void> nothing;
    int calls = 0;
    const auto count = [](int& n) -> Task<> {
        ++n;
        co_return;
    };
    co_await nothing.get(1, count, std::ref(calls));
    CHECK(calls == 1);

    SingleFlight<int, int&> references;
    const auto refer = [](int& n) -> Task<int&> { co_return n; };
    int& where = co_await references.get(1, refer, std::ref(calls));
    CHECK(&where == &calls);

    SingleFlight<int, std::shared_ptr<const std::unique_ptr<int>>> shared;
    const auto make =
        [](std::unique_ptr<int> n) -> Task<std::shared_ptr<const std::unique_ptr<int>>> {
        co_return std::make_shared<const std::unique_ptr<int>>(std::move(n));
    };
    const auto got = co_await shared.get(1, make, std::make_unique<int>(3));
    CHECK(**got == 3);
}
