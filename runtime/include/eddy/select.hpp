// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/lifetime_bound.hpp>
#include <eddy/detail/promise.hpp>
#include <eddy/detail/select_base.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// An operation `select` was given: it lives with the caller. `A` as of a forwarding reference.
template <class A>
class Selected final {
    static_assert(std::derived_from<std::remove_cvref_t<A>, Waiter>,
                  "select takes wait operations of Eddy, and handles that make one");
    static_assert(
        !std::is_lvalue_reference_v<A> || !ExpressionOperation<std::remove_cvref_t<A>>,
        "this refers to temporaries, which have ended with the expression that made them: "
        "nest it there, or name them first");

public:
    static constexpr bool refers_to_temporary = !std::is_lvalue_reference_v<A>;

    explicit Selected(A& op) noexcept : op_(&op) {}
    [[nodiscard]] A& op() noexcept { return *op_; }

private:
    std::remove_reference_t<A>* op_;
};

/// An operation that a handle makes on the spot: it lives here, with the handle if that is a
/// temporary that can be moved here.
template <class A>
    requires(!WaitOperation<std::remove_cvref_t<A>> && HasCoAwait<A>)
class Selected<A> final {
    static constexpr bool keeps_handle = std::is_move_constructible_v<A>;
    using Handle = std::conditional_t<keeps_handle, A, A&&>;

public:
    static constexpr bool refers_to_temporary = !keeps_handle;

    explicit Selected(A& handle)
        : handle_(static_cast<A&&>(handle)), op_(static_cast<A&&>(handle_).operator co_await()) {}
    Selected(const Selected&) = delete;
    Selected& operator=(const Selected&) = delete;
    [[nodiscard]] auto& op() noexcept { return op_; }

private:
    Handle handle_;  // A& for one with a name
    decltype(std::declval<A>().operator co_await()) op_;
};

/// For the compiler to go on with, of what is no operation. Never made.
class RefusedOperation : public Waiter {
public:
    [[nodiscard]] bool try_now();
    void start();
    void take();
    [[nodiscard]] const char* what() const noexcept override;

private:
    void unlink() noexcept override;
};
[[nodiscard]] RefusedOperation refused_operation();

/// What is no operation.
template <class A>
    requires(!WaitOperation<std::remove_cvref_t<A>> && !HasCoAwait<A>)
class Selected<A> final {
    static_assert(!AnyTask<std::remove_cvref_t<A>>,
                  "select waits on operations; a task has to run: use race, or spawn it and select "
                  "on the JoinHandle");
    static_assert(AnyTask<std::remove_cvref_t<A>>,
                  "select takes wait operations of Eddy, and handles that make one");

public:
    static constexpr bool refers_to_temporary = false;

    explicit Selected(A&) noexcept {}
    [[nodiscard]] RefusedOperation& op() noexcept;
};

template <class A>
using SelectedOp = std::remove_reference_t<decltype(std::declval<Selected<A>&>().op())>;

/// See `Waiter`: its `try_now` or `start` may run code of the user's.
template <class Op>
inline constexpr bool calls_out = [] {
    if constexpr (requires { Op::calls_out; }) {
        return Op::calls_out;
    } else {
        return false;
    }
}();

/// Its `take` may: whoever takes it before its own end, as a reader takes reads, calls out.
template <class Op>
inline constexpr bool take_calls_out = [] {
    if constexpr (requires { Op::take_calls_out; }) {
        return Op::take_calls_out;
    } else {
        return false;
    }
}();

/// Its `try_now` or `start` takes the results of others, and so may call what their `take` does.
template <class Op>
inline constexpr bool steps_call_out = [] {
    if constexpr (requires { Op::steps_call_out; }) {
        return Op::steps_call_out;
    } else {
        return false;
    }
}();

/// Before its own end, then, whoever goes through such operations step by step calls out.
template <class Op>
inline constexpr bool any_call_out = calls_out<Op> || take_calls_out<Op> || steps_call_out<Op>;

/// It refers to operations that end with the expression in which it was made.
template <class Op>
concept SelectsTemporaries = std::derived_from<Op, SelectBase> && ExpressionOperation<Op>;

/// Its `start` tries by itself.
template <class Op>
inline constexpr bool looks_again = [] {
    if constexpr (requires { Op::looks_again; }) {
        return Op::looks_again;
    } else {
        return calls_out<Op>;
    }
}();

/// What a select keeps of an operation's result: `monostate` for void, a pointer for a reference.
template <class R>
using SelectedResult = std::conditional_t<
    std::is_void_v<R>,
    std::monostate,
    std::conditional_t<std::is_reference_v<R>, std::add_pointer_t<R>, std::remove_cv_t<R>>>;

}  // namespace detail

/// A wait for the first of several operations; what `select` returns. `A` as of forwarding
/// references: what has a name is a `T&`.
template <class... A>
class EDDY_VISIBLE Select final : public detail::SelectBase {
    static_assert(sizeof...(A) != 0, "select needs something to wait for");

public:
    /// It may live no longer than they do: only a temporary can be awaited then.
    static constexpr bool ends_with_expression = (detail::Selected<A>::refers_to_temporary || ...);

