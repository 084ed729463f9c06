// SPDX-License-Identifier: MIT
// Waits that are made of others: `then`, and those that wait several times for one result.
#include <eddy/detail/outer_wait.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/then.hpp>
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
namespace detail = eddy::detail;

/// Two gates, one after the other.
struct Corridor {
    std::array<Gate, 2> gates;
    std::size_t seen = 0;  // how many gates were passed, kept when the walk is given up
    std::size_t given_up = 0;
    bool fails = false;  // between the gates

    class Walk final : public detail::SteppedWait {
    public:
        explicit Walk(Corridor& corridor) noexcept : corridor_(corridor) {}
        [[nodiscard]] bool try_now() {
            begin();
            return go_on();
        }
        void start() { start_inner(*wait_); }
        int take() {
            conclude();
            return 7;
        }
        [[nodiscard]] const char* what() const noexcept override { return "Corridor::walk"; }

    private:
        bool go_on() {
            while (corridor_.seen < corridor_.gates.size()) {
                if (corridor_.fails && corridor_.seen == 1) {
                    throw std::runtime_error("the floor is gone");
                }
                wait_.emplace([this] { return corridor_.gates[corridor_.seen].wait(); });
                const bool open = wait_->try_now();
                if (!open) {
                    return false;
                }
                ++corridor_.seen;
            }
            return true;
        }
        void collect() override {
            wait_->take();
            wait_.reset();
            ++corridor_.seen;
        }
        bool proceed() override {
            const bool through = go_on();
            if (!through) {
                start_inner(*wait_);
            }
            return through;
        }
        void given_up() noexcept override { ++corridor_.given_up; }

        Corridor& corridor_;
        detail::OperationSlot<Gate::Wait> wait_;
    };

    [[nodiscard]] Walk walk() noexcept { return Walk(*this); }
};

class WalkFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;  // as far as a cancellation can tell
    explicit WalkFixture(VirtualClock& clock) { static_cast<void>(clock); }
    Task<> prepare() { co_return; }
    Task<> wait() { static_cast<void>(co_await corridor_.walk()); }
    auto operation() { return corridor_.walk(); }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() {
        for (Gate& gate : corridor_.gates) {
            gate.open();
        }
    }
    bool intact() const {
        return corridor_.gates[0].waiters() == 0 && corridor_.gates[1].waiters() == 0;
    }

private:
    Corridor corridor_;
};

class ThenFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit ThenFixture(VirtualClock& clock) { static_cast<void>(clock); }
    Task<> prepare() { co_return; }
    auto operation() {
        return eddy::then([this] { return gate_.wait(); }, [] {});
    }
    Task<> wait() { co_await operation(); }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { gate_.open(); }
    bool intact() const { return gate_.waiters() == 0; }

private:
    Gate gate_;
};

/// What is granted, and not taken, is passed on.
class ThenLockFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit ThenLockFixture(VirtualClock& clock) { static_cast<void>(clock); }
    auto operation() {
        return eddy::then([this] { return lock_.acquire(); },
                          [](HandOffLock::Guard guard) { return guard; });
    }
    Task<> prepare() { held_.emplace(co_await lock_.acquire()); }
    Task<> wait() {
        const auto guard = co_await operation();
        static_cast<void>(guard);
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { held_.reset(); }
    bool intact() const { return true; }

private:
    HandOffLock lock_;
    std::optional<HandOffLock::Guard> held_;
};

}  // namespace

EDDY_WAIT_MATRIX("a wait of several steps", WalkFixture)
EDDY_WAIT_MATRIX("then", ThenFixture)
EDDY_WAIT_MATRIX("then, of what is granted", ThenLockFixture)

EDDY_TEST_CASE("then gives what its function makes of the result") {
    Corridor corridor;
    corridor.gates[0].open();
    corridor.gates[1].open();
    const auto twice = [](int value) { return std::to_string(2 * value); };
    const std::string at_once = co_await eddy::then([&] { return corridor.walk(); }, twice);
    CHECK(at_once == "14");
    Gate gate;
    eddy::call_later(1ms, [&] { gate.open(); });
    const int later = co_await eddy::then([&] { return gate.wait(); }, [] { return 3; });
    CHECK(later == 3);
}

EDDY_TEST_CASE(
    "what the function of then throws comes out of the await, as often as it is awaited") {
    Gate gate;
    auto wait =
        eddy::then([&] { return gate.wait(); }, []() -> int { throw std::runtime_error("no"); });
    const auto lost = co_await select(wait, sleep_for(1ms));
    CHECK(lost.index() == 1);
    gate.open();
    for (int i = 0; i < 2; ++i) {
        std::string text;
        try {
            static_cast<void>(co_await wait);
        } catch (const std::runtime_error& error) {
            text = error.what();
        }
        CHECK(text == "no");
    }
}

