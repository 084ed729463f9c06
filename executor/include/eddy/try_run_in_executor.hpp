// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/offload_node.hpp>
#include <eddy/offload.hpp>
#include <eddy/outcome.hpp>
#include <eddy/run_in_executor.hpp>

namespace eddy::inline v0_1 {

/// An offloaded call that does not wait for a slot: what `try_run_in_executor` returns. One that
/// was refused may be awaited again; one that ran may not.
template <class R>
class [[nodiscard]] EDDY_VISIBLE TryOffload final : public detail::OffloadWait {
public:
    /// A pointer in place of a reference.
    using Result = std::conditional_t<std::is_void_v<R>, bool, std::optional<detail::Stored<R>>>;

    TryOffload(Executor* executor,
               const OffloadOptions& options,
               detail::WorkWithResult<R>& work) noexcept
        : OffloadWait(executor, options, work, WhenFull::refuse) {}

    [[nodiscard]] const char* what() const noexcept override { return "try_run_in_executor"; }

    Result take() {
        if (this->refused()) {
            return Result();
        }
        struct LetGo {
            TryOffload& self;
            ~LetGo() { self.let_go(); }
        } let_go{*this};
        this->rethrow_error();
        auto& work = static_cast<detail::WorkWithResult<R>&>(*this->work_);
        if constexpr (std::is_void_v<R>) {
            work.take_result();
            return true;
        } else if constexpr (std::is_reference_v<R>) {
            return Result(
                std::addressof(static_cast<std::remove_reference_t<R>&>(work.take_result())));
        } else {
            return Result(work.take_result());
        }
    }
};

/// As `run_in_executor`, but does not wait for a slot: an empty optional, `false` for void, when
/// the pool's queue is full. For work that is better shed, or done another way, than done late.
///
///     const auto thumbnail = co_await try_run_in_executor(pool, shrink, picture);
///     if (!thumbnail) {
///         co_await stream.write_all("503 ...");
///     }
///
/// That answer comes at once. A function that was taken in is awaited like any other, whatever else
/// comes to the queue meanwhile.
///
/// Throws, Cancellation, Order, Lifetime: as `run_in_executor`.
/// Cost:          takes the pool's lock, each time. An executor that has no `try_submit` of its own
///                refuses nothing.
template <class F, class... Args>
    requires detail::OffloadCallable<F>
[[nodiscard]] auto try_run_in_executor(Executor& executor,
                                       const OffloadOptions& options,
                                       F&& fn,
                                       Args&&... args) {
    return detail::make_offload<TryOffload>(
        &executor, options, std::forward<F>(fn), std::forward<Args>(args)...);
}
template <class F, class... Args>
    requires detail::OffloadCallable<F>
[[nodiscard]] auto try_run_in_executor(Executor& executor, F&& fn, Args&&... args) {
    return detail::make_offload<TryOffload>(
        &executor, OffloadOptions(), std::forward<F>(fn), std::forward<Args>(args)...);
}

/// The same on the loop's default pool.
template <class F, class... Args>
    requires detail::OffloadCallable<F>
[[nodiscard]] auto try_run_in_executor(const OffloadOptions& options, F&& fn, Args&&... args) {
    return detail::make_offload<TryOffload>(
        nullptr, options, std::forward<F>(fn), std::forward<Args>(args)...);
}
template <class F, class... Args>
    requires detail::OffloadCallable<F>
[[nodiscard]] auto try_run_in_executor(F&& fn, Args&&... args) {
    return detail::make_offload<TryOffload>(
        nullptr, OffloadOptions(), std::forward<F>(fn), std::forward<Args>(args)...);
}

}  // namespace eddy::inline v0_1
