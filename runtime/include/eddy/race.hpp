// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/check_call.hpp>
#include <eddy/detail/collecting_nursery.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/task.hpp>
#include <eddy/yield.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// The first child to end wins, and cancels the rest.
class EDDY_API RaceNursery final : public CollectingNursery {
public:
    explicit RaceNursery(const std::source_location& place)
        : CollectingNursery("suppressed by race: job", place) {}

    /// All children have ended: leaves the scope. Throws `Cancelled` when there is no winner.
    [[nodiscard]] Job& leave_to_winner();

private:
    void child_ended(Job& child) noexcept override;

    Job* winner_ = nullptr;
};

/// The common type; of different types a variant whose index is the winner's place.
template <class T, class... Ts>
using RaceResult =
    std::conditional_t<(std::is_same_v<T, Ts> && ...),
                       std::type_identity<T>,
                       std::type_identity<std::variant<Element<T>, Element<Ts>...>>>::type;

template <class Result, class... Ts, std::size_t... I>
[[nodiscard]] Result winner_as(const JobTuple<Ts...>& jobs,
                               const Job& winner,
                               std::index_sequence<I...>) {
    std::optional<Result> result;
    const auto take_if_winner = [&]<std::size_t place>() {
        const auto& job = std::get<place>(jobs);
        if (job.get() == &winner) {
            result.emplace(std::in_place_index<place>, take_element(*job));
        }
    };
    (take_if_winner.template operator()<I>(), ...);
    return std::move(*result);
}

[[noreturn]] EDDY_API void throw_no_runners();

}  // namespace detail

/// Runs the tasks concurrently until the first of them ends, well or badly, and returns its result
/// or throws its failure. The others are cancelled and awaited before.
///
///     const Reply reply = co_await race(ask(primary), ask(mirror));
///
/// With results of different types it returns a `std::variant` whose index says who won (void
/// counts as `std::monostate`). A loser may have done its work all the same: what it took it keeps,
/// or drops with its result; to choose among waits so that exactly one happens, use `select`. For a
/// task against the clock, `move_on_after`.
///
/// Throws:       what the winner threw; `JobCancelled` when the first to end was cancelled for
///               itself. Failures of losers go to the observer.
/// Cancellation: no checkpoint of its own. A cancelled caller cancels the tasks. One that ends with
///               a result or a failure all the same wins; if none does, `Cancelled` comes out.
/// Order:        of two that end in the same turn, the one that ends first.
template <class T, class... Ts>
[[nodiscard]] Task<detail::RaceResult<T, Ts...>> race(Task<T> first, Task<Ts>... others) {
    const std::source_location place = co_await detail::caller_place();
    detail::RaceNursery nursery(place);
    const detail::JobTuple<T, Ts...> jobs(detail::make_job(std::move(first)),
                                          detail::make_job(std::move(others))...);
    detail::start_all<T, Ts...>(nursery, jobs);
    co_await nursery.join();
    detail::Job& winner = nursery.leave_to_winner();
    if constexpr ((std::is_same_v<T, Ts> && ...)) {
        co_return detail::take_result(static_cast<detail::JobOf<T>&>(winner));
    } else {
        co_return detail::winner_as<detail::RaceResult<T, Ts...>, T, Ts...>(
            jobs, winner, std::index_sequence_for<T, Ts...>());
    }
}

/// The same with tasks that refer to temporaries (`fail_after(1s, queue.get())`): it is awaited in
/// the same expression then.
template <class... Tasks>
    requires detail::ExpressionTasks<Tasks...>
[[nodiscard]] auto race(Tasks... tasks) {
    return detail::ExpressionTask(race(detail::release(tasks)...));
}
/// This does not compile, and says why.
template <class... Work>
    requires(!detail::AnyTask<std::remove_cvref_t<Work>> || ...)
Task<> race(Work&&...) {
    (detail::refuse_unless_task<Work>(), ...);
    return detail::refused();
}

/// The same for any number of tasks of one type.
///
/// Throws: `std::invalid_argument` when there is none.
template <class T>
[[nodiscard]] Task<T> race(std::vector<Task<T>> tasks) {
    if (tasks.empty()) {
        co_await checkpoint();
        detail::throw_no_runners();
    }
    const std::source_location place = co_await detail::caller_place();
    detail::RaceNursery nursery(place);
    const detail::JobRefs<T> jobs = detail::make_jobs(tasks);
    detail::start_all(nursery, jobs);
    co_await nursery.join();
    co_return detail::take_result(static_cast<detail::JobOf<T>&>(nursery.leave_to_winner()));
}

}  // namespace eddy::inline v0_1
