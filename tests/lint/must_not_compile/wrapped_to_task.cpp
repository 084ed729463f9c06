// SPDX-License-Identifier: MIT
// As wrapped_named.cpp, for a variable of type Task.

#include <chrono>
#include <utility>

#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;

eddy::Task<> correct() {
    auto sleep = eddy::sleep_for(2s);
    eddy::Task<> limited = eddy::fail_after(1s, sleep);
    co_await std::move(limited);
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() {
    eddy::Task<> limited = eddy::fail_after(1s, eddy::sleep_for(2s));
    co_await std::move(limited);
}
#endif
