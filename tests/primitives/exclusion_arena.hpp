// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/job_info.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/scope.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

/// Who and what takes part in the cases of `exclusion_suite.hpp`.

namespace eddy::testing::exclusion {

/// What the contestants share.
template <class Fixture>
struct Arena {
    Fixture fixture;
    int inside = 0;
    std::vector<int> order;  // who had it
    std::vector<int> ended;  // whose job is over, in whatever way

    [[nodiscard]] bool owned_by(JobId job) const {
        if constexpr (requires { fixture.owner(); }) {
            return fixture.owner() == job;
        } else {
            return true;
        }
    }
    void about_to_release() {
        if constexpr (requires { fixture.about_to_release(); }) {
            fixture.about_to_release();
        }
    }
};

template <class Fixture>
using Guard = decltype(std::declval<Fixture&>().operation().take());

/// The critical section: alone in it, and it is held.
template <class Fixture>
class Visit final {
public:
    Visit(Arena<Fixture>& arena, int number) : arena_(arena) {
        CHECK(arena_.inside == 0);
        CHECK(arena_.fixture.held());
        ++arena_.inside;
        arena_.order.push_back(number);
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() {
        --arena_.inside;
        arena_.about_to_release();
    }

private:
    Arena<Fixture>& arena_;
};

template <class Fixture>
class Ended final {
public:
    Ended(Arena<Fixture>& arena, int number) : arena_(arena), number_(number) {}
    Ended(const Ended&) = delete;
    Ended& operator=(const Ended&) = delete;
    ~Ended() { arena_.ended.push_back(number_); }

private:
    Arena<Fixture>& arena_;
    int number_;
};

/// Goes in once and stays for some yields.
template <class Fixture>
Task<> contestant(Arena<Fixture>& arena, int number, int stay) {
    const Ended<Fixture> ended(arena, number);
    const auto guard = co_await arena.fixture.operation();
    const Visit<Fixture> visit(arena, number);
    for (int i = 0; i < stay; ++i) {
        co_await yield();
    }
}

/// A contestant that the test can cancel.
template <class Fixture>
class Entrant final {
public:
    CancelScope scope;

    Entrant(Arena<Fixture>& arena, int number)
        : handle_(spawn(with_scope(scope, contestant(arena, number, 1)))) {}
    [[nodiscard]] JobId id() const { return handle_.id(); }

private:
    JoinHandle<bool> handle_;
};

/// Entrants that arrive one after the other, whatever the schedule.
template <class Fixture>
class Line final {
public:
    explicit Line(Arena<Fixture>& arena) : arena_(arena) {}
    Task<> grow(int count) {
        for (int i = 0; i < count; ++i) {
            come();
            co_await settle();
        }
    }
    void come() {
        entrants_.push_back(
            std::make_unique<Entrant<Fixture>>(arena_, static_cast<int>(entrants_.size())));
    }
    Entrant<Fixture>& operator[](std::size_t index) { return *entrants_[index]; }

private:
    Arena<Fixture>& arena_;
    std::vector<std::unique_ptr<Entrant<Fixture>>> entrants_;
};

/// Held by the test itself, which is no contestant.
template <class Fixture>
class Held final {
public:
    explicit Held(Arena<Fixture>& arena) : arena_(arena), guard_(arena.fixture.try_acquire()) {
        REQUIRE(guard_.has_value());
    }
    void release() {
        arena_.about_to_release();
        guard_.reset();
    }
    /// The guard, for somebody else.
    Guard<Fixture> take() {
        Guard<Fixture> guard = std::move(*guard_);
        guard_.reset();
        return guard;
    }

private:
    Arena<Fixture>& arena_;
    std::optional<Guard<Fixture>> guard_;
};

/// Nobody has it or waits for it, and it can be had.
template <class Fixture>
void expect_free(Arena<Fixture>& arena) {
    CHECK_FALSE(arena.fixture.held());
    CHECK(arena.fixture.waiters() == 0);
    CHECK(arena.inside == 0);
    CHECK(arena.fixture.try_acquire().has_value());
    CHECK_FALSE(arena.fixture.held());
}

[[nodiscard]] inline std::vector<int> numbers(int from, int to) {
    std::vector<int> all;
    for (int i = from; i < to; ++i) {
        all.push_back(i);
    }
    return all;
}

}  // namespace eddy::testing::exclusion
