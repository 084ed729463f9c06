// SPDX-License-Identifier: MIT
// An operation does not run by itself.

#include <chrono>

#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/with_cleanup.hpp>

using namespace std::chrono_literals;

eddy::Task<> cleanup();

eddy::Task<> correct() {
    co_await eddy::with_cleanup([]() -> eddy::Task<> { co_await eddy::sleep_for(1s); }, cleanup());
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() { co_await eddy::with_cleanup(eddy::sleep_for(1s), cleanup()); }
#endif
