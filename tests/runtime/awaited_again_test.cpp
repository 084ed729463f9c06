// SPDX-License-Identifier: MIT
// Operations are objects: what becomes of one that is awaited more than once, or by two. (Trials
// C1 to C3, C7; for each operation of the library see the wait matrix.)
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/join_set.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "test_kit.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Completion;
using eddy::from_callback;
using eddy::select;
using eddy::sleep_for;
using eddy::Task;
using eddy::testing::Gate;
using eddy::testing::HandOffLock;
using eddy::testing::settle;

template <class Op>
Task<> loses(Op& operation) {
    const auto got = co_await select(operation, sleep_for(1ms));
    CHECK(got.index() == 1);
}

Task<> passes(Gate::Wait& wait, bool& passed) {
    co_await wait;
    passed = true;
}

Task<std::string> how(Gate::Wait& wait) {
    std::string text = "passed";
    try {
        co_await wait;
    } catch (const eddy::InvalidState& error) {
        text = error.what();
    }
    co_return text;
}

Task<std::string> how_in_a_select(Gate::Wait& wait) {
    std::string text = "passed";
    try {
        const auto got = co_await select(sleep_for(1h), wait);
        CHECK(got.index() == 1);
    } catch (const eddy::InvalidState& error) {
        text = error.what();
    }
    co_return text;
}

/// Other frames come to lie where those of the losers were.
Task<> overwrite() {
    for (int i = 0; i < 4; ++i) {
        co_await sleep_for(1ns);
    }
}

}  // namespace

EDDY_TEST_CASE("a wait that lost a select whose frame is gone is awaited alone") {
    HandOffLock lock;
    std::optional<HandOffLock::Guard> held;
    held.emplace(co_await lock.acquire());
    auto acquire = lock.acquire();
    co_await loses(acquire);
    co_await overwrite();
    auto waiter = eddy::spawn([&]() -> Task<bool> {
        const HandOffLock::Guard mine = co_await acquire;
        co_return lock.held();
    });
    co_await settle();
    CHECK(lock.waiters() == 1);
    held.reset();
    const bool locked = co_await waiter;
    CHECK(locked);
    CHECK_FALSE(lock.held());
}

EDDY_TEST_CASE("a wait that lost a select that still lives is awaited alone") {
    HandOffLock lock;
    std::optional<HandOffLock::Guard> held;
    held.emplace(co_await lock.acquire());
    auto acquire = lock.acquire();
    auto moment = sleep_for(1ms);
    auto both = select(acquire, moment);
    const auto got = co_await both;
    CHECK(got.index() == 1);
    auto waiter = eddy::spawn([&]() -> Task<bool> {
        const HandOffLock::Guard mine = co_await acquire;
        co_return lock.held();
    });
    co_await settle();
    held.reset();
    const bool locked = co_await waiter;
    CHECK(locked);
    const auto again = co_await both;  // and the select too: the lock is free
    CHECK(again.index() == 0);
}

EDDY_TEST_CASE("the winner of a select is awaited alone afterwards") {
    HandOffLock lock;
    auto acquire = lock.acquire();
    {
        std::optional<HandOffLock::Guard> held;
        held.emplace(co_await lock.acquire());
        auto waiter = eddy::spawn([&]() -> Task<> {
            const auto got = co_await select(acquire, sleep_for(1h));
            CHECK(got.index() == 0);
        });
        co_await settle();
        held.reset();
        co_await waiter;
    }
    std::optional<HandOffLock::Guard> held;
    held.emplace(co_await lock.acquire());
    auto waiter =
        eddy::spawn([&]() -> Task<> { const HandOffLock::Guard mine = co_await acquire; });
    co_await settle();
    held.reset();
    co_await waiter;
    CHECK_FALSE(lock.held());
}

EDDY_TEST_CASE("the same operation twice in a select is one wait") {
    Gate gate;
    auto wait = gate.wait();
    auto waiter = eddy::spawn([&]() -> Task<std::size_t> {
        const auto got = co_await select(wait, wait, sleep_for(1h));
        co_return got.index();
    });
    co_await settle();
    CHECK(gate.waiters() == 1);
    gate.open();
    const std::size_t index = co_await waiter;
    CHECK(index == 0);
}

EDDY_TEST_CASE("two jobs in one operation: the second is told, the first goes on") {
    Gate gate;
    auto wait = gate.wait();
    bool passed = false;
    auto first = eddy::spawn(passes(wait, passed));
    co_await settle();
    const std::string alone = co_await how(wait);
    CHECK(alone.find("another job waits in this operation") != std::string::npos);
    const std::string selected = co_await how_in_a_select(wait);
    CHECK(selected.find("another job waits in this operation") != std::string::npos);
    CHECK(gate.waiters() == 1);
    gate.open();
    const std::string committed = co_await how(wait);  // granted, and the first has not run
    co_await first;
    CHECK(passed);
    const std::string later = co_await how(wait);
    CHECK(later == "passed");
    CHECK((committed == "passed" || committed.find("another job") != std::string::npos));
}

