// SPDX-License-Identifier: MIT
// Half a permit is no permit.

#include <eddy/semaphore.hpp>

eddy::Semaphore correct(2);

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Semaphore wrong(2.7);
#endif
