// SPDX-License-Identifier: MIT
// Aggregates in an expression with `co_await`: g++ 12 destroys them twice as well.

#include <array>
#include <string_view>
#include <utility>

#include "subjects.hpp"

namespace canary {
namespace {

Task<int> sum_reference(const Aggregate& aggregate) {
    co_await pause();
    co_return aggregate.value.value() + aggregate.more;
}

CANARY_CASE(listed, "B2", aggregate_by_value, 7) {
    const int result = co_await sum(Aggregate{Tracked(3), 4});
    co_return result;
}

CANARY_CASE(listed, "B2", aggregate_by_const_reference, 7) {
    const int result = co_await sum_reference(Aggregate{Tracked(3), 4});
    co_return result;
}

CANARY_CASE(listed, "B2", designated_initialisers, 7) {
    const int result = co_await sum({.value = Tracked(3), .more = 4});
    co_return result;
}

CANARY_CASE(listed, "B2", array_of_objects, 7) {
    const auto add = [](std::array<Tracked, 2> pair) -> Task<int> {
        co_await pause();
        co_return pair[0].value() + pair[1].value();
    };
    const int result = co_await add(std::array<Tracked, 2>{Tracked(3), Tracked(4)});
    co_return result;
}

CANARY_CASE(listed, "B2", aggregate_variable_from_await, 7) {
    Aggregate aggregate{co_await Give<Tracked>(3), co_await Give<int>(4)};
    co_return aggregate.value.value() + aggregate.more;
}

CANARY_CASE(listed, "B2", array_variable_from_await, 7) {
    Tracked pair[] = {Tracked(3), co_await Give<Tracked>(4)};
    co_return pair[0].value() + pair[1].value();
}

CANARY_CASE(listed, "B2", aggregate_in_parentheses, 7) {
    const int result = co_await sum(Aggregate(Tracked(3), 4));
    co_return result;
}

CANARY_CASE(listed, "B2", aggregate_beside_await, 7) {
    const auto sum_now = [](const Aggregate& aggregate) { return aggregate.value.value(); };
    const int result = sum_now({Tracked(3), 0}) + co_await Give<int>(4);
    co_return result;
}

struct Defaulted {
    Tracked value{3};
    int more = 4;
};

Task<int> sum_defaulted(const Defaulted& aggregate = {}) {
    co_await pause();
    co_return aggregate.value.value() + aggregate.more;
}

CANARY_CASE(listed, "B2", aggregate_default_argument, 7) {
    const int result = co_await sum_defaulted();
    co_return result;
}

struct AggregateAwaiter {
    Tracked value;
    [[nodiscard]] bool await_ready() const noexcept { return !run.suspending; }
    void await_suspend(std::coroutine_handle<> job) noexcept { run.pending = job; }
    [[nodiscard]] int await_resume() const { return value.value(); }
};

CANARY_CASE(listed, "B2", aggregate_awaiter, 7) {
    const int result = co_await AggregateAwaiter{Tracked(7)};
    co_return result;
}

struct Options {
    std::string_view name;
    int value = 0;
    const int* more = nullptr;
};

Task<int> use(Options options) {
    co_await pause();
    co_return options.value + *options.more + static_cast<int>(options.name.size());
}

CANARY_CASE(required, "B2", trivial_options, 7) {
    const int more = 3;
    const int result = co_await use({.name = "a", .value = 3, .more = &more});
    co_return result;
}

CANARY_CASE(required, "B2", trivial_options_default_argument, 7) {
    const auto with_default = [](int value, Options options = {.name = "ab"}) -> Task<int> {
        co_await pause();
        co_return value + static_cast<int>(options.name.size());
    };
    const int result = co_await with_default(5);
    co_return result;
}

class Fluent final {
public:
    Fluent() = default;
    Fluent& value(Tracked tracked) {
        sum_ += tracked.value();
        return *this;
    }
    [[nodiscard]] int sum() const { return sum_ + base_.value(); }

private:
    int sum_ = 0;
    Tracked base_{1};
};

CANARY_CASE(required, "B2", fluent_options, 7) {
    const auto read = [](Fluent options) -> Task<int> {
        co_await pause();
        co_return options.sum();
    };
    const int result = co_await read(Fluent().value(Tracked(2)).value(Tracked(4)));
    co_return result;
}

class Pair final {
public:
    Pair(Tracked first, int second) : first_(std::move(first)), second_(second) {}
    [[nodiscard]] int sum() const { return first_.value() + second_; }

private:
    Tracked first_;
    int second_;
};

CANARY_CASE(required, "B2", class_with_constructor_in_braces, 7) {
    const auto read = [](Pair pair) -> Task<int> {
        co_await pause();
        co_return pair.sum();
    };
    const int result = co_await read({Tracked(3), 4});
    co_return result;
}

Aggregate make_aggregate(int value, int more) { return Aggregate{Tracked(value), more}; }

CANARY_CASE(required, "W5", aggregate_from_factory, 7) {
    const int result = co_await sum(make_aggregate(3, 4));
    co_return result;
}

CANARY_CASE(required, "W1", named_aggregate, 7) {
    Aggregate aggregate{Tracked(3), 4};
    const int result = co_await sum(std::move(aggregate));
    co_return result;
}

Task<Aggregate> returns_aggregate() { co_return Aggregate{Tracked(3), 4}; }

CANARY_CASE(required, "B2", co_return_of_aggregate, 7) {
    const auto aggregate = co_await returns_aggregate();
    co_return aggregate.value.value() + aggregate.more;
}

Task<Aggregate> returns_aggregate_from_await() {
    co_return Aggregate{co_await Give<Tracked>(3), 4};
}

CANARY_CASE(listed, "B2", co_return_of_aggregate_from_await, 7) {
    const auto aggregate = co_await returns_aggregate_from_await();
    co_return aggregate.value.value() + aggregate.more;
}

}  // namespace
}  // namespace canary
