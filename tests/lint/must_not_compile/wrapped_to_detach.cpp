// SPDX-License-Identifier: MIT
// Work that goes on after a cancellation would refer to what ends with it.

#include <chrono>

#include <eddy/detach_on_cancel.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;

eddy::Task<> correct() {
    co_await eddy::detach_on_cancel(
        []() -> eddy::Task<> { co_await eddy::fail_after(1s, eddy::sleep_for(2s)); });
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() { co_await eddy::detach_on_cancel(eddy::fail_after(1s, eddy::sleep_for(2s))); }
#endif
