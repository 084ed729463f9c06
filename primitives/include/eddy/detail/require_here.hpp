// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/error.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/require.hpp>

namespace eddy::detail {

/// The thread check of destructors, which cannot throw.
inline void require_here(const LoopBound& bound, const char* what) noexcept {
    bool here = true;
    try {
        bound.check(what);
    } catch (const WrongThread&) {
        here = false;
    }
    EDDY_REQUIRE(here, what);
}

}  // namespace eddy::detail
