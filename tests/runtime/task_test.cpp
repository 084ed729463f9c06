// SPDX-License-Identifier: MIT
#include <eddy/task.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <eddy/error.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/yield.hpp>

namespace {

eddy::Task<int> number(int value) { co_return value; }
eddy::Task<> nothing() { co_return; }
eddy::Task<std::unique_ptr<int>> owned(int value) { co_return std::make_unique<int>(value); }
eddy::Task<std::string&> itself(std::string& text) { co_return text; }
eddy::Task<int> fails() {
    co_await nothing();
    throw std::runtime_error("no");
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wreturn-type"
#else
#pragma clang diagnostic ignored "-Wreturn-type"
#endif
eddy::Task<int> flows_off(bool now) {
    if (now) {
        co_return 1;
    }
}

eddy::Task<> holds(std::shared_ptr<int> parameter, bool& ran) {
    ran = true;
    static_cast<void>(parameter);
    co_return;
}

/// Where the stack is.
[[gnu::noinline]] std::intptr_t address_here() {
    return reinterpret_cast<std::intptr_t>(__builtin_frame_address(0));
}

eddy::Task<int> leaf(std::intptr_t base, std::intptr_t& deepest) {
    deepest = std::max(deepest, std::abs(base - address_here()));
    co_return 1;
}

eddy::Task<int> chain(int depth, std::intptr_t base, std::intptr_t& deepest, bool fail) {
    if (depth == 0) {
        deepest = std::max(deepest, std::abs(base - address_here()));
        co_await eddy::yield();
        if (fail) {
            throw std::runtime_error("from the bottom");
        }
        co_return 0;
    }
    const int below = co_await chain(depth - 1, base, deepest, fail);
    deepest = std::max(deepest, std::abs(base - address_here()));
    co_return below + 1;
}

}  // namespace

EDDY_TEST_CASE("a task returns a value, a move-only value, a reference or nothing") {
    const int value = co_await number(42);
    CHECK(value == 42);
    const auto pointer = co_await owned(7);
    CHECK(*pointer == 7);
    std::string text = "here";
    std::string& same = co_await itself(text);
    CHECK(&same == &text);
    co_await nothing();
}

EDDY_TEST_CASE("what a task throws comes out of its await") {
    std::string caught;
    try {
        const int value = co_await fails();
        CHECK(value == 0);
    } catch (const std::runtime_error& error) {
        caught = error.what();
    }
    CHECK(caught == "no");
}

EDDY_TEST_CASE("awaiting a task twice, or a moved-from one, is InvalidState") {
    eddy::Task<int> task = number(1);
    const int value = co_await std::move(task);
    CHECK(value == 1);
    CHECK_FALSE(task.valid());
    bool refused = false;
    try {
        const int again = co_await std::move(task);
        CHECK(again == 0);
    } catch (const eddy::InvalidState&) {
        refused = true;
    }
    CHECK(refused);
}

EDDY_TEST_CASE("a task that flows off its end without a value is InvalidState, not garbage") {
    bool refused = false;
    try {
        const int value = co_await flows_off(false);
        CHECK(value == 0);
    } catch (const eddy::InvalidState&) {
        refused = true;
    }
    CHECK(refused);
}

EDDY_TEST_CASE("a task that never runs destroys its parameters and nothing else") {
    auto parameter = std::make_shared<int>(1);
    bool ran = false;
    {
        const eddy::Task<> task = holds(parameter, ran);
        CHECK(parameter.use_count() == 2);
    }
    CHECK(parameter.use_count() == 1);
    CHECK_FALSE(ran);
    co_return;
}

EDDY_TEST_CASE_FIFO("ten million awaits of a finishing child do not grow the stack") {
    const std::intptr_t base = address_here();
    std::intptr_t deepest = 0;
    long long sum = 0;
    for (int i = 0; i < 10'000'000; ++i) {
        sum += co_await leaf(base, deepest);
    }
    CHECK(sum == 10'000'000);
    CHECK(deepest < 64 * 1024);
}

EDDY_TEST_CASE_FIFO("a chain of a hundred thousand tasks runs, and unwinds, in a bounded stack") {
    const std::intptr_t base = address_here();
    std::intptr_t deepest = 0;
    const int depth = co_await chain(100'000, base, deepest, false);
    CHECK(depth == 100'000);
    bool caught = false;
    try {
        const int none = co_await chain(100'000, base, deepest, true);
        CHECK(none == 0);
    } catch (const std::runtime_error&) {
        caught = true;
    }
    CHECK(caught);
    CHECK(deepest < 256 * 1024);
}

TEST_CASE("results and tasks have the promised types") {
    static_assert(!std::is_copy_constructible_v<eddy::Task<>>);
    static_assert(std::is_nothrow_move_constructible_v<eddy::Task<std::unique_ptr<int>>>);
    static_assert(std::is_same_v<eddy::Task<int>::value_type, int>);
    CHECK(sizeof(eddy::Task<>) == sizeof(void*));
}
