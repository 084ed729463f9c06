// SPDX-License-Identifier: MIT
// A body without co_await is no coroutine, and its task would be garbage.

#include <eddy/task.hpp>
#include <eddy/testing/coroutine_test.hpp>

EDDY_TEST_CASE("correct") { co_return; }

eddy::Task<> work();

EDDY_TEST_CASE("correct, too") { return work(); }

#ifdef EDDY_MUST_NOT_COMPILE
EDDY_TEST_CASE("wrong") { CHECK(1 + 1 == 2); }
#endif
