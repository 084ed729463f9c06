// SPDX-License-Identifier: MIT
// Eddy's tasks await Eddy's awaitables only; the message names the bridge.

#include <coroutine>

#include <eddy/task.hpp>

eddy::Task<> child();

eddy::Task<> correct() { co_await child(); }

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() { co_await std::suspend_always(); }
#endif
