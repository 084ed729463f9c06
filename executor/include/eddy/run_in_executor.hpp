// SPDX-License-Identifier: MIT
#pragma once

#include <stop_token>
#include <type_traits>
#include <utility>

#include <eddy/detail/check_call.hpp>
#include <eddy/offload.hpp>
#include <eddy/own.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// A plain function, called in a pool as `fn(args...)`, or with a stop token in front.
template <class F, class... Args>
consteval bool check_offloaded_call() {
    using Kept = std::decay_t<F>&;
    if constexpr (!check_callable_kind<F>()) {
        return false;
    } else if constexpr (std::is_invocable_v<Kept, std::stop_token, Args...> ||
                         std::is_invocable_v<Kept, Args...>) {
        constexpr bool plain =
            !is_task<std::remove_cvref_t<offload_result_t<std::decay_t<F>, Args...>>>;
        static_assert(
            plain, "run_in_executor calls plain functions: a Task runs on its loop, so await it");
        EDDY_CHECK_CALLABLE(F);
        return plain && safe_in_await<F>;
    } else {
        static_assert(always_false<F>,
                      "run_in_executor: the function cannot be called with these arguments, as "
                      "rvalues (pass std::ref for a reference)");
        return false;
    }
}

/// `Op`: what waits for it, `Offload` or one that does the same otherwise.
template <template <class> class Op, class F, class... Args>
[[nodiscard]] auto make_offload(Executor* executor,
                                const OffloadOptions& options,
                                F&& fn,
                                Args&&... args) {
    if constexpr (check_offloaded_call<F, std::decay_t<Args>...>()) {
        using Node = OffloadNode<std::decay_t<F>, std::decay_t<Args>...>;
        return Op<typename Node::Result>(
            executor, options, *new Node(std::forward<F>(fn), std::forward<Args>(args)...));
    } else {
        return refused();
    }
}

}  // namespace detail

/// Calls `fn(args...)` on a worker thread while the loop goes on; the value of the `co_await` is
/// what it returns, and what it throws is thrown there.
///
///     const Digest digest = co_await run_in_executor(pool, sha256, std::move(bytes));
///
/// Without an executor: on the loop's own pool, see `default_pool`. `fn` may take a
/// `std::stop_token` first, as for `std::jthread`. Function and arguments are copied or moved into
/// the call and destroyed on the worker when it has ended, before its result is delivered; results
/// may be move-only, references or nothing.
///
/// Throws:       what `fn` throws; `ClosedResource` when the pool is shut down before it ran;
///               `IoError` when no thread can be started and there is none, or all of them wait for
///               loops; `LoopClosed` when the loop ends first; `InvalidState` for a pool that had
///               threads when this child was forked.
/// Cancellation: queued: withdrawn, it never runs. Running: its stop is requested, and the await
///               goes on until it has ended (see `OnCancel`). Ended: the value is returned. Stop
///               callbacks run on the loop thread, inside the cancel: keep them short.
/// Order:        of start: see `Priority`, else first in first out; a full queue lets jobs wait for
///               their slot in order of arrival.
/// Lifetime:     what `fn` refers to lives until the await ends. Should the loop's grace run out
///               first, `fn` goes on alone: it must then own what it touches.
/// Cost:         no heap allocation when the loop thread's pools are warm; one for a stop token.
template <class F, class... Args>
    requires detail::OffloadCallable<F>
[[nodiscard]] auto run_in_executor(Executor& executor,
                                   const OffloadOptions& options,
                                   F&& fn,
                                   Args&&... args) {
    return detail::make_offload<Offload>(
        &executor, options, std::forward<F>(fn), std::forward<Args>(args)...);
}
template <class F, class... Args>
    requires detail::OffloadCallable<F>
[[nodiscard]] auto run_in_executor(Executor& executor, F&& fn, Args&&... args) {
    return detail::make_offload<Offload>(
        &executor, OffloadOptions(), std::forward<F>(fn), std::forward<Args>(args)...);
}

/// The same on the loop's default pool.
template <class F, class... Args>
    requires detail::OffloadCallable<F>
[[nodiscard]] auto run_in_executor(const OffloadOptions& options, F&& fn, Args&&... args) {
    return detail::make_offload<Offload>(
        nullptr, options, std::forward<F>(fn), std::forward<Args>(args)...);
}
template <class F, class... Args>
    requires detail::OffloadCallable<F>
[[nodiscard]] auto run_in_executor(F&& fn, Args&&... args) {
    return detail::make_offload<Offload>(
        nullptr, OffloadOptions(), std::forward<F>(fn), std::forward<Args>(args)...);
}

}  // namespace eddy::inline v0_1
