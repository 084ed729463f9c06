// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

class Waiter;

namespace detail {

/// Who hears, in place of a job, that a wait has been committed: the `select` or the wrapper that
/// the wait is part of.
class EDDY_API WaitOwner {
public:
    /// `operation` was committed by its waker, or `willing` to let others go first. Runs inside the
    /// wake-up: moves pointers, touches no primitive.
    virtual void committed(Waiter& operation, bool willing) noexcept = 0;

protected:
    WaitOwner() noexcept = default;
    WaitOwner(const WaitOwner&) = default;
    WaitOwner& operator=(const WaitOwner&) = default;
    ~WaitOwner() = default;
};

}  // namespace detail
}  // namespace eddy::inline v0_1
