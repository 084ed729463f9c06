// SPDX-License-Identifier: MIT
// Other temporaries in an expression with `co_await`. g++ 12 destroys twice what `?:` makes.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "subjects.hpp"

namespace canary {
namespace {

CANARY_CASE(listed, "B2", ternary_with_await_arm, 7) {
    const bool yes = run.live.empty();
    const Tracked seven = yes ? co_await Give<Tracked>(7) : Tracked(0);
    co_return seven.value();
}

CANARY_CASE(listed, "B2", ternary_as_argument, 7) {
    const bool yes = run.live.empty();
    const int result = co_await get(yes ? Tracked(7) : Tracked(0));
    co_return result;
}

CANARY_CASE(listed, "B2", ternary_of_string_and_literal, 7) {
    const bool yes = run.live.empty();
    const std::string seven = "1234567 and more, so that it is on the heap";
    const auto size = [](std::string text) -> Task<int> {
        co_await pause();
        co_return text.size() > 7 ? 7 : 0;
    };
    const int result = co_await size(yes ? seven : "");
    co_return result;
}

CANARY_CASE(listed, "B2", ternary_of_tasks, 7) {
    const bool yes = run.live.empty();
    const int result = co_await (yes ? get(Tracked(7)) : get(Tracked(0)));
    co_return result;
}

CANARY_CASE(listed, "B2", ternary_with_throw, 7) {
    const bool yes = run.live.empty();
    const Tracked seven = yes ? co_await Give<Tracked>(7) : throw 1;
    co_return seven.value();
}

CANARY_CASE(required, "B2", ternary_of_names, 7) {
    const bool yes = run.live.empty();
    const Tracked three(3);
    const Tracked four(4);
    const int result =
        co_await get(yes ? three : four) + co_await get_reference(yes ? four : three);
    co_return result;
}

CANARY_CASE(required, "B2", ternary_in_co_return, 7) {
    const auto choose = [](bool yes) -> Task<Tracked> {
        co_await pause();
        co_return yes ? Tracked(7) : Tracked(0);
    };
    const Tracked result = co_await choose(run.live.empty());
    co_return result.value();
}

CANARY_CASE(required, "B2", ternary_of_scalars, 7) {
    const bool yes = run.live.empty();
    const int result = co_await Give<int>(yes ? 3 : 0) + (yes ? co_await Give<int>(4) : 0);
    co_return result;
}

CANARY_CASE(required, "B2", ternary_of_trivial_class, 7) {
    const bool yes = run.live.empty();
    const auto size = [](std::string_view text) -> Task<int> {
        co_await pause();
        co_return static_cast<int>(text.size());
    };
    const int result = co_await size(yes ? std::string_view("1234567") : std::string_view());
    co_return result;
}

// What must work.

CANARY_CASE(required, "B2", temporary_by_value, 7) {
    const int result = co_await get(Tracked(7));
    co_return result;
}

CANARY_CASE(required, "B2", temporary_by_const_reference, 7) {
    const int result = co_await get_reference(Tracked(7));
    co_return result;
}

CANARY_CASE(required, "B2", nested_awaits_in_arguments, 7) {
    const auto add = [](Tracked first, Tracked second) -> Task<int> {
        co_await pause();
        co_return first.value() + second.value();
    };
    const int result = co_await add(Tracked(co_await get(Tracked(3))), co_await Give<Tracked>(4));
    co_return result;
}

template <typename... Tasks>
Task<int> all(Tasks... tasks) {
    co_return (0 + ... + co_await std::move(tasks));
}

// What stands in the body of a closure is not part of the expression around it.
CANARY_CASE(required, "B2", bodies_of_closures, 7) {
    const Tracked seven(7);
    const auto run_body = [](auto body) -> Task<int> {
        const int result = co_await body();
        co_return result;
    };
    const int result = co_await run_body([&]() -> Task<int> {
        auto task = call([seven] { return seven.value(); });
        const bool yes = seven.value() == 7;
        const Tracked chosen = yes ? Tracked(0) : Tracked(1);
        Aggregate aggregate{Tracked(0), chosen.value()};
        const int zero = co_await sum(std::move(aggregate));
        co_return zero + co_await std::move(task);
    });
    co_return result;
}

CANARY_CASE(required, "B2", variadic_tasks, 6) {
    const int result = co_await all(get(Tracked(1)), get(Tracked(2)), get(Tracked(3)));
    co_return result;
}

CANARY_CASE(required, "B2", tuples_and_optionals, 7) {
    const auto add = [](std::tuple<Tracked, Tracked> pair,
                        std::optional<Tracked> more) -> Task<int> {
        co_await pause();
        co_return std::get<0>(pair).value() + std::get<1>(pair).value() + more->value();
    };
    const int result = co_await add(std::make_tuple(Tracked(1), Tracked(2)), Tracked(4));
    co_return result;
}

CANARY_CASE(watched, "B7", structured_binding, 7) {
    const auto read = []() -> Task<std::pair<Tracked, int>> {
        co_await pause();
        co_return std::pair<Tracked, int>(Tracked(3), 4);
    };
    const auto [value, more] = co_await read();
    co_await pause();
    co_return value.value() + more;
}

CANARY_CASE(required, "B2", string_concatenation, 7) {
    const auto size = [](std::string text) -> Task<int> {
        co_await pause();
        co_return text.size() == 60 ? 7 : 0;
    };
    const std::string thirty(30, 'x');
    const int result = co_await size(thirty + std::string(29, 'y') + "z");
    co_return result;
}

CANARY_CASE(required, "B3", trivial_array, 6) {
    const auto add = [](std::array<int, 3> values) -> Task<int> {
        co_await pause();
        co_return values[0] + values[1] + values[2];
    };
    const int result = co_await add(std::array{1, 2, 3});
    co_return result;
}

CANARY_CASE(required, "B3", await_for_each_of_a_list, 6) {
    int sum = 0;
    for (const int value : {1, 2, 3}) sum += co_await Give<int>(value);
    co_return sum;
}

CANARY_CASE(required, "B3", list_in_its_own_statement, 6) {
    const auto add = [](std::vector<int> values) -> Task<int> {
        co_await pause();
        co_return values[0] + values[1] + values[2];
    };
    std::vector<int> values{1, 2, 3};
    const int result = co_await add(std::move(values));
    co_return result;
}

CANARY_CASE(required, "W4", list_in_outer_closure, 6) {
    const auto add = [](std::vector<int> values) -> Task<int> {
        co_await pause();
        co_return values[0] + values[1] + values[2];
    };
    const int result = co_await [&]() -> decltype(auto) { return add({1, 2, 3}); }();
    co_return result;
}

}  // namespace
}  // namespace canary
