// SPDX-License-Identifier: MIT
// The operation ends with the statement that names the wrapped one.

#include <chrono>
#include <utility>

#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;

eddy::Task<> correct() {
    auto sleep = eddy::sleep_for(2s);
    auto limited = eddy::fail_after(1s, sleep);
    co_await std::move(limited);
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() {
    auto limited = eddy::fail_after(1s, eddy::sleep_for(2s));
    co_await std::move(limited);
}
#endif
