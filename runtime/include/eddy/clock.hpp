// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/export.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

/// Where a loop gets its time from.
///
/// A loop asks `now()` for every deadline, and calls `idle` when nothing in it can go on before
/// `next`. The real clock says "sleep then"; a virtual clock (`eddy::testing`) moves its hands
/// instead, so that a test of an hour takes a millisecond.
///
/// Lifetime: a clock outlives the loops that use it.
class EDDY_API Clock {
public:
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    virtual ~Clock() = default;

    /// Never goes backwards, and is never negative.
    [[nodiscard]] virtual TimePoint now() const noexcept = 0;

    /// Everything waits: no job is ready, no posted work, offload or request is under way, and the
    /// earliest deadline is `next` (never `eddy::never`). True: the clock moved on, look again.
    /// False: block until then.
    [[nodiscard]] virtual bool idle(TimePoint next) noexcept {
        static_cast<void>(next);
        return false;
    }

    /// True when waiting for a deadline is done by `idle`, not by sleeping.
    [[nodiscard]] virtual bool is_virtual() const noexcept { return false; }

    /// The machine's monotonic clock.
    [[nodiscard]] static Clock& steady() noexcept;

protected:
    Clock() = default;
};

}  // namespace eddy::inline v0_1
