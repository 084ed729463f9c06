// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/task.hpp>

namespace eddy::testing {

/// Runs `body` on the current loop, and checks that everything `leaves_unchanged` was told of is as
/// it was.
[[nodiscard]] Task<> leaving_unchanged(Task<> body);

}  // namespace eddy::testing
