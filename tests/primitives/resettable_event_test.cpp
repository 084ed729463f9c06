// SPDX-License-Identifier: MIT
#include <eddy/resettable_event.hpp>

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

using eddy::ResettableEvent;
using eddy::Task;
using eddy::testing::settle;

Task<> pass(ResettableEvent& event, std::vector<int>& order, int number) {
    co_await event.wait();
    order.push_back(number);
}

class ResettableEventFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit ResettableEventFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return event_.wait(); }
    Task<> wait() { co_await event_.wait(); }
    Task<> wait_again() { co_await wait(); }
    void complete() { event_.set(); }
    bool intact() const { return event_.statistics().waiters == 0; }

private:
    ResettableEvent event_;
};

}  // namespace

EDDY_TEST_CASE("while it is set nobody waits, and after clear everybody does again") {
    ResettableEvent event;
    std::vector<int> order;
    CHECK_FALSE(event.is_set());
    event.set();
    event.set();
    CHECK(event.is_set());
    co_await event.wait();
    co_await event.wait();
    event.clear();
    event.clear();
    CHECK_FALSE(event.statistics().set);
    eddy::spawn(pass(event, order, 1)).detach();
    co_await settle();
    CHECK(order.empty());
    CHECK(event.statistics().waiters == 1);
    event.set();
    co_await settle();
    CHECK(order == std::vector<int>{1});
}

EDDY_TEST_CASE_FIFO("who was woken goes on although the event is cleared before it runs") {
    ResettableEvent event;
    std::vector<int> order;
    for (int i = 0; i < 3; ++i) {
        eddy::spawn(pass(event, order, i)).detach();
    }
    co_await settle();
    event.set();
    event.clear();
    CHECK(event.statistics().waiters == 0);
    eddy::spawn(pass(event, order, 3)).detach();
    co_await settle();
    CHECK(order == std::vector<int>({0, 1, 2}));
    CHECK(event.statistics().waiters == 1);
    event.set();
    co_await settle();
    CHECK(order == std::vector<int>({0, 1, 2, 3}));
}

EDDY_TEST_CASE("set, clear, set wakes each waiter once") {
    ResettableEvent event;
    int woken = 0;
    auto waiter = eddy::spawn(
        [](ResettableEvent& e, int& count) -> Task<> {
            co_await e.wait();
            ++count;
            e.clear();
            co_await e.wait();
            ++count;
        },
        std::ref(event),
        std::ref(woken));
    co_await settle();
    event.set();
    event.clear();
    event.set();
    co_await settle();
    CHECK(woken == 1);
    event.set();
    co_await waiter;
    CHECK(woken == 2);
}

EDDY_TEST_CASE("a resettable event can be one of the things a select waits for") {
    ResettableEvent event;
    const auto none = co_await eddy::select(event.wait(), eddy::sleep_for(std::chrono::seconds(1)));
    CHECK(none.index() == 1);
    CHECK(event.statistics().waiters == 0);
}

EDDY_TEST_CASE("a resettable event refuses other threads") {
    ResettableEvent event;
    event.set();
    bool refused = false;
    std::thread([&] {
        try {
            event.clear();
        } catch (const eddy::WrongThread&) {
            refused = true;
        }
    }).join();
    CHECK(refused);
    CHECK(event.is_set());
    co_return;
}

EDDY_ABORT_TEST_CASE("destroying a resettable event that jobs wait on is a broken contract",
                     "a ResettableEvent was destroyed while jobs wait on it") {
    auto event = std::make_unique<ResettableEvent>();
    std::vector<int> order;
    eddy::spawn(pass(*event, order, 1)).detach();
    co_await settle();
    event.reset();
}

EDDY_WAIT_MATRIX("ResettableEvent::wait", ResettableEventFixture)
