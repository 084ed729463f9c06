// SPDX-License-Identifier: MIT
// How flights end when their owner, their group or their loop does; other threads; the matrix.
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
#include <eddy/single_flight.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
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

/// The flight outlives each of the fixture's waits, and the fixture the flight.
class SingleFlightFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit SingleFlightFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    static constexpr bool refuses_again = true;  // its function has flown
    auto operation() { return flights_.get(1, &SingleFlightFixture::fetch, door_); }
    Task<> wait() {
        const int value = co_await flights_.get(1, &SingleFlightFixture::fetch, door_);
        CHECK(value == 7);
    }
    Task<> wait_again() { co_await wait(); }
    void complete() { door_->set(); }
    bool intact() const { return flights_.statistics().waiters == 0; }

private:
    static Task<int> fetch(std::shared_ptr<Event> door) {
        co_await door->wait();
        co_return 7;
    }

    std::shared_ptr<Event> door_ = std::make_shared<Event>();
    SingleFlight<int, int> flights_;
};

}  // namespace

EDDY_TEST_CASE("destroying it cancels the flights that nobody waits for") {
    auto source = std::make_shared<Source>();
    {
        Flights flights;
        const auto fetch = [](std::shared_ptr<Source> from) -> Task<int> {
            co_return co_await from->fetch(1);
        };
        const auto late =
            co_await eddy::select(flights.get("a", fetch, source), eddy::sleep_for(1s));
        CHECK(late.index() == 1);
        CHECK(source->calls == 1);
    }
    CHECK(source->cancelled == 0);  // nothing runs inside
    co_await settle();
    CHECK(source->cancelled == 1);
    CHECK(source.use_count() == 1);
}

EDDY_TEST_CASE("flights of a group end with the group, and their failures do not end it") {
    auto source = std::make_shared<Source>();
    std::string told;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        Flights flights(group);
        const auto fails = []() -> Task<int> {
            throw std::runtime_error("of the flight");
            co_return 0;
        };
        CHECK_THROWS_WITH(co_await flights.get("b", fails), "of the flight");
        CHECK_FALSE(group.cancel_called());
        const auto fetch = [](std::shared_ptr<Source> from) -> Task<int> {
            co_return co_await from->fetch(1);
        };
        auto caller = eddy::spawn(
            [](Flights& f, auto fn, std::shared_ptr<Source> from, std::string& out) -> Task<> {
                try {
                    const int value = co_await f.get("a", fn, from);
                    CHECK(value == 0);
                } catch (const eddy::JobCancelled& error) {
                    out = error.what();
                }
            },
            std::ref(flights),
            fetch,
            source,
            std::ref(told));
        co_await settle();
        CHECK(group.size() == 1);
        group.cancel("closing time");
        const auto join = [&caller]() -> Task<> { co_await caller; };
        co_await eddy::shield(join);
        CHECK(flights.statistics().flights == 0);
    });
    CHECK(source->cancelled == 1);
    CHECK(told.find("closing time") != std::string::npos);
}

EDDY_TEST_CASE(
    "a Cancelled of somebody else's that a function throws is a failure of the flight's job") {
    auto& failures = eddy::testing::expected_failures();
    SingleFlight<int, int> flights;
    const auto confused = []() -> Task<int> {
        std::exception_ptr kept;
        const auto body = [&kept](eddy::CancelScope& scope) -> Task<> {
            scope.cancel("inside");
            try {
                co_await eddy::checkpoint();
            } catch (const eddy::Cancelled&) {
                kept = std::current_exception();
            }
        };
        static_cast<void>(co_await eddy::with_scope({}, body));
        std::rethrow_exception(kept);
    };
    CHECK_THROWS_AS(co_await flights.get(1, confused), eddy::JobCancelled);
    CHECK(flights.statistics().flights == 0);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message.find("none of its scopes is cancelled") != std::string::npos);
}

