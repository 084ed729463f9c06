// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/export.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1 {

/// Goes behind every job that is ready.
class EDDY_VISIBLE Yield final : public Waiter {
public:
    static constexpr bool only_yields = true;

    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start() noexcept { commit_willing(); }
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "yield"; }

private:
    void unlink() noexcept override {}
};

/// Looks for a cancellation and uses up one unit of the job's budget.
class EDDY_VISIBLE Checkpoint final : public Waiter {
public:
    [[nodiscard]] bool try_now() const noexcept { return true; }
    void start() const noexcept {}
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "checkpoint"; }

private:
    void unlink() noexcept override {}
};

/// Lets the others that are ready go first: those that something has woken, and those that have
/// yielded before.
///
/// What is not known yet, I/O, a deadline, a post, is looked at between two turns of the loop:
/// after 256 resumptions or `LoopOptions::turn_quota` at the latest, so not at each `yield`, but so
/// soon that a job that yields every millisecond makes nobody wait longer than that.
[[nodiscard]] inline Yield yield() noexcept { return {}; }

/// Throws `Cancelled` if this job is cancelled; otherwise goes on, and yields every 128 times. For
/// long computations: cheap enough for an inner loop. A job that computes for more than some
/// microseconds between two of them calls `yield`.
[[nodiscard]] inline Checkpoint checkpoint() noexcept { return {}; }

}  // namespace eddy::inline v0_1
