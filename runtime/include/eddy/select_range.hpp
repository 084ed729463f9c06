// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include <eddy/detail/export.hpp>
#include <eddy/detail/outer_wait.hpp>
#include <eddy/detail/promise.hpp>
#include <eddy/detail/select_base.hpp>
#include <eddy/select.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1 {

/// Which operation of a list has happened, and what it gave.
template <class R>
struct EDDY_VISIBLE SelectedOne {
    std::size_t index;
    R value;
};
template <>
struct EDDY_VISIBLE SelectedOne<void> {
    std::size_t index;
};

namespace detail {

/// What a range of operations, or of pointers to them, refers to.
template <class Op>
class ListedOperation final {
public:
    using type = Op;
    explicit ListedOperation(Op& op) noexcept : op_(&op) {}
    [[nodiscard]] Op& operator*() const noexcept { return *op_; }

private:
    Op* op_;
};

/// An operation that was made for the select; it is pinned, and the list of them grows.
template <class Op>
class ListMadeOperation final {
public:
    using type = Op;
    template <class Make>
    // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): it is never copied
    explicit ListMadeOperation(Make&& make) : op_(std::make_unique<OperationSlot<Op>>()) {
        op_->emplace(std::forward<Make>(make));
    }
    [[nodiscard]] Op& operator*() const noexcept { return **op_; }

private:
    std::unique_ptr<OperationSlot<Op>> op_;
};

template <class E>
inline constexpr bool is_operation_pointer = false;
template <WaitOperation Op>
inline constexpr bool is_operation_pointer<Op*> = true;

template <class R>
using RangeElement = std::remove_cvref_t<std::ranges::range_reference_t<R>>;

/// A list that `select` can wait on: its elements stay where they are until the await ends.
template <class R>
concept SelectableRange =
    std::ranges::forward_range<R> && !WaitOperation<std::remove_cvref_t<R>> && !HasCoAwait<R> &&
    (WaitOperation<RangeElement<R>> || is_operation_pointer<RangeElement<R>> ||
     HasCoAwait<std::ranges::range_reference_t<R>>);

/// Something that makes an operation of each element.
template <class Make, class R>
concept OperationMaker =
    std::ranges::forward_range<R> && std::invocable<Make&, std::ranges::range_reference_t<R>>;

/// None yet, and room for one of each element.
template <class Held, class R>
[[nodiscard]] std::vector<Held> room_for(R& elements) {
    std::vector<Held> held;
    held.reserve(static_cast<std::size_t>(std::ranges::distance(elements)));
    return held;
}

}  // namespace detail

/// A wait for the first of a list of operations of one kind; what `select` of a range returns.
template <class Held>
class EDDY_VISIBLE SelectRange final : public detail::SelectBase {
    using Op = typename Held::type;
    using R = std::remove_cv_t<decltype(std::declval<Op&>().take())>;

public:
    static constexpr bool calls_out = detail::calls_out<Op> || detail::steps_call_out<Op>;
    static constexpr bool looks_again = calls_out || detail::looks_again<Op>;
    using Result =
        SelectedOne<std::conditional_t<std::is_reference_v<R>, std::add_pointer_t<R>, R>>;

    explicit SelectRange(std::vector<Held> held) : held_(std::move(held)) {
        if (held_.empty()) {
            throw std::invalid_argument("select needs something to wait for: the list is empty");
        }
        list_.reserve(held_.size());
        for (const Held& one : held_) {
            list_.push_back(&*one);
        }
        operations_ = list_;
    }

    [[nodiscard]] bool try_now() {
        begin();
        for (std::size_t i = 0; i < held_.size(); ++i) {
            const bool finished = (*held_[i]).try_now();
            if (finished) {
                finished_at_once(i);
                return true;
            }
        }
        return false;
    }
    void start() {
        for (std::size_t i = 0; i < held_.size() && start_one(i); ++i) {
        }
    }
    [[nodiscard]] Result take() {
        taken();
        Op& winner = *held_[winner_];
        if constexpr (std::is_void_v<R>) {
            winner.take();
            return Result{winner_};
        } else if constexpr (std::is_reference_v<R>) {
            auto&& referred = winner.take();
            return Result{winner_, std::addressof(referred)};
        } else {
            return Result{winner_, winner.take()};
        }
    }

private:
    /// False: one has happened, start no more.
    [[nodiscard]] bool start_one(std::size_t index) {
        if (!prepare(index)) {
            return true;
        }
        try {
            if (!look_again(index)) {
                (*held_[index]).start();
            }
        } catch (...) {
            if (start_failed(index)) {
                throw;
            }
            return false;
        }
        return started(index);
    }