TEST_CASE("at the loop's end flights are cancelled, and who insists on waiting is told") {
    eddy::testing::RecordingObserver observer;
    std::string told;
    Flights flights;
    Source source;
    eddy::run(
        [](Flights& f, Source& s, std::string& out) -> Task<> {
            const auto insist = [](Flights& on, Source& from, std::string& what) -> Task<> {
                try {
                    const int value = co_await on.get("a", &Source::fetch, &from, 1);
                    CHECK(value == 0);
                } catch (const eddy::JobCancelled& error) {
                    what = error.what();
                }
            };
            eddy::spawn(eddy::shield(insist(f, s, out))).detach();
            co_await settle();
        }(flights, source, told),
        {},
        {.observer = &observer});
    CHECK(source.cancelled == 1);
    CHECK_FALSE(told.empty());
    CHECK(flights.statistics().flights == 0);
    CHECK(observer.failures.empty());
}

TEST_CASE("a flight that the loop destroys leaves no entry, and no caller behind") {
    eddy::testing::VirtualClock clock;
    eddy::testing::RecordingObserver observer;
    SingleFlight<int, int> flights;
    eddy::run(
        [](SingleFlight<int, int>& f) -> Task<> {
            const auto stubborn = []() -> Task<int> {
                co_await eddy::testing::wait_matrix::ignores_everything();
                co_return 1;
            };
            const auto waits = [](SingleFlight<int, int>& on, auto fn) -> Task<> {
                const int value = co_await on.get(1, fn);
                CHECK(value == 0);
            };
            eddy::spawn(eddy::shield(waits(f, stubborn))).detach();
            co_await settle();
        }(flights),
        {.grace = 1ms},
        {.clock = &clock, .observer = &observer});
    CHECK(observer.abandoned.size() == 2);
    CHECK(flights.statistics().flights == 0);
    CHECK(observer.failures.empty());
}

EDDY_TEST_CASE_FIFO("joining a flight allocates nothing") {
    Flights flights;
    Source source;
    const auto measured = [](Flights& f, Source& s) -> Task<std::size_t> {
        const std::size_t before = eddy::testing::heap_counters().allocations;
        const int value = co_await f.get("a", &Source::fetch, &s, 1);
        co_return eddy::testing::heap_counters().allocations - before +
            static_cast<std::size_t>(value - 3);
    };
    Seen seen;
    seen.reserve(1);
    eddy::spawn(ask(flights, "a", source, 3, seen)).detach();
    co_await settle();
    auto follower = eddy::spawn(measured, std::ref(flights), std::ref(source));
    co_await settle();
    source.door.set();
    const std::size_t allocated = co_await follower;
    CHECK(allocated == 0);
    CHECK(seen == Seen{"3"});
}

EDDY_TEST_CASE("a single flight refuses other threads") {
    Flights flights;
    CHECK(flights.statistics().started == 0);
    bool refused = false;
    std::thread([&] {
        eddy::run([](Flights& f, bool& out) -> Task<> {
            const auto one = []() -> Task<int> { co_return 1; };
            CHECK_THROWS_AS(static_cast<void>(f.statistics()), eddy::WrongThread);
            try {
                const int value = co_await f.get("a", one);
                CHECK(value == 0);
            } catch (const eddy::WrongThread&) {
                out = true;
            }
        }(flights, refused));
    }).join();
    CHECK(refused);
    CHECK(flights.statistics().started == 0);
    co_return;
}

EDDY_ABORT_TEST_CASE("destroying a single flight that jobs wait on is a broken contract",
                     "a SingleFlight was destroyed while jobs wait on it") {
    auto flights = std::make_unique<Flights>();
    Source source;
    Seen seen;
    eddy::spawn(ask(*flights, "a", source, 1, seen)).detach();
    co_await settle();
    flights.reset();
}

EDDY_WAIT_MATRIX("SingleFlight::get", SingleFlightFixture)
