// SPDX-License-Identifier: MIT
#include <eddy/once_cell.hpp>

#include <functional>
#include <memory>
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
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "flight_kit.hpp"
#include "heap_hooks.hpp"

using namespace std::chrono_literals;

namespace {

using eddy::Event;
using eddy::OnceCell;
using eddy::Task;
using eddy::testing::Seen;
using eddy::testing::settle;
using eddy::testing::Source;

Task<> ask(OnceCell<int>& cell, Source& source, int value, Seen& seen) {
    try {
        const int& got = co_await cell.get_or_init(&Source::fetch, &source, value);
        CHECK(&got == cell.try_get());
        seen.push_back(std::to_string(got));
    } catch (const std::exception& error) {
        seen.push_back(error.what());
    }
}

class OnceCellFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit OnceCellFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return cell_.get_or_init(&OnceCellFixture::make, door_); }
    Task<> wait() {
        const int& value = co_await cell_.get_or_init(&OnceCellFixture::make, door_);
        CHECK(value == 7);
    }
    Task<> wait_again() { co_await wait(); }
    void complete() { door_->set(); }
    bool intact() const { return cell_.statistics().waiters == 0; }

private:
    static Task<int> make(std::shared_ptr<Event> door) {
        co_await door->wait();
        co_return 7;
    }

    std::shared_ptr<Event> door_ = std::make_shared<Event>();
    OnceCell<int> cell_;
};

}  // namespace

EDDY_TEST_CASE("the value is made once, for all who need it, and kept") {
    OnceCell<int> cell;
    Source source;
    Seen seen;
    CHECK(cell.try_get() == nullptr);
    for (int i = 0; i < 20; ++i) {
        eddy::spawn(ask(cell, source, 5, seen)).detach();
    }
    co_await settle();
    CHECK(source.calls == 1);
    CHECK(cell.statistics().initialising);
    CHECK(cell.statistics().waiters == 20);
    CHECK(cell.try_get() == nullptr);
    source.door.set();
    co_await settle();
    CHECK(seen == Seen(20, "5"));
    CHECK(cell.statistics().set);
    CHECK_FALSE(cell.statistics().initialising);
    REQUIRE(cell.try_get() != nullptr);
    CHECK(*cell.try_get() == 5);
    co_await ask(cell, source, 6, seen);
    CHECK(seen.back() == "5");
    CHECK(source.calls == 1);
}

EDDY_TEST_CASE("a failure reaches all who waited, the cell stays empty, and the next call tries") {
    OnceCell<int> cell;
    Source source;
    source.fails = true;
    Seen seen;
    for (int i = 0; i < 3; ++i) {
        eddy::spawn(ask(cell, source, 5, seen)).detach();
    }
    co_await settle();
    source.door.set();
    co_await settle();
    CHECK(seen == Seen(3, "no luck"));
    CHECK(cell.try_get() == nullptr);
    CHECK_FALSE(cell.statistics().initialising);
    source.fails = false;
    co_await ask(cell, source, 6, seen);
    CHECK(seen.back() == "6");
    CHECK(source.calls == 2);
}

EDDY_TEST_CASE("who came first is cancelled, and the others get the value all the same") {
    OnceCell<int> cell;
    Source source;
    Seen seen;
    eddy::CancelScope scope;
    auto first = eddy::spawn(with_scope(scope, ask(cell, source, 1, seen)));
    co_await settle();
    auto second = eddy::spawn(ask(cell, source, 2, seen));
    co_await settle();
    scope.cancel();
    const bool finished = co_await first;
    CHECK_FALSE(finished);
    source.door.set();
    co_await second;
    CHECK(seen == Seen{"1"});
    CHECK(source.cancelled == 0);
}

EDDY_TEST_CASE("nobody waits any more, and the value is there all the same") {
    OnceCell<int> cell;
    Source source;
    const auto got =
        co_await eddy::select(cell.get_or_init(&Source::fetch, &source, 3), eddy::sleep_for(1s));
    CHECK(got.index() == 1);
    source.door.set();
    co_await settle();
    REQUIRE(cell.try_get() != nullptr);
    CHECK(*cell.try_get() == 3);
    auto& failures = eddy::testing::expected_failures();
    OnceCell<int> failing;
    const auto bad = []() -> Task<int> {
        co_await eddy::sleep_for(2s);
        throw std::runtime_error("unseen");
        co_return 0;
    };
    const auto none = co_await eddy::select(failing.get_or_init(bad), eddy::sleep_for(1s));
    CHECK(none.index() == 1);
    co_await eddy::sleep_for(2s);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message == "unseen");
}