EDDY_TEST_CASE("a sleep awaited again sleeps again, in a select too") {
    const eddy::TimePoint start = eddy::now();
    auto nap = sleep_for(10ms);
    co_await nap;
    CHECK(eddy::now() - start == 10ms);
    co_await nap;
    CHECK(eddy::now() - start == 20ms);
    // The usual way to end a loop over a source that has fallen silent.
    auto silence = sleep_for(30ms);
    HandOffLock lock;
    int rounds = 0;
    std::size_t chosen = 0;
    while (chosen == 0) {
        std::optional<HandOffLock::Guard> held;
        held.emplace(co_await lock.acquire());
        auto acquire = lock.acquire();
        auto other = eddy::spawn([&held, &rounds]() -> Task<> {
            co_await sleep_for(++rounds <= 3 ? 20ms : 40ms);
            held.reset();
        });
        const auto got = co_await select(acquire, silence);
        chosen = got.index();
        co_await other;
    }
    CHECK(rounds == 4);
    CHECK(eddy::now() - start == 20ms + 3 * 20ms + 40ms);
}

EDDY_TEST_CASE("a yield and a checkpoint are awaited again") {
    auto turn = eddy::yield();
    auto check = eddy::checkpoint();
    for (int i = 0; i < 300; ++i) {
        co_await turn;
        co_await check;
    }
}

EDDY_TEST_CASE("a callback's wait awaited again asks again") {
    int starts = 0;
    std::optional<Completion<int>> pending;
    auto answer = from_callback<int>([&](Completion<int> done) {
        ++starts;
        pending = done;
    });
    for (int i = 0; i < 3; ++i) {
        auto waiter = eddy::spawn([&]() -> Task<int> { co_return co_await answer; });
        co_await eddy::yield();
        while (!pending) {
            co_await eddy::yield();
        }
        pending->resolve(i);
        pending.reset();
        const int got = co_await waiter;
        CHECK(got == i);
        CHECK(starts == i + 1);
    }
}

EDDY_TEST_CASE(
    "a callback's wait is awaited again after it failed, was dropped, aborted, or lost") {
    int starts = 0;
    std::optional<Completion<int>> pending;
    auto answer = from_callback<int>(
        [&](Completion<int> done) {
            if (++starts == 1) {
                throw std::runtime_error("not yet");
            }
            if (starts != 2) {
                pending = done;
            }
        },
        [&] {
            pending.reset();
            return eddy::Abort::done;
        });
    const auto tries = [&]() -> Task<std::string> {
        std::string text = "answered";
        try {
            static_cast<void>(co_await answer);
        } catch (const std::exception& error) {
            text = error.what();
        }
        co_return text;
    };
    const std::string thrown = co_await tries();
    CHECK(thrown == "not yet");
    const std::string dropped = co_await tries();
    CHECK(dropped.find("dropped") != std::string::npos);
    eddy::CancelScope scope;
    auto cancelled = eddy::spawn(eddy::with_scope(scope, tries()));
    while (!pending) {
        co_await eddy::yield();
    }
    scope.cancel();
    const auto nothing = co_await cancelled;
    CHECK_FALSE(nothing);
    Gate open;
    auto lost = eddy::spawn([&]() -> Task<std::size_t> {
        const auto got = co_await select(answer, open.wait());
        co_return got.index();
    });
    while (!pending) {
        co_await eddy::yield();
    }
    open.open();
    const std::size_t index = co_await lost;
    CHECK(index == 1);
    auto last = eddy::spawn(tries());
    while (!pending) {
        co_await eddy::yield();
    }
    pending->resolve(1);
    pending.reset();
    const std::string answered = co_await last;
    CHECK(answered == "answered");
    CHECK(starts == 5);
}

EDDY_TEST_CASE("what is started in a select looks again after a callback's start has run") {
    Gate gate;
    HandOffLock lock;
    eddy::JoinSet<> none;
    std::optional<Completion<void>> pending;
    std::optional<HandOffLock::Guard> held;
    held.emplace(co_await lock.acquire());
    const auto got = co_await select(from_callback<void>(
                                         [&](Completion<void> done) {
                                             gate.open();
                                             pending = std::move(done);
                                         },
                                         [&] {
                                             pending.reset();
                                             return eddy::Abort::done;
                                         }),
                                     gate.wait());
    CHECK(got.index() == 1);
    CHECK_FALSE(pending);
    const auto locked = co_await select(from_callback<void>(
                                            [&](Completion<void> done) {
                                                held.reset();
                                                pending = std::move(done);
                                            },
                                            [&] {
                                                pending.reset();
                                                return eddy::Abort::done;
                                            }),
                                        lock.acquire());
    CHECK(locked.index() == 1);
}
