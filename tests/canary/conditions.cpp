// SPDX-License-Identifier: MIT
// A `co_await` in a condition. In a function whose body declares nothing at
// all, g++ 12.2 lays the frame out wrongly: the coroutine hangs or crashes.

#include "harness.hpp"

namespace canary {
namespace {

CANARY_CASE(listed, "B1", if_without_declaration, 7) {
    if (co_await Give<bool>(1)) co_return 7;
    co_return 0;
}

CANARY_CASE(listed, "B1", endless_for_with_if, 7) {
    for (;;) {
        if (co_await Give<bool>(1)) break;
    }
    co_return 7;
}

CANARY_CASE(listed, "B1", while_without_declaration, 7) {
    while (!(co_await Give<bool>(1))) co_await pause();
    co_return 7;
}

CANARY_CASE(listed, "B1", for_without_declaration, 7) {
    for (; !(co_await Give<bool>(1));) co_await pause();
    co_return 7;
}

CANARY_CASE(listed, "B1", do_while_without_declaration, 7) {
    do {
        co_await pause();
    } while (!(co_await Give<bool>(1)));
    co_return 7;
}

CANARY_CASE(listed, "B1", switch_without_declaration, 7) {
    switch (co_await Give<int>(2)) {
        case 2:
            co_return 7;
        default:
            co_return 0;
    }
}

CANARY_CASE(listed, "B1", comparison_in_condition, 7) {
    if ((co_await Give<int>(3)) == 3) co_return 7;
    co_return 0;
}

CANARY_CASE(listed, "B1", condition_after_other_awaits, 7) {
    co_await pause();
    co_await pause();
    if (co_await Give<bool>(1)) co_return 7;
    co_return 0;
}

Task<int> with_parameters(int result, Tracked guard) {
    if (co_await Give<bool>(1)) co_return result + guard.value();
    co_return 0;
}

CANARY_CASE(listed, "B1", condition_with_parameters, 7) {
    const int result = co_await with_parameters(3, Tracked(4));
    co_return result;
}

template <typename T>
Task<int> in_template(T result) {
    if (co_await Give<bool>(1)) co_return result;
    co_return 0;
}

CANARY_CASE(listed, "B1", condition_in_template, 7) {
    const int result = co_await in_template(7);
    co_return result;
}

struct Member {
    Task<int> run() {
        if (co_await Give<bool>(1)) co_return result;
        co_return 0;
    }
    int result;
};

CANARY_CASE(listed, "B1", condition_in_member, 7) {
    Member member{7};
    const int result = co_await member.run();
    co_return result;
}

// The house style: name the value, then test the name.

CANARY_CASE(required, "B1", named_condition, 7) {
    const auto yes = co_await Give<bool>(1);
    if (yes) co_return 7;
    co_return 0;
}

CANARY_CASE(required, "B1", named_condition_in_endless_loop, 7) {
    for (;;) {
        const auto yes = co_await Give<bool>(1);
        if (yes) break;
    }
    co_return 7;
}

CANARY_CASE(required, "B1", declaration_in_if, 7) {
    if (const int seven = co_await Give<int>(7)) co_return seven;
    co_return 0;
}

CANARY_CASE(required, "B1", declaration_in_while, 7) {
    while (const int seven = co_await Give<int>(7)) co_return seven;
    co_return 0;
}

CANARY_CASE(required, "B1", awaits_in_statements_only, 7) {
    do {
        co_await pause();
    } while (!run.live.empty());
    co_return co_await Give<int>(7);
}

CANARY_CASE(required, "B1", awaits_in_return_expression, 7) {
    co_return (co_await Give<bool>(1)) && (co_await Give<bool>(1)) ? 7 : 0;
}

CANARY_CASE(required, "B1", range_for_over_await, 6) {
    int sum = 0;
    struct Three {
        explicit Three(int) {}
        const int* begin() const { return values; }
        const int* end() const { return values + 3; }
        int values[3] = {1, 2, 3};
    };
    for (const int value : co_await Give<Three>(0)) {
        co_await pause();
        sum += value;
    }
    co_return sum;
}

CANARY_CASE(required, "B1", condition_in_lambda, 7) {
    auto body = []() -> Task<int> {
        if (co_await Give<bool>(1)) co_return 7;
        co_return 0;
    };
    const int result = co_await body();
    co_return result;
}

}  // namespace
}  // namespace canary
