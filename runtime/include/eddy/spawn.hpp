// SPDX-License-Identifier: MIT
#pragma once

#include <source_location>
#include <utility>

#include <eddy/detail/expression_task.hpp>
#include <eddy/loop.hpp>

namespace eddy::inline v0_1 {

/// Starts a job in the current loop's root group: it belongs to nobody, and ends with the loop at
/// the latest. Prefer `TaskGroup::spawn`, which waits for it.
///
/// Throws: `InvalidState` outside a loop, `LoopClosed` when the loop is ending.
template <class T>
JoinHandle<T> spawn(Task<T> task, std::source_location where = std::source_location::current()) {
    return Loop::current().spawn(std::move(task), where);
}
template <class T>
JoinHandle<T> spawn(Task<T> task, const SpawnOptions& options) {
    return Loop::current().spawn(std::move(task), options);
}
/// These do not compile, and say why.
template <class T>
JoinHandle<T> spawn(detail::ExpressionTask<T> task) {
    return spawn(Task<T>(task));
}
template <class T>
JoinHandle<T> spawn(detail::ExpressionTask<T> task, const SpawnOptions& options) {
    return spawn(Task<T>(task), options);
}
template <detail::AnyTask A, class First, class... Args>
    requires detail::NotSpawnDetail<First, Args...>
JoinHandle<void> spawn(A&&, First&&, Args&&...) {
    static_assert(detail::always_false<A>, EDDY_TASK_TAKES_OPTIONS_ONLY);
    return {};
}
template <class A>
    requires detail::AnyTask<std::remove_cvref_t<A>>
JoinHandle<void> spawn(const SpawnOptions&, A&&) {
    static_assert(detail::always_false<A>, EDDY_TASK_BEFORE_OPTIONS);
    return {};
}
template <class F>
    requires detail::HasOptionsBehind<F>
auto spawn(F&& fn, const SpawnOptions& options) {
    return Loop::current().spawn(std::forward<F>(fn), options);
}
/// Starts `fn(args...)`; callable and arguments are kept until the job has ended.
template <class F, class... Args>
    requires detail::NotTask<F>
auto spawn(F&& fn, Args&&... args) {
    return Loop::current().spawn(std::forward<F>(fn), std::forward<Args>(args)...);
}
template <class F, class... Args>
    requires detail::NotTask<F>
auto spawn(const SpawnOptions& options, F&& fn, Args&&... args) {
    return Loop::current().spawn(options, std::forward<F>(fn), std::forward<Args>(args)...);
}

}  // namespace eddy::inline v0_1
