// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/waiter.hpp>

namespace eddy {

/// Goes to the back of the queue of ready jobs.
class Yield final : public Waiter {
public:
    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start() noexcept { commit(); }
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "yield"; }

private:
    void unlink() noexcept override {}
};

/// Looks for a cancellation and uses up one unit of the job's budget.
class Checkpoint final : public Waiter {
public:
    [[nodiscard]] bool try_now() const noexcept { return true; }
    void start() const noexcept {}
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "checkpoint"; }

private:
    void unlink() noexcept override {}
};

/// Lets every other ready job run once.
[[nodiscard]] inline Yield yield() noexcept { return {}; }

/// Throws `Cancelled` if this job is cancelled; otherwise goes on, and lets the others run every
/// 128 times. For long computations: cheap enough for an inner loop.
[[nodiscard]] inline Checkpoint checkpoint() noexcept { return {}; }

}  // namespace eddy
