// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/own.hpp>
#include <eddy/task.hpp>
#include <eddy/with_scope.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// Throws what must come out of a body and its cleanup, if anything.
EDDY_API void throw_failures(const std::exception_ptr& body, const std::exception_ptr& cleanup);

template <class T, class C>
Task<T> host_cleanup(Task<T> body, Task<C> cleanup) {
    CancelScope shield({.shield = true});
    auto shielded = run_in_scope(shield, std::move(cleanup));  // its frame: now there is memory
    auto result = co_await outcome_of(std::move(body));
    auto cleaned = co_await outcome_of(std::move(shielded));
    throw_failures(result.error(), cleaned.error());
    if constexpr (std::is_void_v<T>) {
        result.value();
    } else {
        co_return result.value();
    }
}

}  // namespace detail

/// Runs `body`, then `cleanup`, however the body ended; returns the body's result.
///
///     co_await with_cleanup([&] { return talk(connection); },
///                           [&] { return connection.close_politely(); });
///
/// For cleanup that has to wait, which destructors and `catch` blocks cannot. Both are tasks, or
/// callables that return one. The cleanup runs exactly once, shielded from cancellation outside:
/// keep it short, or give it a timeout of its own.
///
/// Throws:       what the body threw; what the cleanup threw; when both failed, an `ExceptionGroup`
///               of the body's and the cleanup's failure. A `Cancelled` of the body gives way to a
///               failure of the cleanup.
/// Cancellation: reaches the body; comes out after the cleanup.
/// Lifetime:     the cleanup does not run if the body never started, or if the job is destroyed
///               because it ignored the loop's grace period.
template <class Body, class Cleanup>
[[nodiscard]] auto with_cleanup(Body&& body, Cleanup&& cleanup) {
    return detail::host_cleanup(detail::as_task(std::forward<Body>(body)),
                                detail::as_task(std::forward<Cleanup>(cleanup)));
}
/// The same with tasks that refer to temporaries (`fail_after(1s, queue.get())`): it is awaited in
/// the same expression then.
template <class T, class Cleanup>
[[nodiscard]] auto with_cleanup(detail::ExpressionTask<T> body, Cleanup&& cleanup) {
    return detail::ExpressionTask(with_cleanup(body.release(), std::forward<Cleanup>(cleanup)));
}
template <class Body, class C>
[[nodiscard]] auto with_cleanup(Body&& body, detail::ExpressionTask<C> cleanup) {
    return detail::ExpressionTask(with_cleanup(std::forward<Body>(body), cleanup.release()));
}
template <class T, class C>
[[nodiscard]] auto with_cleanup(detail::ExpressionTask<T> body, detail::ExpressionTask<C> cleanup) {
    return detail::ExpressionTask(with_cleanup(body.release(), cleanup.release()));
}

}  // namespace eddy::inline v0_1
