// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/event.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/select.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/yield.hpp>

#include "exclusion_arena.hpp"

/// One suite for everything that only one job can have at a time: mutual exclusion, first come
/// first served, no barging, and the races of release, cancellation and newcomers.
///
///     struct SemaphoreExclusion {
///         Semaphore semaphore{1};
///         auto operation() { return semaphore.acquire(); }        // what is awaited: a guard
///         auto try_acquire() { return semaphore.try_acquire(); }  // optional<guard>
///         bool held() const;            // nobody could have it now
///         std::size_t waiters() const;
///         JobId owner() const;          // leave it out where there is none
///         void about_to_release();      // optional: called before each release, while it is held
///     };
///     EDDY_EXCLUSION_SUITE("Semaphore(1)", SemaphoreExclusion)
///
/// The guard gives it back when it goes. No job asks twice.

namespace eddy::testing::exclusion {

template <class Fixture>
Task<> wanders(Arena<Fixture>& arena, int number, int rounds) {
    std::mt19937 random(static_cast<unsigned>(number));
    const auto loiter = [](std::mt19937& dice) -> Task<> {
        for (auto i = dice() % 4; i > 0; --i) {
            co_await yield();
        }
    };
    for (int round = 0; round < rounds;) {
        co_await loiter(random);
        if (random() % 4 == 0) {
            const auto guard = arena.fixture.try_acquire();
            if (!guard) {
                continue;
            }
            const Visit<Fixture> visit(arena, number);
            co_await loiter(random);
        } else {
            const auto guard = co_await arena.fixture.operation();
            const Visit<Fixture> visit(arena, number);
            co_await loiter(random);
        }
        ++round;
    }
}

template <class Fixture>
Task<> excludes() {
    Arena<Fixture> arena;
    std::vector<JoinHandle<void>> jobs;
    for (int i = 0; i < 6; ++i) {
        jobs.push_back(spawn(wanders(arena, i, 20)));
    }
    for (auto& job : jobs) {
        co_await job;
    }
    CHECK(arena.order.size() == 120);
    co_await settle();
    expect_free(arena);
}

template <class Fixture>
Task<> in_order_of_arrival() {
    Arena<Fixture> arena;
    Held<Fixture> held(arena);
    Line<Fixture> line(arena);
    co_await line.grow(6);
    CHECK(arena.order.empty());
    CHECK(arena.fixture.waiters() == 6);
    held.release();
    CHECK(arena.order.empty());  // a release runs nothing
    co_await settle();
    CHECK(arena.order == numbers(0, 6));
    expect_free(arena);
}

/// From the release on it belongs to the first, although that one has not run yet.
template <class Fixture>
Task<> no_barging() {
    Arena<Fixture> arena;
    Held<Fixture> held(arena);
    Line<Fixture> line(arena);
    co_await line.grow(2);
    held.release();
    CHECK_FALSE(arena.fixture.try_acquire().has_value());
    line.come();  // under a random schedule this one may run first
    CHECK_FALSE(arena.fixture.try_acquire().has_value());
    CHECK(arena.order.empty());
    co_await settle();
    CHECK(arena.order == numbers(0, 3));
    expect_free(arena);
}

template <class Fixture>
Task<> try_takes_only_what_is_free() {
    Arena<Fixture> arena;
    bool refused = false;
    {
        Held<Fixture> held(arena);
        co_await spawn(
            [](Arena<Fixture>& a, bool& out) -> Task<> {
                out = !a.fixture.try_acquire().has_value();
                co_return;
            },
            std::ref(arena),
            std::ref(refused));
        held.release();
    }
    CHECK(refused);
    co_await settle();
    expect_free(arena);
}

template <class Fixture>
Task<> statistics_show_the_grant() {
    Arena<Fixture> arena;
    CHECK_FALSE(arena.fixture.held());
    Held<Fixture> held(arena);
    CHECK(arena.fixture.held());
    Line<Fixture> line(arena);
    co_await line.grow(2);
    held.release();
    CHECK(arena.fixture.held());
    CHECK(arena.fixture.waiters() == 1);
    CHECK(arena.owned_by(line[0].id()));
    line[1].scope.cancel();
    CHECK(arena.fixture.waiters() == 0);
    CHECK(arena.owned_by(line[0].id()));
    co_await settle();
    CHECK(arena.order == numbers(0, 1));
    expect_free(arena);
}

/// The first waiter is granted and cancelled in one step, in both orders, and a newcomer arrives.
template <class Fixture>
Task<> release_meets_cancel(bool release_first, int waiters) {
    Arena<Fixture> arena;
    Held<Fixture> held(arena);
    Line<Fixture> line(arena);
    co_await line.grow(waiters);
    if (release_first) {
        held.release();
        line[0].scope.cancel();
        CHECK(arena.owned_by(line[0].id()));
    } else {
        line[0].scope.cancel();
        held.release();
    }
    line.come();
    CHECK(arena.fixture.try_acquire().has_value() == (!release_first && waiters == 1));
    co_await settle();
    CHECK(arena.order == numbers(release_first ? 0 : 1, waiters + 1));
    CHECK(arena.ended.size() == static_cast<std::size_t>(waiters) + 1);  // nobody is stranded
    CHECK(line[0].scope.cancelled_caught());
    expect_free(arena);
}

template <class Fixture>
Task<> release_meets_cancels() {
    for (int waiters = 1; waiters <= 3; ++waiters) {
        CAPTURE(waiters);
        co_await release_meets_cancel<Fixture>(true, waiters);
        co_await release_meets_cancel<Fixture>(false, waiters);
    }
}

/// Everybody who waits is cancelled around the release; whoever comes later gets in.
template <class Fixture>
Task<> everybody_is_cancelled() {
    for (const bool release_first : {true, false}) {
        Arena<Fixture> arena;
        Held<Fixture> held(arena);
        Line<Fixture> line(arena);
        co_await line.grow(3);
        if (release_first) {
            held.release();
        }
        for (std::size_t i = 0; i < 3; ++i) {
            line[i].scope.cancel();
        }
        if (!release_first) {
            held.release();
        }
        co_await settle();
        CHECK(arena.order == numbers(0, release_first ? 1 : 0));
        CHECK(arena.ended.size() == 3);
        co_await line.grow(1);
        CHECK(arena.order.back() == 3);
        expect_free(arena);
    }
}

template <class Fixture>
Task<> cancel_storm() {
    Arena<Fixture> arena;
    Line<Fixture> line(arena);
    std::mt19937 random(5);
    std::size_t come = 0;
    for (int step = 0; step < 150; ++step) {
        if (random() % 2 == 0) {
            line.come();
            ++come;
        }
        if (random() % 3 == 0 && come != 0) {
            line[come - 1 - random() % std::min<std::size_t>(come, 4)].scope.cancel();
        }
        if (random() % 3 == 0) {
            co_await yield();
        }
    }
    co_await settle();
    CHECK(arena.ended.size() == come);
    expect_free(arena);
}

/// The guard is the capability: it may go in another job than the one that got it.
template <class Fixture>
Task<> released_elsewhere() {
    Arena<Fixture> arena;
    Held<Fixture> held(arena);
    Line<Fixture> line(arena);
    co_await line.grow(2);
    auto other = spawn(
        [](Arena<Fixture>& a, Guard<Fixture> guard) -> Task<> {
            const auto mine = std::move(guard);
            co_await yield();
            CHECK(a.order.empty());
            CHECK(a.fixture.held());
        },
        std::ref(arena),
        held.take());
    co_await other;
    co_await settle();
    CHECK(arena.order == numbers(0, 2));
    expect_free(arena);
}

template <class Fixture>
Task<> chooses(Arena<Fixture>& arena, Event& event, std::size_t& winner) {
    auto got = co_await select(arena.fixture.operation(), event.wait());
    winner = got.index();
    if (winner == 0) {
        const Guard<Fixture> guard = std::move(std::get<0>(got));
        const Visit<Fixture> visit(arena, 0);
    }
}

/// A wait that a select has not chosen takes nothing; one that it has chosen loses nothing.
template <class Fixture>
Task<> select_takes_all_or_nothing() {
    for (const bool release_first : {true, false}) {
        Arena<Fixture> arena;
        Event event;
        Held<Fixture> held(arena);
        std::size_t winner = 9;
        auto chooser = spawn(chooses(arena, event, winner));
        co_await settle();
        Line<Fixture> line(arena);
        co_await line.grow(1);
        if (release_first) {
            held.release();
            event.set();
        } else {
            event.set();
            held.release();
        }
        co_await chooser;
        CHECK(winner == (release_first ? 0 : 1));
        co_await settle();
        CHECK(arena.ended.size() == 1);
        expect_free(arena);
    }
}

}  // namespace eddy::testing::exclusion