    /// Since it was tried, code of the user's may have changed what it waits for.
    [[nodiscard]] bool look_again(std::size_t index) {
        if constexpr (calls_out && !detail::looks_again<Op>) {
            if (must_look(calls_out) && (*held_[index]).try_now()) {
                list_[index]->commit();
                return true;
            }
        }
        return false;
    }

    std::vector<Held> held_;
    std::vector<Waiter*> list_;
};

/// `select` over a list whose size is known at run time: the first that can happen does, and no
/// other. The list is one of operations, of pointers to them, or of handles.
///
///     std::vector<JoinHandle<Page>> fetches;
///     const auto first = co_await select(fetches);
///     use(first.index, first.value);  // what fetches[first.index] gave
///
/// With a function, of anything that it can make an operation from:
///
///     std::vector<Queue<Item>*> keys;
///     const auto got = co_await select(keys, [](Queue<Item>* queue) { return queue->get(); });
///
/// Gives the place in the list, `index`, and what the operation gave, `value`: a pointer for a
/// reference, no such member for void. In everything else it is the `select` of arguments, whose
/// header says the rest: those that can finish at once are tried in the order of the list.
///
/// Throws:   `std::invalid_argument` for an empty list: it would wait for ever.
/// Lifetime: as for the arguments of `select`: the list, where it is not a view, and what its
///           operations refer to outlive the await. A select that has a name may be awaited again.
/// Cost:     two allocations, and one for each operation that it makes; linear in their number.
template <detail::SelectableRange R>
    requires(std::is_lvalue_reference_v<R> || std::ranges::borrowed_range<R>)
[[nodiscard]] auto select(R&& operations EDDY_LIFETIMEBOUND) {
    using Element = detail::RangeElement<R>;
    if constexpr (detail::WaitOperation<Element>) {
        auto held = detail::room_for<detail::ListedOperation<Element>>(operations);
        for (auto& operation : operations) {
            held.emplace_back(operation);
        }
        return SelectRange(std::move(held));
    } else if constexpr (detail::is_operation_pointer<Element>) {
        auto held =
            detail::room_for<detail::ListedOperation<std::remove_pointer_t<Element>>>(operations);
        for (auto* operation : operations) {
            held.emplace_back(*operation);
        }
        return SelectRange(std::move(held));
    } else {
        using Op = decltype((*std::ranges::begin(operations)).operator co_await());
        auto held = detail::room_for<detail::ListMadeOperation<Op>>(operations);
        for (auto&& handle : operations) {
            held.emplace_back([&handle] { return handle.operator co_await(); });
        }
        return SelectRange(std::move(held));
    }
}

/// The same for what `make` makes of each element.
template <std::ranges::forward_range R, detail::OperationMaker<R> Make>
    requires(!detail::Operation<R> && !detail::Operation<Make>)
[[nodiscard]] auto select(R&& elements EDDY_LIFETIMEBOUND, Make&& make) {
    using Op = std::invoke_result_t<Make&, std::ranges::range_reference_t<R>>;
    static_assert(detail::WaitOperation<Op>,
                  "the function that select is given makes an operation of each element");
    static_assert(!detail::SelectsTemporaries<Op>,
                  "the operations of this select end with the function that made them: keep them, "
                  "and select among those");
    auto held = detail::room_for<detail::ListMadeOperation<Op>>(elements);
    for (auto&& element : elements) {
        held.emplace_back([&] { return std::invoke(make, element); });
    }
    return SelectRange(std::move(held));
}

/// A list of tasks is refused as a task is.
template <std::ranges::forward_range R>
    requires detail::AnyTask<detail::RangeElement<R>>
[[nodiscard]] detail::RefusedOperation select(R&& tasks) {
    static_assert(!detail::AnyTask<detail::RangeElement<R>>,
                  "select waits on operations; a task has to run: use race, or spawn them and "
                  "select on the JoinHandles");
    static_cast<void>(tasks);
    return detail::refused_operation();
}

}  // namespace eddy::inline v0_1
