// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

/// Thrown by a call on its thread: it was asked to stop, and nothing of it is left. Whoever awaits
/// it gets `Cancelled`; or `ClosedResource`, if it was the pool that asked.
struct EDDY_VISIBLE CallStopped final {};

/// Throws it when somebody wants this thread's call to end.
EDDY_API void stop_if_asked();

}  // namespace eddy::inline v0_1::detail
