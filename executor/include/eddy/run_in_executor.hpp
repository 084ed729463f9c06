// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

#include <eddy/offload.hpp>
#include <eddy/own.hpp>

namespace eddy {

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
    EDDY_CHECK_CALLABLE(F);
    using Node = detail::OffloadNode<std::decay_t<F>, std::decay_t<Args>...>;
    return Offload<typename Node::Result>(
        &executor, options, *new Node(std::forward<F>(fn), std::forward<Args>(args)...));
}
template <class F, class... Args>
    requires detail::OffloadCallable<F>
[[nodiscard]] auto run_in_executor(Executor& executor, F&& fn, Args&&... args) {
    EDDY_CHECK_CALLABLE(F);
    using Node = detail::OffloadNode<std::decay_t<F>, std::decay_t<Args>...>;
    return Offload<typename Node::Result>(
        &executor, OffloadOptions(), *new Node(std::forward<F>(fn), std::forward<Args>(args)...));
}

/// The same on the loop's default pool.
template <class F, class... Args>
    requires detail::OffloadCallable<F>
[[nodiscard]] auto run_in_executor(const OffloadOptions& options, F&& fn, Args&&... args) {
    EDDY_CHECK_CALLABLE(F);
    using Node = detail::OffloadNode<std::decay_t<F>, std::decay_t<Args>...>;
    return Offload<typename Node::Result>(
        nullptr, options, *new Node(std::forward<F>(fn), std::forward<Args>(args)...));
}
template <class F, class... Args>
    requires detail::OffloadCallable<F>
[[nodiscard]] auto run_in_executor(F&& fn, Args&&... args) {
    EDDY_CHECK_CALLABLE(F);
    using Node = detail::OffloadNode<std::decay_t<F>, std::decay_t<Args>...>;
    return Offload<typename Node::Result>(
        nullptr, OffloadOptions(), *new Node(std::forward<F>(fn), std::forward<Args>(args)...));
}

}  // namespace eddy
