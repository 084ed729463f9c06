// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <source_location>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/job.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/nursery.hpp>
#include <eddy/own.hpp>
#include <eddy/spawn_options.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1::detail {

/// The loop of this thread; throws `InvalidState` naming `what` when there is none.
[[nodiscard]] EDDY_API LoopCore& require_loop(const char* what);
/// The running job; throws `InvalidState` naming `what` when called outside one.
[[nodiscard]] EDDY_API Job& require_job(const char* what);

/// A job that runs a task somebody made.
template <class T>
class TaskJob final : public JobOf<T> {
public:
    explicit TaskJob(Task<T>&& task) noexcept { this->set_root(*TaskAccess::release(task)); }
    void destroy() noexcept override {
        this->discard();
        delete this;
    }
};

/// A job made from a callable: keeps it and its arguments until the body has ended.
template <class T, class F, class... Args>
class CallJob final : public JobOf<T> {
public:
    template <class Fn, class... As>
    explicit CallJob(Fn&& fn, As&&... args) {
        Call& call = call_.emplace(std::forward<Fn>(fn), std::forward<As>(args)...);
        Task<T> task = std::apply(
            [&call](Args&... kept) { return std::invoke(call.fn, std::move(kept)...); }, call.args);
        this->set_root(*TaskAccess::release(task));
    }
    void discard() noexcept override {
        JobOf<T>::discard();
        call_.reset();
    }
    void forget_root() noexcept override {
        JobOf<T>::forget_root();
        call_.reset();
    }
    void destroy() noexcept override {
        discard();
        delete this;
    }

private:
    struct Call {
        template <class Fn, class... As>
        explicit Call(Fn&& callable, As&&... arguments)
            : fn(std::forward<Fn>(callable)), args(std::forward<As>(arguments)...) {}
        F fn;
        std::tuple<Args...> args;
    };

    std::optional<Call> call_;
};

/// Makes a job that is not alive yet; `LoopCore::admit` starts it.
template <class T>
[[nodiscard]] JobRef<JobOf<T>> make_job(Task<T>&& task) {
    if (!task.valid()) {
        throw_empty_task();
    }
    return JobRef<JobOf<T>>::adopt(*new TaskJob<T>(std::move(task)));
}

template <class F, class... Args>
[[nodiscard]] auto make_call_job(F&& fn, Args&&... args) {
    using T = task_result_t<std::decay_t<F>&, std::decay_t<Args>...>;
    using Made = CallJob<T, std::decay_t<F>, std::decay_t<Args>...>;
    return JobRef<JobOf<T>>::adopt(*new Made(std::forward<F>(fn), std::forward<Args>(args)...));
}

/// Numbers, names and links the job, and makes it ready. It never runs inside this call.
///
/// Throws: `InvalidState` when the nursery is closed, `LoopClosed` when the loop is; the job then
///         goes without having run.
EDDY_API void start_job(Nursery& nursery,
                        Job& job,
                        std::string_view name,
                        const std::source_location& where);

/// For `(fn, args...)` overloads beside one that takes a task.
template <class F>
concept NotTask =
    !is_task<std::remove_cvref_t<F>> && !std::is_same_v<std::remove_cvref_t<F>, SpawnOptions>;

/// Where a job made from a callable says it comes from: its coroutine.
[[nodiscard]] inline const std::source_location& origin_of(const Job& job) noexcept {
    return job.leaf->site;
}

}  // namespace eddy::inline v0_1::detail
