// SPDX-License-Identifier: MIT
// Closures in an expression with `co_await`. g++ 12 copies the bits of a temporary closure and
// destroys both copies; W1 to W5 are the ways around it.

#include <functional>
#include <utility>

#include "subjects.hpp"

namespace canary {
namespace {

template <typename Function, typename... Args>
Task<int> call_with(Function function, Args... args) {
    co_await pause();
    co_return function(args...);
}

template <typename Function>
Task<int> call_by_reference(const Function& function) {
    co_await pause();
    co_return function();
}

CANARY_CASE(guarded, "B2", closure_with_copy, 7) {
    const Tracked seven(7);
    const int result = co_await call([seven] { return seven.value(); });
    co_return result;
}

CANARY_CASE(guarded, "B2", closure_with_init_capture, 7) {
    const int result = co_await call([seven = Tracked(7)] { return seven.value(); });
    co_return result;
}

CANARY_CASE(guarded, "B2", closure_by_const_reference, 7) {
    const Tracked seven(7);
    const int result = co_await call_by_reference([seven] { return seven.value(); });
    co_return result;
}

CANARY_CASE(listed, "B2", closure_in_std_function, 7) {
    const Tracked seven(7);
    const int result = co_await call(std::function<int()>([seven] { return seven.value(); }));
    co_return result;
}

CANARY_CASE(listed, "B2", closure_called_at_once, 7) {
    const int result = co_await [seven = Tracked(7)]() -> Task<int> {
        co_await pause();
        co_return seven.value();
    }();
    co_return result;
}

CANARY_CASE(listed, "B2", await_in_init_capture, 7) {
    const auto closure = [seven = co_await Give<Tracked>(7)] { return seven.value(); };
    co_return closure();
}

CANARY_CASE(required, "B2", closure_with_trivial_captures, 7) {
    int three = 3;
    int four = 4;
    const int result = co_await call([three, &four, p = &four] { return three + four + *p - 4; });
    co_return result;
}

CANARY_CASE(required, "B2", closure_that_captures_by_reference, 7) {
    const Tracked seven(7);
    const int result = co_await call([&] { return seven.value(); });
    co_return result;
}

CANARY_CASE(required, "B2", coroutine_closure_by_reference, 7) {
    const Tracked seven(7);
    const int result = co_await [&]() -> Task<int> {
        co_await pause();
        co_return seven.value();
    }();
    co_return result;
}

// Workarounds W1 to W5.

CANARY_CASE(required, "W1", named_closure, 7) {
    auto closure = [seven = Tracked(7)] { return seven.value(); };
    const int result = co_await call(std::move(closure));
    co_return result;
}

CANARY_CASE(required, "W2", split_statement, 7) {
    auto task = call([seven = Tracked(7)] { return seven.value(); });
    const int result = co_await std::move(task);
    co_return result;
}

CANARY_CASE(required, "W3", state_as_arguments, 7) {
    const Tracked seven(7);
    const int result =
        co_await call_with([](const Tracked& value) { return value.value(); }, seven);
    co_return result;
}

CANARY_CASE(required, "W3", state_as_temporary_argument, 7) {
    const int result =
        co_await call_with([](const Tracked& value) { return value.value(); }, Tracked(7));
    co_return result;
}

CANARY_CASE(required, "W4", built_in_outer_closure, 7) {
    const Tracked seven(7);
    const int result =
        co_await [&]() -> decltype(auto) { return call([seven] { return seven.value(); }); }();
    co_return result;
}

auto make_closure(int value) {
    return [seven = Tracked(value)] { return seven.value(); };
}

CANARY_CASE(required, "W5", closure_from_factory, 7) {
    const int result = co_await call(make_closure(7));
    co_return result;
}

// The shape of `eddy::own(fn)`: a class with a constructor around the closure.
template <typename Function>
class Own final {
public:
    explicit Own(Function& function) : function_(std::move(function)) {}
    int operator()() const { return function_(); }

private:
    Function function_;
};

template <typename Function>
Own<Function> own(Function& function) {
    return Own<Function>(function);
}

CANARY_CASE(required, "W1", owned_closure, 7) {
    auto closure = [seven = Tracked(7)] { return seven.value(); };
    const int result = co_await call(own(closure));
    co_return result;
}

}  // namespace
}  // namespace canary
