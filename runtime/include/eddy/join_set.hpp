// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <source_location>
#include <string_view>
#include <utility>

#include <eddy/detail/collecting_nursery.hpp>
#include <eddy/detail/completion_queue.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/nursery.hpp>
#include <eddy/detail/spawner.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/outcome.hpp>
#include <eddy/own.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// What a set and its jobs share: lives until the set is gone and the last job has ended.
///
/// The jobs count as jobs of the parent, a group or the loop's root, which waits for them.
///
/// Invariant: `scope` hangs below the parent's while `live != 0`, and is in no tree otherwise.
class EDDY_API JoinSetState final : public Nursery {
public:
    /// Null: the root group of the loop that spawns.
    explicit JoinSetState(TaskGroup* group) noexcept;

    void spawn(Job& job, std::string_view name, const std::source_location& where);
    void cancel_all(std::string_view reason);
    /// The set is destroyed: cancels what runs, reports what failed and was not collected.
    void set_gone() noexcept;

    /// Throws: `WrongThread` naming `what`.
    void check(const char* what) const { bound_.check(what); }
    /// The queue, checked.
    [[nodiscard]] CompletionQueue& ended_at(const char* what) {
        check(what);
        return ended;
    }

    CompletionQueue ended;

private:
    ~JoinSetState() = default;
    void child_ended(Job& child) noexcept override;
    void cancel_children(std::string_view reason) noexcept;
    void step_out() noexcept;
    void release() noexcept;

    LoopBound bound_;
    Nursery* group_;
    Nursery* parent_ = nullptr;  // where the jobs that live are counted
    std::size_t references_ = 1;
    bool orphaned_ = false;  // the set is gone
};

}  // namespace detail

/// Jobs that come and go, whose results are collected in the order in which they end.
///
///     co_await with_task_group([&](TaskGroup& group) -> Task<> {
///         JoinSet<Page> pages(group);
///         for (const Url& url : urls) pages.spawn(fetch, url);
///         while (true) {
///             std::optional<Outcome<Page>> page = co_await pages.join_next();
///             if (!page) break;                      // nothing runs, nothing is left
///             if (page->has_value()) show(page->value());
///         }
///     });
///
/// A job's failure goes to the set and cancels nobody, in contrast to `TaskGroup`. For a fixed
/// number of tasks, `gather` and `as_completed`.
///
/// Threading:    that of the loop it is made on, or first used on; elsewhere `WrongThread`, and the
///               destructor aborts.
/// Cancellation: that of the group reaches the jobs. A job that was cancelled is an outcome.
/// Lifetime:     with a group: jobs belong to it; spawn while the group lives. Without one: jobs
///               belong to the loop's root group and own what they touch. Destroying the set
///               cancels what still runs and does not wait for it: the group does, or the root
///               group. Failures are reported then.
/// Cost:         one allocation for the set; a spawn as in a group.
/// Source:       tokio's JoinSet.
template <class T = void>
class EDDY_VISIBLE JoinSet final : private detail::Spawner<JoinSet<T>> {
public:
    class Next;

    /// Its jobs run in the loop's root group.
    JoinSet() : state_(new detail::JoinSetState(nullptr)) {}
    /// Its jobs run in `group`.
    explicit JoinSet(TaskGroup& group) : state_(new detail::JoinSetState(&group)) {}
    JoinSet(const JoinSet&) = delete;
    JoinSet& operator=(const JoinSet&) = delete;
    ~JoinSet() { state_->set_gone(); }

    /// Jobs that run, and those that ended and were not collected.
    [[nodiscard]] std::size_t size() const { return state_->ended_at("JoinSet::size").size(); }
    [[nodiscard]] bool empty() const { return state_->ended_at("JoinSet::empty").exhausted(); }

    /// Starts a job of the set. The handle is for looking and cancelling; it may be dropped. If the
    /// result is taken through it, `join_next` has none.
    ///
    /// Throws: `InvalidState` when the group has been left, `LoopClosed` when the loop is ending.
    /// Forms: `spawn(task)`, `spawn(task, options)`, `spawn(fn, args...)`, `spawn(options, fn,
    ///        args...)`; a callable and its arguments are kept until the job has ended.
    using detail::Spawner<JoinSet>::spawn;

    /// Cancels every job that runs. Their outcomes are still collected, jobs that are spawned later
    /// are not affected.
    void cancel_all(std::string_view reason = {}) { state_->cancel_all(reason); }

    /// The outcome of the next job to end, or of the first that has ended; empty when there are no
    /// jobs. One outcome goes to one caller, callers are served in order of arrival.
    ///
    /// Cancellation: no outcome was taken.
    [[nodiscard]] Next join_next() noexcept { return Next(*state_); }

    /// The same without waiting: empty when no job has ended.
    [[nodiscard]] std::optional<Outcome<T>> try_join_next() {
        return outcome_of(state_->ended_at("JoinSet::try_join_next").pop());
    }

private:
    friend class detail::Spawner<JoinSet>;

    [[nodiscard]] static std::optional<Outcome<T>> outcome_of(
        const detail::JobRef<detail::Job>& job) {
        if (!job) {
            return std::nullopt;
        }
        return detail::outcome_of_job(static_cast<detail::JobOf<T>&>(*job));
    }

    JoinHandle<T> launch(detail::JobRef<detail::JobOf<T>> job,
                         std::string_view name,
                         const std::source_location& where) {
        state_->spawn(*job, name, where);
        return JoinHandle<T>(std::move(job));
    }

    detail::JoinSetState* state_;  // counted
};

template <class T>
class JoinSet<T>::Next final : public detail::CompletionQueue::Next {
public:
    explicit Next(detail::JoinSetState& set) noexcept
        : detail::CompletionQueue::Next(set.ended), set_(set) {}

    [[nodiscard]] bool try_now() {
        set_.check("JoinSet::join_next");
        return detail::CompletionQueue::Next::try_now();
    }
    [[nodiscard]] std::optional<Outcome<T>> take() {
        return outcome_of(detail::CompletionQueue::Next::take());
    }
    [[nodiscard]] const char* what() const noexcept override { return "JoinSet::join_next"; }

private:
    detail::JoinSetState& set_;
};

}  // namespace eddy::inline v0_1
