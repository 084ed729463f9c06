// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>

#include <eddy/error.hpp>

namespace eddy::inline v0_1 {

/// Only the library makes a `Cancelled`.
struct CancelledAccess {
    [[nodiscard]] static Cancelled make(std::shared_ptr<const CancelCause> cause) noexcept {
        return Cancelled(std::move(cause));
    }
};

}  // namespace eddy::inline v0_1
