// SPDX-License-Identifier: MIT
#include <eddy/select_range.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/error.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "test_kit.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::select;
using eddy::sleep_for;
using eddy::Task;
using eddy::testing::Gate;
using eddy::testing::HandOffLock;
using eddy::testing::settle;
using eddy::testing::VirtualClock;

Gate::Wait wait_of(Gate& gate) { return gate.wait(); }
HandOffLock::Wait acquisition(HandOffLock& lock) { return lock.acquire(); }

Task<int> after(eddy::Duration delay, int value) {
    co_await sleep_for(delay);
    co_return value;
}

class ListFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit ListFixture(VirtualClock& clock) { static_cast<void>(clock); }
    auto operation() { return select(gates_, wait_of); }
    Task<> prepare() { co_return; }
    Task<> wait() {
        const auto first = co_await operation();
        CHECK(first.index == 1);
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { gates_[1].open(); }
    bool intact() const {
        return gates_[0].waiters() + gates_[1].waiters() + gates_[2].waiters() == 0;
    }

private:
    std::array<Gate, 3> gates_;
};

/// What is granted to a loser, or to one that dies, is passed on.
class LocksFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit LocksFixture(VirtualClock& clock) { static_cast<void>(clock); }
    auto operation() { return select(locks_, acquisition); }
    Task<> prepare() {
        held_.push_back(co_await locks_[0].acquire());
        held_.push_back(co_await locks_[1].acquire());
    }
    Task<> wait() {
        const auto got = co_await operation();
        CHECK(got.index < 2);
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { held_.clear(); }  // both at once
    bool intact() const { return true; }

private:
    std::array<HandOffLock, 2> locks_;
    std::deque<HandOffLock::Guard> held_;
};

/// Nobody knocks: who waits at it has to look again. To look calls out.
struct Door final {
    class Wait final : public eddy::Waiter {
    public:
        static constexpr bool calls_out = true;
        static constexpr bool looks_again = false;
        explicit Wait(Door& door) noexcept : door_(door) {}
        [[nodiscard]] bool try_now() {
            door_.on_try();
            return door_.open;
        }
        void start() const noexcept {}  // nobody wakes it
        void take() const noexcept {}
        [[nodiscard]] const char* what() const noexcept override { return "Door"; }

    private:
        void unlink() noexcept override {}
        Door& door_;
    };
    std::function<void()> on_try = [] {};
    bool open = false;
};

}  // namespace

EDDY_WAIT_MATRIX("select over a list", ListFixture)
EDDY_WAIT_MATRIX("select over a list of what is granted", LocksFixture)

EDDY_TEST_CASE("select over a list of handles gives the first result and its place") {
    std::vector<eddy::JoinHandle<int>> jobs;
    for (int i = 0; i < 5; ++i) {
        jobs.push_back(eddy::spawn(after(std::chrono::milliseconds(10 - 2 * i), i)));
    }
    const auto first = co_await select(jobs);
    CHECK(first.index == 4);
    CHECK(first.value == 4);
    jobs.erase(jobs.begin() + 4);
    const auto second = co_await select(jobs);
    CHECK(second.index == 3);
    for (eddy::JoinHandle<int>& job : jobs) {
        job.cancel();
    }
}

EDDY_TEST_CASE("select over a list tries in its order, and takes one only") {
    std::array<HandOffLock, 3> locks;
    const auto busy = co_await locks[0].acquire();
    const auto got = co_await select(locks, acquisition);
    CHECK(got.index == 1);
    const auto third = co_await locks[2].acquire();  // it was left alone
    static_cast<void>(busy);
    static_cast<void>(third);
}

EDDY_TEST_CASE("select over a list of operations, of pointers to them, and of a view") {
    Gate first;
    Gate second;
    std::deque<Gate::Wait> waits;  // pinned where they are
    waits.emplace_back(first);
    waits.emplace_back(second);
    std::vector<Gate::Wait*> pointers{&waits[0], &waits[1]};
    eddy::call_later(1ms, [&] { second.open(); });
    const auto by_reference = co_await select(waits);
    CHECK(by_reference.index == 1);
    const auto by_pointer = co_await select(pointers);
    CHECK(by_pointer.index == 1);
    const auto by_view = co_await select(std::span(pointers));
    CHECK(by_view.index == 1);
    first.open();
    const auto ready = co_await select(waits);
    CHECK(ready.index == 0);
    CHECK(first.waiters() == 0);
    CHECK(second.waiters() == 0);
}

