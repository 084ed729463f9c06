// SPDX-License-Identifier: MIT
#include "request.hpp"

#include "driver.hpp"

namespace eddy::detail {

void request_started(LoopCore& core) noexcept { core.driver->joined(); }
void request_ended(Driver& driver) noexcept { driver.left(); }

}  // namespace eddy::detail