EDDY_TEST_CASE("an operation whose function has failed does not call it a second time") {
    OnceCell<int> cell;
    int calls = 0;
    auto get = cell.get_or_init([&calls]() -> Task<int> {
        ++calls;
        throw std::runtime_error("not yet");
        co_return 0;
    });
    bool failed = false;
    try {
        co_await get;
    } catch (const std::runtime_error&) {
        failed = true;
    }
    CHECK(failed);
    bool refused = false;
    try {
        co_await get;
    } catch (const eddy::InvalidState&) {
        refused = true;
    }
    CHECK(refused);
    CHECK(calls == 1);
}

EDDY_TEST_CASE("it can be set by hand, once, and not while the value is being made") {
    OnceCell<std::unique_ptr<int>> cell;
    cell.set(std::make_unique<int>(4));
    CHECK(**cell.try_get() == 4);
    CHECK_THROWS_AS(cell.set(nullptr), eddy::InvalidState);
    const auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
    const std::unique_ptr<int>& value = co_await cell.get_or_init(make);
    CHECK(*value == 4);

    OnceCell<int> flying;
    Source source;
    Seen seen;
    auto waits = eddy::spawn(ask(flying, source, 1, seen));
    co_await settle();
    CHECK_THROWS_AS(flying.set(2), eddy::InvalidState);
    source.door.set();
    co_await waits;
    CHECK_THROWS_AS(flying.set(2), eddy::InvalidState);
    CHECK(*flying.try_get() == 1);
}

EDDY_TEST_CASE("a function that asks for its own value is told, instead of waiting for itself") {
    OnceCell<int> cell;
    const auto inner = []() -> Task<int> { co_return 1; };
    const auto outer = [inner](OnceCell<int>& same) -> Task<int> {
        const int& value = co_await same.get_or_init(inner);
        co_return value;
    };
    CHECK_THROWS_AS(co_await cell.get_or_init(outer, std::ref(cell)), eddy::InvalidState);
    CHECK(cell.try_get() == nullptr);
}

EDDY_TEST_CASE("destroying it cancels a function that nobody waits for") {
    auto source = std::make_shared<Source>();
    {
        OnceCell<int> cell;
        const auto make = [](std::shared_ptr<Source> from) -> Task<int> {
            co_return co_await from->fetch(1);
        };
        const auto got = co_await eddy::select(cell.get_or_init(make, source), eddy::sleep_for(1s));
        CHECK(got.index() == 1);
    }
    co_await settle();
    CHECK(source->cancelled == 1);
    CHECK(source.use_count() == 1);
}

EDDY_TEST_CASE("the function of a cell in a group ends with the group") {
    auto source = std::make_shared<Source>();
    co_await eddy::with_task_group([&source](eddy::TaskGroup& group) -> Task<> {
        OnceCell<int> cell(group);
        const auto make = [](std::shared_ptr<Source> from) -> Task<int> {
            co_return co_await from->fetch(1);
        };
        const auto got = co_await eddy::select(cell.get_or_init(make, source), eddy::sleep_for(1s));
        CHECK(got.index() == 1);
        CHECK(group.size() == 1);
    });
    CHECK(source->cancelled == 1);
}

EDDY_TEST_CASE_FIFO("a value that is there costs no allocation") {
    OnceCell<int> cell;
    cell.set(1);
    const auto make = []() -> Task<int> { co_return 2; };
    const std::size_t before = eddy::testing::heap_counters().allocations;
    int sum = 0;
    for (int i = 0; i < 300; ++i) {
        const int& value = co_await cell.get_or_init(make);
        sum += value;
    }
    CHECK(eddy::testing::heap_counters().allocations == before);
    CHECK(sum == 300);
}

EDDY_TEST_CASE("a once cell refuses other threads") {
    OnceCell<int> cell;
    CHECK(cell.try_get() == nullptr);
    bool refused = false;
    std::thread([&] {
        eddy::run([](OnceCell<int>& c, bool& out) -> Task<> {
            CHECK_THROWS_AS(static_cast<void>(c.try_get()), eddy::WrongThread);
            CHECK_THROWS_AS(static_cast<void>(c.statistics()), eddy::WrongThread);
            CHECK_THROWS_AS(c.set(1), eddy::WrongThread);
            const auto make = []() -> Task<int> { co_return 2; };
            try {
                const int& value = co_await c.get_or_init(make);
                CHECK(value == 0);
            } catch (const eddy::WrongThread&) {
                out = true;
            }
        }(cell, refused));
    }).join();
    CHECK(refused);
    CHECK(cell.try_get() == nullptr);
    co_return;
}

EDDY_ABORT_TEST_CASE("destroying a once cell that jobs wait on is a broken contract",
                     "a OnceCell was destroyed while jobs wait on it") {
    auto cell = std::make_unique<OnceCell<int>>();
    Source source;
    Seen seen;
    eddy::spawn(ask(*cell, source, 1, seen)).detach();
    co_await settle();
    cell.reset();
}

EDDY_WAIT_MATRIX("OnceCell::get_or_init", OnceCellFixture)
