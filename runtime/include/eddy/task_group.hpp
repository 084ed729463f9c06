// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include <eddy/detail/check_call.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/job_line.hpp>
#include <eddy/detail/nursery.hpp>
#include <eddy/detail/spawner.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/outcome.hpp>
#include <eddy/own.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1 {

template <class V>
class Started;

namespace detail {
class GroupHost;
class JoinSetState;
class ServeRun;
}  // namespace detail

/// Jobs that belong together: whoever opened the group leaves it when all of them have ended.
///
///     co_await with_task_group([&](TaskGroup& group) -> Task<> {
///         group.spawn(serve(listener));
///         group.spawn(heartbeat(), {.name = "heartbeat"});
///         co_await stop.wait();
///         group.cancel("asked to stop");
///     });  // here nothing of it runs any more
///
/// The body counts as one of the jobs. It ends before the others do: they go on while the group
/// waits, after the body's locals have gone. The first failure cancels the others; when all have
/// ended, every failure comes out in one `ExceptionGroup`, in order of occurrence. A group that
/// `cancel` has ended throws nothing. For jobs that end one by one with results to collect, see
/// `JoinSet`; for a fixed set of tasks with results, `gather`.
///
/// Cancellation: a cancellation from outside reaches every job, the group waits for all of them,
///               and passes it on. Leaving is no checkpoint.
/// Order:        of jobs that are cancelled together those wake first that were spawned last; as
///               each then goes on to its next wait, nothing else is promised. What has to outlive
///               another goes into a group around it.
/// Throws:       everything: `WrongThread` off its loop; other threads `post`.
/// Lifetime:     valid inside the body and in the jobs. Children may refer to locals of the
///               function around the group, never to the body lambda's own, which end before the
///               children do.
/// Cost:         a spawn allocates nothing when the thread's pools are warm.
/// Source:       trio's nurseries, with `start` as theirs.
class EDDY_API TaskGroup final : private detail::Nursery, private detail::Spawner<TaskGroup> {
public:
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    /// Starts a job of the group. It runs up to its first checkpoint even if the group is cancelled
    /// already.
    ///
    /// Throws: `InvalidState` when the group has been left; the task is then destroyed unstarted.
    /// Forms: `spawn(task)`, `spawn(task, options)`, `spawn(fn, args...)`, `spawn(options, fn,
    ///        args...)`; a callable and its arguments are kept until the job has ended.
    using Spawner::spawn;

    /// Starts `fn(Started<V>, args...)` and waits until it calls `started(value)`; from then on the
    /// child belongs to the group. Until then it is the caller's: its failure is thrown here, raw,
    /// and whoever cancels the caller cancels it; the group does not notice. If the caller is
    /// cancelled together with the group, the child moves in all the same.
    ///
    ///     const int port = co_await group.start<int>(serve, address);
    ///
    /// Throws: `InvalidState` when the child returns without having called `started`.
    template <class V = void, class F, class... Args>
    [[nodiscard]] Task<V> start(F&& fn, Args&&... args);

    /// Cancels every job of the group, the body included. Repeating it does nothing.
    void cancel(std::string_view reason = {}) {
        require_same_loop("TaskGroup::cancel");
        scope.cancel(CancelSource::explicit_call, reason);
    }
    [[nodiscard]] bool cancel_called() const {
        require_same_loop("TaskGroup::cancel_called");
        return scope.cancel_called;
    }

    /// Jobs that run in it, the body not counted.
    [[nodiscard]] std::size_t size() const {
        require_same_loop("TaskGroup::size");
        return live;
    }

private:
    friend class detail::Spawner<TaskGroup>;
    friend class detail::GroupHost;
    friend class detail::JoinSetState;
    friend class detail::ServeRun;
    template <class V>
    friend class Started;

    TaskGroup() = default;
    ~TaskGroup();

    template <class T>
    JoinHandle<T> launch(detail::JobRef<detail::JobOf<T>> job,
                         std::string_view name,
                         const std::source_location& where) {
        detail::start_job(*this, *job, name, where);
        return JoinHandle<T>(std::move(job));
    }

    void child_ended(detail::Job& child) noexcept override;

    detail::JobLine failures_;  // failed children, each with a reference, in order
    bool interrupted_ = false;  // a cancellation from outside cost a child its result
};

namespace detail {

/// The caller's side of a group: enters it, takes the body's outcome, and leaves.
class EDDY_API GroupHost final {
public:
    GroupHost();
    GroupHost(const GroupHost&) = delete;
    GroupHost& operator=(const GroupHost&) = delete;
    ~GroupHost();

    [[nodiscard]] TaskGroup& group() noexcept { return group_; }

    /// The body ended; a failure cancels the rest.
    void body_ended(const std::exception_ptr& error);
    [[nodiscard]] Nursery::Join join() noexcept { return static_cast<Nursery&>(group_).join(); }

    /// All have ended: leaves the scope and throws what must be thrown. True: the body's
    /// `Cancelled` was absorbed.
    [[nodiscard]] bool leave();

private:
    [[noreturn]] void throw_failures(bool body_failed);
    TaskGroup group_;
    Job& job_;
    bool entered_ = true;
    std::exception_ptr body_error_;
    std::size_t failures_before_body_ = 0;
};

[[noreturn]] EDDY_API void throw_group_without_value();

template <class T, class F, class... Args>
Task<T> host_group(F fn, Args... args) {
    GroupHost host;
    std::optional<Outcome<T>> outcome;
    try {
        outcome.emplace(co_await outcome_of(std::invoke(fn, host.group(), std::move(args)...)));
    } catch (...) {  // a plain function, or one without a frame: it may have spawned all the same
        outcome.emplace(std::current_exception());
    }
    host.body_ended(outcome->error());
    co_await host.join();
    const bool absorbed = host.leave();
    if constexpr (std::is_void_v<T>) {
        co_return;
    } else {
        if (absorbed) {
            throw_group_without_value();
        }
        co_return outcome->value();
    }
}

}  // namespace detail

/// Runs `fn(group, args...)` with a new group and waits for all of its jobs; returns what the body
/// returned. See `TaskGroup`.
///
/// Throws: `ExceptionGroup` with every failure; `JobCancelled` when the group was cancelled by
///         `cancel` before a body that returns a value had one.
template <class F, class... Args>
[[nodiscard]] auto with_task_group(F&& fn, Args&&... args) {
    if constexpr (detail::check_task_call<F, TaskGroup&, std::decay_t<Args>...>()) {
        using T = detail::task_result_t<std::decay_t<F>&, TaskGroup&, std::decay_t<Args>...>;
        return detail::host_group<T, std::decay_t<F>, std::decay_t<Args>...>(
            std::forward<F>(fn), std::forward<Args>(args)...);
    } else {
        return detail::refused();
    }
}

}  // namespace eddy::inline v0_1

#include <eddy/started.hpp>
