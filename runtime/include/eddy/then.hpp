// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/outer_wait.hpp>
#include <eddy/select.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1 {

/// An operation whose result goes through a function; what `then` returns.
template <class Op, class F>
class EDDY_VISIBLE Then final : public detail::OuterWait {
public:
    static constexpr bool calls_out = detail::calls_out<Op>;
    static constexpr bool looks_again = detail::looks_again<Op>;
    static constexpr bool steps_call_out = detail::steps_call_out<Op>;
    static constexpr bool take_calls_out = true;  // fn
    static constexpr bool ends_with_expression = detail::ExpressionOperation<Op>;

    template <class Make>
    Then(Make&& make, F fn) : op_(std::forward<Make>(make)()), fn_(std::move(fn)) {}

    [[nodiscard]] bool try_now() {
        if (!op_.try_now()) {
            return false;
        }
        holds(op_);
        return true;
    }
    void start() { start_inner(op_); }
    decltype(auto) take() {
        left();
        if constexpr (std::is_void_v<decltype(op_.take())>) {
            op_.take();
            return std::invoke(fn_);
        } else {
            return std::invoke(fn_, op_.take());
        }
    }
    [[nodiscard]] const char* what() const noexcept override { return op_.what(); }

private:
    Op op_;
    F fn_;
};

/// Waits as the operation that `make()` makes, and gives `fn(its result)`: how a stream, a listener
/// or a queue of your own wraps another one, so that what it returns can still be selected.
///
///     auto read_some(std::span<std::byte> into) {
///         const auto count = [this](std::size_t length) { return bytes_ += length, length; };
///         return then([&] { return inner_.read_some(into); }, count);
///     }
///
/// An operation cannot be moved, so it is made where it stays: `make` is called once, inside this.
/// `fn` is called when the result is taken, for the job that waits; not if the wait was cancelled,
/// or lost in a `select`, or threw. What it throws comes out of the await. Inside another operation
/// (`BufferedReader::read_line` over the stream above) it is called as soon as that one takes the
/// result, of which it may need more than one, and then whatever becomes of that one.
///
/// Lifetime: what `fn` refers to outlives the await, and so does what the operation refers to.
/// Cost:     no allocation, a few nanoseconds.
template <class Make, class F>
[[nodiscard]] auto then(Make&& make, F&& fn) {
    using Op = std::invoke_result_t<Make>;
    static_assert(std::derived_from<Op, Waiter>,
                  "then takes a function that makes a wait operation of Eddy, and what to do with "
                  "its result; a task awaits, and goes on");
    static_assert(!detail::SelectsTemporaries<Op>,
                  "the operations of this select end with the function that made them: keep them, "
                  "and select among those");
    return Then<Op, std::decay_t<F>>(std::forward<Make>(make), std::forward<F>(fn));
}

}  // namespace eddy::inline v0_1
