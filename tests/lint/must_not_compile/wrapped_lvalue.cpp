// SPDX-License-Identifier: MIT
// As wrapped_named.cpp, without the move.

#include <chrono>

#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;

eddy::Task<> correct() { co_await eddy::fail_after(1s, eddy::sleep_for(2s)); }

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() {
    auto limited = eddy::fail_after(1s, eddy::sleep_for(2s));
    co_await limited;
}
#endif