    using Result = std::variant<
        detail::SelectedResult<decltype(std::declval<detail::Selected<A>&>().op().take())>...>;

    static constexpr bool calls_out = ((detail::calls_out<detail::SelectedOp<A>> ||
                                        detail::steps_call_out<detail::SelectedOp<A>>) ||
                                       ...);

    /// Nor is one tried again inside of it that must not be.
    static constexpr bool looks_again =
        calls_out || (detail::looks_again<detail::SelectedOp<A>> || ...);

    explicit Select(A&... ops) : selected_(ops...) {
        std::apply([this](auto&... held) { list_ = {&waiter(held.op())...}; }, selected_);
        operations_ = list_;
    }

    [[nodiscard]] bool try_now() { return try_each(std::index_sequence_for<A...>()); }
    void start() { start_each(std::index_sequence_for<A...>()); }
    [[nodiscard]] Result take() {
        taken();
        return take_from<0>();
    }

private:
    [[nodiscard]] static Waiter& waiter(Waiter& op) noexcept { return op; }
    template <std::size_t I>
    [[nodiscard]] auto& op() noexcept {
        return std::get<I>(selected_).op();
    }

    template <std::size_t... I>
    [[nodiscard]] bool try_each(std::index_sequence<I...>) {
        begin();
        return (try_one<I>() || ...);
    }
    template <std::size_t I>
    [[nodiscard]] bool try_one() {
        if (!op<I>().try_now()) {
            return false;
        }
        finished_at_once(I);
        return true;
    }

    /// Since it was tried, code of the user's may have changed what it waits for: of an operation
    /// in here, or beside it in another select.
    template <std::size_t I>
    static constexpr bool must_look_again =
        looks_again &&
        !detail::looks_again<detail::SelectedOp<std::tuple_element_t<I, std::tuple<A...>>>>;

    template <std::size_t I>
    [[nodiscard]] bool look_again() {
        if constexpr (must_look_again<I>) {
            if (must_look(calls_out) && op<I>().try_now()) {
                waiter(op<I>()).commit();
                return true;
            }
        }
        return false;
    }

    template <std::size_t... I>
    void start_each(std::index_sequence<I...>) {
        static_cast<void>((start_one<I>() && ...));
    }
    template <std::size_t I>
    [[nodiscard]] bool start_one() {
        if (!prepare(I)) {
            return true;
        }
        try {
            if (!look_again<I>()) {
                op<I>().start();
            }
        } catch (...) {
            if (start_failed(I)) {
                throw;
            }
            return false;
        }
        return started(I);
    }

    template <std::size_t I>
    [[nodiscard]] Result take_from() {
        if constexpr (I + 1 < sizeof...(A)) {
            if (winner_ != I) {
                return take_from<I + 1>();
            }
        }
        using R = decltype(op<I>().take());
        if constexpr (std::is_void_v<R>) {
            op<I>().take();
            return Result(std::in_place_index<I>);
        } else if constexpr (std::is_reference_v<R>) {
            auto&& result = op<I>().take();
            return Result(std::in_place_index<I>, std::addressof(result));
        } else {
            return Result(std::in_place_index<I>, op<I>().take());
        }
    }

    std::tuple<detail::Selected<A>...> selected_;
    std::array<Waiter*, sizeof...(A)> list_;
};

/// Waits until one of several operations can happen, and lets exactly that one happen.
///
///     const auto got = co_await select(queue.get(), stop.wait(), sleep_for(1s));
///     if (got.index() == 0) use(std::get<0>(got));
///
/// The first to be granted takes the others out of their queues at once: no item, permit or wake-up
/// is taken that is not returned. No job is spawned; for whole tasks see `race`, which cancels the
/// losers, but cannot undo what they had done.
///
/// Takes waits on primitives, sleeps and handles of jobs; gives a `variant` whose `index()` says
/// which happened, `monostate` for void, a pointer for a reference.
///
/// Throws:       what the chosen operation throws, or one of them when it is tried or queued; then
///               none has happened.
/// Cancellation: none has happened.
/// Order:        those that can finish at once are tried in the order of the arguments.
/// Lifetime:     it refers to its arguments, but keeps a handle that is a temporary (`spawn(...)`).
///               Operations that are temporaries, as above, end with the expression: the select is
///               then awaited in it, alone or inside others (`fail_after(1s, select(...))`). A
///               select whose operations all have names may have a name itself, and be awaited
///               again.
/// Cost:         no allocation; linear in the number of operations.
///
/// An operation on the outside world that is in flight (see `from_callback`) cannot be taken back:
/// when another one has won, or the job is cancelled, it is asked to end and waited for. What a
/// loser brings then is dropped.
template <class... A>
[[nodiscard]] Select<A...> select(A&&... operations EDDY_LIFETIMEBOUND) {
    return Select<A...>(operations...);
}

}  // namespace eddy::inline v0_1

#include <eddy/select_range.hpp>
