// SPDX-License-Identifier: MIT
#include <eddy/event.hpp>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>

#include "broken_contract.hpp"

namespace {

using eddy::Event;
using eddy::Task;
using eddy::testing::settle;

Task<> pass(Event& event, std::vector<int>& order, int number) {
    co_await event.wait();
    order.push_back(number);
}

class EventFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit EventFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return event_.wait(); }
    Task<> wait() { co_await event_.wait(); }
    Task<> wait_again() { co_await wait(); }
    void complete() { event_.set(); }
    bool intact() const { return event_.statistics().waiters == 0; }

private:
    Event event_;
};

}  // namespace

EDDY_TEST_CASE_FIFO("an event lets everybody through, in order, once it is set, and ever after") {
    Event event;
    std::vector<int> order;
    for (int i = 0; i < 3; ++i) {
        eddy::spawn(pass(event, order, i)).detach();
    }
    co_await settle();
    CHECK(order.empty());
    CHECK_FALSE(event.is_set());
    CHECK(event.statistics().waiters == 3);
    event.set();
    CHECK(order.empty());  // nobody runs inside it
    CHECK(event.is_set());
    CHECK(event.statistics().waiters == 0);
    CHECK(event.statistics().set);
    event.set();
    co_await settle();
    CHECK(order == std::vector<int>({0, 1, 2}));
    co_await event.wait();
}

EDDY_TEST_CASE("an event can be one of the things a select waits for") {
    Event event;
    const auto none = co_await eddy::select(event.wait(), eddy::sleep_for(std::chrono::seconds(1)));
    CHECK(none.index() == 1);
    CHECK(event.statistics().waiters == 0);
    event.set();
    const auto set = co_await eddy::select(eddy::sleep_for(std::chrono::seconds(1)), event.wait());
    CHECK(set.index() == 1);
}

EDDY_TEST_CASE("an event refuses other threads, and says what to use") {
    Event event;
    CHECK_FALSE(event.is_set());
    std::string message;
    std::thread([&] {
        try {
            event.set();
        } catch (const eddy::WrongThread& error) {
            message = error.what();
        }
    }).join();
    CHECK(message.find("Event::set") == 0);
    CHECK(message.find("Remote") != std::string::npos);
    CHECK_FALSE(event.is_set());
    co_return;
}

EDDY_ABORT_TEST_CASE("destroying an event that jobs wait on is a broken contract",
                     "an Event was destroyed while jobs wait on it") {
    auto event = std::make_unique<Event>();
    std::vector<int> order;
    eddy::spawn(pass(*event, order, 1)).detach();
    co_await settle();
    event.reset();
}

EDDY_WAIT_MATRIX("Event::wait", EventFixture)