EDDY_TEST_CASE("select over a list may have a name, and be awaited again and again") {
    std::array<Gate, 3> gates;
    auto any = select(gates, wait_of);
    const auto lost = co_await select(any, sleep_for(1ms));
    CHECK(lost.index() == 1);
    for (const std::size_t which : {2U, 0U}) {
        eddy::call_later(1ms, [&gates, which] { gates[which].open(); });
        co_await sleep_for(1ms);
        const auto got = co_await any;
        CHECK(got.index == which);  // the first of those that are open
    }
    const auto inside = co_await select(sleep_for(1ms), any);
    CHECK(inside.index() == 1);
}

EDDY_TEST_CASE("select over an empty list is refused in words") {
    std::vector<eddy::JoinHandle<int>> none;
    std::string text;
    try {
        static_cast<void>(co_await select(none));
    } catch (const std::invalid_argument& error) {
        text = error.what();
    }
    CHECK(text.find("the list is empty") != std::string::npos);
}

EDDY_TEST_CASE("what the first of a list throws comes out of its select, and the others go on") {
    const auto fails = []() -> Task<int> {
        co_await sleep_for(1ms);
        throw std::runtime_error("no page");
    };
    std::vector<eddy::JoinHandle<int>> jobs;
    jobs.push_back(eddy::spawn(after(5ms, 1)));
    jobs.push_back(eddy::spawn(fails));
    std::string text;
    try {
        static_cast<void>(co_await select(jobs));
    } catch (const std::runtime_error& error) {
        text = error.what();
    }
    CHECK(text == "no page");
    const int value = co_await jobs[0];
    CHECK(value == 1);
}

EDDY_TEST_CASE("an operation that stands twice in a list is one, and its grant is kept") {
    HandOffLock lock;
    std::vector<HandOffLock::Guard> held;
    held.push_back(co_await lock.acquire());
    auto job = eddy::spawn([](HandOffLock& its) -> Task<bool> {
        auto acquisition = its.acquire();
        std::vector<HandOffLock::Wait*> twice(2, &acquisition);
        const auto got = co_await select(twice);
        static_cast<void>(got);
        co_return its.held();
    }(lock));
    co_await settle();
    held.clear();
    const bool kept = co_await job;
    CHECK(kept);
    CHECK_FALSE(lock.held());
}

EDDY_TEST_CASE("what the try of one in a list makes possible for those before it is seen") {
    std::vector<Door> doors(3);
    doors[2].on_try = [&doors] { doors[1].open = true; };
    const auto first = co_await select(doors, [](Door& door) { return Door::Wait(door); });
    CHECK(first.index == 1);
}

EDDY_TEST_CASE("select over a thousand: one happens, 999 leave") {
    std::vector<std::unique_ptr<Gate>> gates(1000);
    for (auto& gate : gates) {
        gate = std::make_unique<Gate>();
    }
    eddy::call_later(1ms, [&] {
        gates[777]->open();
        gates[3]->open();
    });
    const auto got =
        co_await select(gates, [](const std::unique_ptr<Gate>& gate) { return gate->wait(); });
    CHECK(got.index == 777);
    std::size_t waiters = 0;
    for (const auto& gate : gates) {
        waiters += gate->waiters();
    }
    CHECK(waiters == 0);
}

EDDY_TEST_CASE("permits that several selects over lists ask for are neither lost nor doubled") {
    std::array<HandOffLock, 4> locks;
    std::size_t holding = 0;
    std::size_t rounds = 0;
    std::vector<eddy::JoinHandle<void>> jobs;
    const auto work =
        [](std::array<HandOffLock, 4>& any, std::size_t& now, std::size_t& done) -> Task<> {
        for (int i = 0; i < 50; ++i) {
            {
                const auto got = co_await eddy::move_on_after(std::chrono::microseconds(i % 7),
                                                              select(any, acquisition));
                if (got) {
                    ++now;
                    CHECK(now <= any.size());
                    co_await sleep_for(std::chrono::microseconds(1 + i % 3));
                    --now;
                }
            }
            ++done;
            co_await eddy::yield();
        }
    };
    for (int i = 0; i < 12; ++i) {
        jobs.push_back(eddy::spawn(work, std::ref(locks), std::ref(holding), std::ref(rounds)));
    }
    for (auto& job : jobs) {
        co_await job;
    }
    CHECK(rounds == 600);
    for (HandOffLock& lock : locks) {
        const auto guard = co_await eddy::fail_after(1s, lock.acquire());
        static_cast<void>(guard);
    }
}
