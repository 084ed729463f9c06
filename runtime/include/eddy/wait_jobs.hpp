// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include <eddy/detail/export.hpp>
#include <eddy/detail/job_wait.hpp>
#include <eddy/detail/outer_wait.hpp>
#include <eddy/detail/wait_owner.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1 {

/// When a `wait` for several jobs is over.
enum class WaitUntil : std::uint8_t {
    first_completed,  ///< one has ended, in whatever way
    first_failure,    ///< one has failed (one that was cancelled has not), or all have ended
    all,              ///< all have ended
};

/// What a `wait` has found: places in the list, each in order.
class EDDY_VISIBLE WaitedJobs final {
public:
    WaitedJobs(std::vector<std::size_t> ended, std::vector<std::size_t> still_running) noexcept
        : done(std::move(ended)), pending(std::move(still_running)) {}

    std::vector<std::size_t> done;
    std::vector<std::size_t> pending;
};

/// A wait for several jobs; what `wait` returns.
class EDDY_API WaitJobs final : public Waiter, private detail::WaitOwner {
public:
    using Slots = std::vector<std::unique_ptr<detail::OperationSlot<detail::JobWait>>>;

    WaitJobs(Slots jobs, WaitUntil until) noexcept;

    [[nodiscard]] bool try_now();
    void start() noexcept;
    [[nodiscard]] WaitedJobs take();
    [[nodiscard]] const char* what() const noexcept override { return "the end of several jobs"; }

private:
    void committed(Waiter& operation, bool willing) noexcept override;
    void unlink() noexcept override;
    void count(const detail::Job& ended) noexcept;
    [[nodiscard]] bool enough() const noexcept;

    // Invariant: while this is queued, those whose jobs run are queued too, with this as owner, and
    // counted in running_; at any other time none is queued.
    Slots jobs_;
    WaitUntil until_;
    std::size_t running_ = 0;
    bool one_failed_ = false;
};

namespace detail {

template <class H>
inline constexpr bool is_join_handle = false;
template <class T>
inline constexpr bool is_join_handle<JoinHandle<T>> = true;

template <class R>
concept HandleRange = std::ranges::forward_range<R> &&
                      is_join_handle<std::remove_cvref_t<std::ranges::range_reference_t<R>>>;

}  // namespace detail

/// Waits for jobs until one has ended, one has failed, or all have, and says which have.
///
///     std::vector<JoinHandle<Page>> fetches;
///     ...
///     const WaitedJobs some = co_await fail_after(5s, wait(fetches, WaitUntil::first_completed));
///     for (const std::size_t i : some.done) show(co_await fetches[i]);
///
/// It takes no results and cancels nobody: awaiting a handle gives the result, or throws what the
/// job threw. To run tasks and collect all of it, `gather`; as they end, `as_completed`; in a set
/// that changes, `JoinSet`. It is an operation: it can be selected, and awaited again, and each
/// time it says what is so then. Of no jobs it is over at once.
///
/// Throws:       `InvalidState` for an empty handle, or the handle of the job that waits.
/// Cancellation: nothing has happened.
/// Lifetime:     it keeps what it needs of the jobs; the handles may go.
/// Cost:         an allocation per job for the wait, and two for what it says.
/// Source:       asyncio's `wait`, whose timeout is here a scope's.
template <detail::HandleRange R>
[[nodiscard]] WaitJobs wait(const R& handles, WaitUntil until = WaitUntil::all) {
    WaitJobs::Slots jobs;
    for (const auto& handle : handles) {
        jobs.push_back(std::make_unique<detail::OperationSlot<detail::JobWait>>());
        jobs.back()->emplace([&handle] { return handle.wait(); });
    }
    return WaitJobs(std::move(jobs), until);
}

}  // namespace eddy::inline v0_1
