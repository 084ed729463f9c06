// SPDX-License-Identifier: MIT
// A truth is no limit.

#include <eddy/capacity_limiter.hpp>

eddy::CapacityLimiter correct(1);

#ifdef EDDY_MUST_NOT_COMPILE
eddy::CapacityLimiter wrong(true);
#endif
