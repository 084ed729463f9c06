// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/time.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1 {

/// A wait for a moment.
class EDDY_API Sleep final : public Waiter, private detail::DeadlineNode {
public:
    explicit Sleep(TimePoint deadline) noexcept : deadline_(deadline) {}
    explicit Sleep(Duration delay) noexcept : deadline_(TimePoint(delay)), relative_(true) {}

    static constexpr bool gives_way = true;    // a moment that has passed: like `yield`
    static constexpr bool looks_again = true;  // one that passes meanwhile is due

    [[nodiscard]] bool try_now() const noexcept;
    void start();
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "sleep"; }

private:
    void due() noexcept override { commit(); }
    void unlink() noexcept override;

    TimePoint deadline_;
    bool relative_ = false;
};

/// Sleeps until `delay` from now has passed; never less. Zero or less: does what `yield` does, no
/// more and no less.
///
/// In a `select`, one whose moment has passed can happen at once, and does if it stands before the
/// others that can.
///
/// Cost: no allocation, O(log n) for n sleeping jobs.
[[nodiscard]] inline Sleep sleep_for(Duration delay) noexcept { return Sleep(delay); }

/// Sleeps until the loop's clock has reached `deadline`. One that has passed: as above.
[[nodiscard]] inline Sleep sleep_until(TimePoint deadline) noexcept { return Sleep(deadline); }

/// Sleeps until cancelled.
[[nodiscard]] inline Sleep sleep_forever() noexcept { return Sleep(never); }

}  // namespace eddy::inline v0_1
