// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <functional>
#include <source_location>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <eddy/detail/export.hpp>
#include <eddy/detail/job.hpp>
#include <eddy/detail/nursery.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/outcome.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1::detail {

/// The scope of a combinator's children, in which the combinator's own coroutine waits for them:
/// what `gather`, `race`, `as_completed` and `map_bounded` have in common.
///
///     GatherNursery nursery("suppressed by gather: job", place);
///     nursery.start(*job); ...
///     co_await nursery.join();
///     nursery.leave();  // throws the first failure, or Cancelled
///
/// The job that waits does not enter the scope itself: cancelling the children does not touch it.
///
/// Requires: between construction and `join`, nothing throws past it.
class EDDY_API CollectingNursery : public Nursery {
public:
    /// Starts a child. Not to be able to counts as a failure, after which nothing more starts.
    void start(Job& job) noexcept;

    /// The first failure is kept for the caller and cancels the rest; later ones are reported.
    void fail(const Job* job, std::exception_ptr error) noexcept;
    [[nodiscard]] bool failed() const noexcept { return first_error_ != nullptr; }

    /// Reports the failure of a child whose outcome the caller does not get to see.
    void suppress(const Job& job) noexcept;

    void cancel_rest(CancelSource source, std::string_view reason) noexcept;

    /// A cancellation from outside cost a child its result.
    [[nodiscard]] bool interrupted() const noexcept { return interrupted_; }

    /// All children have ended: leaves the scope. Throws the first failure, else `Cancelled` if
    /// interrupted.
    void leave();

protected:
    /// `report` says where a suppressed failure comes from; a literal.
    /// `place`: see `caller_place`; what children say they come from.
    explicit CollectingNursery(std::string_view report, const std::source_location& place);
    ~CollectingNursery() { leave_scope(); }

    /// True, and noted, when `child` was cancelled with the scopes around it, not for itself.
    bool note_interrupted(const Job& child) noexcept;
    /// The caller gets a result all the same.
    void forget_interruption() noexcept { interrupted_ = false; }

private:
    void leave_scope() noexcept;

    std::string_view report_;
    std::source_location place_;
    Job& host_;
    std::exception_ptr first_error_;
    bool interrupted_ = false;
    bool start_failed_ = false;
    bool entered_ = true;
};

/// All or nothing: the first failure cancels the rest.
class EDDY_API GatherNursery final : public CollectingNursery {
public:
    explicit GatherNursery(std::string_view report, const std::source_location& place)
        : CollectingNursery(report, place) {}

private:
    void child_ended(Job& child) noexcept override;
};

/// Everybody's outcome counts, failures included.
class EDDY_API SettledNursery final : public CollectingNursery {
public:
    explicit SettledNursery(std::string_view report, const std::source_location& place)
        : CollectingNursery(report, place) {}

private:
    void child_ended(Job& child) noexcept override;
};

/// Why a job that has ended has no value: its failure, or `JobCancelled`.
[[nodiscard]] EDDY_API std::exception_ptr error_of(const Job& job) noexcept;

/// How a job ended, its value moved out.
template <class T>
[[nodiscard]] Outcome<T> outcome_of_job(JobOf<T>& job) {
    job.collected = true;
    if (!job.value) {
        std::exception_ptr error = error_of(job);
        if (job.state == JobState::cancelled) {
            return Outcome<T>::job_cancelled(std::move(error));
        }
        return Outcome<T>(std::move(error));
    }
    Outcome<T> outcome(std::move(*job.value));
    if constexpr (!std::is_void_v<T>) {
        job.value.reset();
    }
    return outcome;
}

/// What a result of type T is in a vector or a variant.
template <class T>
using Element =
    std::conditional_t<std::is_void_v<T>,
                       std::monostate,
                       std::conditional_t<std::is_reference_v<T>,
                                          std::reference_wrapper<std::remove_reference_t<T>>,
                                          T>>;

template <class T>
[[nodiscard]] Element<T> take_element(JobOf<T>& job) {
    if constexpr (std::is_void_v<T>) {
        take_result(job);
        return {};
    } else if constexpr (std::is_reference_v<T>) {
        auto&& referent = take_result(job);
        return Element<T>(referent);
    } else {
        return take_result(job);
    }
}

/// Results of many: nothing for void.
template <class T>
using Elements = std::conditional_t<std::is_void_v<T>, void, std::vector<Element<T>>>;

template <class T>
using JobRefs = std::vector<JobRef<JobOf<T>>>;

/// Makes a job of each task, before any of them starts: throws for an empty one.
template <class T>
[[nodiscard]] JobRefs<T> make_jobs(std::vector<Task<T>>& tasks) {
    JobRefs<T> jobs;
    jobs.reserve(tasks.size());
    for (Task<T>& task : tasks) {
        jobs.push_back(make_job(std::move(task)));
    }
    return jobs;
}

template <class T>
void start_all(CollectingNursery& nursery, const JobRefs<T>& jobs) noexcept {
    for (const JobRef<JobOf<T>>& job : jobs) {
        nursery.start(*job);
    }
}

template <class... Ts>
using JobTuple = std::tuple<JobRef<JobOf<Ts>>...>;

template <class... Ts>
void start_all(CollectingNursery& nursery, const JobTuple<Ts...>& jobs) noexcept {
    std::apply([&nursery](const auto&... job) { (nursery.start(*job), ...); }, jobs);
}

}  // namespace eddy::inline v0_1::detail
