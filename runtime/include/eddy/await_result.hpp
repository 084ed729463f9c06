// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <eddy/detail/promise.hpp>
#include <eddy/task.hpp>

/// What awaiting something yields, for code that is generic over awaitables: a `Task`, a wait of a
/// primitive, or a handle that makes one.
///
///     template <class S>
///     concept Source = requires(S& source) {
///         { source.get() } -> AwaitsTo<int>;
///     };

namespace eddy::inline v0_1 {

namespace detail {

template <class A>
struct AwaitResult {};

template <class T>
struct AwaitResult<Task<T>> {
    using type = T;
};
template <class T>
struct AwaitResult<ExpressionTask<T>> {
    using type = T;
};
template <WaitOperation Op>
struct AwaitResult<Op> {
    using type = decltype(std::declval<Op&>().take());
};
template <class A>
    requires(!WaitOperation<A> && HasCoAwait<A>)
struct AwaitResult<A> {
    using type = decltype(std::declval<A>().operator co_await().take());
};

}  // namespace detail

/// The type of `co_await std::declval<A>()` in a task of Eddy; no such member for what cannot be
/// awaited there.
template <class A>
using await_result_t = typename detail::AwaitResult<std::remove_cvref_t<A>>::type;

/// Something a task of Eddy can await.
template <class A>
concept Awaitable = requires { typename await_result_t<A>; };

/// An awaitable that yields a `T`.
template <class A, class T>
concept AwaitsTo = Awaitable<A> && std::same_as<await_result_t<A>, T>;

}  // namespace eddy::inline v0_1
