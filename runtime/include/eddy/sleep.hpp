// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/deadline_heap.hpp>
#include <eddy/time.hpp>
#include <eddy/waiter.hpp>

namespace eddy {

/// A wait for a moment.
class Sleep final : public Waiter, private detail::DeadlineNode {
public:
    explicit Sleep(TimePoint deadline) noexcept : deadline_(deadline) {}
    explicit Sleep(Duration delay) noexcept : deadline_(TimePoint(delay)), relative_(true) {}

    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start();
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "sleep"; }

private:
    void due() noexcept override { commit(); }
    void unlink() noexcept override;

    TimePoint deadline_;
    bool relative_ = false;
};

/// Sleeps until `delay` from now has passed; never less. Zero or less: lets the others go first,
/// like `yield`.
///
/// Cost: no allocation, O(log n) for n sleeping jobs.
[[nodiscard]] inline Sleep sleep_for(Duration delay) noexcept { return Sleep(delay); }

/// Sleeps until the loop's clock has reached `deadline`.
[[nodiscard]] inline Sleep sleep_until(TimePoint deadline) noexcept { return Sleep(deadline); }

/// Sleeps until cancelled.
[[nodiscard]] inline Sleep sleep_forever() noexcept { return Sleep(never); }

}  // namespace eddy
