// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include <eddy/detail/check_call.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1 {

namespace detail {

template <class R, class Key>
struct ResourceMakerOf {
    using Type = std::function<Task<R>(const Key&)>;
    template <class F>
    static constexpr bool callable = std::is_invocable_v<F&, const Key&>;
    template <class F>
    static constexpr bool returns_task =
        std::is_same_v<std::invoke_result_t<F&, const Key&>, Task<R>>;
};
template <class R>
struct ResourceMakerOf<R, void> {
    using Type = std::function<Task<R>()>;
    template <class F>
    static constexpr bool callable = std::is_invocable_v<F&>;
    template <class F>
    static constexpr bool returns_task = std::is_same_v<std::invoke_result_t<F&>, Task<R>>;
};

/// A `std::function` that says what it wants.
template <class R, class Key>
class EDDY_VISIBLE ResourceMaker final {
    using Of = ResourceMakerOf<R, Key>;

public:
    ResourceMaker() = default;
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, ResourceMaker>)
    // NOLINTNEXTLINE(google-explicit-constructor): `.make = [] { ... }`
    ResourceMaker(F&& fn) {
        if constexpr (check<std::decay_t<F>>()) {
            fn_ = std::forward<F>(fn);
        }
    }

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(fn_); }
    template <class... Keys>
    [[nodiscard]] Task<R> operator()(const Keys&... key) const {
        return fn_(key...);
    }

private:
    template <class F>
    static consteval bool check() {
        if constexpr (!Of::template callable<F>) {
            static_assert(Of::template callable<F> || !std::is_void_v<Key>,
                          "ResourceHooks::make of a pool without keys takes nothing: "
                          "[&]() -> Task<R> { ... }");
            static_assert(Of::template callable<F> || std::is_void_v<Key>,
                          "ResourceHooks::make of a pool with keys takes the key: "
                          "[&](const Key& key) -> Task<R> { ... }");
            return false;
        } else {
            static_assert(Of::template returns_task<F>,
                          "ResourceHooks::make returns a Task of the pool's resource: "
                          "[&]() -> Task<R> { co_return R(...); }");
            return Of::template returns_task<F>;
        }
    }

    typename Of::Type fn_;
};

}  // namespace detail

/// What a `ResourcePool<R, Key>` does with its resources. The pool keeps them until its last lease
/// and its last call of `acquire` have ended: captures live as long, what they refer to lives at
/// least as long.
///
///     ResourceHooks<Connection> hooks{.make = [&] { return Connection::connect(address); }};
template <class R, class Key = void>
struct EDDY_VISIBLE ResourceHooks {
    /// Makes one: `Task<R>()`, or `Task<R>(const Key&)` in a pool with keys, where the key outlives
    /// what is made. Runs in the job that acquires. What it throws comes out of that `acquire`.
    detail::ResourceMaker<R, Key> make;

    /// Optional: whether one that was idle for longer than `check_after` can still be used. Runs in
    /// the job that acquires. False, or an exception that is a `std::exception`: it is closed, and
    /// that `acquire` goes on with another one.
    std::function<Task<bool>(R&)> check = {};

    /// Optional: whether one that is given back is of no use to anybody. Called in the end of the
    /// lease; what it throws counts as true.
    std::function<bool(const R&)> broken = {};
};

}  // namespace eddy::inline v0_1