EDDY_TEST_CASE("a wait inside then that loses a select takes nothing") {
    HandOffLock lock;
    std::optional<HandOffLock::Guard> held(co_await lock.acquire());
    bool called = false;
    Gate gate;
    eddy::call_later(1ms, [&] {
        gate.open();
        held.reset();  // in the same moment, but later
    });
    const auto got = co_await select(eddy::then([&] { return gate.wait(); }, [] {}),
                                     eddy::then([&] { return lock.acquire(); },
                                                [&](const HandOffLock::Guard&) { called = true; }));
    CHECK(got.index() == 0);
    CHECK(!called);
    const auto guard = co_await lock.acquire();  // nobody has it
    static_cast<void>(guard);
}

EDDY_TEST_CASE("a wait of several steps ends when the last one has, not before") {
    Corridor corridor;
    auto job =
        eddy::spawn([](Corridor& through) -> Task<int> { co_return co_await through.walk(); },
                    std::ref(corridor));
    co_await settle();
    corridor.gates[0].open();
    co_await settle();
    CHECK(!job.done());
    CHECK(corridor.gates[1].waiters() == 1);
    corridor.gates[1].open();
    const int result = co_await job;
    CHECK(result == 7);
    CHECK(corridor.given_up == 0);
}

EDDY_TEST_CASE("what a step has brought is kept when the wait is cancelled between two") {
    Corridor corridor;
    eddy::CancelScope scope;
    auto job = eddy::spawn(
        [](Corridor& through, eddy::CancelScope& within) -> Task<> {
            const auto walked = co_await eddy::with_scope(within, through.walk());
            CHECK(!walked);
        },
        std::ref(corridor),
        std::ref(scope));
    co_await settle();
    corridor.gates[0].open();
    scope.cancel();  // it has not looked yet
    CHECK(corridor.seen == 1);
    CHECK(corridor.gates[1].waiters() == 0);
    co_await job;
    CHECK(corridor.given_up == 1);
}

EDDY_TEST_CASE("the last step wins against a cancellation of the same moment, also in a select") {
    for (const bool selected : {false, true}) {
        CAPTURE(selected);
        Corridor corridor;
        corridor.gates[0].open();
        eddy::CancelScope scope;
        Gate never_opened;
        auto job = eddy::spawn(
            [](Corridor& through, eddy::CancelScope& within, Gate& closed, bool in_select)
                -> Task<> {
                if (in_select) {
                    const auto got =
                        co_await eddy::with_scope(within, select(closed.wait(), through.walk()));
                    CHECK(got.has_value());
                    CHECK((!got || got->index() == 1));
                } else {
                    const auto walked = co_await eddy::with_scope(within, through.walk());
                    CHECK(walked.has_value());
                }
            },
            std::ref(corridor),
            std::ref(scope),
            std::ref(never_opened),
            selected);
        co_await settle();
        corridor.gates[1].open();
        scope.cancel();
        co_await job;
        CHECK(never_opened.waiters() == 0);
        CHECK(corridor.given_up == 0);
    }
}

EDDY_TEST_CASE(
    "a wait of several steps that loses a select keeps what it had, and leaves nothing") {
    Corridor corridor;
    Gate other;
    eddy::call_later(1ms, [&] {
        corridor.gates[0].open();
        other.open();  // the walk has taken its step, but not looked
    });
    const auto got = co_await select(corridor.walk(), other.wait());
    CHECK(got.index() == 1);
    CHECK(corridor.seen == 1);
    CHECK(corridor.given_up == 1);
    CHECK(corridor.gates[1].waiters() == 0);
    corridor.gates[1].open();
    const int rest = co_await corridor.walk();
    CHECK(rest == 7);
}

EDDY_TEST_CASE("what is thrown between two steps comes out of the await") {
    Corridor corridor;
    corridor.fails = true;
    eddy::call_later(1ms, [&] { corridor.gates[0].open(); });
    auto walk = corridor.walk();
    std::string text;
    try {
        static_cast<void>(co_await walk);
    } catch (const std::runtime_error& error) {
        text = error.what();
    }
    CHECK(text == "the floor is gone");
    corridor.fails = false;
    corridor.gates[1].open();
    const int again = co_await walk;
    CHECK(again == 7);
}