#define EDDY_EXCLUSION_CASE(Fixture, name, body) \
    TEST_CASE(name) { ::eddy::testing::run_test(&::eddy::testing::exclusion::body<Fixture>); }

/// The test cases of the suite for one fixture; `subject` is a string literal, "Lock".
#define EDDY_EXCLUSION_SUITE(subject, Fixture)                                                   \
    EDDY_EXCLUSION_CASE(Fixture, subject " is held by one job at a time", excludes)              \
    EDDY_EXCLUSION_CASE(Fixture, subject " is granted in order of arrival", in_order_of_arrival) \
    EDDY_EXCLUSION_CASE(                                                                         \
        Fixture, subject " lets no newcomer in between a grant and its resumption", no_barging)  \
    EDDY_EXCLUSION_CASE(                                                                         \
        Fixture, subject " is refused to try_ while it is held", try_takes_only_what_is_free)    \
    EDDY_EXCLUSION_CASE(                                                                         \
        Fixture, subject " shows a grant in its statistics at once", statistics_show_the_grant)  \
    EDDY_EXCLUSION_CASE(Fixture,                                                                 \
                        subject                                                                  \
                        " survives a release and a cancel in one step "                          \
                        "(asyncio 27585, 32734, 45997, anyio 398, 1145)",                        \
                        release_meets_cancels)                                                   \
    EDDY_EXCLUSION_CASE(                                                                         \
        Fixture, subject " is free after all waiters were cancelled", everybody_is_cancelled)    \
    EDDY_EXCLUSION_CASE(Fixture, subject " survives a storm of cancellations", cancel_storm)     \
    EDDY_EXCLUSION_CASE(Fixture, subject " can be released by another job", released_elsewhere)  \
    EDDY_EXCLUSION_CASE(                                                                         \
        Fixture, subject " in a select is taken or left, never lost", select_takes_all_or_nothing)
