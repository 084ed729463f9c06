// SPDX-License-Identifier: MIT
#pragma once

#include <source_location>
#include <utility>

#include <eddy/detail/check_call.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/spawn_options.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1::detail {

/// The ways to say `spawn`, for everything that starts jobs. `Derived` has
///
///     JoinHandle<T> launch(JobRef<JobOf<T>> job, std::string_view name, const source_location&);
///
/// which takes the job over and makes it ready, and which is what throws.
template <class Derived>
class Spawner {
public:
    /// Starts a job. It never runs inside this call.
    template <class T>
    auto spawn(Task<T> task, std::source_location where = std::source_location::current()) {
        return self().launch(make_job(std::move(task)), {}, where);
    }
    template <class T>
    auto spawn(Task<T> task, const SpawnOptions& options) {
        return self().launch(make_job(std::move(task)), options.name, options.where);
    }
    /// These do not compile, and say why.
    template <class T>
    auto spawn(ExpressionTask<T> task) {
        return spawn(Task<T>(task));
    }
    template <class T>
    auto spawn(ExpressionTask<T> task, const SpawnOptions& options) {
        return spawn(Task<T>(task), options);
    }
    template <AnyTask A, class First, class... Args>
        requires NotSpawnDetail<First, Args...>
    JoinHandle<void> spawn(A&&, First&&, Args&&...) {
        static_assert(always_false<A>, EDDY_TASK_TAKES_OPTIONS_ONLY);
        return {};
    }
    template <class A>
        requires AnyTask<std::remove_cvref_t<A>>
    JoinHandle<void> spawn(const SpawnOptions&, A&&) {
        static_assert(always_false<A>, EDDY_TASK_BEFORE_OPTIONS);
        return {};
    }
    template <class F>
        requires HasOptionsBehind<F>
    auto spawn(F&& fn, const SpawnOptions& options) {
        if constexpr (std::is_invocable_v<std::decay_t<F>&, SpawnOptions>) {
            return spawn(std::forward<F>(fn), SpawnOptions(options));  // its argument
        } else {
            static_assert(check_callable_kind<F>() && always_false<F>,
                          EDDY_OPTIONS_BEFORE_CALLABLE);
            return JoinHandle<void>();
        }
    }

    /// Starts `fn(args...)`; callable and arguments are kept until the job has ended.
    template <class F, class... Args>
        requires NotTask<F>
    auto spawn(F&& fn, Args&&... args) {
        if constexpr (check_task_call<F, std::decay_t<Args>...>()) {
            auto job = make_call_job(std::forward<F>(fn), std::forward<Args>(args)...);
            const auto where = origin_of(*job);
            return self().launch(std::move(job), {}, where);
        } else {
            return JoinHandle<void>();
        }
    }
    template <class F, class... Args>
        requires NotTask<F>
    auto spawn(const SpawnOptions& options, F&& fn, Args&&... args) {
        if constexpr (check_task_call<F, std::decay_t<Args>...>()) {
            return self().launch(make_call_job(std::forward<F>(fn), std::forward<Args>(args)...),
                                 options.name,
                                 options.where);
        } else {
            return JoinHandle<void>();
        }
    }

private:
    friend Derived;
    Spawner() = default;
    ~Spawner() = default;

    [[nodiscard]] Derived& self() noexcept { return static_cast<Derived&>(*this); }
};

}  // namespace eddy::inline v0_1::detail
